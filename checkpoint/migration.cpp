// SPDX-License-Identifier: MIT
//
// Phases, bodies and release; the tags are in migration_tags.cpp.
#include "checkpoint/migration.hpp"

#include <algorithm>

#include "checkpoint/store_client.hpp"
#include "objects/assertion.hpp"

namespace perdure {

void Migration::begin(StoreParts& parts) {
  assert_that(phase_ == Phase::idle, "one migration at a time");
  tags_only_ = parts.roots.current().log_need == LogNeed::tags;
  trust_pairs_ = tags_only_;
  lost_tags_ = 0;
  restart(parts);
  phase_ = Phase::sorting;
}

// Nothing that was written is known to be durable.
void Migration::restart(StoreParts& parts) {
  batch_ = {};
  new_frontier_ = parts.roots.current().frontier;
  start_tags(parts, false);
}

void Migration::start_tags(StoreParts& parts, bool second_pass) {
  second_pass_ = second_pass;
  any_tag_written_ = false;
  tag_position_ = 0;
  unpin_tags(parts);
}

bool Migration::step(StoreParts& parts, uint64_t now_ns) {
  if (running_ > 0 && tag_copies_left_ == 0) return false;
  switch (phase_) {
    case Phase::idle:
      return false;
    case Phase::sorting:
      if (parts.directory.sort_step(8)) phase_ = tags_only_ ? Phase::tagging : Phase::moving;
      return true;
    case Phase::moving:
      return move_step(parts);
    case Phase::tagging:
      return tag_step(parts);
    case Phase::flushing:
      return flush_step(parts);
    case Phase::releasing:
      return release_step(parts);
    case Phase::pausing:
      if (pause_begins_) pause_until_ns_ = now_ns + pause_ns;
      pause_begins_ = false;
      if (now_ns < pause_until_ns_) return false;
      phase_ = resume_;
      return true;
    case Phase::forgetting:
      // A fetch that began to read from the log before the release must have ended before the log is reused.
      if (!parts.directory.forget_step(32)) return true;
      if (parts.io.in_flight(IoPurpose::body_read_log) > 0) return false;
      phase_ = Phase::idle;
      return true;
  }
  return false;
}

void Migration::ended(StoreParts& parts, const IoResult& result) {
  --running_;
  if (result.purpose == IoPurpose::log_read) {
    if (result.failed) note_missing(result);
    return;
  }
  if (result.purpose == IoPurpose::flush) flush_failed_ = result.failed;
  if (running_ == 0 && tag_copies_left_ == 0 && phase_ == Phase::tagging) tags_written(parts);
}

void Migration::trouble(StoreParts& parts, Phase resume, std::string_view what) {
  parts.client->warning(what, parts.roots.current().newest_generation.value);
  phase_ = Phase::pausing;
  pause_begins_ = true;
  resume_ = resume;
}

// --- bodies ----------------------------------------------------------------------------------

bool Migration::move_step(StoreParts& parts) {
  switch (batch_.state) {
    case Batch::State::empty:
      choose_batch(parts);
      return true;
    case Batch::State::reading:
      if (batch_.read_again) read_batch(parts); else batch_.state = Batch::State::verifying;
      return true;
    case Batch::State::verifying:
      verify_batch(parts);
      return true;
    case Batch::State::writing:
      batch_.first = batch_.behind;
      batch_.state = Batch::State::empty;
      return true;
  }
  return false;
}

const SummaryEntry& Migration::entry_of(const StoreParts& parts, uint32_t item) const {
  return parts.directory.sorted(batch_.items[item].position);
}

// The next few bodies in home order.
void Migration::choose_batch(StoreParts& parts) {
  const Directory& directory = parts.directory;
  const size_t first = batch_.first;
  batch_ = {};
  batch_.first = first;
  size_t at = first;
  const size_t end = std::min(directory.size(), at + entries_per_step);
  for (; at < end && batch_.count < batch_max; ++at) {
    const SummaryEntry& entry = directory.sorted(at);
    if (!entry.has_body()) continue;
    Item& item = batch_.items[batch_.count++];
    item.position = at;
    item.state = parts.cache.find_unchanged(entry.number) != no_slot ? Item::State::in_cache : Item::State::in_log;
  }
  batch_.behind = at;
  if (batch_.count > 0) return read_batch(parts);
  batch_.first = at;
  if (at == directory.size()) phase_ = Phase::tagging;
}

// What lies together in the log is read together.
void Migration::read_batch(StoreParts& parts) {
  batch_.state = Batch::State::reading;
  batch_.verified = 0;
  batch_.read_again = false;
  ++batch_.reads;
  const auto is_read = [&](uint32_t i) { return batch_.items[i].state == Item::State::in_log; };
  const auto place = [&](uint32_t i) { return entry_of(parts, i).place; };
  for (uint32_t i = 0, next; i < batch_.count; i = next) {
    next = i + 1;
    if (!is_read(i)) continue;
    while (!batch_.one_by_one && next < batch_.count && is_read(next) && place(next) == place(next - 1) + 1) ++next;
    batch_.items[i].run = static_cast<uint8_t>(next - i);
    ++running_;
    parts.io.start({.operation = DiskRequest::Operation::read,
                    .block = parts.geometry.log_block(place(i)).value,
                    .block_count = next - i,
                    .memory = memory_of(i)},
                   IoPurpose::log_read, i);
  }
}

// The disk does not give these bodies, though it gives others. A read of several may have failed because of one.
void Migration::note_missing(const IoResult& result) {
  const uint32_t first = result.argument;
  const uint32_t run = batch_.items[first].run;
  for (uint32_t i = first; i < first + run; ++i) {
    batch_.items[i].state = run == 1 ? Item::State::missing : Item::State::in_log;
  }
  if (run > 1) batch_.one_by_one = batch_.read_again = true;
}

void Migration::verify_batch(StoreParts& parts) {
  verify_item(parts, batch_.verified++);  // one in a step: it is copied, and its checksum taken
  if (batch_.verified < batch_.count) return;
  if (batch_.read_again) read_batch(parts); else write_batch(parts);
}

void Migration::verify_item(StoreParts& parts, uint32_t index) {
  using State = Item::State;
  State& state = batch_.items[index].state;
  if (state >= State::verified) return;
  const bool was_in_cache = state == State::in_cache;
  const bool arrived = state == State::in_log;
  if ((arrived && is_right(parts, index)) || (take_from_cache(parts, index) && is_right(parts, index))) {
    state = State::verified;
  } else if (was_in_cache || (arrived && batch_.reads < body_reads_max)) {
    state = State::in_log;
    batch_.read_again = true;
  } else {
    parts.client->warning("a frame is damaged in the log", entry_of(parts, index).number.value);
    state = arrived ? State::damaged : State::lost;
  }
}

bool Migration::is_right(StoreParts& parts, uint32_t index) {
  const SummaryEntry& entry = entry_of(parts, index);
  return body_checksum(std::span<const std::byte, block_bytes>(memory_of(index), block_bytes), entry.number) == entry.checksum;
}

// A frame that is resident and clean has the contents that were committed last.
bool Migration::take_from_cache(StoreParts& parts, uint32_t index) {
  const SummaryEntry& entry = entry_of(parts, index);
  const CacheSlot slot = parts.cache.find_unchanged(entry.number);
  if (slot == no_slot || parts.cache[slot].identity.kind != entry.kind) return false;
  normalize(entry.kind, parts.cache.body(slot), memory_of(index));
  return true;
}

void Migration::write_batch(StoreParts& parts) {
  const auto number = [&](uint32_t i) { return entry_of(parts, i).number.value; };
  const auto is_written = [&](uint32_t i) { return batch_.items[i].state != Item::State::lost; };
  batch_.state = Batch::State::writing;
  for (uint32_t i = 0, next; i < batch_.count; i = next) {
    next = i + 1;
    if (!is_written(i)) continue;
    while (next < batch_.count && is_written(next) && number(next) == number(next - 1) + 1) ++next;
    ++running_;
    parts.io.start({.operation = DiskRequest::Operation::write,
                    .block = parts.geometry.home_block({number(i)}).value,
                    .block_count = next - i,
                    .memory = memory_of(i)},
                   IoPurpose::home_write);
  }
}

// --- the end -----------------------------------------------------------------------------------

void Migration::start_flush(StoreParts& parts) {
  phase_ = Phase::flushing;
  ++running_;
  parts.io.start({.operation = DiskRequest::Operation::flush}, IoPurpose::flush);
}

// Everything at home becomes durable here, before the second copies of tags are written over; or, in a
// start that had only these to make good, before the log is written over.
bool Migration::flush_step(StoreParts& parts) {
  if (flush_failed_) {
    // What the flush should have covered may be lost: all of it is written again.
    trust_pairs_ = false;
    if (second_pass_) start_tags(parts, true); else restart(parts);
    trouble(parts, tags_only_ || second_pass_ ? Phase::tagging : Phase::moving,
            "a flush failed while a checkpoint was brought home; generation");
  } else if (second_pass_) {
    phase_ = Phase::forgetting;
  } else {
    start_tags(parts, true);
    phase_ = Phase::tagging;
  }
  return true;
}

void Migration::start_release(StoreParts& parts) {
  Root root = parts.roots.current();
  root.log_need = LogNeed::tags;
  root.frontier = new_frontier_;
  root.clean = 0;
  constexpr unsigned tries = 1;  // its flush is that of the second copies, too
  parts.roots.start(parts.io, root, tries);
  phase_ = Phase::releasing;
}

bool Migration::release_step(StoreParts& parts) {
  if (parts.roots.is_busy()) return false;
  if (parts.roots.state() == RootWriter::State::failed) {
    // A flush of it may have failed, so that nothing is known of the second copies. What the flush
    // before them made durable stays so.
    start_tags(parts, true);
    trouble(parts, Phase::tagging, "the root cannot be written; generation");
  } else {
    phase_ = Phase::forgetting;
  }
  return true;
}

}  // namespace perdure
