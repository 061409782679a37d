// SPDX-License-Identifier: MIT
//
// Where everything is on the disk. Decided once, when the image is built, and written in every
// root; a root is refused if its geometry is not what plan() gives, so that no arithmetic after
// that has to doubt it.
//
//   block 0      A0 |         root slot A, first copy   (only its first sector is used)
//   block 1..31     | report area
//   block 32     B0 |         root slot B, first copy
//   block 64     A1 |         root slot A, second copy
//   block 96     B1 |         root slot B, second copy
//   block 128       | log: log_segments * segment_blocks
//                   | tags, copy 0: tag_frames
//                   | home: frames
//                   | tags, copy 1: tag_frames            (far from copy 0)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "checkpoint/disk.hpp"
#include "objects/ids.hpp"

namespace perdure {

// A block of the disk, from its start.
struct BlockIndex {
  uint64_t value = 0;
  auto operator<=>(const BlockIndex&) const = default;
};

inline constexpr uint64_t root_slots = 2;
inline constexpr uint64_t root_copies = 2;
inline constexpr BlockIndex root_blocks[root_slots][root_copies] = {{{0}, {64}}, {{32}, {96}}};
inline constexpr BlockIndex report_start{1};
inline constexpr uint64_t report_blocks = 31;
inline constexpr BlockIndex log_start{128};

inline constexpr uint32_t segment_blocks_default = 256;  // 1 MiB
inline constexpr uint32_t segment_blocks_min = 16;       // for tests: many segments in a small log
inline constexpr uint32_t log_segments_min = 3;

inline constexpr uint64_t tags_per_frame = 127;
inline constexpr uint64_t summary_entries_per_block = 101;
inline constexpr uint32_t metadata_copies = 2;  // of summary blocks and of the generation header

// How many blocks a generation header has that refers to so many segments.
inline constexpr size_t header_references_max = 160;  // in its first block
inline constexpr size_t chain_references_max = 252;   // in each further one
constexpr uint64_t header_blocks(uint64_t references) {
  if (references <= header_references_max) return 1;
  const uint64_t more = references - header_references_max;
  return 1 + (more + chain_references_max - 1) / chain_references_max;
}

struct Geometry {
  uint64_t disk_blocks = 0;
  uint32_t log_segments = 0;
  uint32_t segment_blocks = 0;
  uint64_t tag_frames = 0;  // in each of the two copies
  uint64_t frames = 0;      // frame numbers are below this; frame 0 is never handed out

  // As many frames as fit. None if the numbers cannot be right.
  static constexpr std::optional<Geometry> plan(uint64_t disk_blocks, uint32_t log_segments,
                                                uint32_t segment_blocks = segment_blocks_default);

  constexpr uint64_t log_blocks() const { return uint64_t{log_segments} * segment_blocks; }
  // `place` counts blocks from the start of the log.
  constexpr BlockIndex log_block(uint64_t place) const { return {log_start.value + place}; }
  constexpr BlockIndex tag_block(uint64_t tag_frame, unsigned copy) const {
    const uint64_t first = log_start.value + log_blocks();
    return {first + tag_frame + (copy == 0 ? 0 : tag_frames + frames)};
  }
  constexpr BlockIndex home_block(FrameNumber frame) const {
    return {log_start.value + log_blocks() + tag_frames + frame.value};
  }

  // At least this many entries are in every closed segment but the last, whatever their mix:
  // the largest k with k bodies and their summary blocks in a segment.
  constexpr uint64_t entries_per_segment_min() const {
    uint64_t k = segment_blocks;
    while (k + metadata_copies * ((k + summary_entries_per_block - 1) / summary_entries_per_block) > segment_blocks) --k;
    return k;
  }
  // How many frames a generation can have, in the worst packing. All segments are free when one
  // is declared (the last one is migrated, and its release durable); n entries close at most
  // ceil(n / entries_per_segment_min()) segments, and the header chain may need one more.
  constexpr uint64_t generation_entries_max() const {
    return (log_segments - 1) * entries_per_segment_min();
  }

  auto operator<=>(const Geometry&) const = default;
};

// Copy `copy` of summary block `index`: which block of its segment.
constexpr uint32_t summary_block_index(const Geometry& geometry, uint32_t index, unsigned copy) {
  return geometry.segment_blocks - 1 - (metadata_copies * index + copy);
}

constexpr std::optional<Geometry> Geometry::plan(uint64_t disk_blocks, uint32_t log_segments,
                                                 uint32_t segment_blocks) {
  if (disk_blocks > uint64_t{1} << 50 || log_segments < log_segments_min ||
      log_segments > 1u << 15 || segment_blocks < segment_blocks_min ||
      segment_blocks > Disk::blocks_per_request_max ||
      metadata_copies * header_blocks(log_segments) > segment_blocks) {
    return {};  // the last: a header stands in one segment, both copies, whatever it refers to
  }
  Geometry geometry{disk_blocks, log_segments, segment_blocks, 0, 0};
  const uint64_t before = log_start.value + geometry.log_blocks();
  if (disk_blocks < before + 3) return {};
  const uint64_t rest = disk_blocks - before;
  // A group of 127 frames needs 129 blocks; what is left over after whole groups holds a short one.
  const uint64_t over = rest % (tags_per_frame + 2);
  geometry.tag_frames = rest / (tags_per_frame + 2) + (over > 2 ? 1 : 0);
  geometry.frames = rest / (tags_per_frame + 2) * tags_per_frame + (over > 2 ? over - 2 : 0);
  return geometry;
}

}  // namespace perdure
