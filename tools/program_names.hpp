// SPDX-License-Identifier: MIT
//
// Which program a process runs: that of the recipe whose text stands in its space. Nothing else in an
// image says so, and a process need not have been made from a recipe. Believed is what the root bank has
// paid for: a program could make a page that looks like a recipe. Who wrote the disk can name a program
// as he likes, but the name does nothing to the terminal that shows it.
#pragma once

#include <map>
#include <string>

#include "objects/process.hpp"
#include "tools/frame_reader.hpp"

namespace perdure {

class ProgramNames {
 public:
  explicit ProgramNames(const FrameReader&);

  // Empty: not known.
  std::string of(const Process&) const;

 private:
  struct Text {
    Version version;
    std::string name;
  };

  void read_recipe(const std::byte* page);

  const FrameReader& image_;
  std::map<uint64_t, Text> names_;  // by the object of the text
};

}  // namespace perdure
