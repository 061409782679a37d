// SPDX-License-Identifier: MIT
//
// Bytes of messages: where they are in the memory of the two processes. All of it is preparation:
// the walks may stall, the caller's own faults are the caller's, and the other side's faults only
// shorten the message, so that no process waits for another one's keeper.
//
// The pages of a long message are found, and then copied, one by one, with interrupts let in between.
// A process that has to give way between two copies has done nothing yet (a receive buffer before its message
// is delivered has no defined contents), and begins again from zero when its turn comes; a slice is
// long enough for a whole one.
// No progress is kept anywhere, so no sender can hold another process's buffer, and two senders cannot mix.
#pragma once

#include <cstdint>

#include "kernel/attempt/attempt.hpp"
#include "kernel/invoke/pieces.hpp"
#include "kernel/run/lines.hpp"
#include "objects/process.hpp"

namespace perdure {

// Copies as many bytes as both have.
void copy_pieces(const Pieces& from, const Pieces& to);

class Buffers {
 public:
  constexpr Buffers(Attempt& attempt, Lines& lines) : attempt_(attempt), store_(attempt.store), lines_(lines) {}

  // Bytes that the caller sends: walks its memory, faults the caller.
  Expected<Pieces, Outcome> prepare_source(Process& caller, UserAddr address, uint32_t length);
  // Room in the caller's own receive buffer, at most `length` bytes: faults the caller.
  Expected<Pieces, Outcome> prepare_own(Process& caller, uint32_t length);
  // All of the caller's receive buffer can be written: else faults the caller.
  Outcome probe_own(Process& caller);
  // Room in another process's buffer: what is not there is left out (the message is truncated);
  // only the disk can stall it.
  Expected<Pieces, Outcome> prepare_other(Process&, uint32_t length);
  // As many bytes as both have. It may have to give way between two pages.
  Outcome transfer(const Pieces& from, const Pieces& to);

 private:
  Expected<std::byte*, Outcome> own_page(Process&, UserAddr address, bool write);
  Expected<Pieces, Outcome> own_pages(Process&, UserAddr address, uint32_t length, bool write);
  Expected<Pieces, Outcome> pages(Process&, uint32_t length, bool own);

  Attempt& attempt_;
  FrameStore& store_;
  Lines& lines_;
};

}  // namespace perdure
