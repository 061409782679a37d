// SPDX-License-Identifier: MIT
//
// The arena: everything the space bank remembers, as one stretch of memory of fixed layout.
// It holds numbers, never pointers, so the server (in its own persistent memory) and the image
// builder (in a buffer on the host) run the same code over it, wherever it is mapped.
//
//   0        4096            ...              ...                  arena_bytes(frames)
//   | header | frame groups  | frame entries  | bank records       |
//              16 B / 64       24 B / frame     128 B / 2 frames
//
// A group of which no frame was ever sold, and a record that was never used, are all zero. So a
// fresh arena needs only its header, two groups and one record written.
//
// Invariants (each recomputed by verify_books.hpp):
//   ONE-OWNER        a frame is free, reserved, bought by one bank, or holds one bank's facets;
//                    it stands in exactly that ring or group state that says so.
//   USAGE-ADDS-UP    usage of a bank by kind = what it bought itself + its banks' usage + two
//                    frames for each of these (record, facets row).
//   PLACES-FIRST     in a ring of rows, those with a place to sell stand before the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "objects/abi.hpp"
#include "objects/expected.hpp"
#include "objects/ids.hpp"
#include "objects/kinds.hpp"

namespace perdure::bank {

// A bank's number is its account, and the index of its record. Numbers are used again, long
// after every capability to the bank that had it is void.
enum class Bank : uint32_t { none = 0, root = 1 };
// Frame 0 of the store is never handed out.
enum class Frame : uint32_t { none = 0 };
// 64 frames side by side.
enum class Group : uint32_t { none = 0xffff'ffff };

constexpr uint32_t number(Bank bank) { return static_cast<uint32_t>(bank); }
constexpr uint32_t number(Frame frame) { return static_cast<uint32_t>(frame); }
constexpr uint32_t number(Group group) { return static_cast<uint32_t>(group); }
constexpr FrameNumber frame_number(Frame frame) { return {number(frame)}; }
constexpr Account account_of(Bank bank) { return {number(bank)}; }

inline constexpr uint32_t frames_per_group = 64;
inline constexpr uint64_t frames_max = 0xffff'0000;  // so that all counts fit 32 bits
inline constexpr uint64_t frames_min = 8;

enum class FrameUse : uint8_t {
  free = 0,
  bought = 1,    // stands in its owner's ring of its kind
  facets = 2,    // paid by the owner; holds the wrappers of one of the owner's banks. While
                 // that is destroyed: empty, or the capability page that keeps the asker
  reserved = 3,  // frame 0
};

struct FrameEntry {
  Frame next = Frame::none;      // ring of the frames that `owner` bought of this kind
  Frame previous = Frame::none;
  Bank owner = Bank::none;
  Kind kind = Kind::empty;       // what stands in it
  FrameUse use = FrameUse::free;
  // 1: a row that cannot be read; nothing more is sold in it. Of facets: its tag may still name another bank, and an
  // object made for an account that the tag does not name voids the row.
  uint8_t is_closed = 0;
  uint8_t spare = 0;
  uint64_t allocated = 0;        // of a row: bit i, place i is sold (facets: was made)
};
static_assert(sizeof(FrameEntry) == 24);

struct FrameGroup {
  uint64_t used = 0;  // bit i: frame i of the group is not free
  Group next = Group::none;      // ring of wholly free, or of partly free groups
  Group previous = Group::none;
};
static_assert(sizeof(FrameGroup) == 16);

struct BankRecord {
  static constexpr uint8_t flag_in_use = 1 << 0;
  static constexpr uint8_t flag_dying = 1 << 1;      // this one was asked to be destroyed
  static constexpr uint8_t flag_has_asker = 1 << 2;  // its facets frame keeps the resume capability of the caller
  static constexpr uint8_t flag_dissolving = 1 << 3; // its frames and banks pass to the bank above it
  static constexpr uint8_t flag_patient = 1 << 4;    // its end takes turns with programs (bank_server.hpp)

