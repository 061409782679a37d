// SPDX-License-Identifier: MIT
#include "userland/demo/bulk.hpp"

#include "userland/runtime/invoke.hpp"

namespace perdure {

namespace {

bool is_uniform(std::span<const std::byte> bytes) {
  const auto* const words = reinterpret_cast<const uint64_t*>(bytes.data());
  for (size_t i = 1; i < bytes.size() / sizeof(uint64_t); ++i) {
    if (words[i] != words[0]) return false;
  }
  return true;
}

void note(BulkNotes& notes, const Message& message) {
  notes.received = notes.received + 1;
  notes.last_length = message.byte_count;
  if (message.truncated) {
    ++notes.truncated;
  } else if (!is_uniform(message.arrived())) {
    ++notes.torn;
  }
}

}  // namespace

bool is_half_filled(std::span<const std::byte> buffer) {
  const auto word_at = [&](size_t offset) {
    return *reinterpret_cast<const volatile uint64_t*>(buffer.data() + offset);
  };
  for (size_t offset = frame_bytes; offset < buffer.size(); offset += frame_bytes) {
    if (word_at(offset) != word_at(0)) return true;
  }
  return false;
}

void play_bulk(uint64_t address) {
  BulkNotes& notes = *reinterpret_cast<BulkNotes*>(address);
  Message message;
  bool asked = false;
  while (true) {
    message.buffer = notes.buffer;
    reply_and_wait(asked ? registers::resume : registers::nothing, message);
    asked = message.delivery == Delivery::call;
    note(notes, message);
    message = {.words = {0, notes.received, 0, 0, 0, 0}};
  }
}

}  // namespace perdure
