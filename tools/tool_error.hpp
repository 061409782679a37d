// SPDX-License-Identifier: MIT
//
// How a command of the host tool ends when it cannot do what it was asked: one clear line and an
// exit status. Thrown anywhere, caught in one place (main.cpp).
#pragma once

#include <stdexcept>
#include <string>

namespace perdure {

enum class ExitStatus : int {
  ok = 0,
  damaged = 1,   // an image that breaks a rule; or the host failed us (a file cannot be written)
  usage = 2,     // the command line or the image description is wrong
  refused = 3,   // not an image of ours, or one that is in use
};

class ToolError : public std::runtime_error {
 public:
  ToolError(ExitStatus status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  ExitStatus status() const { return status_; }

 private:
  ExitStatus status_;
};

}  // namespace perdure
