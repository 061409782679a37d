// SPDX-License-Identifier: MIT
//
// The honest server that is attacked: two objects behind wrappers, by the library's pattern.
#include "test/hostile/attacks.hpp"
#include "userland/runtime/server.hpp"

namespace perdure {
namespace {

using hostile::Target;

struct Objects {
  uint64_t values[3] = {};
};

Answer<uint64_t> whose(Objects&, const Call& call) {
  const bool is_object = call.entry_payload == hostile::object_entry_payload &&
                         call.has_wrapper_payload;
  const uint64_t object = call.wrapper_payload;
  if (!is_object) return std::unexpected(Result::missing_right);
  // Wrappers around that entry are the image's: another payload would be a forged one.
  if (object != hostile::attackers_object && object != hostile::judges_object) __builtin_trap();
  return object;
}

Answer<uint64_t> add(Objects& objects, const Call& call, uint64_t number) {
  const auto object = whose(objects, call);
  if (!object) return object;
  return objects.values[*object] += number;
}

}  // namespace

void program(uint64_t) {
  Objects objects;
  serve<Target, whose, add>(objects);
}

}  // namespace perdure
