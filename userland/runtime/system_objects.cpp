// SPDX-License-Identifier: MIT
#include "userland/runtime/system_objects.hpp"

#include <algorithm>
#include <cstring>

#include "userland/runtime/requests.hpp"

namespace perdure {

Answer<uint64_t> CheckpointCapability::take() const {
  if (auto done = call_for_nothing(at, request(method::checkpoint_take)); !done) return std::unexpected(done.error());
  const auto now = status();
  if (!now) return std::unexpected(now.error());
  return now->committed_generation;
}

Answer<SystemStatus> CheckpointCapability::status() const {
  SystemStatus status;
  Message message = request(method::checkpoint_status);
  message.buffer = std::as_writable_bytes(std::span(&status, 1));
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return status;
}

Answer<size_t> CheckpointCapability::generations(std::span<GenerationStatus> list) const {
  Message message = request(method::checkpoint_generations);
  message.buffer = std::as_writable_bytes(list);
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return message.byte_count / sizeof(GenerationStatus);
}

Answer<> CheckpointCapability::power_off(uint64_t power_flags, uint64_t boot_epoch) const {
  return call_for_nothing(at, request(method::checkpoint_power_off, power_flags, boot_epoch));
}

Answer<> CheckpointCapability::reboot(uint64_t power_flags, uint64_t boot_epoch) const {
  return call_for_nothing(at, request(method::checkpoint_reboot, power_flags, boot_epoch));
}

// The line is slow: a longer piece would keep it from others.
Answer<uint64_t> ConsoleCapability::write(std::string_view text) const {
  constexpr size_t bytes_at_once = 4096;
  uint64_t writes = 0;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, std::min(text.size(), bytes_at_once));
    Message message = request(method::console_write);
    message.bytes = std::as_bytes(std::span(piece));
    if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
    writes = message.words[1];
    text.remove_prefix(piece.size());
  }
  return writes;
}

Answer<ConsoleCapability::Characters> ConsoleCapability::read(uint64_t writes) const {
  WordMessage message = request(method::console_read);
  message.words[1] = writes;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  Characters characters{.count = std::min<uint64_t>(message.words[1], 8), .text = {}, .writes = message.words[3]};
  std::memcpy(characters.text, &message.words[2], sizeof(characters.text));
  return characters;
}

Answer<> ConsoleCapability::wait_interrupt() const {
  return call_for_nothing(at, request(method::console_wait_interrupt));
}

Answer<bool> ConsoleCapability::take_interrupt() const {
  const auto taken = call_for_word(at, request(method::console_take_interrupt));
  if (!taken) return std::unexpected(taken.error());
  return *taken != 0;
}

Answer<> DevicesCapability::console(CapabilityRegister into) const {
  return call_for_capability(at, request(method::devices_console), into);
}

Answer<ClockCapability::Time> ClockCapability::now() const {
  WordMessage message = request(method::clock_now);
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Time{.machine_ns = message.words[1],
              .wall_seconds = message.words[2],
              .boot_epoch = message.words[3]};
}

Answer<uint64_t> ClockCapability::wait_restart(uint64_t epoch) const {
  return call_for_word(at, request(method::clock_wait_restart, epoch));
}

Answer<uint64_t> ClockCapability::wait_until(uint64_t machine_ns, uint64_t epoch) const {
  return call_for_word(at, request(method::clock_wait_until, machine_ns, epoch));
}

}  // namespace perdure
