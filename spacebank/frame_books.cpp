// SPDX-License-Identifier: MIT
#include "spacebank/frame_books.hpp"

#include <bit>

namespace perdure::bank {
namespace {

constexpr uint64_t all_used = ~uint64_t{0};

constexpr Group group_of(Frame frame) { return Group{number(frame) / frames_per_group}; }
constexpr unsigned bit_of(Frame frame) { return number(frame) % frames_per_group; }

}  // namespace

// The ring in which a group with this use belongs. A group with frames that do not exist, or
// with frame 0, is never wholly free.
Ring<Arena, Group> FrameBooks::ring_of(Group group) const {
  ArenaHeader& header = arena_.header();
  return {arena_, arena_.at(group).used == 0 ? header.whole_groups : header.partial_groups};
}

Ring<Arena, Frame> FrameBooks::ring_of(Frame frame) const {
  const FrameEntry& entry = arena_.at(frame);
  return {arena_, arena_.at(entry.owner).first_of_kind[static_cast<size_t>(entry.kind)]};
}

Group FrameBooks::group_with_free_frame() const {
  ArenaHeader& header = arena_.header();
  if (header.whole_groups != Group::none) return header.whole_groups;
  if (header.groups_touched == header.group_count) return header.partial_groups;
  const Group group{header.groups_touched++};
  ring_of(group).push_back(group);
  return group;
}

Frame FrameBooks::take_from(Group group, unsigned wanted_bit) const {
  FrameGroup& entry = arena_.at(group);
  const uint64_t free_from_wanted = ~entry.used & all_used << wanted_bit;
  const uint64_t candidates = free_from_wanted != 0 ? free_from_wanted : ~entry.used;
  const auto bit = static_cast<unsigned>(std::countr_zero(candidates));
  ring_of(group).remove(group);
  entry.used |= uint64_t{1} << bit;
  if (entry.used != all_used) ring_of(group).push_front(group);
  --arena_.header().free_frames;
  return Frame{number(group) * frames_per_group + bit};
}

Frame FrameBooks::take(Frame near) const {
  if (arena_.header().free_frames == 0) return Frame::none;
  if (near != Frame::none && arena_.at(group_of(near)).used != all_used) {
    return take_from(group_of(near), bit_of(near));
  }
  const Group group = group_with_free_frame();
  return take_from(group, 0);
}

void FrameBooks::give_back(Frame frame) const {
  arena_.at(frame) = {};
  const Group group = group_of(frame);
  FrameGroup& entry = arena_.at(group);
  if (entry.used != all_used) ring_of(group).remove(group);
  entry.used &= ~(uint64_t{1} << bit_of(frame));
  ring_of(group).push_back(group);
  ++arena_.header().free_frames;
}

void FrameBooks::put_group_last(Frame frame) const {
  const Group group = group_of(frame);
  if (arena_.at(group).used == all_used) return;  // it stands in no ring
  ring_of(group).remove(group);
  ring_of(group).push_back(group);
}

void FrameBooks::enter(Frame frame, Bank owner, Kind kind) const {
  arena_.at(frame) = {.owner = owner, .kind = kind, .use = FrameUse::bought};
  ring_of(frame).push_front(frame);
  arena_.at(owner).near = frame;
}

void FrameBooks::leave(Frame frame) const {
  ring_of(frame).remove(frame);
  arena_.at(frame) = {};
}

void FrameBooks::pass(Frame frame, Bank to) const {
  ring_of(frame).remove(frame);
  arena_.at(frame).owner = to;
  if (is_full(frame)) ring_of(frame).push_back(frame);
  else ring_of(frame).push_front(frame);
}

bool FrameBooks::is_full(Frame row) const {
  return arena_.at(row).is_closed || arena_.at(row).allocated == all_places(arena_.at(row).kind);
}

Frame FrameBooks::row_with_place(Bank bank, Kind kind) const {
  const Frame first = arena_.at(bank).first_of_kind[static_cast<size_t>(kind)];
  return first != Frame::none && !is_full(first) ? first : Frame::none;
}

unsigned FrameBooks::free_place(Frame row) const {
  return static_cast<unsigned>(std::countr_one(arena_.at(row).allocated));
}

void FrameBooks::sell_place(Frame row, unsigned index) const {
  arena_.at(row).allocated |= uint64_t{1} << index;
  if (!is_full(row)) return;
  ring_of(row).remove(row);
  ring_of(row).push_back(row);
}

void FrameBooks::close(Frame row) const {
  arena_.at(row).is_closed = 1;
  ring_of(row).remove(row);
  ring_of(row).push_back(row);
}

void FrameBooks::return_place(Frame row, unsigned index) const {
  const bool was_full = is_full(row);
  arena_.at(row).allocated &= ~(uint64_t{1} << index);
  if (!was_full || is_full(row)) return;
  ring_of(row).remove(row);
  ring_of(row).push_front(row);
}

}  // namespace perdure::bank
