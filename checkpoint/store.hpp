// SPDX-License-Identifier: MIT
//
// The store: the cache of frames, the log behind it, and the checkpointer that moves one into
// the other. The kernel sees only this file. Nothing here waits: what cannot be done now answers
// with a Stall, and goes on in poll().
//
// Truth for frame n: its descriptor, else the newest entry of the log's directory, else its tag.
// No tag is read for a frame that the log names (invariant LOG-BEFORE-TAG).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "checkpoint/checkpointer.hpp"
#include "checkpoint/descriptor.hpp"
#include "checkpoint/disk.hpp"
#include "checkpoint/fence.hpp"
#include "checkpoint/fetcher.hpp"
#include "checkpoint/parts.hpp"
#include "checkpoint/report_writer.hpp"
#include "checkpoint/require.hpp"
#include "checkpoint/store_client.hpp"
#include "checkpoint/system_state.hpp"
#include "checkpoint/wait.hpp"
#include "objects/abi.hpp"
#include "objects/expected.hpp"

namespace perdure {

class Store {
 public:
  constexpr Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Recovery, the only way to start. Polls the disk until done, and writes this boot's own root
  // (boots, boot epoch, clean mark erased). `memory` is all that the store may ever use: it is
  // divided once, here; frames are 4096-aligned. Nothing is written if it fails.
  Expected<void, OpenFailure> open(Disk&, std::span<std::byte> memory, StoreClient&,
                                   const StoreSettings&, uint64_t wall_seconds);

  // --- the cache -------------------------------------------------------------------------
  uint32_t epoch() const { return checkpointer_.epoch(); }  // of the next checkpoint; never 0
  CacheSlot slot_count() const { return parts_.cache.size(); }
  uint64_t frames_in_store() const { return parts_.geometry.frames; }  // frame numbers are below this
  FrameDescriptor& descriptor(CacheSlot slot) { return parts_.cache[slot]; }
  std::byte* bytes(CacheSlot slot) {  // 4096; clears the body first if it only reads as zero
    if (parts_.cache[slot].flags & FrameDescriptor::flag_all_zero) [[unlikely]] clear(slot);
    return parts_.cache.body(slot);
  }
  // The same for a frame with a descriptor that is_readable(), or that is known to have been looked at.
  std::byte* body(CacheSlot slot) { return parts_.cache.body(slot); }

  // Resident and usable (clean or dirty, body present), or no_slot. Never starts anything.
  CacheSlot find(FrameNumber number, CacheSlot hint = no_slot) {
    if (hint < slot_count() && is_usable(hint, number)) return hint;
    const CacheSlot slot = parts_.cache.lookup(number);
    return slot != no_slot && is_usable(slot, number) ? slot : no_slot;
  }
  // In whatever state, or no_slot.
  CacheSlot slot_of(FrameNumber number) const { return parts_.cache.lookup(number); }
  // The same as find, or starts the fetch and stalls. A stalled caller is woken on the frame's channel.
  Expected<CacheSlot, Absent> obtain(FrameNumber number, CacheSlot hint = no_slot) {
    return obtain(number, hint, Wanted::contents);
  }
  // Only the identity is needed, because the frame is about to be made anew: the body may be
  // absent (flag_body_absent). An operation that then changes the identity calls become_all_zero,
  // too; after make_dirty alone (the operation stalled) the frame is what it was.
  Expected<CacheSlot, Absent> obtain_identity(FrameNumber);
  // The frame's contents, or, if the disk does not give them, the identity alone (flag_body_lost). What was written
  // there is gone, but no version of it can come again.
  Expected<CacheSlot, Absent> obtain_what_is_left(FrameNumber);
  // No generation has ever held the frame: there is nothing to read.
  bool is_never_used(FrameNumber number) const { return perdure::is_never_used(parts_, number); }
  // After obtain_identity or obtain_what_is_left: the frame is not made anew after all.
  void let_stay(CacheSlot);

