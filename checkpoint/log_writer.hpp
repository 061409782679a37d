// SPDX-License-Identifier: MIT
//
// Writes a generation into the log. A frame is *staged*: normalized and copied into one of two
// staging buffers, each as large as a segment, and its checksum taken there. So nothing is ever
// in flight from the cache, no writer waits for a device, and what is written is what was
// checksummed. A full buffer is written as a segment while the other one is filled.
//
//   buffer:  | bodies ->      ...      <- header, twice | <- summary blocks, each twice |
//
// All segments are free when a generation begins (the last one is at home), so they are taken in
// turn, round and round.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "checkpoint/parts.hpp"

namespace perdure {

// A frame as it is to be written. No body: it reads as zero.
struct FrameToStage {
  FrameNumber number;
  FrameIdentity identity;
  const std::byte* body = nullptr;

  bool has_body() const { return body && identity.kind != Kind::empty; }
};

class LogWriter {
 public:
  static constexpr unsigned buffer_count = 2;
  static constexpr size_t memory_bytes(const Geometry& geometry) {
    return size_t{buffer_count} * geometry.segment_blocks * block_bytes;
  }

  void open(const Geometry&, std::byte* memory, std::span<SegmentReference> references,
            uint64_t boot_epoch);
  std::byte* memory() { return memory_; }  // the migration's, while no generation is being written

  // Between begin() and the last finish_step(), or abandon(). Each call computes the checksum of one
  // block at most, so that it is a short step.
  void begin(Generation, Generation parent, const SystemState&);
  bool can_stage() const;  // else wait until a segment is written
  // True: there is a place for this frame, stage() is next. Else a step was made towards one.
  bool make_place(StoreParts&, const FrameToStage&);
  uint64_t stage(StoreParts&, const FrameToStage&);  // → checksum of the normalized body
  bool can_finish() const;          // as can_stage()
  bool finish_step(StoreParts&);    // true: the last segment is being written, with the header
  void abandon();                   // what is in flight still completes
  void ended(const IoResult&);  // a segment_write

  bool is_writing(const IoQueue& io) const { return io.in_flight(IoPurpose::segment_write) > 0; }
  bool has_failed() const { return failed_; }  // a write of this generation
  uint64_t entry_count() const { return entry_count_; }
  uint64_t header_place(unsigned copy) const { return header_places_[copy]; }
  uint64_t header_checksum(unsigned copy) const { return header_checksums_[copy]; }
  size_t segments_used() const { return reference_count_; }
  void continue_behind(uint64_t place);  // of recovery: where the last header stands

 private:
  struct Buffer {
    uint32_t writes_left = 0;
    bool filling = false;
    uint32_t unsealed = 0;       // copies of the last summary block that are
    uint32_t bodies = 0;
    uint32_t entries = 0;
    uint32_t header_blocks = 0;  // both copies
    uint32_t segment = 0;
    uint64_t sequence = 0;

    uint32_t summary_blocks() const;  // of one copy
    bool is_summary_full() const;
    bool fits_in_header() const { return entries <= header_inline_entries_max; }
  };
  Buffer* filling();
  Buffer& open_segment();
  std::byte* block(const Buffer&, uint32_t index);
  SummaryBlock& summary(const Buffer&, uint32_t index, unsigned copy);
  uint64_t place_of(const Buffer& buffer, uint32_t index) const {
    return uint64_t{buffer.segment} * geometry_.segment_blocks + index;
  }
  bool fits(const Buffer&, bool with_body) const;
  void seal_summary(Buffer&);
  void close(StoreParts&, Buffer&);
  void write_blocks(StoreParts&, Buffer&, uint32_t first, uint32_t count);
  bool has_room_for_header(const Buffer&) const;
  void start_header(Buffer&);
  void build_header_block(StoreParts&, Buffer&);
  void build_header(StoreParts&, Buffer&, uint32_t place);
  void build_chain_block(StoreParts&, Buffer&, uint32_t place, uint32_t index);
  void copy_header_block(Buffer&, uint32_t from, uint32_t to);

  Geometry geometry_;
  std::byte* memory_ = nullptr;
  std::span<SegmentReference> references_;
  std::array<Buffer, buffer_count> buffers_{};
  uint32_t next_segment_ = 0;
  uint64_t next_sequence_ = 0;   // of segments: boot epoch in the upper half, so it never repeats
  Generation generation_;
  Generation parent_;
  SystemState system_;
  size_t reference_count_ = 0;
  SummaryEntry inline_entries_[header_inline_entries_max];  // of the header that is being built
  uint32_t inline_count_ = 0;
  uint32_t header_built_ = 0;    // blocks of the header that are, of both copies
  uint64_t entry_count_ = 0;
  uint64_t header_places_[metadata_copies] = {};
  uint64_t header_checksums_[metadata_copies] = {};
  bool failed_ = false;
};

}  // namespace perdure
