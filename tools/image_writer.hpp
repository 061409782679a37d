// SPDX-License-Identifier: MIT
//
// Writes generation 0 to a disk, entirely at home, as checkpoint/layout.hpp wants a fresh image:
// first all else, then the roots. The file is sparse, is written beside its final place and takes
// that place only when it is complete and durable: a build that fails leaves nothing behind, and
// an older image as it was.
#pragma once

#include <cstdint>
#include <string>

#include "checkpoint/layout.hpp"
#include "tools/new_image.hpp"
#include "tools/program_pages.hpp"

namespace perdure {

struct ImageSettings {
  Geometry geometry;
  SystemState system;
  uint64_t interval_ms = 0;
  uint64_t store_id = 0;  // not 0
};

void write_image(const std::string& path, const NewImage&, const ImageSettings&);

}  // namespace perdure
