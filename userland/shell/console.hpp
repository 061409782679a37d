// SPDX-License-Identifier: MIT
//
// The console over many boots. A console capability belongs to one boot; after a restart reading and
// writing answer `restarted`. Then the session mints a new capability, does what is to be done first
// in a boot (the restart banner is awaited), and goes on with what was to be read or written. So no
// caller sees the restart, but for was_restarted(), which tells the editor to show its line again.
#pragma once

#include <optional>
#include <string_view>

#include "userland/runtime/format.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {

class ConsoleSession {
 public:
  using First = void (*)(void* context);  // what is done first in a boot

  ConsoleSession(DevicesCapability devices, ConsoleCapability console, First first = nullptr,
                 void* context = nullptr)
      : devices_(devices), console_(console), first_(first), context_(context) {}

  // The first boot is a restart like any other.
  void begin() { reopen(); }

  // Writes anything that TextWriter takes, as one piece.
  template <typename... Pieces>
  void say(const Pieces&... pieces) {
    TextBuffer<1024> text;
    (text << ... << pieces);
    write(text.text());
  }

  // '\n' becomes CR LF. False: there was a restart, and a part of it stands above the banner.
  bool write(std::string_view text);
  // Waits. Nothing: there was a restart meanwhile.
  std::optional<char> read();
  // True once after each restart.
  bool was_restarted();

  // What was read from the device and not yet asked for by read(): up to a ^C in it, that
  // included → was there one? Or all of it.
  bool take_typed_interrupt();
  void drop_typed() { taken_ = typed_.count; }

 private:
  static constexpr size_t piece_length = 256;

  DevicesCapability devices_;
  ConsoleCapability console_;
  First first_;
  void* context_;
  ConsoleCapability::Characters typed_ = {};  // read, and not yet taken
  uint64_t taken_ = 0;
  bool restarted_ = false;

  void reopen();
  bool write_raw(std::string_view piece);
};

}  // namespace perdure
