// SPDX-License-Identifier: MIT
//
// Console: characters to and from the serial line. Waiting for input is a stalled call: nothing of
// the device is in the image, and after a restart the call is made again and answers `restarted`.
#include "kernel/kernel.hpp"

namespace perdure {
namespace {

constexpr unsigned characters_per_read = 8;

Outcome write(Request& request) {
  const auto source = request.kernel.prepare_source(request.caller, request.caller.registers.r13,
                                                    request.send_length());
  if (!source) return source.error();
  const Commit committed = request.kernel.commit();
  for (const Pieces::Piece& piece : source->pieces) {
    machine::console_write({reinterpret_cast<const char*>(piece.bytes), piece.length});
  }
  return request.answer(committed);
}

Outcome read(Request& request) {
  uint64_t count = 0;
  uint64_t characters = 0;
  while (count < characters_per_read) {
    const auto character = request.kernel.take_console_input();
    if (!character) break;
    characters |= uint64_t{static_cast<unsigned char>(*character)} << (8 * count++);
  }
  if (count == 0) return Outcome::wait(WaitChannel::of(WaitChannel::Reason::console_input));
  return request.answer(request.kernel.commit(), count, characters);
}

}  // namespace

Outcome invoke_console(Request& request) {
  const uint64_t method = request.method();
  if (method != method::console_write && method != method::console_read) {
    return Outcome::refuse(Result::unknown_method);
  }
  if (request.capability.payload != request.kernel.boot_epoch) return Outcome::refuse(Result::restarted);
  return method == method::console_write ? write(request) : read(request);
}

}  // namespace perdure
