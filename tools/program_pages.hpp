// SPDX-License-Identifier: MIT
//
// A program as pages, sorted into the two regions that every space has for it: text and
// constants, which all instances share, and data, of which each has its own copy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "objects/kinds.hpp"

namespace perdure {

using PageBytes = std::array<std::byte, frame_bytes>;

struct ProgramPages {
  struct TextPage {
    uint64_t page = 0;  // from layout::text_start
    bool is_executable = false;
    PageBytes bytes{};
  };
  uint64_t entry = 0;
  std::vector<TextPage> text;   // and constants; in order, gaps possible
  std::vector<PageBytes> data;  // from layout::data_start on, up to the last that is not all bss
  uint64_t data_pages = 0;      // bss included
  uint64_t checksum = 0;        // of the whole file

  // How far text reaches from layout::text_start.
  unsigned text_page_span() const {
    return text.empty() ? 0 : static_cast<unsigned>(text.back().page + 1);
  }
};

// Throws ToolError(usage) if the file is no program, or does not keep to userland/runtime/layout.hpp.
ProgramPages read_program(const std::string& name, std::span<const std::byte> file);

}  // namespace perdure
