// SPDX-License-Identifier: MIT
//
// The blocks of the disk, byte for byte, and the functions that seal and verify them: shared by
// the kernel, the image builder and the verifier. Where they stand: checkpoint/geometry.hpp.
//
// Every block is verified when it is read, by a checksum over its contents, the store's id, its
// address and a number that never repeats; or its checksum is held by its parent (a body's by the
// summary entry or the tag). So bit rot, torn, misdirected and stale blocks are all detected.
//
//   Root --header--> GenerationHeader --> segments --> SummaryBlock --> bodies in the log
//   TagFrame --> bodies at home
//
// What a fresh image contains (generation 0, entirely at home):
//  - both root slots, both copies, the same but for the sequence: slot A sequence 1, slot B
//    sequence 2. newest_generation 0, log_need none, next_generation 1, clean 1, boots 0,
//    boot_epoch 0, no header; geometry from Geometry::plan; a random store_id that is not 0;
//    frontier = the number of tag frames that were written; SystemState of generation 0;
//  - tag frames 0 .. frontier-1, both copies, the same contents, sequence TagFrame::sequence_of(0,
//    copy), each sealed for its own place; a tag for each of their frames: zero for one that was
//    never used;
//  - the home block of every frame, unless its tag has kind empty or flag_all_zero, in the
//    form that normalize() gives, its body_checksum in the tag;
//  - zeroes in the first report block. All else may hold anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "checkpoint/disk.hpp"
#include "checkpoint/geometry.hpp"
#include "checkpoint/system_state.hpp"
#include "objects/frame_life.hpp"
#include "objects/ids.hpp"

namespace perdure {

inline constexpr uint32_t format_version = 5;

// What the log is still needed for, of the newest generation.
enum class LogNeed : uint64_t {
  nothing = 0,  // it is at home, both copies of its tags durable
  frames = 1,   // its frames are read from the log, and home may be half written
  // Its frames and one copy of each of its tags are durable at home; the second copies may not be. If
  // all summaries in the log still verify, the second copies are made good from them. If not, they
  // are durable: only then is the log written over.
  tags = 2,
};

// --- the root ------------------------------------------------------------------------------
// One sector, so that it cannot be torn. Written alternately to two slots, two copies each.
// The valid one with the highest sequence wins.
struct Root {
  static constexpr uint64_t magic_value = 0x746f6f7245445250;  // "PRDERoot"
  uint64_t magic = magic_value;
  uint32_t format = format_version;
  uint32_t clean = 0;               // 1: written by an orderly power-off, nothing came after it
  uint64_t store_id = 0;            // of this image; in the checksum of every other block
  uint64_t sequence = 0;            // of root writes; never repeats
  Generation newest_generation;     // durable
  Generation parent_generation;     // what that one grew from
  Generation oldest_bootable;
  Generation next_generation;       // above every number that may have been attempted
  LogNeed log_need = LogNeed::nothing;
  uint64_t header_places[2] = {};     // in the log, of both copies of the newest generation's header
  uint64_t header_checksums[2] = {};  // those of their first blocks
  uint64_t frontier = 0;            // tag frames below it must verify; above it nothing was used
  uint64_t generation_frames = 0;   // how many the newest generation holds
  uint64_t boots = 0;
  uint64_t power_cuts = 0;          // boots that found clean == 0
  uint64_t boots_since_commit = 0;  // this boot included; 3: stop at the rescue prompt
  uint64_t boot_epoch = 0;          // of the boot that wrote this root
  uint64_t processor_features = 0;  // bits of kernel's choosing; needed by the image
  uint64_t least_memory_bytes = 0;  // for the store; refused below it
  uint64_t interval_ms = 0;         // default time between checkpoints
  Geometry geometry;
  SystemState system;               // of the newest generation
  uint64_t boot_identity = 0;       // drawn by chance by the boot that wrote this root; 0: none has
  uint64_t spare[28] = {};          // mirror members and their incarnations will stand here
  uint64_t checksum = 0;            // over all before it

