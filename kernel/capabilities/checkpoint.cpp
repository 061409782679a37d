// SPDX-License-Identifier: MIT
//
// Checkpoint control: takes one and waits for it, reports on the store, switches the machine off.
//
// A request that takes effect after the cut is *already answered*: the reply is committed into
// the caller's registers at once, and the process is then held in a volatile line until the
// generation is durable. A restart forgets the line, so the shell that asked for power-off finds
// itself answered after the next boot instead of switching the machine off again.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/buffers.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/run/lines.hpp"
#include "kernel/run/machine_time.hpp"
#include "kernel/upkeep/checkpoints.hpp"

namespace perdure {
namespace {

Pieces bytes_of(const void* data, size_t length) {
  // copy_pieces only reads from its first argument.
  auto* bytes = const_cast<std::byte*>(static_cast<const std::byte*>(data));
  return {bytes, static_cast<uint32_t>(length)};
}

// The answer names no generation: which one it will be is not known before the commit is there, for an
// attempt that fails takes its number with it. A client that wants to know asks for the status afterwards.
Outcome answer_and_hold(Request& request, Checkpoints& checkpoints, Lines& lines) {
  const Outcome answered = request.answer(request.attempt.commit());
  lines.hold_current_until_commit();
  checkpoints.request();
  return answered;
}

Outcome power(Request& request, Checkpoints& checkpoints, Lines& lines, uint64_t boot_epoch, Power power) {
  const uint64_t flags = request.word(1);
  const uint64_t boot_meant = request.word(2);
  if (flags & ~power_flag::cut) return Outcome::refuse(Result::bad_argument);
  if (boot_meant != 0 && boot_meant != boot_epoch) return Outcome::refuse(Result::restarted);
  if (flags & power_flag::cut) checkpoints.cut_power(power);
  checkpoints.request_power(power);
  return answer_and_hold(request, checkpoints, lines);
}

Outcome status(Request& request, const Checkpoints& checkpoints, Buffers& buffers, const MachineTime& time) {
  const auto room = buffers.prepare_own(request.caller, sizeof(SystemStatus));
  if (!room) return room.error();
  SystemStatus status;
  checkpoints.fill_status(status, time);
  const Commit committed = request.attempt.commit();
  copy_pieces(bytes_of(&status, sizeof(status)), *room);
  return request.answer(committed, 0, 0, 0, 0, 0, room->length());
}

Outcome generations(Request& request, const Checkpoints& checkpoints, Buffers& buffers) {
  GenerationStatus list[16];
  const size_t count = checkpoints.generations(list);
  const auto room = buffers.prepare_own(request.caller,
                                                      static_cast<uint32_t>(count * sizeof(list[0])));
  if (!room) return room.error();
  const Commit committed = request.attempt.commit();
  copy_pieces(bytes_of(list, count * sizeof(list[0])), *room);
  return request.answer(committed, count, 0, 0, 0, 0, room->length());
}

}  // namespace

Outcome invoke_checkpoint(Request& request, Checkpoints& checkpoints, Lines& lines, Buffers& buffers, const MachineTime& time) {
  switch (request.method()) {
    case method::checkpoint_take: return answer_and_hold(request, checkpoints, lines);
    case method::checkpoint_status: return status(request, checkpoints, buffers, time);
    case method::checkpoint_generations: return generations(request, checkpoints, buffers);
    case method::checkpoint_power_off: return power(request, checkpoints, lines, time.boot_epoch(), Power::off);
    case method::checkpoint_reboot: return power(request, checkpoints, lines, time.boot_epoch(), Power::reboot);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
