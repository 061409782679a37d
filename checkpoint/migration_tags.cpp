// SPDX-License-Identifier: MIT
//
// The migration's second half: tag frames, one at a time, one copy in each of two passes.
#include <bit>

#include "checkpoint/migration.hpp"
#include "checkpoint/store_client.hpp"
#include "objects/assertion.hpp"

namespace perdure {
namespace {

constexpr uint32_t both_copies = 2;

Tag tag_of(const SummaryEntry& entry) {
  return {.source = entry.source,
          .checksum = entry.checksum,
          .account = entry.account,
          .kind = entry.kind,
          .revision = entry.revision,
          .flags = entry.has_body() ? uint16_t{0} : Tag::flag_all_zero};
}

}  // namespace

bool Migration::tag_step(StoreParts& parts) {
  if (tag_copies_left_ != 0) {
    write_tag_copy(parts);
    return true;
  }
  if (tag_position_ == parts.directory.size()) {
    end_of_tags(parts);
    return true;
  }
  const uint64_t index = tag_frame_of(parts.directory.sorted(tag_position_).number);
  if (index < parts.roots.current().frontier) return prepare_tag_frame(parts, index);
  if (second_pass_) {
    tag_position_ = behind_tag_frame(parts, index);  // both copies were written in the first
  } else {
    // The gap below, too, must verify once the frontier is above it.
    prepare_new_tag_frame(parts, new_frontier_, nullptr);
  }
  return true;
}

void Migration::end_of_tags(StoreParts& parts) {
  if (second_pass_ && !tags_only_) return start_release(parts);
  if (any_tag_written_ || !tags_only_) return start_flush(parts);
  // A start that found every pair as it should be.
  if (second_pass_) phase_ = Phase::forgetting; else start_tags(parts, true);
}

// At or above the frontier, or damaged: there is nothing on the disk that is believed.
void Migration::prepare_new_tag_frame(StoreParts& parts, uint64_t index, const TagFrame* base) {
  TagFrame& frame = tag_block(0);
  if (base) {
    frame = *base;
  } else {
    frame = {};
  }
  const Generation generation = parts.roots.current().newest_generation;
  tag_behind_ = apply_entries(parts, frame, index);
  tag_block(1) = frame;
  for (unsigned copy = 0; copy < both_copies; ++copy) tag_block(copy).sequence = TagFrame::sequence_of(generation, copy);
  tag_copy_ = both_copies;
  tag_copies_left_ = 0b11;
}

bool Migration::prepare_tag_frame(StoreParts& parts, uint64_t index) {
  if (!tag_buffer_) {
    tag_buffer_ = parts.tags.request(parts.io, parts.geometry, index, Need::reserve);
    if (!tag_buffer_) return false;
    ++parts.tags[*tag_buffer_].pins;
  }
  const TagBuffer& buffer = parts.tags[*tag_buffer_];
  switch (buffer.state) {
    case TagBuffer::State::loading:
      return false;
    case TagBuffer::State::valid:
      fill_in(parts, buffer, index);
      return true;
    case TagBuffer::State::damaged: {
      // The versions of its frames are lost, but for those that are in the log. Never version 0.
      TagFrame lost;
      for (Tag& tag : lost.tags) tag = {.flags = Tag::flag_lost};
      parts.client->warning("both copies of a tag frame are damaged; its number is", index);
      prepare_new_tag_frame(parts, index, &lost);
      return true;
    }
    default:
      unpin_tags(parts);
      trouble(parts, Phase::tagging, "a tag frame cannot be read; generation");
      return true;
  }
}

// Fills in what this pass writes of a tag frame that is on the disk.
void Migration::fill_in(StoreParts& parts, const TagBuffer& buffer, uint64_t index) {
  const Generation generation = parts.roots.current().newest_generation;
  const bool is_pair = buffer.whole[0] && buffer.whole[1] && buffer.copies[0]->generation() == generation &&
                       buffer.copies[1]->generation() == generation;
  if (trust_pairs_ && is_pair) {
    tag_position_ = behind_tag_frame(parts, index);
    return unpin_tags(parts);
  }
  if (second_pass_ && buffer.frame().generation() != generation && is_worth_another_try(buffer)) {
    ++lost_tags_;
    restart(parts);
    return trouble(parts, tags_only_ ? Phase::tagging : Phase::moving, "the disk has lost a write; generation");
  }
  const TagWrite write = second_pass_ ? second_write(buffer, generation) : first_write(buffer, generation);
  TagFrame& frame = tag_block(write.copy);
  frame = buffer.frame();
  tag_behind_ = apply_entries(parts, frame, index);
  frame.sequence = write.sequence;
  tag_copy_ = write.copy;
  tag_copies_left_ = 1u << write.copy;
}

// The disk acknowledged the first copy, and has not got it. It is written again; but not for ever, and not
// in a place that cannot be read.
bool Migration::is_worth_another_try(const TagBuffer& buffer) {
  return lost_tags_ < lost_tags_max && !buffer.read_failed[buffer.content ^ 1];
}

// → the position behind the last entry of this tag frame.
size_t Migration::apply_entries(StoreParts& parts, TagFrame& frame, uint64_t index) {
  frame.store_id = parts.store_id;
  frame.index = index;
  const size_t behind = behind_tag_frame(parts, index);
  for (size_t at = tag_position_; at < behind; ++at) {
    const SummaryEntry& entry = parts.directory.sorted(at);
    frame.tags[tag_index_of(entry.number)] = tag_of(entry);
  }
  return behind;
}

size_t Migration::behind_tag_frame(const StoreParts& parts, uint64_t index) const {
  size_t at = tag_position_;
  while (at < parts.directory.size() && tag_frame_of(parts.directory.sorted(at).number) == index) ++at;
  return at;
}

// Writes the next copy that is filled in. If there are two of them, both are on their way at once.
void Migration::write_tag_copy(StoreParts& parts) {
  const auto copy = static_cast<unsigned>(std::countr_zero(tag_copies_left_));
  tag_copies_left_ &= ~(1u << copy);
  const BlockIndex place = parts.geometry.tag_block(tag_block(copy).index, copy);
  seal(tag_block(copy), place);
  ++running_;
  any_tag_written_ = true;
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
  // After the second copy as well, nothing is believed of what the disk acknowledged: the next migration that
  // touches this tag frame writes over the older copy there *is*. If that one were the only one that is true,
  // a lost write and a power cut would bring old versions back.
  if (tag_copy_ == both_copies || second_pass_) {
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
