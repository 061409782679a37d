// SPDX-License-Identifier: MIT
//
// A server that takes messages of any length into a buffer of its choice, and notes what came.
#pragma once

#include "userland/demo/actor.hpp"

namespace perdure {

// What the bulk server notes; its argument is the address of one.
struct BulkNotes {
  std::span<std::byte> buffer;  // where it wants to receive; chosen by the row
  uint64_t received = 0;        // messages
  uint64_t truncated = 0;       // of these: its buffer was bad or too small
  uint64_t torn = 0;            // whole ones with words that were not all the same
  uint64_t last_length = 0;     // of the last one: that arrived
};

// Answers every call with one word: how many messages it has received.
[[noreturn]] void play_bulk(uint64_t notes);

// Is a part of a message there? A message's words are all the same, and others than those of the message before: so
// some pages of the buffer have the new word, and others do not. A process that sees that runs between two pages.
bool is_half_filled(std::span<const std::byte> buffer);

}  // namespace perdure
