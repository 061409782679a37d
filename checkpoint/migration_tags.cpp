// SPDX-License-Identifier: MIT
//
// The migration's second half: tag frames, one at a time, each written once per flush.
#include <bit>

#include "checkpoint/migration.hpp"
#include "checkpoint/require.hpp"
#include "checkpoint/store_client.hpp"

namespace perdure {
namespace {

constexpr uint32_t both_copies = 2;

Tag tag_of(const SummaryEntry& entry, Generation generation) {
  return {.source = entry.source,
          .checksum = entry.checksum,
          .generation = generation,
          .account = entry.account,
          .kind = entry.kind,
          .revision = entry.revision,
          .flags = entry.has_body() ? uint16_t{0} : Tag::flag_all_zero};
}

}  // namespace

bool Migration::tag_step(StoreParts& parts) {
  if (failed_) {
    // tag_buffer_ stays pinned, so that nobody reads a copy that may be torn.
    trouble(parts, Phase::tagging, "a tag frame cannot be written");
    return true;
  }
  if (tag_copies_left_ != 0) {
    write_tag_copy(parts);
    return true;
  }
  if (tag_position_ == parts.directory.size()) {
    phase_ = Phase::flushing;
    ++running_;
    parts.io.start({.operation = DiskRequest::Operation::flush}, IoPurpose::flush);
    return true;
  }
  const uint64_t index = tag_frame_of(parts.directory.sorted(tag_position_).number);
  if (index < parts.roots.current().frontier) return prepare_tag_frame(parts, index);
  // The gap below, too, must verify once the frontier is above it.
  prepare_new_tag_frame(parts, new_frontier_, nullptr);
  return true;
}

// At or above the frontier, or damaged: there is nothing on the disk that anybody believes.
void Migration::prepare_new_tag_frame(StoreParts& parts, uint64_t index, const TagFrame* base) {
  TagFrame& frame = tag_block(0);
  if (base) {
    frame = *base;
  } else {
    frame = {};
  }
  tag_behind_ = apply_entries(parts, frame, index);
  tag_block(1) = frame;
  tag_copy_ = both_copies;
  tag_copies_left_ = 0b11;
}

bool Migration::prepare_tag_frame(StoreParts& parts, uint64_t index) {
  if (!tag_buffer_) {
    tag_buffer_ = parts.tags.request(parts.io, parts.geometry, index);
    if (!tag_buffer_) return false;
    ++parts.tags[*tag_buffer_].pins;
  }
  TagBuffer& buffer = parts.tags[*tag_buffer_];
  switch (buffer.state) {
    case TagBuffer::State::loading:
      return false;
    case TagBuffer::State::valid: {
      tag_copy_ = TagCache::copy_to_write(buffer, parts.roots.current().newest_generation);
      TagFrame& frame = tag_block(tag_copy_);
      frame = buffer.frame();
      tag_behind_ = apply_entries(parts, frame, index);
      tag_copies_left_ = 1u << tag_copy_;
      return true;
    }
    case TagBuffer::State::damaged: {
      // The versions of its frames are lost, but for those that are in the log. Never version 0.
      TagFrame lost;
      for (Tag& tag : lost.tags) tag = {.flags = Tag::flag_lost};
      parts.client->warning("a tag frame is damaged", index);
      prepare_new_tag_frame(parts, index, &lost);
      return true;
    }
    default:
      unpin_tags(parts);
      trouble(parts, Phase::tagging, "a tag frame cannot be read");
      return true;
  }
}

// → the position behind the last entry of this tag frame.
size_t Migration::apply_entries(StoreParts& parts, TagFrame& frame, uint64_t index) {
  const Generation generation = parts.roots.current().newest_generation;
  frame.store_id = parts.store_id;
  frame.index = index;
  frame.sequence = generation.value;
  const uint64_t first_frame = index * tags_per_frame;
  size_t at = tag_position_;
  for (; at < parts.directory.size(); ++at) {
    const SummaryEntry& entry = parts.directory.sorted(at);
    const uint64_t tag = entry.number.value - first_frame;
    if (tag >= tags_per_frame) break;
    frame.tags[tag] = tag_of(entry, generation);
  }
  return at;
}

// The next one of those that are filled in. With two of them, both are on their way at once.
void Migration::write_tag_copy(StoreParts& parts) {
  const auto copy = static_cast<unsigned>(std::countr_zero(tag_copies_left_));
  tag_copies_left_ &= ~(1u << copy);
  const BlockIndex place = parts.geometry.tag_block(tag_block(copy).index, copy);
  seal(tag_block(copy), place);
  ++running_;
  parts.io.start({.operation = DiskRequest::Operation::write,
                  .block = place.value,
                  .block_count = 1,
                  .memory = reinterpret_cast<std::byte*>(&tag_block(copy))},
                 IoPurpose::tag_write);
}

void Migration::tags_written(StoreParts& parts) {
  tag_position_ = tag_behind_;
  if (!tag_buffer_) {
    ++new_frontier_;
    return;
  }
  TagBuffer& buffer = parts.tags[*tag_buffer_];
  if (tag_copy_ == both_copies) {
    buffer.state = TagBuffer::State::empty;
    --buffer.pins;
    tag_buffer_.reset();
    return;
  }
  TagCache::was_written(buffer, tag_copy_, tag_block(tag_copy_));
  unpin_tags(parts);
}

void Migration::unpin_tags(StoreParts& parts) {
  if (!tag_buffer_) return;
  TagBuffer& buffer = parts.tags[*tag_buffer_];
  --buffer.pins;
  if (buffer.state == TagBuffer::State::failed || buffer.state == TagBuffer::State::damaged) {
    buffer.state = TagBuffer::State::empty;
  }
  tag_buffer_.reset();
}

}  // namespace perdure
