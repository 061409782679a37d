// SPDX-License-Identifier: MIT
//
// What an invocation costs: of a program in another address space, of the same one behind a
// wrapper, of an object of the kernel.
#include "test/bench/bench.hpp"
#include "userland/runtime/fast_call.hpp"

namespace perdure {
namespace {

constexpr CapabilityRegister echo{9};
constexpr CapabilityRegister wrapped_echo{10};
constexpr CapabilityRegister number{11};

// The register is a constant in the loop, as it is in most programs.
template <CapabilityRegister target>
uint64_t batch_of_calls(std::string_view row) {
  constexpr FastWords four_words{method::type, 1, 2, 3};
  const FastWords answer = fast_call(target, four_words);
  if (answer.word0 != method::type || answer.word3 != 3) {
    bench::give_up("the echo answers something else", static_cast<Result>(answer.word0));
  }
  return bench::instructions_of_batch(row, [] { (void)fast_call(target, four_words); });
}

uint64_t batch_of_trivial_invocations() {
  bench::must(NumberCapability{{number}}.type(), "the type of a number");
  return bench::instructions_of_batch("invoke_trivial",
                                      [] { (void)fast_call(number, {.word0 = method::type}); });
}

}  // namespace

void program(uint64_t) {
  bench::begin();
  const uint64_t direct = batch_of_calls<echo>("ipc_round_trip");
  bench::tell("ipc_round_trip", direct, bench::batch_rounds);
  bench::tell("invoke_trivial", batch_of_trivial_invocations(), bench::batch_rounds);
  bench::tell("wrapper_extra", batch_of_calls<wrapped_echo>("wrapper_extra") - direct,
              bench::batch_rounds);
  bench::finish();
}

}  // namespace perdure
