// SPDX-License-Identifier: MIT
//
// The console over many boots. A console capability belongs to one boot; after a restart reading and
// writing answer `restarted`. Then the session mints a new capability, does what is to be done first
// in a boot (the restart banner is awaited), and goes on with what was to be read or written. So no
// caller sees the restart, but for was_restarted(), which tells the editor to show its line again; so
// does was_written_over(), for others may write to the console, too.
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
  // Waits. Nothing: there was a restart meanwhile, or another has written to the console.
  std::optional<char> read();
  // True once after each restart.
  bool was_restarted();
  // True once after others have written to the console: the cursor stands where they left it.
  bool was_written_over();
  bool is_written_over() const { return is_written_over_; }

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
  uint64_t writes_ = 0;  // to the console in this boot, by any process, as far as is known here
  bool restarted_ = false;
  bool is_written_over_ = false;

  void reopen();
  bool write_raw(std::string_view piece);
};

}  // namespace perdure
