// SPDX-License-Identifier: MIT
//
// Which program a process runs: that of the recipe with the text that stands in its space. Nothing else in an
// image says so, and a process need not have been made from a recipe. Only a recipe that the root bank
// has paid for is believed: a program could make a page that looks like one. A person who writes the disk
// can give a program any name, but the name does nothing to the terminal that shows it.
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
