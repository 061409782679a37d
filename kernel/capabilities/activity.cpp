// SPDX-License-Identifier: MIT
//
// Activity: the right of one process to run, bought before the process is started so that waking
// it never has to allocate anything. It can be bound (process.start) and nothing else.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"

namespace perdure {

Outcome invoke_activity(Request&) { return Outcome::refuse(Result::unknown_method); }

}  // namespace perdure
