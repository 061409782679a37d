// SPDX-License-Identifier: MIT
//
// The leanest keeper there can be: puts the page that it was sent first where a fault is, in the
// leaf node that comes with it.
#include "userland/runtime/fast_call.hpp"
#include "userland/runtime/layout.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {

void program(uint64_t) {
  constexpr CapabilityRegister page{8}, node{9};
  constexpr FastCapability takes_node{.received = node}, gives_page{.sent = page};
  (void)fast_reply_and_wait(registers::nothing, {}, {.received = page});
  FastRequest fault = fast_reply_and_wait(registers::resume, {}, takes_node);
  while (true) {
    const uint64_t slot = fault.words.word2 / layout::page_bytes;
    const FastWords stored = fast_call(node, {.word0 = method::store, .word1 = slot}, gives_page);
    fault = fast_reply_and_wait(registers::resume, {.word0 = stored.word0}, takes_node);
  }
}

}  // namespace perdure
