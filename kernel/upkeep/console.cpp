// SPDX-License-Identifier: MIT
#include "kernel/upkeep/console.hpp"

#include "kernel/machine.hpp"

namespace perdure {
namespace {

constexpr char interrupt_character = 3;  // ^C
constexpr WaitChannel input = WaitChannel::of(WaitChannel::Reason::console_input);

}  // namespace

void Console::read_device() {
  while (count_ < ring_bytes) {
    const auto character = machine::console_read();
    if (!character) break;
    ring_[(head_ + count_++) % ring_bytes] = *character;
  }
  if (count_ > 0) scheduler_.wake_all(input);
}

std::optional<char> Console::take() {
  if (count_ == 0) read_device();
  if (count_ == 0) return std::nullopt;
  const char character = ring_[head_];
  head_ = (head_ + 1) % ring_bytes;
  --count_;
  return character;
}

bool Console::has_interrupt() const {
  for (size_t i = 0; i < count_; ++i) {
    if (ring_[(head_ + i) % ring_bytes] == interrupt_character) return true;
  }
  return false;
}

bool Console::take_interrupt() {
  if (!has_interrupt()) return false;
  while (take() != interrupt_character) {
  }
  return true;
}

void Console::was_written() {
  ++writes_;
  scheduler_.wake_all(input);
}

}  // namespace perdure
