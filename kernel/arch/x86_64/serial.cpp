// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/serial.hpp"

#include <array>
#include <cstdint>

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/machine.hpp"

namespace perdure {

namespace {

constexpr uint16_t port = 0x3f8;
constexpr uint16_t data = port, interrupt_enable = port + 1, fifo_control = port + 2;
constexpr uint16_t line_control = port + 3, modem_control = port + 4, line_status = port + 5;
constexpr uint16_t scratch = port + 7;
constexpr uint8_t status_received = 0x01, status_can_send = 0x20;
constexpr uint8_t interrupt_on_receive = 0x01;
constexpr size_t send_buffer_bytes = machine::console_burst_bytes;
// A port that never becomes ready must not stop the kernel: after some seconds what it does not
// take is lost, and from then on it is asked only once a time, until it is ready again. The first
// questions come one after the other; later ones leave pauses, because an emulated port is served
// by a thread that the questions keep waiting.
constexpr unsigned quick_attempts = 10'000, slow_attempts = 20'000;
constexpr unsigned pauses_between = 2'000;

constinit bool is_present = false;
constinit bool is_stuck = false;
constinit bool is_reception_paused = false;
constinit std::array<char, 1024> ring{};
constinit uint32_t ring_written = 0;  // counts up; difference of both = bytes in the ring
constinit uint32_t ring_read = 0;

bool can_send() { return (instruction::in8(line_status) & status_can_send) != 0; }

// `meanwhile` is called now and then.
bool wait_until_can_send(void (*meanwhile)()) {
  if (is_stuck) {
    is_stuck = !can_send();
    return !is_stuck;
  }
  for (unsigned attempt = 0; attempt < quick_attempts + slow_attempts; ++attempt) {
    if (can_send()) return true;
    meanwhile();
    if (attempt < quick_attempts) continue;
    for (unsigned i = 0; i < pauses_between; ++i) instruction::pause();
  }
  is_stuck = true;
  return false;
}

}  // namespace

void set_up_serial() {
  instruction::out8(scratch, 0x5a);
  is_present = instruction::in8(scratch) == 0x5a;
  if (!is_present) return;
  instruction::out8(interrupt_enable, 0);
  instruction::out8(line_control, 0x03);
  serial_interrupt();  // what was typed before we started; switching the buffers on empties them
  instruction::out8(line_control, 0x80);  // 115200 baud: divisor 1
  instruction::out8(data, 1);
  instruction::out8(interrupt_enable, 0);
  instruction::out8(line_control, 0x03);  // 8 bits, no parity, 1 stop bit
  instruction::out8(fifo_control, 0x01);  // buffers on, interrupt from the first byte
  instruction::out8(modem_control, 0x0b);  // ready, and the interrupt line connected
}

void enable_serial_interrupt() {
  if (is_present) instruction::out8(interrupt_enable, interrupt_on_receive);
}

void serial_interrupt() {
  while (is_present && (instruction::in8(line_status) & status_received) != 0) {
    if (ring_written - ring_read == ring.size()) {
      instruction::out8(interrupt_enable, 0);
      is_reception_paused = true;
      return;
    }
    ring[ring_written++ % ring.size()] = static_cast<char>(instruction::in8(data));
  }
}

void machine::console_await() {
  if (is_present) wait_until_can_send(instruction::let_interrupts_in);
}

void machine::console_write(std::string_view text) {
  while (is_present && !text.empty() && wait_until_can_send([] {})) {
    const std::string_view burst = text.substr(0, send_buffer_bytes);
    for (const char character : burst) instruction::out8(data, static_cast<uint8_t>(character));
    text.remove_prefix(burst.size());
  }
}

std::optional<char> machine::console_read() {
  if (ring_written == ring_read) return std::nullopt;
  const char character = ring[ring_read++ % ring.size()];
  if (is_reception_paused && ring_written - ring_read <= ring.size() / 2) {
    is_reception_paused = false;
    enable_serial_interrupt();
  }
  return character;
}

}  // namespace perdure
