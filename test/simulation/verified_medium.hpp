// SPDX-License-Identifier: MIT
//
// What `image verify` says of a medium: the tool's own judgement, linked in.
#pragma once

#include <string>

#include "test/support/simulated_disk.hpp"

namespace perdure {

// The first finding; empty: there is none.
std::string first_finding(const Medium&);

}  // namespace perdure
