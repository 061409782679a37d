// SPDX-License-Identifier: MIT
#include "userland/runtime/revocable.hpp"

namespace perdure {

Answer<Revocable> hand_out(BankCapability bank, CapabilityRegister target, const HandOut& wanted) {
  const WrapperCapability control{wanted.control};
  if (control.at.is_void()) return std::unexpected(Result::bad_argument);  // it would be lost
  if (auto done = bank.allocate(Kind::wrapper, control.at); !done) {
    return std::unexpected(done.error());
  }
  Answer<> done = control.set_target(target);
  if (done && wanted.payload != 0) done = control.set_payload(wanted.payload);
  if (done && wanted.hand_over) done = control.set_hand_over(true);
  if (done) done = control.client(wanted.client);
  if (!done) {
    (void)bank.free(control.at);
    return std::unexpected(done.error());
  }
  return Revocable{.bank = bank, .control = control};
}

}  // namespace perdure
