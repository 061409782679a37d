// SPDX-License-Identifier: MIT
//
// The first thing that is read of an image: its four root copies, and which of them counts.
#pragma once

#include <optional>

#include "checkpoint/layout.hpp"
#include "tools/findings.hpp"
#include "tools/image_file.hpp"

namespace perdure {

// The valid root with the highest sequence, as recovery chooses it. Copies that do not
// verify are findings. Throws ToolError: refused if the file is no image, is of another version
// or cut short; damaged if it once was an image and no copy verifies.
Root choose_root(const ImageFile&, Findings&);

}  // namespace perdure
