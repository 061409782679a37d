// SPDX-License-Identifier: MIT
//
// Console: characters to and from the serial line. Waiting for input is a stalled call: nothing of
// the device is in the image, and after a restart the call is made again and answers `restarted`.
#include <algorithm>

#include "kernel/kernel.hpp"

namespace perdure {
namespace {

constexpr unsigned characters_per_read = 8;

Outcome write(Request& request) {
  const auto source = request.kernel.prepare_source(request.caller, request.caller.registers.r13,
                                                    request.send_length());
  if (!source) return source.error();
  const Commit committed = request.kernel.attempt.commit();
  for (const Pieces::Piece& piece : source->pieces()) {
    for (uint32_t done = 0; done < piece.length; done += machine::console_burst_bytes) {
      machine::console_await();
      machine::console_write({reinterpret_cast<const char*>(piece.bytes) + done,
                              std::min(piece.length - done, machine::console_burst_bytes)});
      machine::let_interrupts_in();
    }
  }
  request.kernel.console.was_written();
  return request.answer(committed, request.kernel.console.writes());
}

// A reader that shows what is being typed shows it again where others have written: it tells what it knows of.
Outcome read(Request& request) {
  uint64_t count = 0;
  uint64_t characters = 0;
  while (count < characters_per_read) {
    const auto character = request.kernel.console.take();
    if (!character) break;
    characters |= uint64_t{static_cast<unsigned char>(*character)} << (8 * count++);
  }
  const uint64_t writes = request.kernel.console.writes();
  const bool is_news = request.word(1) != 0 && request.word(1) != writes;
  if (count == 0 && !is_news) return Outcome::wait(WaitChannel::of(WaitChannel::Reason::console_input));
  return request.answer(request.kernel.attempt.commit(), count, characters, writes);
}

Outcome wait_interrupt(Request& request) {
  if (!request.kernel.console.has_interrupt()) {
    return Outcome::wait(WaitChannel::of(WaitChannel::Reason::console_input));
  }
  return request.answer(request.kernel.attempt.commit());
}

Outcome take_interrupt(Request& request) {
  return request.answer(request.kernel.attempt.commit(), request.kernel.console.take_interrupt());
}

Operation operation_of(uint64_t method) {
  switch (method) {
    case method::console_write: return write;
    case method::console_read: return read;
    case method::console_wait_interrupt: return wait_interrupt;
    case method::console_take_interrupt: return take_interrupt;
    default: return nullptr;
  }
}

}  // namespace

Outcome invoke_console(Request& request) {
  const Operation operation = operation_of(request.method());
  if (operation == nullptr) return Outcome::refuse(Result::unknown_method);
  if (request.capability.payload != request.kernel.boot_epoch) return Outcome::refuse(Result::restarted);
  return operation(request);
}

}  // namespace perdure