  // Dirty in this epoch: identity and bytes may be written.
  bool is_current(CacheSlot slot) const { return is_current(parts_.cache[slot]); }
  bool is_current(const FrameDescriptor& descriptor) const { return checkpointer_.is_current(descriptor); }
  // Makes the frame current: reserves log space, copies a frozen frame out. Idempotent within an epoch.
  Expected<void, Stall> make_dirty(CacheSlot, Need = Need::ordinary);
  // After make_whole, rescind, or before format_row, on a current frame: the body reads as zero.
  void become_all_zero(CacheSlot);

  void pin(CacheSlot slot) {  // not evicted while pinned
    require(parts_.cache[slot].pins < 0xffff, "pins are counted");
    ++parts_.cache[slot].pins;
  }
  void unpin(CacheSlot slot) {
    require(parts_.cache[slot].pins > 0, "only what is pinned is unpinned");
    if (--parts_.cache[slot].pins == 0) fetcher_.may_have_room();
  }
  // The two frames of the process that runs are not evicted either; no_slot: none runs.
  void keep(CacheSlot a, CacheSlot b) { parts_.cache.keep(a, b); }
  // After keep() has let go of frames: a process that waits for room may find some.
  void may_have_room() { fetcher_.may_have_room(); }
  // Readable as it stands, and current.
  bool is_at_hand(const FrameDescriptor& descriptor) const {
    return descriptor.is_readable_and_dirty() && descriptor.epoch == checkpointer_.epoch();
  }
  bool drop(CacheSlot);   // evicts; false if it is not clean, pinned, or awaited
  CacheSlot random_droppable(uint64_t random);  // for chaos; or no_slot

  // --- the checkpointer --------------------------------------------------------------------
  SystemState& system() { return checkpointer_.system(); }  // part of the next generation
  bool due(uint64_t now_ns) const { return checkpointer_.due(now_ns); }  // the interval has passed with something dirty, or space runs low
  bool anything_dirty() const { return checkpointer_.anything_dirty(); }
  // Nothing is pending, the last one is migrated (or has failed), and no clean mark was begun.
  bool can_declare() const { return checkpointer_.can_declare() && !clean_mark_begun_; }
  // O(1). All volatile state of objects must be in the frames. Requires can_declare().
  Generation declare(uint64_t now_ns, uint64_t wall_seconds);
  // Takes a completion, or one bounded step: so short that interrupts can stay off meanwhile. True:
  // something was done, and there may be more to do at once.
  bool poll(uint64_t now_ns);
  Generation committed_generation() const { return root().newest_generation; }
  Generation pending_generation() const { return checkpointer_.pending(); }  // 0: none
  Generation next_generation() const { return checkpointer_.next_generation(); }  // the first that can hold what changes now
  const Root& root() const { return parts_.roots.current(); }  // the newest durable one
  enum class State : uint8_t { idle, stabilizing, committing, migrating };
  State state() const;

  // Orderly power-off: after the last commit, with can_declare() true; it never is again. Goes on in
  // poll(). The answer: whether the mark stands; nothing while it is being written.
  void start_clean_mark();
  std::optional<bool> clean_mark_ended() const;
  // From an assertion: waits for the disk, and touches nothing else. The store is of no use any
  // more. True: the report is durable.
  bool write_report(std::span<const std::byte>, ReportWriter::Clock);
  void fill_status(SystemStatus&) const;  // the fields that the store knows
  size_t generations(std::span<GenerationStatus>) const;  // newest first; how many were written

 private:
  Expected<CacheSlot, Absent> obtain(FrameNumber, CacheSlot hint, Wanted);
  bool is_usable(CacheSlot slot, FrameNumber number) const {
    const FrameDescriptor& descriptor = parts_.cache[slot];
    return descriptor.number == number &&
           (descriptor.state == FrameState::clean || descriptor.state == FrameState::dirty) &&
           !(descriptor.flags & FrameDescriptor::flag_body_absent);
  }
  void clear(CacheSlot);
  bool take_completion();
  bool wait_for_root();
  void write_boot_root(const Root&);

  Fence fence_;
  StoreParts parts_;
  Fetcher fetcher_;
  Checkpointer checkpointer_;
  ReportWriter report_writer_;
  Generation resumed_generation_;        // what this boot continued from
  uint64_t resumed_at_wall_seconds_ = 0;
  bool clean_mark_begun_ = false;
};

}  // namespace perdure
