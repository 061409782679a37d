// SPDX-License-Identifier: MIT
//
// Tells a person one line, by the log that this program was started with. Without one, or if it is
// gone, the line is lost: no program's work depends on its lines being shown.
#pragma once

#include "userland/interfaces/log.hpp"

namespace perdure {

inline void write_log(std::string_view line) {
  Message message;
  message.words[0] = Log::write;
  message.bytes = std::as_bytes(std::span(line.substr(0, Log::line_length_max)));
  (void)call(registers::log, message);
}

}  // namespace perdure
