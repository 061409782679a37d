// SPDX-License-Identifier: MIT
//
// The client's side of a typed interface:
//
//   const Client<Counter> counter{entry};
//   Answer<uint64_t> sum = counter.call<Counter::add>(42);
#pragma once

#include "userland/runtime/marshal.hpp"

namespace perdure {

template <Interface I>
struct Client {
  CapabilityRegister at;

  // Arguments must be of exactly the declared types. A capability that is answered arrives in
  // `into`.
  template <const auto& method, typename... Arguments>
  auto call(const Arguments&... arguments) const {
    return call_receiving<method>(registers::nothing, arguments...);
  }

  template <const auto& method, typename... Arguments>
  auto call_receiving(CapabilityRegister into, const Arguments&... arguments) const {
    const auto caller = [](CapabilityRegister target, Message& message) { return perdure::call(target, message); };
    return invoke(caller, code_of<I, method>, method, into, arguments...);
  }

  // By `caller(target, message)`, which is like perdure::call.
  template <const auto& method, typename... Arguments>
  auto call_by(const auto& caller, const Arguments&... arguments) const {
    return invoke(caller, code_of<I, method>, method, registers::nothing, arguments...);
  }

 private:
  template <typename AnswerType, typename... Arguments>
  Answer<AnswerType> invoke(const auto& caller, uint64_t code, const Method<AnswerType(Arguments...)>&,
                            CapabilityRegister into,
                            const std::type_identity_t<Arguments>&... arguments) const {
    Message message;
    message.words[0] = code;
    message.received[0] = into;
    Packer packer(message);
    (packer.put(arguments), ...);
    if (auto done = checked(caller(at, message)); !done) {
      return std::unexpected(done.error());
    }
    if constexpr (std::is_void_v<AnswerType>) {
      return {};
    } else {
      return Unpacker(message).take<AnswerType>();
    }
  }
};

}  // namespace perdure
