// SPDX-License-Identifier: MIT
//
// What a verification found wrong: the first ones in words, the others counted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "objects/ids.hpp"
#include "objects/kinds.hpp"

namespace perdure {

class Findings {
 public:
  static constexpr size_t kept_max = 20;

  void add(std::string finding) {
    if (++count_ <= kept_max) kept_.push_back(std::move(finding));
  }
  bool is_empty() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  const std::vector<std::string>& kept() const { return kept_; }

 private:
  uint64_t count_ = 0;
  std::vector<std::string> kept_;
};

// "process 17", "wrapper 17.3": kind, frame, and index if there can be several.
inline std::string name_of_object(Kind kind, ObjectId object) {
  std::string name = std::string(info(kind).name) + " " + std::to_string(object.frame().value);
  if (is_row(kind)) name += "." + std::to_string(object.index());
  return name;
}

}  // namespace perdure
