// SPDX-License-Identifier: MIT
//
// The shell's console over many boots. A console capability belongs to one boot; after a restart
// reading and writing answer `restarted`. Then the session mints a new capability, announces
// itself (the restart banner), and goes on with what was to be read or written. So no caller sees
// the restart, but for was_restarted(), which tells the editor to show its line again.
#pragma once

#include <optional>
#include <string_view>

#include "userland/runtime/system_objects.hpp"

namespace perdure {

class ConsoleSession {
 public:
  using Announce = void (*)(ConsoleSession&, void* context);

  ConsoleSession(DevicesCapability devices, ConsoleCapability console, Announce announce,
                 void* context)
      : devices_(devices), console_(console), announce_(announce), context_(context) {}

  // The first boot is announced like any other.
  void begin() { reopen(); }

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
  Announce announce_;
  void* context_;
  ConsoleCapability::Characters typed_ = {};  // read, and not yet taken
  uint64_t taken_ = 0;
  bool restarted_ = false;
  bool is_announcing_ = false;
  bool announce_again_ = false;

  void reopen();
  void mint();
  bool write_raw(std::string_view piece);
};

}  // namespace perdure
