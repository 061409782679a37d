// SPDX-License-Identifier: MIT
//
// Phases, bodies and release; the tags are in migration_tags.cpp.
#include "checkpoint/migration.hpp"

#include <algorithm>

#include "checkpoint/require.hpp"
#include "checkpoint/store_client.hpp"

namespace perdure {

void Migration::begin(StoreParts& parts) {
  require(phase_ == Phase::idle, "one migration at a time");
  restart(parts);
  phase_ = Phase::sorting;
}

void Migration::restart(StoreParts& parts) {
  batch_ = {};
  tag_position_ = 0;
  new_frontier_ = parts.roots.current().frontier;
  read_pauses_ = 0;
  unpin_tags(parts);
}

bool Migration::step(StoreParts& parts, uint64_t now_ns) {
  if (running_ > 0 && tag_copies_left_ == 0) return false;
  switch (phase_) {
    case Phase::idle:
      return false;
    case Phase::sorting:
      if (parts.directory.sort_step(8)) phase_ = Phase::moving;
      return true;
    case Phase::moving:
      return move_step(parts);
    case Phase::tagging:
      return tag_step(parts);
    case Phase::flushing:
      // Everything at home becomes durable here, before a root says that the log is not needed.
      if (failed_) {
        // What the flush should have covered may be lost: all of it is written again.
        restart(parts);
        trouble(parts, Phase::moving, "a flush failed while a checkpoint was brought home");
      } else {
        start_release(parts);
      }
      return true;
    case Phase::releasing:
      return release_step(parts);
    case Phase::pausing:
      if (pause_begins_) pause_until_ns_ = now_ns + pause_ns;
      pause_begins_ = false;
      if (now_ns < pause_until_ns_) return false;
      phase_ = resume_;
      return true;
    case Phase::forgetting:
      // Who began to read from the log before the release must have ended before it is reused.
      if (!parts.directory.forget_step(32)) return true;
      if (parts.io.in_flight(IoPurpose::body_read_log) > 0) return false;
      phase_ = Phase::idle;
      return true;
  }
  return false;
}

void Migration::ended(StoreParts& parts, const IoResult& result) {
  --running_;
  failed_ = failed_ || result.failed;
  if (running_ == 0 && tag_copies_left_ == 0 && phase_ == Phase::tagging && !failed_) tags_written(parts);
}

void Migration::trouble(StoreParts& parts, Phase resume, std::string_view what) {
  parts.client->warning(what, parts.roots.current().newest_generation.value);
  failed_ = false;
  tag_copies_left_ = 0;
  phase_ = Phase::pausing;
  pause_begins_ = true;
  resume_ = resume;
}

// --- bodies ----------------------------------------------------------------------------------

bool Migration::move_step(StoreParts& parts) {
  switch (batch_.state) {
    case Batch::State::empty:
      read_batch(parts);
      return true;
    case Batch::State::reading:
      if (failed_ && ++read_pauses_ <= read_pauses_max) {
        batch_.state = Batch::State::empty;
        trouble(parts, Phase::moving, "the log cannot be read");
        return true;
      }
      failed_ = false;  // for good: what did not arrive will not verify
      batch_.state = Batch::State::verifying;
      return true;
    case Batch::State::verifying:
      if (batch_.verified < batch_.count) verify_batch(parts); else write_batch(parts);
      return true;
    case Batch::State::writing:
      if (failed_) {
        batch_.state = Batch::State::empty;
        trouble(parts, Phase::moving, "a frame cannot be written home");
        return true;
      }
      batch_.first = batch_.behind;
      batch_.state = Batch::State::empty;
      read_pauses_ = 0;
      return true;
  }
  return false;
}

// The next few bodies in home order; what lies together in the log is read together.
void Migration::read_batch(StoreParts& parts) {
  const Directory& directory = parts.directory;
  batch_.count = batch_.verified = 0;
  batch_.lost = {};
  size_t at = batch_.first;
  const size_t end = std::min(directory.size(), at + entries_per_step);
  for (; at < end && batch_.count < batch_max; ++at) {
    if (directory.sorted(at).has_body()) batch_.positions[batch_.count++] = at;
  }
  batch_.behind = at;
  if (batch_.count == 0) {
    batch_.first = at;
    if (at == directory.size()) phase_ = Phase::tagging;
    return;
  }
  batch_.state = Batch::State::reading;
  const auto place = [&](uint32_t i) { return directory.sorted(batch_.positions[i]).place; };
  for (uint32_t i = 0, next; i < batch_.count; i = next) {
    for (next = i + 1; next < batch_.count && place(next) == place(next - 1) + 1;) ++next;
    ++running_;
    parts.io.start({.operation = DiskRequest::Operation::read,
                    .block = parts.geometry.log_block(place(i)).value,
                    .block_count = next - i,
                    .memory = memory_ + i * block_bytes},
                   IoPurpose::log_read);
  }
}

void Migration::verify_batch(StoreParts& parts) {
  for (unsigned i = 0; i < bodies_per_step && batch_.verified < batch_.count; ++i, ++batch_.verified) {
    const uint32_t index = batch_.verified;
    const SummaryEntry& entry = parts.directory.sorted(batch_.positions[index]);
    const std::span<const std::byte, block_bytes> body(memory_ + index * block_bytes, block_bytes);
    if (body_checksum(body, entry.number) != entry.checksum) lose(parts, index);
  }
}

// The frame's only copy on the disk is damaged. Its home block stays as it is, its tag gets the
// checksum that the body should have had: so it reads as unreadable, never as something older.
void Migration::lose(StoreParts& parts, uint32_t index) {
  batch_.lost[index] = true;
  parts.client->warning("a frame is damaged in the log",
                        parts.directory.sorted(batch_.positions[index]).number.value);
}

void Migration::write_batch(StoreParts& parts) {
  const auto number = [&](uint32_t i) {
    return parts.directory.sorted(batch_.positions[i]).number.value;
  };
  batch_.state = Batch::State::writing;
  for (uint32_t i = 0, next; i < batch_.count; i = next) {
    next = i + 1;
    if (batch_.lost[i]) continue;
    while (next < batch_.count && !batch_.lost[next] && number(next) == number(next - 1) + 1) ++next;
    ++running_;
    parts.io.start({.operation = DiskRequest::Operation::write,
                    .block = parts.geometry.home_block({number(i)}).value,
                    .block_count = next - i,
                    .memory = memory_ + i * block_bytes},
                   IoPurpose::home_write);
  }
}

// --- the end -----------------------------------------------------------------------------------

void Migration::start_release(StoreParts& parts) {
  Root root = parts.roots.current();
  root.unmigrated = 0;
  root.header_place = 0;
  root.header_checksum = 0;
  root.frontier = new_frontier_;
  root.clean = 0;
  parts.roots.start(parts.io, root);
  phase_ = Phase::releasing;
}

bool Migration::release_step(StoreParts& parts) {
  if (parts.roots.is_busy()) return false;
  if (parts.roots.state() == RootWriter::State::failed) {
    // Frames and tags are durable; only the root is still to be written. But a flush of that
    // root may have failed, so that nothing is known of what came before: all of it again.
    restart(parts);
    trouble(parts, Phase::moving, "the root cannot be written");
  } else {
    parts.tags.forget_excused();
    phase_ = Phase::forgetting;
  }
  return true;
}

}  // namespace perdure
