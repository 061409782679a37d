// SPDX-License-Identifier: MIT
#include "checkpoint/tag_cache.hpp"

namespace perdure {

std::optional<unsigned> believed_copy(const bool (&whole)[2], const TagFrame* const (&copies)[2]) {
  if (whole[0] && whole[1]) return copies[1]->sequence > copies[0]->sequence ? 1 : 0;
  if (whole[0] || whole[1]) return whole[1] ? 1 : 0;
  return {};
}

// The sequence of the other copy of a pair.
static uint64_t partner_of(uint64_t sequence) { return sequence ^ 1; }

TagWrite first_write(const TagBuffer& buffer, Generation generation) {
  const unsigned other = buffer.content ^ 1u;
  const uint64_t first = TagFrame::sequence_of(generation, 0);
  const bool was_begun = buffer.frame().generation() == generation;
  if (!buffer.whole[other]) return {other, was_begun ? partner_of(buffer.frame().sequence) : first};
  if (!was_begun) return {other, first};
  // An earlier try has written the newer one, and perhaps in vain.
  const bool is_pair = buffer.copies[other]->generation() == generation;
  return {buffer.content, is_pair ? partner_of(buffer.copies[other]->sequence) : first};
}

TagWrite second_write(const TagBuffer& buffer, Generation generation) {
  const unsigned other = buffer.content ^ 1u;
  const uint64_t second = TagFrame::sequence_of(generation, 1);
  const bool is_first_there = buffer.frame().generation() == generation;
  // An earlier try of this pass has written it, perhaps in vain; or it is the only one there is.
  if (!is_first_there || buffer.frame().sequence == second) return {buffer.content, second};
  return {other, second};
}

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

std::optional<unsigned> TagCache::request(IoQueue& io, const Geometry& geometry, uint64_t index, Need need) {
  for (unsigned i = 0; i < buffer_count; ++i) {
    TagBuffer& buffer = buffers_[i];
    if (buffer.state != TagBuffer::State::empty && buffer.index == index) {
      buffer.used_lately = true;
      return i;
    }
  }
  const auto chosen = choose_buffer(need);
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

std::optional<unsigned> TagCache::choose_buffer(Need need) {
  if (loading_ >= (need == Need::reserve ? loads_max : loads_max - 1)) return {};
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

bool TagCache::read_ended(const IoResult& result, const Geometry& geometry, const Root& root) {
  TagBuffer& buffer = buffers_[result.argument / 2];
  const unsigned copy = result.argument % 2;
  buffer.read_failed[copy] = result.failed;
  buffer.whole[copy] = !result.failed && verify_tag_frame(*buffer.copies[copy], geometry.tag_block(buffer.index, copy),
                                                          root.store_id, buffer.index);
  if (--buffer.reads_left > 0) return false;
  --loading_;
  judge(buffer);
  return true;
}

void TagCache::judge(TagBuffer& buffer) {
  const auto believed = believed_copy(buffer.whole, {buffer.copies[0], buffer.copies[1]});
  if (believed) {
    buffer.content = static_cast<uint8_t>(*believed);
    buffer.state = TagBuffer::State::valid;
  } else {
    const bool any_failed = buffer.read_failed[0] || buffer.read_failed[1];
    buffer.state = any_failed ? TagBuffer::State::failed : TagBuffer::State::damaged;
  }
}

void TagCache::add_waiter(unsigned index, FrameCache& cache, CacheSlot slot) {
  TagBuffer& buffer = buffers_[index];
  cache[slot].list_next = buffer.waiters;
  buffer.waiters = slot;
  ++buffer.waiter_count;
}

void TagCache::was_written(TagBuffer& buffer, unsigned copy, const TagFrame& content) {
  *buffer.copies[copy] = content;
  buffer.whole[copy] = true;
  judge(buffer);
}

}  // namespace perdure
