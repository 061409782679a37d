// SPDX-License-Identifier: MIT
//
// The time server: tells the time, or gives the page that tells it (runtime/time_page.hpp): a client
// that has the page need not ask any more.
#pragma once

#include "userland/runtime/interface.hpp"

namespace perdure {

struct TimeReading {
  uint64_t machine_ns = 0;    // stands still while the machine is off
  uint64_t wall_seconds = 0;
  uint64_t boot_epoch = 0;
  bool operator==(const TimeReading&) const = default;
};

struct Clock {
  static constexpr std::string_view name = "clock";
  static constexpr Method<PassedCapability()> page{"page"};  // read-only; the same page for all
  static constexpr Method<TimeReading()> now{"now"};
  static constexpr Method<uint64_t()> refreshes{"refreshes"};  // how often the page was, so far
  using Methods = MethodList<page, now, refreshes>;
};

// In an instance's register 12 stands its ticker, the process that refreshes the page: the instance's starter
// can stop time for the clients that read the page.
inline constexpr unsigned clock_ticker_register = 12;

}  // namespace perdure