  bool is_in_log() const { return log_need == LogNeed::frames; }
};
static_assert(sizeof(Geometry) == 32);
static_assert(sizeof(Root) == sector_bytes);
static_assert(offsetof(Root, store_id) == 16 && offsetof(Root, geometry) == 176 &&
              offsetof(Root, system) == 208 && offsetof(Root, checksum) == 504);

// --- tags ----------------------------------------------------------------------------------
// What is known of a frame at home. All zero: never used.
struct Tag {
  static constexpr uint16_t flag_all_zero = 1 << 0;  // no body; reads as zero
  static constexpr uint16_t flag_lost = 1 << 1;      // versions unknown for ever: unreadable
  Version source;
  uint64_t checksum = 0;       // body_checksum of the home block
  uint64_t spare = 0;
  Account account;
  Kind kind = Kind::empty;
  uint8_t revision = 0;        // kind_table's layout_revision
  uint16_t flags = 0;

  constexpr bool has_body() const { return kind != Kind::empty && !(flags & flag_all_zero); }
};
static_assert(sizeof(Tag) == 32);

struct TagFrame {
  uint64_t checksum = 0;  // over all after it, seeded with the place
  uint64_t store_id = 0;
  uint64_t index = 0;     // which tag frame: of frames index * 127 …
  uint64_t sequence = 0;  // see sequence_of
  Tag tags[tags_per_frame];

  // The two copies that the migration of a generation writes are a pair: the same contents, and
  // sequences that differ in the last bit. So the newer copy can be told from the older one, and
  // one that was written last from one that was written before.
  static constexpr uint64_t sequence_of(Generation generation, unsigned copy) { return generation.value * 2 + copy; }
  Generation generation() const { return {sequence / 2}; }
};
static_assert(sizeof(TagFrame) == block_bytes);

constexpr uint64_t tag_frame_of(FrameNumber frame) { return frame.value / tags_per_frame; }
constexpr size_t tag_index_of(FrameNumber frame) { return frame.value % tags_per_frame; }

// --- the log -------------------------------------------------------------------------------
//   segment:  | body 0 | body 1 | ...  unused ... | header chains (last segment) | summary blocks |
//             0                                                                      segment_blocks
// Header and summaries stand twice, because one rotten block of them would refuse the whole image.
// Copy c of summary block i is block segment_blocks - 1 - (2 i + c) of its segment. The last segment
// of a generation may have no summary block: a few entries stand in the header itself. The chain of
// header copy 0 stands above the summary blocks and goes down, that of copy 1 goes on below it.
struct SummaryEntry {
  static constexpr uint16_t flag_all_zero = 1 << 0;  // no body
  FrameNumber number;
  Version source;
  uint64_t checksum = 0;       // body_checksum
  uint32_t place = 0;          // of the body, in blocks from the start of the log
  Account account;
  Kind kind = Kind::empty;
  uint8_t revision = 0;
  uint16_t flags = 0;
  uint32_t spare = 0;

