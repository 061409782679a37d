// SPDX-License-Identifier: MIT
#include "tools/progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace perdure {

ProgressLine::ProgressLine(std::string what) : what_(std::move(what)), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(uint64_t done, uint64_t all) {
  if (!is_terminal_ || all == 0) return;
  const uint64_t percent = done * 100 / all;
  if (percent == shown_percent_) return;
  shown_percent_ = percent;
  std::fprintf(stderr, "\r%s %3u %%", what_.c_str(), static_cast<unsigned>(percent));
  std::fflush(stderr);
}

ProgressLine::~ProgressLine() {
  if (is_terminal_ && shown_percent_ <= 100) std::fprintf(stderr, "\r\x1b[K");
}

}  // namespace perdure
