// SPDX-License-Identifier: MIT
#include "kernel/invoke/buffers.hpp"

#include <algorithm>
#include <cstring>

#include "kernel/memory/space_walk.hpp"
#include "kernel/register_view.hpp"

namespace perdure {
namespace {

// How many bytes of a buffer lie before the end of its first page.
uint32_t first_part(UserAddr address, uint32_t length) {
  return std::min<uint32_t>(length, static_cast<uint32_t>(frame_bytes - address.value % frame_bytes));
}

bool is_user_range(UserAddr address, uint32_t length) {
  return address.is_in_user_memory() && length <= user_address_end - address.value;
}

}  // namespace

// One page of the caller's own buffer.
Expected<std::byte*, Outcome> Buffers::own_page(Process& caller, UserAddr address, bool write) {
  const WalkOutcome walked = walk(store_, caller.space, address, {.write = write});
  if (walked.is_stall()) return std::unexpected(Outcome::wait(walked.stall));
  if (walked.is_fault()) return std::unexpected(Outcome::caller_faulted(address, write));
  return store_.bytes(walked.page.slot) + address.value % frame_bytes;
}

Expected<Pieces, Outcome> Buffers::own_pages(Process& caller, UserAddr address, uint32_t length,
                                            bool write) {
  Pieces pieces;
  if (length == 0) return pieces;
  if (!is_user_range(address, length)) {
    return std::unexpected(Outcome::caller_faulted(std::max(address, UserAddr{user_address_end}), write));
  }
  while (pieces.length() < length) {
    if (pieces.length() > 0) machine::let_interrupts_in();
    const UserAddr at = address + pieces.length();
    const auto bytes = own_page(caller, at, write);
    if (!bytes) return std::unexpected(bytes.error());
    pieces.add(*bytes, first_part(at, length - pieces.length()));
  }
  return pieces;
}

Expected<Pieces, Outcome> Buffers::prepare_source(Process& caller, UserAddr address,
                                                 uint32_t length) {
  return own_pages(caller, address, length, false);
}

Outcome Buffers::probe_own(Process& caller) {
  const uint32_t length = std::min<uint32_t>(receive_capacity(caller.registers), message_bytes_max);
  const auto pieces = own_pages(caller, {caller.registers.r14}, length, true);
  return pieces ? Outcome::prepared() : pieces.error();
}

Expected<Pieces, Outcome> Buffers::prepare_own(Process& caller, uint32_t length) {
  const uint32_t room = std::min(receive_capacity(caller.registers), length);
  return pages(caller, room, true);
}

Expected<Pieces, Outcome> Buffers::prepare_other(Process& other, uint32_t length) {
  const uint32_t room = std::min(receive_capacity(other.registers), length);
  return pages(other, room, false);
}

// Pages to write into, each writable for the kernel. `own`: what is not there faults the caller;
// otherwise it ends the message.
Expected<Pieces, Outcome> Buffers::pages(Process& process, uint32_t length, bool own) {
  Pieces pieces;
  const UserAddr address{process.registers.r14};
  if (own) {
    if (const auto probed = own_pages(process, address, length, true); !probed) {
      return std::unexpected(probed.error());
    }
  }
  while (pieces.length() < length) {
    if (pieces.length() > 0) machine::let_interrupts_in();
    const UserAddr at = address + pieces.length();
    const WalkOutcome walked = walk(store_, process.space, at, {.write = true});
    if (walked.is_stall()) return std::unexpected(Outcome::wait(walked.stall));
    if (walked.is_fault()) break;
    const CacheSlot slot = walked.page.slot;
    if (const Outcome o = attempt_.prepare_write(slot); o.is_obstacle()) return std::unexpected(o);
    pieces.add(store_.bytes(slot) + at.value % frame_bytes, first_part(at, length - pieces.length()));
  }
  return pieces;
}

namespace {

// Copies as many bytes as both have, in steps of at most a page; stops when `goes_on` says no between two.
template <typename GoesOn>
bool copy_in_steps(const Pieces& from, const Pieces& to, GoesOn goes_on) {
  uint32_t left = std::min(from.length(), to.length());
  const Pieces::Piece* source = from.pieces().data();
  const Pieces::Piece* target = to.pieces().data();
  uint32_t source_done = 0, target_done = 0;
  while (left > 0) {
    const uint32_t part = std::min({left, source->length - source_done, target->length - target_done});
    std::memmove(target->bytes + target_done, source->bytes + source_done, part);
    left -= part;
    source_done += part;
    target_done += part;
    if (source_done == source->length) ++source, source_done = 0;
    if (target_done == target->length) ++target, target_done = 0;
    if (left > 0 && !goes_on()) return false;
  }
  return true;
}

}  // namespace

void copy_pieces(const Pieces& from, const Pieces& to) {
  copy_in_steps(from, to, [] { return true; });
}

Outcome Buffers::transfer(const Pieces& from, const Pieces& to) {
  const bool is_done = copy_in_steps(from, to, [this] {
    machine::let_interrupts_in();
    return !lines_.must_give_way();
  });
  return is_done ? Outcome::prepared() : Outcome::give_way();
}

}  // namespace perdure