  constexpr FrameIdentity identity() const { return {source, account, kind}; }
  constexpr bool has_body() const { return kind != Kind::empty && !(flags & flag_all_zero); }
};
static_assert(sizeof(SummaryEntry) == 40);

struct SummaryBlock {
  static constexpr uint32_t magic_value = 0x6d6d7553;  // "Summ"
  uint64_t checksum = 0;  // over all after it, seeded with the place
  uint64_t store_id = 0;
  Generation generation;
  uint64_t sequence = 0;  // of the segment; never repeats
  uint32_t magic = magic_value;
  uint32_t count = 0;
  uint64_t spare[2] = {};
  SummaryEntry entries[summary_entries_per_block];
};
static_assert(sizeof(SummaryBlock) == block_bytes);

struct SegmentReference {
  uint32_t segment = 0;         // index in the log
  uint32_t summary_blocks = 0;
  uint64_t sequence = 0;
};

inline constexpr size_t header_inline_entries_max = 32;

// The first block of a generation header; further ones follow it, going down, while there are
// references left.
struct GenerationHeader {
  static constexpr uint32_t magic_value = 0x64616548;  // "Head"
  uint64_t checksum = 0;  // over all after it, seeded with the place
  uint64_t store_id = 0;
  Generation generation;
  uint64_t sequence = 0;  // of its segment
  uint32_t magic = magic_value;
  uint32_t inline_count = 0;
  Generation parent;
  uint64_t entry_count = 0;      // of the whole generation
  uint32_t reference_count = 0;  // of the whole chain
  uint32_t spare = 0;
  SystemState system;
  uint64_t spare_2[9] = {};
  SummaryEntry inline_entries[header_inline_entries_max];
  SegmentReference references[header_references_max];
  uint64_t spare_3[7] = {};
};
static_assert(sizeof(SegmentReference) == 16 && sizeof(GenerationHeader) == block_bytes);

struct HeaderChainBlock {
  static constexpr uint32_t magic_value = 0x69616843;  // "Chai"
  uint64_t checksum = 0;  // over all after it, seeded with the place
  uint64_t store_id = 0;
  Generation generation;
  uint64_t sequence = 0;
  uint32_t magic = magic_value;
  uint32_t index = 0;     // 1 for the block after the first
  uint64_t spare[3] = {};
  SegmentReference references[chain_references_max];
};
static_assert(sizeof(HeaderChainBlock) == block_bytes);

// --- the report area -----------------------------------------------------------------------
// Written by an assertion, shown by the host tool. The text follows the header.
struct ReportHeader {
  static constexpr uint64_t magic_value = 0x74726f7065525250;  // "PRReport"
  uint64_t magic = magic_value;
  uint64_t checksum = 0;      // of the text
  uint64_t length_bytes = 0;
  uint64_t boot_epoch = 0;
  uint64_t generation = 0;    // the last committed
};
inline constexpr size_t report_bytes_max = report_blocks * block_bytes - sizeof(ReportHeader);

// --- sealing and verifying -----------------------------------------------------------------
void seal(Root&);
bool verify(const Root&);  // magic, format and checksum

// A block that begins with its checksum and its store's id: TagFrame, SummaryBlock,
// GenerationHeader, HeaderChainBlock. verify() does not look at the other fields.
uint64_t block_checksum(const void* block, BlockIndex place);
template <typename Block>
void seal(Block& block, BlockIndex place) {
  static_assert(sizeof(Block) == block_bytes && offsetof(Block, checksum) == 0);
  block.checksum = block_checksum(&block, place);
}
template <typename Block>
bool verify(const Block& block, BlockIndex place, uint64_t store_id) {
  static_assert(sizeof(Block) == block_bytes && offsetof(Block, checksum) == 0);
  return block.store_id == store_id && block.checksum == block_checksum(&block, place);
}
// Neither a crash nor rot leaves blocks that verify, and are newer than what the newest root can have seen. They
// come of a copy that was made while a machine was running, or another machine is at work.
inline constexpr char newer_than_root[] = "copied while a machine was running: a block is newer than the root";
// Tags of a generation are written behind its root; blocks of the log before it, but of one attempt at most;
// and over a generation that is not at home yet, none.
inline bool is_tag_newer(const TagFrame& tags, const Root& root) { return tags.generation() > root.newest_generation; }
inline bool is_log_newer(Generation generation, const Root& root) {
  return generation > (root.is_in_log() ? root.newest_generation : root.next_generation);
}
bool verify_tag_frame(const TagFrame&, BlockIndex place, uint64_t store_id, uint64_t index);

// Of a frame's normalized bytes: the same in the log and at home, held by the parent.
uint64_t body_checksum(std::span<const std::byte, block_bytes> body, FrameNumber);

// `text` is cut to what fits. The result is what stands in the report area, in `area`.
size_t make_report(std::span<std::byte> area, std::span<const std::byte> text, uint64_t boot_epoch,
                   Generation);
// The text of a report, or nothing.
std::span<const std::byte> report_text(std::span<const std::byte> area);

}  // namespace perdure
