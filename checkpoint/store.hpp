// SPDX-License-Identifier: MIT
//
// The store: the cache of frames, the log behind it, and the checkpointer that moves one into
// the other. The kernel sees only this file. Nothing here waits: what cannot be done now answers
// with a Stall, and goes on in poll().
//
// Truth for frame n: its descriptor, else the newest entry of the log's directory, else its tag.
// Nobody reads a tag for a frame that the log names (invariant LOG-BEFORE-TAG).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "checkpoint/checkpointer.hpp"
#include "checkpoint/descriptor.hpp"
#include "checkpoint/disk.hpp"
#include "checkpoint/fetcher.hpp"
#include "checkpoint/parts.hpp"
#include "checkpoint/store_client.hpp"
#include "checkpoint/system_state.hpp"
#include "checkpoint/wait.hpp"
#include "objects/abi.hpp"

namespace perdure {

class Store {
 public:
  constexpr Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Recovery, the only way to start. Polls the disk until done, and writes this boot's own root
  // (boots, boot epoch, clean mark erased). `memory` is all that the store may ever use: it is
  // divided once, here; frames are 4096-aligned. Nothing is written if it fails.
  std::expected<void, OpenFailure> open(Disk&, std::span<std::byte> memory, StoreClient&,
                                        const StoreSettings&, uint64_t wall_seconds);

  // --- the cache -------------------------------------------------------------------------
  uint32_t epoch() const { return checkpointer_.epoch(); }  // of the next checkpoint; never 0
  CacheSlot slot_count() const { return parts_.cache.size(); }
  uint64_t frames_in_store() const { return parts_.geometry.frames; }  // frame numbers are below this
  FrameDescriptor& descriptor(CacheSlot slot) { return parts_.cache[slot]; }
  std::byte* bytes(CacheSlot);       // 4096; clears the body first if it only reads as zero

  // Resident and usable (clean or dirty, body present), or no_slot. Never starts anything.
  CacheSlot find(FrameNumber number, CacheSlot hint = no_slot) {
    if (hint < slot_count() && is_usable(hint, number)) return hint;
    const CacheSlot slot = parts_.cache.lookup(number);
    return slot != no_slot && is_usable(slot, number) ? slot : no_slot;
  }
  // The same, or starts the fetch and stalls. Whoever was stalled is woken on the frame's channel.
  std::expected<CacheSlot, Absent> obtain(FrameNumber, CacheSlot hint = no_slot);
  // Only the identity is needed, because the frame is about to be made anew: the body may be
  // absent (flag_body_absent). Who then changes the identity says become_all_zero in the same
  // operation; after make_dirty alone (the operation stalled) the frame is what it was.
  std::expected<CacheSlot, Absent> obtain_identity(FrameNumber);

  // Dirty in this epoch: identity and bytes may be written.
  bool is_current(CacheSlot slot) const { return checkpointer_.is_current(parts_.cache[slot]); }
  // Makes it so: reserves log space, copies a frozen frame out. Idempotent within an epoch.
  std::expected<void, Stall> make_dirty(CacheSlot, Need = Need::ordinary);
  // After make_whole, rescind, or before format_row, on a current frame: the body reads as zero.
  void become_all_zero(CacheSlot);

  void pin(CacheSlot);    // not evicted while pinned
  void unpin(CacheSlot);
  bool drop(CacheSlot);   // evicts; false if it is not clean, pinned, or awaited by somebody
  CacheSlot random_droppable(uint64_t random);  // for chaos; or no_slot

  // --- the checkpointer --------------------------------------------------------------------
  SystemState& system() { return checkpointer_.system(); }  // part of the next generation
  bool due(uint64_t now_ns) const { return checkpointer_.due(now_ns); }  // the interval has passed with something dirty, or space runs low
  bool anything_dirty() const { return checkpointer_.anything_dirty(); }
  bool can_declare() const { return checkpointer_.can_declare(); }  // nothing is pending, the last one is migrated (or has failed)
  // O(1). All volatile state of objects must be in the frames. Requires can_declare().
  Generation declare(uint64_t now_ns, uint64_t wall_seconds);
  // Takes completions and one bounded step. True: more could be done at once.
  bool poll(uint64_t now_ns);
  Generation committed_generation() const { return root().newest_generation; }
  Generation pending_generation() const { return checkpointer_.pending(); }  // 0: none
  const Root& root() const { return parts_.roots.current(); }  // the newest durable one
  enum class State : uint8_t { idle, stabilizing, committing, migrating };
  State state() const;

  // Orderly power-off: after the last commit, with can_declare() true. Waits for the disk.
  bool write_clean_mark();
  // From an assertion. Waits for the disk, best effort, touches nothing else.
  void write_report(std::span<const std::byte>);
  void fill_status(SystemStatus&) const;  // the fields that the store knows
  size_t generations(std::span<GenerationStatus>) const;  // newest first; how many were written

 private:
  bool is_usable(CacheSlot slot, FrameNumber number) const {
    const FrameDescriptor& descriptor = parts_.cache[slot];
    return descriptor.number == number &&
           (descriptor.state == FrameState::clean || descriptor.state == FrameState::dirty) &&
           !(descriptor.flags & FrameDescriptor::flag_body_absent);
  }
  bool take_completion();
  bool wait_for_root();

  Disk* disk_ = nullptr;
  StoreSettings settings_;
  StoreParts parts_;
  Fetcher fetcher_;
  Checkpointer checkpointer_;
  Generation resumed_generation_;        // what this boot continued from
  uint64_t resumed_at_wall_seconds_ = 0;
};

}  // namespace perdure