  Bank parent = Bank::none;
  Bank first_child = Bank::none;
  Bank next_sibling = Bank::none;      // of a free record: the next free one
  Bank previous_sibling = Bank::none;
  uint32_t limit = 0;                  // frames
  uint32_t used = 0;                   // frames, with all banks below; the sum of used_by_kind
  Frame facets = Frame::none;
  Frame near = Frame::none;            // the last frame bought: the next one is sought beside it
  uint32_t used_by_kind[kind_count] = {};  // [empty]: records of the banks below
  Frame first_of_kind[kind_count] = {};    // rings of what it bought; [empty] is void
  uint8_t spare = 0;
  uint8_t flags = 0;
  uint16_t spare_1 = 0;
  Bank next_dying = Bank::none;        // in the line of the banks that end, in the order of the requests
  uint32_t spare_2[2] = {};
};
static_assert(sizeof(BankRecord) == 128);

// What the sweep does with the first in line: see bank_sweep.hpp.
enum class SweepPhase : uint32_t {
  idle = 0,
  facets = 1,
  processes = 2,
  rest = 3,
  empty = 4,
  banks = 5,
  contents = 6,
};

struct ArenaHeader {
  uint64_t magic = 0;
  uint32_t revision = 0;
  uint32_t frame_count = 0;
  uint32_t group_count = 0;
  uint32_t record_count = 0;
  uint32_t groups_touched = 0;   // the groups from here on were never used
  uint32_t records_touched = 0;  // likewise
  uint32_t free_frames = 0;
  uint32_t bank_count = 0;
  Group whole_groups = Group::none;    // wholly free again
  Group partial_groups = Group::none;  // some frames free
  Bank free_records = Bank::none;
  Bank first_dying = Bank::none;       // the bank that is being swept, or dissolved
  Bank last_dying = Bank::none;
  SweepPhase sweep_phase = SweepPhase::idle;
  Bank sweep_at = Bank::none;
};

inline constexpr uint64_t arena_magic = 0x31'6b6e'6162'7064;  // "dpbank1"
inline constexpr uint32_t arena_revision = 1;
inline constexpr size_t arena_page_bytes = 4096;
static_assert(sizeof(ArenaHeader) <= arena_page_bytes);

constexpr size_t whole_pages(size_t bytes) {
  return (bytes + arena_page_bytes - 1) / arena_page_bytes * arena_page_bytes;
}

// Where things lie in an arena for so many frames, in bytes from its start.
struct ArenaLayout {
  uint32_t group_count;
  uint32_t record_count;  // one for two frames: a bank costs two, so records cannot run out
                          // first while the root bank is limited to what there is
  size_t groups;
  size_t frames;
  size_t records;
  size_t end;
};
constexpr ArenaLayout arena_layout(uint64_t frame_count) {
  ArenaLayout layout{};
  layout.group_count =
      static_cast<uint32_t>((frame_count + frames_per_group - 1) / frames_per_group);
  layout.record_count = static_cast<uint32_t>(frame_count / 2 + 2);
  layout.groups = arena_page_bytes;
  layout.frames = layout.groups + whole_pages(layout.group_count * sizeof(FrameGroup));
  layout.records = layout.frames + whole_pages(frame_count * sizeof(FrameEntry));
  layout.end = layout.records + whole_pages(layout.record_count * sizeof(BankRecord));
  return layout;
}
constexpr size_t arena_bytes(uint64_t frame_count) { return arena_layout(frame_count).end; }

// A view of an arena. Copied freely; constness is that of the memory's owner, not of the view.
class Arena {
 public:
  // Memory must be all zero, aligned to 8 and arena_bytes(frame_count) long. The root bank has
  // its record, its limit is all there is; its facets row is bought by BankLogic::found_root.
  static Expected<Arena, Result> initialise(std::span<std::byte> memory, uint64_t frame_count);
  // Only an arena that initialise() made for memory of this length: else bad_argument.
  static Expected<Arena, Result> open(std::span<std::byte> memory);

  ArenaHeader& header() const { return *reinterpret_cast<ArenaHeader*>(memory_); }
  FrameGroup& at(Group group) const {
    return reinterpret_cast<FrameGroup*>(memory_ + layout_.groups)[number(group)];
  }
  FrameEntry& at(Frame frame) const {
    return reinterpret_cast<FrameEntry*>(memory_ + layout_.frames)[number(frame)];
  }
  BankRecord& at(Bank bank) const {
    return reinterpret_cast<BankRecord*>(memory_ + layout_.records)[number(bank)];
  }

  bool has(Frame frame) const { return frame != Frame::none && number(frame) < frame_count(); }
  bool has(Bank bank) const {
    return bank != Bank::none && number(bank) < header().records_touched &&
           (at(bank).flags & BankRecord::flag_in_use);
  }
  uint32_t frame_count() const { return header().frame_count; }

 private:
  Arena(std::byte* memory, const ArenaLayout& layout) : memory_(memory), layout_(layout) {}

  std::byte* memory_;
  ArenaLayout layout_;
};

}  // namespace perdure::bank
