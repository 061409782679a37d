// SPDX-License-Identifier: MIT
//
// Bytes of messages: where they are in the memory of the two processes. All of it is preparation:
// the walks may stall, the caller's own faults are the caller's, and the other side's faults only
// shorten the message, so that nobody waits for somebody else's keeper.
#include <algorithm>
#include <cstring>

#include "kernel/kernel.hpp"

namespace perdure {
namespace {

// The two parts of a buffer: up to the end of its first page, and the rest.
uint32_t first_part(uint64_t address, uint32_t length) {
  return std::min<uint32_t>(length, static_cast<uint32_t>(frame_bytes - address % frame_bytes));
}

bool is_user_range(uint64_t address, uint32_t length) {
  return address < user_address_end && length <= user_address_end - address;
}

}  // namespace

// One page of a process's own buffer. Faults are recorded as the caller's.
std::expected<std::byte*, Outcome> Kernel::own_page(Process& caller, uint64_t address, bool write) {
  caller_fault_address = address;
  caller_fault_write = write;
  const WalkOutcome walked = walk(store, caller.space, address, {.write = write});
  if (walked.is_stall()) return std::unexpected(Outcome::wait(walked.stall));
  if (walked.is_fault()) {
    caller_fault = walked.fault;
    return std::unexpected(Outcome::caller_faulted());
  }
  if (!write) hold(walked.page.slot);  // bytes to be sent, while the receiver is looked up
  return store.bytes(walked.page.slot) + address % frame_bytes;
}

std::expected<Pieces, Outcome> Kernel::own_pages(Process& caller, uint64_t address, uint32_t length,
                                                 bool write) {
  Pieces pieces;
  if (length == 0) return pieces;
  if (!is_user_range(address, length)) {
    caller_fault_address = address;
    caller_fault_write = write;
    caller_fault = {.code = FaultCode::protection};
    return std::unexpected(Outcome::caller_faulted());
  }
  uint32_t done = 0;
  for (Pieces::Piece& piece : pieces.pieces) {
    const uint32_t part = first_part(address + done, length - done);
    if (part == 0) break;
    const auto bytes = own_page(caller, address + done, write);
    if (!bytes) return std::unexpected(bytes.error());
    piece = {*bytes, part};
    done += part;
  }
  return pieces;
}

std::expected<Pieces, Outcome> Kernel::prepare_source(Process& caller, uint64_t address,
                                                      uint32_t length) {
  return own_pages(caller, address, length, false);
}

Outcome Kernel::probe_own_buffer(Process& caller) {
  const uint32_t length = std::min<uint32_t>(receive_capacity(caller.registers), message_bytes_max);
  const auto pieces = own_pages(caller, caller.registers.r14, length, true);
  return pieces ? Outcome::prepared() : pieces.error();
}

std::expected<Pieces, Outcome> Kernel::prepare_own_buffer(Process& caller, uint32_t length) {
  const uint32_t room = std::min(receive_capacity(caller.registers), length);
  return buffer_pages(caller, room, true);
}

std::expected<Pieces, Outcome> Kernel::prepare_other_buffer(Process& other, uint32_t length) {
  const uint32_t room = std::min(receive_capacity(other.registers), length);
  return buffer_pages(other, room, false);
}

// Pages to write into, each writable for the kernel. `own`: what is not there faults the caller;
// otherwise it ends the message.
std::expected<Pieces, Outcome> Kernel::buffer_pages(Process& process, uint32_t length, bool own) {
  Pieces pieces;
  const uint64_t address = process.registers.r14;
  if (length == 0 || (!own && !is_user_range(address, length))) return pieces;
  if (own) {
    if (const auto probed = own_pages(process, address, length, true); !probed) {
      return std::unexpected(probed.error());
    }
  }
  uint32_t done = 0;
  for (Pieces::Piece& piece : pieces.pieces) {
    const uint32_t part = first_part(address + done, length - done);
    if (part == 0) break;
    const WalkOutcome walked = walk(store, process.space, address + done, {.write = true});
    if (walked.is_stall()) return std::unexpected(Outcome::wait(walked.stall));
    if (walked.is_fault()) break;
    const CacheSlot slot = walked.page.slot;
    if (const Outcome o = prepare_write(slot); o.is_obstacle()) return std::unexpected(o);
    piece = {store.bytes(slot) + (address + done) % frame_bytes, part};
    done += part;
  }
  return pieces;
}

void copy_pieces(const Pieces& from, const Pieces& to) {
  uint32_t left = std::min(from.length(), to.length());
  unsigned f = 0, t = 0;
  uint32_t from_done = 0, to_done = 0;
  while (left > 0) {
    const uint32_t part = std::min({left, from.pieces[f].length - from_done, to.pieces[t].length - to_done});
    std::memmove(to.pieces[t].bytes + to_done, from.pieces[f].bytes + from_done, part);
    left -= part;
    from_done += part;
    to_done += part;
    if (from_done == from.pieces[f].length) ++f, from_done = 0;
    if (to_done == to.pieces[t].length) ++t, to_done = 0;
  }
}

}  // namespace perdure
