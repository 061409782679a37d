// SPDX-License-Identifier: MIT
//
// What the kernel itself tells the person at the console: lines that begin with `perdure:`.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/upkeep/complaints.hpp"
#include "kernel/upkeep/console.hpp"

namespace perdure {

class Announcements {
 public:
  explicit constexpr Announcements(Console& console) : console_(console) {}

  // Before anything runs.
  void tell_at_start(std::string_view what);
  void tell_at_start(std::string_view what, uint64_t number);
  // On a line of its own, whatever stands on the console; its reader then shows again what was being typed.
  void tell(std::string_view what, uint64_t number, std::string_view unit = {});
  void warn(std::string_view what);
  // The same trouble ever more rarely (complaints.hpp). `what`: static text.
  void warn(std::string_view what, uint64_t number);

 private:
  Console& console_;
  Complaints complaints_;
};

}  // namespace perdure
