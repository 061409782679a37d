// SPDX-License-Identifier: MIT
//
// What a keeper is sent (method::keeper_fault of objects/abi.hpp), as a typed interface.
#pragma once

#include "userland/runtime/interface.hpp"

namespace perdure {

struct Keeper {
  static constexpr std::string_view name = "keeper";
  // FaultCode, address from the start of the node, detail (bit 0 write, bit 1 execute), the node.
  // ok: the access is made again. Anything else: the fault goes to the process's own keeper.
  static constexpr Method<void(uint64_t, uint64_t, uint64_t, PassedCapability)> fault{
      "fault", {"CODE", "ADDRESS", "DETAIL", "NODE"}};
  using Methods = MethodList<fault>;
};
static_assert(code_of<Keeper, Keeper::fault> == method::keeper_fault);

}  // namespace perdure
