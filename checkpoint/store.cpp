// SPDX-License-Identifier: MIT
//
// The store's public face; its start is in store_open.cpp.
#include "checkpoint/store.hpp"

#include <cstring>

#include "objects/assertion.hpp"

namespace perdure {

Expected<CacheSlot, Absent> Store::obtain_as(FrameNumber number, CacheSlot hint, Wanted wanted) {
  if (const CacheSlot slot = find(number, hint); slot != no_slot) {
    FrameDescriptor& descriptor = parts_.cache[slot];
    descriptor.flags &= static_cast<uint8_t>(~FrameDescriptor::flag_awaited);
    descriptor.flags |= FrameDescriptor::flag_referenced;
    return slot;
  }
  const CacheSlot slot = parts_.cache.lookup(number);
  if (slot != no_slot && Checkpointer::is_unchanged(parts_.cache[slot])) checkpointer_.make_clean_again(parts_, slot);
  return fetcher_.obtain(parts_, number, wanted);
}

// --- its front -----------------------------------------------------------------------------------------------

void FrameStore::clear(CacheSlot slot) {
  std::memset(cache_.body(slot), 0, frame_bytes);
  cache_[slot].flags &= static_cast<uint8_t>(~FrameDescriptor::flag_all_zero);
}

Expected<CacheSlot, Absent> FrameStore::obtain(FrameNumber number, CacheSlot hint) {
  return static_cast<Store*>(this)->obtain_as(number, hint, Wanted::contents);
}

Expected<CacheSlot, Absent> FrameStore::obtain_identity(FrameNumber number) {
  Store& store = *static_cast<Store*>(this);
  return store.fetcher_.obtain(store.parts_, number, Wanted::identity);
}

Expected<CacheSlot, Absent> FrameStore::obtain_what_is_left(FrameNumber number) {
  return static_cast<Store*>(this)->obtain_as(number, no_slot, Wanted::what_is_left);
}

void FrameStore::let_stay(CacheSlot slot) {
  cache_[slot].flags &= static_cast<uint8_t>(~FrameDescriptor::flag_leaving);
}

Expected<void, Stall> FrameStore::make_dirty(CacheSlot slot, Need need) {
  Store& store = *static_cast<Store*>(this);
  return store.checkpointer_.make_dirty(store.parts_, slot, need);
}

void FrameStore::become_all_zero(CacheSlot slot) {
  assert_that(is_current(slot), "only a current frame is written to");
  FrameDescriptor& descriptor = cache_[slot];
  descriptor.flags |= FrameDescriptor::flag_all_zero;
  descriptor.flags &= static_cast<uint8_t>(~(FrameDescriptor::flag_body_absent | FrameDescriptor::flag_body_lost |
                                             FrameDescriptor::flag_leaving | FrameDescriptor::flag_told));
}

bool FrameStore::drop(CacheSlot slot) {
  Store& store = *static_cast<Store*>(this);
  return store.fetcher_.evict(store.parts_, slot);
}

CacheSlot FrameStore::random_droppable(uint64_t random) {
  constexpr CacheSlot looked_at = 16;
  for (CacheSlot i = 0; i < looked_at; ++i) {
    const auto slot = static_cast<CacheSlot>((random + i) % slot_count());
    if (cache_.is_evictable(slot, static_cast<Store*>(this)->parts_.committed_epoch)) return slot;
  }
  return no_slot;
}

void FrameStore::may_have_room() { static_cast<Store*>(this)->fetcher_.may_have_room(); }

bool FrameStore::is_never_used(FrameNumber number) const {
  return perdure::is_never_used(static_cast<const Store*>(this)->parts_, number);
}

SystemState& FrameStore::system() { return static_cast<Store*>(this)->checkpointer_.system(); }

Generation FrameStore::next_generation() const { return static_cast<const Store*>(this)->checkpointer_.next_generation(); }

// --- the checkpointer ----------------------------------------------------------------------------------------

Generation Store::declare(uint64_t now_ns, uint64_t wall_seconds) {
  return checkpointer_.declare(parts_, now_ns, wall_seconds);
}

// A completion may have a block to verify, and so may a step: one of the two.
bool Store::poll(uint64_t now_ns) {
  parts_.io.advance(now_ns);
  const bool taken = take_completion() || fence_.has_looked();
  const uint32_t committed_epoch = parts_.committed_epoch;
  const bool stepped = !taken && checkpointer_.step(parts_, now_ns);
  // A commit or the end of a failure makes frames clean.
  if (stepped && (committed_epoch != parts_.committed_epoch || can_declare())) fetcher_.may_have_room();
  const bool looking = fetcher_.make_room_step(parts_);
  return taken || stepped || looking;
}

bool Store::take_completion() {
  const auto result = parts_.io.next_result();
  if (!result) return false;
  switch (result->purpose) {
    case IoPurpose::body_read_home:
    case IoPurpose::body_read_log:
      fetcher_.body_ended(parts_, *result);
      break;
    case IoPurpose::tag_read:
      fetcher_.tag_ended(parts_, *result);
      break;
    case IoPurpose::root_write:
    case IoPurpose::root_read:
    case IoPurpose::root_flush:
      parts_.roots.ended(parts_.io, *result);
      if (parts_.roots.state() == RootWriter::State::done) fence_.stands(root());
      if (parts_.roots.stands_once()) parts_.client->warning("the disk does not give one copy of the root; sequence", root().sequence);
      break;
    default:
      checkpointer_.ended(parts_, *result);
      break;
  }
  return true;
}

// A function of its own, so that a profile tells the waiting from the work.
[[gnu::noinline]] bool Store::wait_for_root() {
  while (parts_.roots.is_busy()) {
    parts_.io.advance(parts_.client->clock_ns());
    static_cast<void>(take_completion());
  }
  return parts_.roots.state() == RootWriter::State::done;
}

bool Store::write_report(std::span<const std::byte> text, ReportWriter::Clock now_ns) {
  return report_writer_.write({text, root().boot_epoch, committed_generation()}, fence_.with_disk(), now_ns);
}

Store::State Store::state() const {
  switch (checkpointer_.phase()) {
    case Checkpointer::Phase::idle:
      return State::idle;
    case Checkpointer::Phase::staging:
    case Checkpointer::Phase::draining:
    case Checkpointer::Phase::returning:
      return State::stabilizing;
    case Checkpointer::Phase::migrating:
      return State::migrating;
    default:
      return State::committing;
  }
}

void Store::start_clean_mark() {
  assert_that(can_declare(), "the clean mark comes last");
  clean_mark_begun_ = true;
  Root root = this->root();
  root.clean = 1;
  root.log_need = LogNeed::nothing;  // what is idle has nothing left to bring home
  parts_.roots.start(parts_.io, root);
}

std::optional<bool> Store::clean_mark_ended() const {
  if (parts_.roots.is_busy()) return {};
  return parts_.roots.state() == RootWriter::State::done;
}

void Store::fill_status(SystemStatus& status) const {
  const Root& root = this->root();
  status.committed_generation = root.newest_generation.value;
  status.committed_at_wall_seconds = root.system.wall_seconds;
  status.interval_ms = checkpointer_.interval_ns() / 1'000'000;
  status.boot_epoch = root.boot_epoch;
  status.boots = root.boots;
  status.power_cuts = root.power_cuts;
  status.frames_in_store = parts_.geometry.frames;
  status.frames_in_cache = parts_.cache.size();
  status.frames_resident = parts_.cache.resident();
  status.frames_dirty = checkpointer_.dirty_count();
  status.log_segments = parts_.geometry.log_segments;
  status.log_segments_used = checkpointer_.segments_used(parts_);
  status.last_generation_frames = root.generation_frames;
  status.store_id = root.store_id;
  status.resumed_generation = resumed_generation_.value;
  status.resumed_at_wall_seconds = resumed_at_wall_seconds_;
  status.failed_commits = checkpointer_.failed_commits();
}

size_t Store::generations(std::span<GenerationStatus> result) const {
  if (result.empty()) return 0;
  const Root& root = this->root();
  result[0] = {.generation = root.newest_generation.value,
               .wall_seconds = root.system.wall_seconds,
               .frames = root.generation_frames,
               .in_log = root.is_in_log()};
  return 1;
}

}  // namespace perdure
