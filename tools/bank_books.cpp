// SPDX-License-Identifier: MIT
#include "tools/bank_books.hpp"

#include <cstring>

#include "objects/process.hpp"
#include "spacebank/interface.hpp"
#include "spacebank/verify_books.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure {
namespace {

bool holds_whole_store(const FrameReader& frames, const Process& process) {
  const Capability& range = process.capability_registers[bank_register::range];
  return range.type == CapabilityType::range && range.object.frame().value == 0 &&
         range.payload == frames.frame_count();
}

const std::byte* arena_page(const FrameReader& frames, const Process& process, uint64_t index) {
  const uint64_t page = layout::page_of(layout::arena_start) + index;
  return frames.find<std::byte>(page_in_space(frames, process.space, page));
}

bool begins_books(const std::byte* page) {
  uint64_t magic = 0;
  if (page) std::memcpy(&magic, page + offsetof(bank::ArenaHeader, magic), sizeof(magic));
  return magic == bank::arena_magic;
}

// Can the process be the server? Decided by what it holds and by what is in its arena.
bool is_bank_server(const FrameReader& frames, FrameNumber number) {
  if (frames.identity(number).kind != Kind::process) return false;
  const auto* process = reinterpret_cast<const Process*>(frames.bytes(number));
  return process && holds_whole_store(frames, *process) &&
         begins_books(arena_page(frames, *process, 0));
}

bool in_same_space(const FrameReader& frames, FrameNumber a, FrameNumber b) {
  const auto space = [&](FrameNumber number) {
    return reinterpret_cast<const Process*>(frames.bytes(number))->space;
  };
  return same_authority(space(a), space(b));
}

std::string wrong_with_frame(const FrameReader& frames, bank::Arena arena, FrameNumber number) {
  const bank::BookedFrame booked = bank::booked(arena, bank::Frame{static_cast<uint32_t>(number.value)});
  const bool is_used = number.value < frames.frontier();
  const FrameIdentity identity = is_used ? frames.identity(number) : FrameIdentity{};
  if (booked.kind != identity.kind) {
    return "holds a " + std::string(info(identity.kind).name) + ", but the bank's books say " +
           std::string(info(booked.kind).name);
  }
  if (booked.account != identity.account) {
    return "has account " + std::to_string(identity.account.value) + ", but the bank's books say " +
           std::to_string(booked.account.value);
  }
  if (!is_row(identity.kind)) return "";
  const std::byte* bytes = frames.bytes(number);
  if (!bytes) return "";
  RowHeader header;
  std::memcpy(&header, bytes, sizeof(header));
  return header.allocated == booked.allocated ? "" : "other objects exist than the bank has sold";
}

}  // namespace

Capability page_in_space(const FrameReader& frames, const Capability& space, uint64_t page) {
  Capability at = space;
  for (unsigned depth = 0; depth < 16; ++depth) {
    if (at.type == CapabilityType::page) return page == at.payload ? at : Capability{};
    const auto* node = at.type == CapabilityType::node ? frames.find<Node>(at) : nullptr;
    if (!node || node->slot_size > node_slot_size_max) return {};
    const unsigned size = node->slot_size + node_slot_bits;
    if (page >> size != at.payload) return {};
    page &= (uint64_t{1} << size) - 1;
    const uint64_t slot = page >> node->slot_size;
    if (slot == node_pocket_slot && (node->flags & Node::flag_pocket)) return {};
    page &= (uint64_t{1} << node->slot_size) - 1;
    at = node->slots[slot];
  }
  return {};
}

std::optional<BankBooks> BankBooks::find(const FrameReader& frames, Findings& findings) {
  std::optional<BankBooks> found;
  for (uint64_t n = 0; n < frames.frontier(); ++n) {
    if (!is_bank_server(frames, {n})) continue;
    if (found && in_same_space(frames, {n}, found->server_)) continue;  // a helper of the server
    if (found) {
      findings.add("process " + std::to_string(n) + ": a second bank server; the first is process " +
                   std::to_string(found->server_.value));
      continue;
    }
    found = BankBooks();
    found->server_ = {n};
  }
  if (!found) return {};
  const auto& process = *reinterpret_cast<const Process*>(frames.bytes(found->server_));
  found->is_complete_ =
      process.control.state == ProcessState::receiving || frames.generation().value == 0;
  const uint64_t pages = bank::arena_bytes(frames.frame_count()) / frame_bytes;
  found->memory_.resize(pages * frame_bytes / sizeof(uint64_t));
  for (uint64_t i = 0; i < pages; ++i) {
    const std::byte* page = arena_page(frames, process, i);
    if (!page) {
      findings.add("page " + std::to_string(i) + " of the bank's books is not there");
      return {};
    }
    std::memcpy(reinterpret_cast<std::byte*>(found->memory_.data()) + i * frame_bytes, page, frame_bytes);
  }
  if (!bank::Arena::open(std::as_writable_bytes(std::span(found->memory_)))) {
    findings.add("the bank's books are not those of a store of " +
                 std::to_string(frames.frame_count()) + " frames");
    return {};
  }
  return found;
}

bank::Arena BankBooks::arena() const {
  auto& memory = const_cast<std::vector<uint64_t>&>(memory_);
  return *bank::Arena::open(std::as_writable_bytes(std::span(memory)));
}

void check_books(const FrameReader& frames, const BankBooks& books, Findings& findings) {
  const bank::Arena arena = books.arena();
  if (const auto problem = bank::verify_books(arena)) {
    findings.add("the bank's books: " + std::string(problem->what) + " (" +
                 std::to_string(problem->number) + ")");
    return;
  }
  for (uint64_t n = 1; n < frames.frame_count(); ++n) {
    const std::string wrong = wrong_with_frame(frames, arena, {n});
    if (!wrong.empty()) findings.add("frame " + std::to_string(n) + ": " + wrong);
  }
}

}  // namespace perdure
