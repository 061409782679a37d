// SPDX-License-Identifier: MIT
//
// kernel_bug for tests of parts of the kernel: an assertion that fails is thrown, so that the test
// fails with its name, or expects it.
#include <string>

#include "test/support/fake_machine.hpp"

namespace perdure {

void kernel_bug(std::string_view message, uint64_t) { throw KernelBug(std::string(message)); }

}  // namespace perdure
