// SPDX-License-Identifier: MIT
//
// Brings frames into the cache. Truth for frame n: its descriptor, else the log's directory, else
// its tag (invariant LOG-BEFORE-TAG); above the frontier there is nothing to read at all.
//
//   vacant --obtain--> fetching: [waits for its tag frame] -> [reads its body] --> clean
//                                       |                          |
//                                       +---- damage, error -------+--> unreadable
//
// While fetching, flag_body_absent says that only the identity is wanted. A frame that is unreadable for its body
// alone keeps its identity, and has flag_body_lost: the disk gave the body wrongly several times, or does not
// give it.
//
// Invariant FOUND-STAYS: what an attempt of the kernel has found stays where it is until the attempt ends. So an
// attempt that has got all that it asked for has all of it, without pins. obtain() evicts nothing that can be used:
// room is made by make_room_step, between attempts.
//
// Invariant VERDICT-LAPSES: that a frame is unreadable is a *verdict*. It is told from memory to every attempt
// that asks, and lapses (decision 0060): the next attempt that asks then reads the frame again, for the trouble
// may pass.
//
//   found --told for the first time--> told --32 times as long as that took since the read began--> lapsed
//     +------- not told: 100 seconds later ---------------------------------------------------------^
//
// So an attempt that asks for several such frames, or for one in two roles, hears of all of them, however long a read
// takes, and whatever else comes into the cache and leaves it meanwhile (VERDICT-STAYS); and a process waits for a bad
// place one part in 33 of the time. Not so if its turns are more than 100 seconds apart, or if more than an eighth of
// the cache is known to be unreadable.
#pragma once

#include "checkpoint/parts.hpp"
#include "checkpoint/store_client.hpp"
#include "objects/expected.hpp"

namespace perdure {

// Whether a kernel of ours can have written this tag or entry. If not, its checksum holds and its contents do
// not: the frame is unreadable. Shared with the host tools.
bool is_plausible(const FrameIdentity&, uint8_t revision, bool has_body);

// No generation has ever held this frame: there is nothing to read.
bool is_never_used(const StoreParts&, FrameNumber);

enum class Wanted : uint8_t {
  contents,
  // Of a frame that is to be taken away, or in which an object is to be made. Until that is done, or let_stay(),
  // the verdict on its contents waits for the operation that does it: other attempts are told, but this does not
  // count as told.
  identity,
  what_is_left,  // likewise: its contents; or, if they are lost, only its identity
};

class Fetcher {
 public:
  Expected<CacheSlot, Absent> obtain(StoreParts&, FrameNumber, Wanted);
  // A body_read_* or tag_read has ended.
  void body_ended(StoreParts&, const IoResult&);
  void tag_ended(StoreParts&, const IoResult&);

  bool evict(StoreParts&, CacheSlot);
  // While a process waits for a slot: looks for one, and wakes the process. Each step looks, so
  // that no event that makes room can be missed; true only while it is worth to go on at once.
  bool make_room_step(StoreParts&);
  void may_have_room() { hand_steps_left_ = cache_wanted_ ? sweep_steps(2) : 0; }
  void open(CacheSlot slots);

 private:
  static constexpr unsigned steps_per_call = 64;
  static constexpr unsigned fetches_max = IoQueue::fetches_max;
  uint64_t sweep_steps(unsigned sweeps) const { return uint64_t{slots_} * sweeps; }

  Expected<CacheSlot, Absent> resident(StoreParts&, CacheSlot, Wanted);
  bool begin(StoreParts&, CacheSlot, Wanted);
  void from_log(StoreParts&, CacheSlot, const SummaryEntry&);
  void from_tag(StoreParts&, CacheSlot, const TagBuffer&);
  void read_body(StoreParts&, CacheSlot, BlockIndex, uint64_t checksum, IoPurpose, unsigned misreads = 0);
  void read_again(StoreParts&, const IoResult&);
  void finish(StoreParts&, CacheSlot, FrameState);
  Expected<CacheSlot, Absent> tell(StoreParts&, CacheSlot, Wanted);
  void lost_body(StoreParts&, CacheSlot, std::string_view why);
  void unreadable(StoreParts&, CacheSlot, std::string_view why);

  unsigned fetching_ = 0;
  CacheSlot slots_ = 0;
  bool queue_wanted_ = false;      // a process waits on disk_queue
  bool cache_wanted_ = false;      // a process waits on cache_space
  uint64_t hand_steps_left_ = 0;   // how much further the clock is worth turning for them
};

}  // namespace perdure
