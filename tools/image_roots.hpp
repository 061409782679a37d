// SPDX-License-Identifier: MIT
//
// The first thing that is read of an image: its four root copies, and which of them counts.
#pragma once

#include "checkpoint/recovery.hpp"
#include "tools/findings.hpp"
#include "tools/image_file.hpp"

namespace perdure {

// The root that recovery chooses. A copy that does not verify is a finding even while the others
// do. Throws ToolError: refused if the file is no image, is of another version or cut short;
// damaged if it once was an image and recovery would refuse it.
Root choose_root(const ImageFile&, Findings& notes);

// What recovery could not do, as the tool says it.
[[noreturn]] void refuse(const ImageFile&, const OpenFailure&);

}  // namespace perdure
