// SPDX-License-Identifier: MIT
#include "checkpoint/tag_cache.hpp"

namespace perdure {
namespace {

bool touches(const Directory& directory, uint64_t tag_frame) {
  if (directory.size() == 0) return false;
  const uint64_t first = tag_frame * tags_per_frame;
  for (uint64_t i = 0; i < tags_per_frame; ++i) {
    if (directory.find({first + i})) return true;
  }
  return false;
}

// Whether a migration of the root's generation, interrupted, can have left this in the place of
// the older copy.
bool may_be_torn(const TagFrame& broken, const TagFrame& whole, const Root& root) {
  return broken.store_id == root.store_id && broken.index == whole.index &&
         (broken.sequence <= whole.sequence || broken.sequence == root.newest_generation.value);
}

}  // namespace

void TagCache::open(std::byte* memory) {
  buffers_ = {};
  hand_ = loading_ = 0;
  for (TagBuffer& buffer : buffers_) {
    for (TagFrame*& copy : buffer.copies) {
      copy = reinterpret_cast<TagFrame*>(memory);
      memory += block_bytes;
    }
  }
}

std::optional<unsigned> TagCache::request(IoQueue& io, const Geometry& geometry, uint64_t index) {
  for (unsigned i = 0; i < buffer_count; ++i) {
    TagBuffer& buffer = buffers_[i];
    if (buffer.state != TagBuffer::State::empty && buffer.index == index) {
      buffer.used_lately = true;
      return i;
    }
  }
  const auto chosen = choose_buffer();
  if (!chosen) return {};
  TagBuffer& buffer = buffers_[*chosen];
  buffer.state = TagBuffer::State::loading;
  buffer.reads_left = 2;
  buffer.index = index;
  buffer.used_lately = true;
  buffer.waiters = no_slot;
  buffer.waiter_count = 0;
  ++loading_;
  for (unsigned copy = 0; copy < 2; ++copy) {
    io.start({.operation = DiskRequest::Operation::read,
              .block = geometry.tag_block(index, copy).value,
              .block_count = 1,
              .memory = reinterpret_cast<std::byte*>(buffer.copies[copy])},
             IoPurpose::tag_read, *chosen * 2 + copy);
  }
  return chosen;
}

std::optional<unsigned> TagCache::choose_buffer() {
  if (loading_ >= loads_max) return {};
  for (unsigned i = 0; i < 2 * buffer_count; ++i) {
    const unsigned candidate = hand_;
    hand_ = (hand_ + 1) % buffer_count;
    TagBuffer& buffer = buffers_[candidate];
    if (buffer.state == TagBuffer::State::loading || buffer.pins > 0) continue;
    if (buffer.state == TagBuffer::State::empty || !buffer.used_lately) return candidate;
    buffer.used_lately = false;
  }
  return {};
}

bool TagCache::read_ended(const IoResult& result, const Geometry& geometry, const Root& root,
                          const Directory& unmigrated) {
  TagBuffer& buffer = buffers_[result.argument / 2];
  const unsigned copy = result.argument % 2;
  buffer.read_failed[copy] = result.failed;
  buffer.whole[copy] = verify_tag_frame(*buffer.copies[copy], geometry.tag_block(buffer.index, copy),
                                        root.store_id, buffer.index);
  if (--buffer.reads_left > 0) return false;
  --loading_;
  judge(buffer, root, unmigrated);
  return true;
}

void TagCache::judge(TagBuffer& buffer, const Root& root, const Directory& unmigrated) {
  if (buffer.read_failed[0] || buffer.read_failed[1]) {
    buffer.state = TagBuffer::State::failed;
    return;
  }
  const auto& whole = buffer.whole;
  buffer.other_whole = whole[0] && whole[1];
  if (buffer.other_whole) {
    buffer.content = buffer.copies[1]->sequence > buffer.copies[0]->sequence ? 1 : 0;
  } else {
    buffer.content = whole[1] ? 1 : 0;
  }
  const bool believed =
      buffer.other_whole ||
      ((whole[0] || whole[1]) && root.unmigrated && touches(unmigrated, buffer.index) &&
       may_be_torn(*buffer.copies[buffer.content ^ 1], *buffer.copies[buffer.content], root));
  buffer.state = believed ? TagBuffer::State::valid : TagBuffer::State::damaged;
}

void TagCache::forget_excused() {
  for (TagBuffer& buffer : buffers_) {
    if (buffer.state == TagBuffer::State::valid && !buffer.other_whole) buffer.state = TagBuffer::State::empty;
  }
}

void TagCache::add_waiter(unsigned index, FrameCache& cache, CacheSlot slot) {
  TagBuffer& buffer = buffers_[index];
  cache[slot].list_next = buffer.waiters;
  buffer.waiters = slot;
  ++buffer.waiter_count;
}

unsigned TagCache::copy_to_write(const TagBuffer& buffer, Generation generation) {
  const unsigned other = buffer.content ^ 1u;
  if (!buffer.other_whole) return other;
  // Written by an earlier try of this same migration, and perhaps not durable: once more there.
  return buffer.frame().sequence == generation.value ? buffer.content : other;
}

void TagCache::was_written(TagBuffer& buffer, unsigned copy, const TagFrame& content) {
  *buffer.copies[copy] = content;
  buffer.other_whole = copy != buffer.content ? true : buffer.other_whole;
  buffer.content = static_cast<uint8_t>(copy);
}

}  // namespace perdure
