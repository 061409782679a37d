// SPDX-License-Identifier: MIT
//
// Console: characters to and from the serial line. Waiting for input is a stalled call: nothing of
// the device is in the image, and after a restart the call is made again and answers `restarted`.
#include <algorithm>

#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/buffers.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/run/machine_time.hpp"
#include "kernel/upkeep/console.hpp"

namespace perdure {
namespace {

constexpr unsigned characters_per_read = 8;

Outcome write(Request& request, Console& console, Buffers& buffers) {
  const auto source = buffers.prepare_source(request.caller, {request.caller.registers.r13},
                                                    request.send_length());
  if (!source) return source.error();
  const Commit committed = request.attempt.commit();
  for (const Pieces::Piece& piece : source->pieces()) {
    for (uint32_t done = 0; done < piece.length; done += machine::console_burst_bytes) {
      machine::console_await();
      machine::console_write({reinterpret_cast<const char*>(piece.bytes) + done,
                              std::min(piece.length - done, machine::console_burst_bytes)});
      machine::let_interrupts_in();
    }
  }
  console.was_written();
  return request.answer(committed, console.writes());
}

// A reader that shows what is being typed shows it again when anything else has been written. Word 1 is the number
// of writes that the reader knows of.
Outcome read(Request& request, Console& console) {
  uint64_t count = 0;
  uint64_t characters = 0;
  while (count < characters_per_read) {
    const auto character = console.take();
    if (!character) break;
    characters |= uint64_t{static_cast<unsigned char>(*character)} << (8 * count++);
  }
  const uint64_t writes = console.writes();
  const bool is_news = request.word(1) != 0 && request.word(1) != writes;
  if (count == 0 && !is_news) return Outcome::wait(WaitChannel::of(WaitChannel::Reason::console_input));
  return request.answer(request.attempt.commit(), count, characters, writes);
}

Outcome wait_interrupt(Request& request, const Console& console) {
  if (!console.has_interrupt()) {
    return Outcome::wait(WaitChannel::of(WaitChannel::Reason::console_input));
  }
  return request.answer(request.attempt.commit());
}

Outcome take_interrupt(Request& request, Console& console) {
  return request.answer(request.attempt.commit(), console.take_interrupt());
}

}  // namespace

Outcome invoke_console(Request& request, Console& console, Buffers& buffers, const MachineTime& time) {
  const bool is_of_this_boot = request.capability.payload == time.boot_epoch();
  const Outcome restarted = Outcome::refuse(Result::restarted);
  switch (request.method()) {
    case method::console_write: return is_of_this_boot ? write(request, console, buffers) : restarted;
    case method::console_read: return is_of_this_boot ? read(request, console) : restarted;
    case method::console_wait_interrupt: return is_of_this_boot ? wait_interrupt(request, console) : restarted;
    case method::console_take_interrupt: return is_of_this_boot ? take_interrupt(request, console) : restarted;
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
