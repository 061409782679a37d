// SPDX-License-Identifier: MIT
//
// One line on a terminal that says how far something is, gone when it is done. In a pipe: nothing.
#pragma once

#include <cstdint>
#include <string>

namespace perdure {

class ProgressLine {
 public:
  explicit ProgressLine(std::string what);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(uint64_t done, uint64_t all);

 private:
  std::string what_;
  bool is_terminal_;
  uint64_t shown_percent_ = 101;
};

}  // namespace perdure
