// SPDX-License-Identifier: MIT
//
// Takes checkpoints: the cut, the way of the frozen frames into the log, the commit, and what
// happens when it fails. A state machine that is advanced one bounded step at a time.
//
//   idle --declare--> staging --> draining --> flushing --> rooting ==> COMMITTED --> migrating --> idle
//                        |            |            |           |
//                        +------------+---- trouble -----------+
//                                           |
//                                       returning --> withdrawing --> idle
//
// Two flushes make a commit. The first makes frames, summaries and header durable before any root
// names them. The second makes the root durable before a waiting process is told.
//
// A frame is on one of three lists, or on none (clean and safe):
//   dirty   changed in this epoch                              state dirty, epoch == the store's
//   frozen  changed in the pending generation, not yet staged   state dirty, epoch below
//   staged  the same, staged, and not changed since             state clean, epoch above the committed
// A write moves it from any of them to dirty. The three counts together never exceed
// `frames_max`: so the union of what is pending and what is new always fits into one generation,
// also when the pending one fails and falls back into the next (invariant ALWAYS-FITS; the
// arithmetic of a generation is Geometry::generation_entries_max).
//
// Failure loses nothing: the frozen and the staged frames become dirty again, in this epoch; a
// copied-out frame is dirty anyway. Before the next attempt a root that does *not* name the
// failed generation is made durable (withdrawing), because the failed root may stand on the disk,
// and recovery would believe it: only then may its segments be written again. That root also
// notes the number of the attempt, so that it is never used again.
#pragma once

#include "checkpoint/frozen_copies.hpp"
#include "checkpoint/log_writer.hpp"
#include "checkpoint/migration.hpp"
#include "checkpoint/parts.hpp"
#include "checkpoint/store_client.hpp"
#include "objects/expected.hpp"

namespace perdure {

class Checkpointer {
 public:
  enum class Phase : uint8_t {
    idle, staging, draining, flushing, rooting, returning, withdrawing, pausing, migrating,
  };

  // `checks`: a checksum per slot, or empty if none are to be taken.
  void open(StoreParts&, const StoreSettings&, std::span<FrozenCopy> copies, std::byte* copy_bodies,
            std::byte* staging, std::span<SegmentReference> references, std::span<uint64_t> checks);
  // After recovery: a generation that is not at home yet, or none.
  void resume(StoreParts&, Generation next);

  Expected<void, Stall> make_dirty(StoreParts&, CacheSlot, Need);
  // An operation made the frame dirty for its identity alone, and then stalled: nothing has changed (an operation
  // that changes such a frame calls become_all_zero). Made clean again, so that its body can be fetched.
  static bool is_unchanged(const FrameDescriptor& descriptor) {
    return descriptor.state == FrameState::dirty && descriptor.flags & FrameDescriptor::flag_body_absent;
  }
  void make_clean_again(StoreParts&, CacheSlot);

  SystemState& system() { return system_; }
  uint64_t interval_ns() const { return *settings_.interval_ns; }
  bool due(uint64_t now_ns) const;
  bool anything_dirty() const { return dirty_.count > 0; }
  bool can_declare() const { return phase_ == Phase::idle; }
  Generation declare(StoreParts&, uint64_t now_ns, uint64_t wall_seconds);
  Generation pending() const { return pending_; }
  Phase phase() const { return phase_; }

  bool step(StoreParts&, uint64_t now_ns);
  void ended(StoreParts&, const IoResult&);  // segment_write, log_read, home_write, tag_write, flush

  uint64_t dirty_count() const { return dirty_.count + frozen_.count + staged_.count; }
  uint64_t failed_commits() const { return failed_commits_; }
  size_t segments_used(const StoreParts&) const;
  Generation next_generation() const { return next_generation_; }

 private:
  static constexpr uint64_t retry_min_ns = 200'000'000;
  static constexpr uint64_t retry_max_ns = 12'800'000'000;

  bool staging_step(StoreParts&);
  bool stage_copy(StoreParts&);
  bool stage_frozen(StoreParts&);
  bool is_sound(StoreParts&, const FrameToStage&);
  void verify_check(StoreParts&, FrameNumber, uint64_t taken, uint64_t staged);
  void take_checks(StoreParts&);
  void start_root(StoreParts&);
  void committed(StoreParts&);
  void fail(StoreParts&);
  bool returning_step(StoreParts&);
  void make_dirty_again(StoreParts&, FrameList&);
  bool withdrawing_step(StoreParts&, uint64_t now_ns);
  void pause_before_retry(uint64_t now_ns);
  void start_withdrawing(StoreParts&);

  StoreSettings settings_;
  LogWriter log_;
  Migration migration_;
  FrozenCopies copies_;
  FrameList dirty_, frozen_, staged_;
  std::span<uint64_t> checks_;
  SystemState system_;             // live
  SystemState pending_system_;     // at the cut
  Phase phase_ = Phase::idle;
  Generation pending_;
  Generation next_generation_;
  uint64_t frames_max_ = 0;
  uint64_t frames_reserve_ = 0;    // of those, not for ordinary pages
  uint64_t last_declared_ns_ = 0;
  uint64_t retry_at_ns_ = 0;       // after a failure, not before
  uint64_t retry_ns_ = retry_min_ns;  // doubles with each failure in a row
  bool clock_started_ = false;
  bool failed_now_ = false;        // retry_at_ns_ is not yet set
  bool flush_running_ = false;
  bool flush_failed_ = false;
  bool space_wanted_ = false;      // a process waits on log_space
  bool copy_wanted_ = false;       // a process waits on copy_buffer
  uint64_t failed_commits_ = 0;
};

}  // namespace perdure
