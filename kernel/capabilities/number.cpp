// SPDX-License-Identifier: MIT
//
// Number: 64 bits that can be passed where a capability is expected. Names no object.
#include "kernel/kernel.hpp"

namespace perdure {

Outcome invoke_number(Request& request) {
  if (request.method() != method::number_get) return Outcome::refuse(Result::unknown_method);
  return request.answer(request.kernel.attempt.commit(), request.capability.payload);
}

}  // namespace perdure
