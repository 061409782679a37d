// SPDX-License-Identifier: MIT
//
// Number: 64 bits that can be passed where a capability is expected. Names no object.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/request.hpp"

namespace perdure {

Outcome invoke_number(Request& request) {
  if (request.method() != method::number_get) return Outcome::refuse(Result::unknown_method);
  return request.answer(request.attempt.commit(), request.capability.payload);
}

}  // namespace perdure
