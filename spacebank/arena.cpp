// SPDX-License-Identifier: MIT
#include "spacebank/arena.hpp"

#include <cstring>

namespace perdure::bank {
namespace {

// Frames of the last group that do not exist, as used ones.
uint64_t missing_frames_of_last_group(uint64_t frame_count) {
  const uint64_t existing = frame_count % frames_per_group;
  return existing == 0 ? 0 : ~uint64_t{0} << existing;
}

bool is_aligned(const std::byte* memory) { return reinterpret_cast<uintptr_t>(memory) % 8 == 0; }

}  // namespace

Expected<Arena, Result> Arena::initialise(std::span<std::byte> memory, uint64_t frame_count) {
  if (frame_count < frames_min || frame_count > frames_max || !is_aligned(memory.data()) ||
      memory.size() != arena_bytes(frame_count)) {
    return std::unexpected(Result::bad_argument);
  }
  const ArenaLayout layout = arena_layout(frame_count);
  const Arena arena(memory.data(), layout);
  ArenaHeader header;
  header.magic = arena_magic;
  header.revision = arena_revision;
  header.frame_count = static_cast<uint32_t>(frame_count);
  header.group_count = layout.group_count;
  header.record_count = layout.record_count;
  header.records_touched = number(Bank::root) + 1;
  header.free_frames = header.frame_count - 1;
  header.bank_count = 1;
  std::memcpy(memory.data(), &header, sizeof(header));

  arena.at(Frame::none).use = FrameUse::reserved;
  arena.at(Group{0}).used |= 1;
  arena.at(Group{layout.group_count - 1}).used |= missing_frames_of_last_group(frame_count);
  BankRecord& root = arena.at(Bank::root);
  root.limit = header.frame_count - 1;
  root.flags = BankRecord::flag_in_use;
  return arena;
}

Expected<Arena, Result> Arena::open(std::span<std::byte> memory) {
  ArenaHeader header;
  if (memory.size() < sizeof(header) || !is_aligned(memory.data())) {
    return std::unexpected(Result::bad_argument);
  }
  std::memcpy(&header, memory.data(), sizeof(header));
  if (header.magic != arena_magic || header.revision != arena_revision ||
      header.frame_count < frames_min || header.frame_count > frames_max ||
      memory.size() != arena_bytes(header.frame_count)) {
    return std::unexpected(Result::bad_argument);
  }
  const ArenaLayout layout = arena_layout(header.frame_count);
  if (header.group_count != layout.group_count || header.record_count != layout.record_count ||
      header.groups_touched > header.group_count ||
      header.records_touched > header.record_count) {
    return std::unexpected(Result::bad_argument);
  }
  return Arena(memory.data(), layout);
}

}  // namespace perdure::bank
