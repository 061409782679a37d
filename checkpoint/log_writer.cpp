// SPDX-License-Identifier: MIT
#include "checkpoint/log_writer.hpp"

#include <algorithm>
#include <cstring>

#include "objects/assertion.hpp"

namespace perdure {
namespace {

constexpr uint32_t blocks_for_entries(uint32_t entries) {
  return static_cast<uint32_t>((entries + summary_entries_per_block - 1) / summary_entries_per_block);
}

}  // namespace

uint32_t LogWriter::Buffer::summary_blocks() const { return blocks_for_entries(entries); }

bool LogWriter::Buffer::is_summary_full() const { return entries % summary_entries_per_block == 0; }

void LogWriter::open(const Geometry& geometry, std::byte* memory,
                     std::span<SegmentReference> references, uint64_t boot_epoch) {
  *this = {};
  geometry_ = geometry;
  memory_ = memory;
  references_ = references;
  next_sequence_ = boot_epoch << 32 | 1;
}

void LogWriter::continue_behind(uint64_t place) {
  next_segment_ = static_cast<uint32_t>((place / geometry_.segment_blocks + 1) % geometry_.log_segments);
}

void LogWriter::begin(Generation generation, Generation parent, const SystemState& system) {
  assert_that(!filling(), "one generation is written at a time");
  generation_ = generation;
  parent_ = parent;
  system_ = system;
  reference_count_ = 0;
  header_built_ = 0;
  entry_count_ = 0;
  failed_ = false;
}

LogWriter::Buffer* LogWriter::filling() {
  for (Buffer& buffer : buffers_) {
    if (buffer.filling) return &buffer;
  }
  return nullptr;
}

bool LogWriter::can_finish() const {
  // The header may need a segment of its own.
  return header_built_ > 0 || std::ranges::any_of(buffers_, [](const Buffer& buffer) {
    return !buffer.filling && buffer.writes_left == 0;
  });
}

bool LogWriter::can_stage() const {
  return can_finish() || std::ranges::any_of(buffers_, [this](const Buffer& buffer) {
           return buffer.filling && fits(buffer, true);
         });
}

LogWriter::Buffer& LogWriter::open_segment() {
  for (Buffer& buffer : buffers_) {
    if (buffer.filling || buffer.writes_left > 0) continue;
    assert_that(reference_count_ < references_.size(), "a generation that was begun fits in the log");
    buffer = {.filling = true, .segment = next_segment_, .sequence = next_sequence_++};
    next_segment_ = (next_segment_ + 1) % geometry_.log_segments;
    return buffer;
  }
  assert_that(false, "can_stage() or can_finish() was asked");
  __builtin_unreachable();
}

std::byte* LogWriter::block(const Buffer& buffer, uint32_t index) {
  const size_t number = static_cast<size_t>(&buffer - buffers_.data());
  return memory_ + (number * geometry_.segment_blocks + index) * block_bytes;
}

SummaryBlock& LogWriter::summary(const Buffer& buffer, uint32_t index, unsigned copy) {
  return *reinterpret_cast<SummaryBlock*>(block(buffer, summary_block_index(geometry_, index, copy)));
}

bool LogWriter::fits(const Buffer& buffer, bool with_body) const {
  return buffer.bodies + (with_body ? 1 : 0) + metadata_copies * blocks_for_entries(buffer.entries + 1) <=
         geometry_.segment_blocks;
}

bool LogWriter::make_place(StoreParts& parts, const FrameToStage& frame) {
  Buffer* current = filling();
  if (!current) {
    open_segment();
    return true;
  }
  const bool has_room = fits(*current, frame.has_body());
  if (current->unsealed > 0 && (current->is_summary_full() || !has_room)) {
    seal_summary(*current);
    return false;
  }
  if (has_room) return true;
  close(parts, *current);
  return false;
}

uint64_t LogWriter::stage(StoreParts& parts, const FrameToStage& frame) {
  const bool with_body = frame.has_body();
  assert_that(filling() && fits(*filling(), with_body), "make_place() was asked");
  Buffer& buffer = *filling();
  SummaryEntry entry{.number = frame.number,
                     .source = frame.identity.source,
                     .account = frame.identity.account,
                     .kind = frame.identity.kind,
                     .revision = info(frame.identity.kind).layout_revision,
                     .flags = with_body ? uint16_t{0} : SummaryEntry::flag_all_zero};
  if (with_body) {
    std::byte* body = block(buffer, buffer.bodies);
    normalize(frame.identity.kind, frame.body, body);
    entry.checksum = body_checksum(std::span<const std::byte, block_bytes>(body, block_bytes), frame.number);
    entry.place = static_cast<uint32_t>(place_of(buffer, buffer.bodies++));
  }
  SummaryBlock& block = summary(buffer, buffer.entries / uint32_t{summary_entries_per_block}, 0);
  const uint32_t index = buffer.entries++ % uint32_t{summary_entries_per_block};
  if (index == 0) {
    std::memset(static_cast<void*>(&block), 0, sizeof(block));
    block.store_id = parts.store_id;
    block.generation = generation_;
    block.sequence = buffer.sequence;
    block.magic = SummaryBlock::magic_value;
  }
  block.entries[index] = entry;
  block.count = index + 1;
  buffer.unsealed = metadata_copies;
  ++entry_count_;
  assert_that(parts.directory.insert(entry), "a frame is in a generation once, and the directory is large enough");
  return entry.checksum;
}

// Seals one copy of the last summary block; copy 0, of which the other is made, comes last. Each block is sealed as
// soon as it is full: so closing a segment of nothing but summaries is short, too.
void LogWriter::seal_summary(Buffer& buffer) {
  const unsigned copy = --buffer.unsealed;
  const uint32_t last = buffer.summary_blocks() - 1;
  SummaryBlock& block = summary(buffer, last, copy);
  if (copy > 0) std::memcpy(static_cast<void*>(&block), &summary(buffer, last, 0), sizeof(block));
  seal(block, geometry_.log_block(place_of(buffer, summary_block_index(geometry_, last, copy))));
}

// Everything in the buffer is sealed. The bodies and what ends the segment: one write if they meet, else two.
void LogWriter::close(StoreParts& parts, Buffer& buffer) {
  const uint32_t summary_blocks = buffer.summary_blocks();
  if (buffer.header_blocks == 0) {
    references_[reference_count_++] = {buffer.segment, summary_blocks, buffer.sequence};
  }
  buffer.filling = false;
  const uint32_t tail = metadata_copies * summary_blocks + buffer.header_blocks;
  const uint32_t tail_first = geometry_.segment_blocks - tail;
  if (buffer.bodies == tail_first) {
    write_blocks(parts, buffer, 0, geometry_.segment_blocks);
  } else {
    if (buffer.bodies > 0) write_blocks(parts, buffer, 0, buffer.bodies);
    write_blocks(parts, buffer, tail_first, tail);
  }
}

void LogWriter::write_blocks(StoreParts& parts, Buffer& buffer, uint32_t first, uint32_t count) {
  ++buffer.writes_left;
  parts.io.start({.operation = DiskRequest::Operation::write,
                  .block = geometry_.log_block(place_of(buffer, first)).value,
                  .block_count = count,
                  .memory = block(buffer, first)},
                 IoPurpose::segment_write, static_cast<uint32_t>(&buffer - buffers_.data()));
}

bool LogWriter::finish_step(StoreParts& parts) {
  Buffer* current = filling();
  if (header_built_ == 0) {
    const bool has_room = current && has_room_for_header(*current);
    if (current && current->unsealed > 0 && !(has_room && current->fits_in_header())) {
      seal_summary(*current);
      return false;
    }
    if (current && !has_room) {
      close(parts, *current);
      return false;
    }
    if (!current) current = &open_segment();
    start_header(*current);
  }
  build_header_block(parts, *current);
  if (header_built_ < current->header_blocks) return false;
  close(parts, *current);
  return true;
}

bool LogWriter::has_room_for_header(const Buffer& buffer) const {
  const auto header = static_cast<uint32_t>(header_blocks(reference_count_ + 1));
  const uint32_t summary_blocks = buffer.fits_in_header() ? 0 : buffer.summary_blocks();
  return buffer.bodies + metadata_copies * (summary_blocks + header) <= geometry_.segment_blocks;
}

// The header stands above the summary blocks of its segment, or, if its few entries fit in it,
// in their place: then they leave the summary for the header.
void LogWriter::start_header(Buffer& buffer) {
  inline_count_ = buffer.fits_in_header() ? buffer.entries : 0;
  if (inline_count_ > 0) {
    std::memcpy(static_cast<void*>(inline_entries_), summary(buffer, 0, 0).entries, inline_count_ * sizeof(SummaryEntry));
  }
  if (buffer.fits_in_header()) buffer.entries = buffer.unsealed = 0;
  references_[reference_count_++] = {buffer.segment, buffer.summary_blocks(), buffer.sequence};
  buffer.header_blocks = metadata_copies * static_cast<uint32_t>(header_blocks(reference_count_));
}

// Builds the next block of the header: those of the first copy's chain, then those of the second's, which are
// copied from it.
void LogWriter::build_header_block(StoreParts& parts, Buffer& buffer) {
  const uint32_t in_chain = buffer.header_blocks / metadata_copies;
  const uint32_t place = geometry_.segment_blocks - 1 - metadata_copies * buffer.summary_blocks() - header_built_;
  if (header_built_ >= in_chain) copy_header_block(buffer, place + in_chain, place);
  else if (header_built_ == 0) build_header(parts, buffer, place);
  else build_chain_block(parts, buffer, place, header_built_);
  if (header_built_ % in_chain == 0) {
    const uint32_t copy = header_built_ / in_chain;
    header_places_[copy] = place_of(buffer, place);
    header_checksums_[copy] = reinterpret_cast<const GenerationHeader*>(block(buffer, place))->checksum;
  }
  ++header_built_;
}

void LogWriter::build_header(StoreParts& parts, Buffer& buffer, uint32_t place) {
  auto& header = *reinterpret_cast<GenerationHeader*>(block(buffer, place));
  std::memset(static_cast<void*>(&header), 0, sizeof(header));
  header.store_id = parts.store_id;
  header.generation = generation_;
  header.sequence = buffer.sequence;
  header.magic = GenerationHeader::magic_value;
  header.inline_count = inline_count_;
  header.parent = parent_;
  header.entry_count = entry_count_;
  header.reference_count = static_cast<uint32_t>(reference_count_);
  header.system = system_;
  std::memcpy(static_cast<void*>(header.inline_entries), inline_entries_, inline_count_ * sizeof(SummaryEntry));
  std::memcpy(header.references, references_.data(),
              std::min(reference_count_, header_references_max) * sizeof(SegmentReference));
  seal(header, geometry_.log_block(place_of(buffer, place)));
}

// Block `index` of the header, which is not its first.
void LogWriter::build_chain_block(StoreParts& parts, Buffer& buffer, uint32_t place, uint32_t index) {
  const size_t done = header_references_max + (index - 1) * chain_references_max;
  auto& chain = *reinterpret_cast<HeaderChainBlock*>(block(buffer, place));
  std::memset(static_cast<void*>(&chain), 0, sizeof(chain));
  chain.store_id = parts.store_id;
  chain.generation = generation_;
  chain.sequence = buffer.sequence;
  chain.magic = HeaderChainBlock::magic_value;
  chain.index = index;
  const size_t count = std::min(reference_count_ - done, chain_references_max);
  std::memcpy(chain.references, references_.data() + done, count * sizeof(SegmentReference));
  seal(chain, geometry_.log_block(place_of(buffer, place)));
}

// Copies a header block of either kind: their seals are alike.
void LogWriter::copy_header_block(Buffer& buffer, uint32_t from, uint32_t to) {
  auto& copied = *reinterpret_cast<HeaderChainBlock*>(block(buffer, to));
  std::memcpy(static_cast<void*>(&copied), block(buffer, from), block_bytes);
  seal(copied, geometry_.log_block(place_of(buffer, to)));
}

void LogWriter::abandon() {
  if (Buffer* buffer = filling()) buffer->filling = false;
}

void LogWriter::ended(const IoResult& result) {
  --buffers_[result.argument].writes_left;
  failed_ = failed_ || result.failed;
}

}  // namespace perdure
