// SPDX-License-Identifier: MIT
//
// The cut, staging and the commit; the way back after a failure is in checkpoint_failure.cpp.
#include "checkpoint/checkpointer.hpp"

#include <algorithm>

#include "objects/assertion.hpp"
#include "objects/frame_check.hpp"

namespace perdure {
namespace {

using Reason = WaitChannel::Reason;

bool reads_as_zero(const FrameDescriptor& descriptor) {
  return descriptor.flags & FrameDescriptor::flag_all_zero;
}

}  // namespace

void Checkpointer::open(StoreParts& parts, const StoreSettings& settings,
                        std::span<FrozenCopy> copies, std::byte* copy_bodies, std::byte* staging,
                        std::span<SegmentReference> references, std::span<uint64_t> checks) {
  *this = {};
  settings_ = settings;
  if (!settings_.interval_ns) settings_.interval_ns = parts.roots.current().interval_ms * 1'000'000;
  copies_.open(copies, copy_bodies);
  log_.open(parts.geometry, staging, references, parts.roots.current().boot_epoch);
  migration_.open(staging);
  checks_ = checks;
  // A quarter of the cache always stays clean.
  frames_max_ = std::min<uint64_t>(parts.geometry.generation_entries_max(), parts.cache.size() / 4 * 3);
  frames_reserve_ = frames_max_ / 8;
}

void Checkpointer::resume(StoreParts& parts, Generation next) {
  const Root& root = parts.roots.current();
  next_generation_ = next;
  system_ = root.system;
  if (root.log_need == LogNeed::nothing) return;
  log_.continue_behind(root.header_places[0]);
  if (parts.directory.size() == 0) return;
  migration_.begin(parts);
  phase_ = Phase::migrating;
}

// --- the cache's side ------------------------------------------------------------------------

Expected<void, Stall> Checkpointer::make_dirty(StoreParts& parts, CacheSlot slot, Need need) {
  FrameDescriptor& descriptor = parts.cache[slot];
  if (descriptor.is_dirty_in(parts.epoch)) return {};
  if (is_unchanged(descriptor)) make_clean_again(parts, slot);
  const bool reserve = need == Need::reserve;
  if (descriptor.state == FrameState::dirty) {
    if (!copies_.can_take(reserve)) {
      copy_wanted_ = true;
      return std::unexpected(Stall{WaitChannel::of(Reason::copy_buffer)});
    }
    copies_.take({.number = descriptor.number,
                  .identity = descriptor.identity,
                  .check = checks_.empty() ? 0 : checks_[slot]},
                 reads_as_zero(descriptor) ? nullptr : parts.cache.body(slot));
    frozen_.remove(parts.cache, slot);
  } else if (assert_that(descriptor.state == FrameState::clean, "only what is resident becomes dirty");
             descriptor.epoch > parts.committed_epoch) {
    staged_.remove(parts.cache, slot);
  } else if (dirty_count() >= (reserve ? frames_max_ : frames_max_ - frames_reserve_)) {
    space_wanted_ = true;
    return std::unexpected(Stall{WaitChannel::of(Reason::log_space)});
  }
  descriptor.state = FrameState::dirty;
  descriptor.epoch = parts.epoch;
  dirty_.append(parts.cache, slot);
  return {};
}

void Checkpointer::make_clean_again(StoreParts& parts, CacheSlot slot) {
  FrameDescriptor& descriptor = parts.cache[slot];
  (descriptor.epoch == parts.epoch ? dirty_ : frozen_).remove(parts.cache, slot);
  descriptor.state = FrameState::clean;
  descriptor.epoch = 0;
}

bool Checkpointer::due(uint64_t now_ns) const {
  if (!can_declare() || !anything_dirty() || now_ns < retry_at_ns_) return false;
  if (space_wanted_ || dirty_count() >= frames_max_ / 2) return true;
  const uint64_t interval_ns = *settings_.interval_ns;
  return interval_ns > 0 && now_ns - last_declared_ns_ >= interval_ns;
}

// --- the cut ---------------------------------------------------------------------------------

Generation Checkpointer::declare(StoreParts& parts, uint64_t now_ns, uint64_t wall_seconds) {
  assert_that(can_declare() && copies_.is_empty() && frozen_.count == 0 && staged_.count == 0,
          "never two generations in the making");
  pending_ = next_generation_;
  ++next_generation_.value;
  system_.wall_seconds = wall_seconds;
  pending_system_ = system_;
  frozen_ = dirty_;
  dirty_ = {};
  ++parts.epoch;
  last_declared_ns_ = now_ns;
  space_wanted_ = false;
  log_.begin(pending_, parts.roots.current().newest_generation, pending_system_);
  if (!checks_.empty()) take_checks(parts);
  phase_ = Phase::staging;
  return pending_;
}

void Checkpointer::take_checks(StoreParts& parts) {
  alignas(8) std::byte normalized[block_bytes];
  for (CacheSlot slot = frozen_.first; slot != no_slot; slot = parts.cache[slot].list_next) {
    const FrameDescriptor& descriptor = parts.cache[slot];
    checks_[slot] = 0;
    if (reads_as_zero(descriptor) || is_unchanged(descriptor) || descriptor.identity.kind == Kind::empty) continue;
    normalize(descriptor.identity.kind, parts.cache.body(slot), normalized);
    checks_[slot] = body_checksum(normalized, descriptor.number);
  }
}

// --- the machine -----------------------------------------------------------------------------

bool Checkpointer::step(StoreParts& parts, uint64_t now_ns) {
  if (!clock_started_) {
    clock_started_ = true;
    last_declared_ns_ = now_ns;
  }
  switch (phase_) {
    case Phase::idle:
      return false;
    case Phase::staging:
      return staging_step(parts);
    case Phase::draining:
      if (log_.is_writing(parts.io)) return false;
      if (log_.has_failed()) {
        fail(parts);
        return true;
      }
      // Frames, summaries and header become durable before any root names them.
      flush_running_ = true;
      parts.io.start({.operation = DiskRequest::Operation::flush}, IoPurpose::flush);
      phase_ = Phase::flushing;
      return true;
    case Phase::flushing:
      if (flush_running_) return false;
      if (flush_failed_) fail(parts); else start_root(parts);
      return true;
    case Phase::rooting:
      if (parts.roots.is_busy()) return false;
      if (parts.roots.state() == RootWriter::State::failed) fail(parts); else committed(parts);
      return true;
    case Phase::returning:
      return returning_step(parts);
    case Phase::withdrawing:
    case Phase::pausing:
      return withdrawing_step(parts, now_ns);
    case Phase::migrating:
      if (migration_.step(parts, now_ns)) return true;
      if (!migration_.is_idle()) return false;
      phase_ = Phase::idle;
      return true;
  }
  return false;
}

void Checkpointer::ended(StoreParts& parts, const IoResult& result) {
  if (result.purpose == IoPurpose::segment_write) {
    log_.ended(result);
  } else if (phase_ == Phase::migrating) {
    migration_.ended(parts, result);
  } else {
    flush_running_ = false;
    flush_failed_ = result.failed;
  }
}

// One frame, or one block of what says where frames are; between two steps the kernel lets interrupts in.
bool Checkpointer::staging_step(StoreParts& parts) {
  if (log_.has_failed()) {
    fail(parts);
    return true;
  }
  if (copies_.is_empty() && frozen_.count == 0) {
    if (!log_.can_finish()) return false;
    if (log_.finish_step(parts)) phase_ = Phase::draining;
    return true;
  }
  if (!log_.can_stage()) return false;
  // Copies first: a writer may wait for their buffers.
  const bool sound = copies_.is_empty() ? stage_frozen(parts) : stage_copy(parts);
  if (!sound) fail(parts);
  return true;
}

bool Checkpointer::stage_copy(StoreParts& parts) {
  const FrozenCopy& copy = copies_.first();
  const FrameToStage frame{copy.number, copy.identity, copies_.first_body()};
  if (!log_.make_place(parts, frame)) return true;
  if (!is_sound(parts, frame)) return false;
  const uint64_t checksum = log_.stage(parts, frame);
  verify_check(parts, copy.number, copy.check, checksum);
  copies_.drop_first();
  if (copy_wanted_) {
    copy_wanted_ = false;
    parts.client->wake(WaitChannel::of(Reason::copy_buffer));
  }
  return true;
}

bool Checkpointer::stage_frozen(StoreParts& parts) {
  const CacheSlot slot = frozen_.first;
  FrameDescriptor& descriptor = parts.cache[slot];
  if (is_unchanged(descriptor)) {
    make_clean_again(parts, slot);
    return true;
  }
  const std::byte* body = reads_as_zero(descriptor) ? nullptr : parts.cache.body(slot);
  const FrameToStage frame{descriptor.number, descriptor.identity, body};
  if (!log_.make_place(parts, frame)) return true;
  if (!is_sound(parts, frame)) return false;
  const uint64_t checksum = log_.stage(parts, frame);
  verify_check(parts, descriptor.number, checks_.empty() ? 0 : checks_[slot], checksum);
  frozen_.remove(parts.cache, slot);
  descriptor.state = FrameState::clean;
  staged_.append(parts.cache, slot);
  return true;
}

// What is about to become permanent keeps its invariants, or the generation is never committed.
bool Checkpointer::is_sound(StoreParts& parts, const FrameToStage& frame) {
  const std::string_view wrong = check_frame(frame.identity, frame.body);
  if (wrong.empty()) return true;
  parts.client->bug(wrong, frame.number);
  return false;
}

void Checkpointer::verify_check(StoreParts& parts, FrameNumber number, uint64_t taken,
                                uint64_t staged) {
  // 0: no checksum was taken, or there is no body; an all-zero frame may meanwhile have got one.
  if (taken != 0 && staged != 0 && taken != staged) {
    parts.client->bug("a frozen frame was written to without make_dirty", number);
  }
}

void Checkpointer::start_root(StoreParts& parts) {
  Root root = parts.roots.current();
  root.clean = 0;
  root.parent_generation = root.newest_generation;
  root.newest_generation = pending_;
  // Home is about to be overwritten: home plus a part of this log is no older generation.
  root.oldest_bootable = pending_;
  root.next_generation = next_generation_;
  root.log_need = LogNeed::frames;
  for (unsigned copy = 0; copy < metadata_copies; ++copy) {
    root.header_places[copy] = log_.header_place(copy);
    root.header_checksums[copy] = log_.header_checksum(copy);
  }
  root.generation_frames = log_.entry_count();
  root.boots_since_commit = 0;
  root.system = pending_system_;
  parts.roots.start(parts.io, root);
  phase_ = Phase::rooting;
}

// All staged frames become ordinary clean ones by the raised epoch alone; their list is dropped.
void Checkpointer::committed(StoreParts& parts) {
  const Generation generation = pending_;
  parts.committed_epoch = parts.epoch - 1;
  retry_ns_ = retry_min_ns;
  staged_ = {};
  pending_ = {};
  migration_.begin(parts);
  phase_ = Phase::migrating;
  parts.client->committed(generation, false);
  parts.client->wake(WaitChannel::of(Reason::log_space));
}

size_t Checkpointer::segments_used(const StoreParts& parts) const {
  const bool in_use = pending_.value != 0 || parts.roots.current().is_in_log();
  return in_use ? log_.segments_used() : 0;
}

}  // namespace perdure
