// SPDX-License-Identifier: MIT
//
// The log's server: writes lines of other programs to the console, one at a time. It holds the right
// to mint console capabilities, and it alone needs to know of restarts: a line that meets one is
// written by the console of the new boot, and its writer never notices. So no line is lost
// and none is written twice; the call that brought it is answered after it stands there.
//
// A line begins with "| " and is filled with blanks, because it may be written over a prompt.
#include "userland/interfaces/log.hpp"

#include <algorithm>

#include "userland/runtime/format.hpp"
#include "userland/runtime/server.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {

namespace {

// Set by the image description.
constexpr DevicesCapability devices{CapabilityRegister{6}};
// Its own use.
constexpr ConsoleCapability console{CapabilityRegister{8}};

constexpr unsigned width = 77;  // with the mark, a terminal's line less one

struct NoState {};

constexpr char printable(std::byte character) {
  const auto value = static_cast<char>(character);
  return value >= ' ' && value <= '~' ? value : '?';
}

void write(std::span<const std::byte> text) {
  char characters[Log::line_length_max];
  text = text.first(std::min<size_t>(text.size(), sizeof(characters)));
  std::ranges::transform(text, characters, printable);
  TextBuffer<Log::line_length_max + 8> line;
  line << "\r| " << LeftAligned{{characters, text.size()}, width} << "\r\n";
  while (!console.write(line.text())) {
    if (!devices.console(console.at)) wait_for_ever();  // there is no console to write to
  }
}

void answer(Message& message) {
  if (message.words[0] != Log::write) {
    NoState state;
    answer_request<Log>(state, message);
    return;
  }
  write(message.arrived());
  message = {};
}

}  // namespace

void program(uint64_t) {
  std::byte text[Log::line_length_max];
  Message message;
  CapabilityRegister answer_to = registers::nothing;
  while (true) {
    message.buffer = text;
    reply_and_wait(answer_to, message);
    answer_to = message.delivery == Delivery::call ? registers::resume : registers::nothing;
    if (message.delivery == Delivery::call || message.delivery == Delivery::send) answer(message);
  }
}

}  // namespace perdure
