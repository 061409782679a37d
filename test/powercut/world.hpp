// SPDX-License-Identifier: MIT
//
// The world that scripts/powercut cuts: a server with something of each kind that a checkpoint has to bring back
// together, more of it than a segment of the log holds. Each `stir` changes all of it, so that all of it says how many
// there have been; `look` tells that number, or what does not fit to it.
//
//   memory        640 pages, each with the number of the step and what was written in this step and the last
//   capabilities  1024, in 8 capability pages, each with a payload that the step gave it
//   grants        the last 128 wrappers that were handed out: 64 are good, 64 were revoked
//   callers       6 processes, each in a call with a long message, which is answered once in each step
#pragma once

#include "userland/runtime/interface.hpp"

namespace perdure {

struct World {
  static constexpr std::string_view name = "world";
  static constexpr Method<uint64_t()> stir{"stir"};  // → how many steps there have been; on_their_way
  static constexpr Method<uint64_t()> look{"look"};  // → the same; any of the errors
  // Breaks one thing, so that one sees it found: Spoil.
  static constexpr Method<void(uint64_t)> spoil{"spoil", {"WHAT"}};
  // Not all callers have called again since they were answered: ask once more.
  static constexpr OwnError on_their_way{name, "on_their_way", "callers are on their way"};
  static constexpr OwnError memory_torn{name, "memory_torn", "pages of memory are of different steps"};
  static constexpr OwnError capabilities_torn{name, "capabilities_torn", "capabilities are of different steps"};
  static constexpr OwnError grant_lost{name, "grant_lost", "a grant that was not revoked is void"};
  static constexpr OwnError grant_revived{name, "grant_revived", "a grant that was revoked is good"};
  static constexpr OwnError answers_miscounted{name, "answers_miscounted", "a caller has not got one answer for each step"};
  static constexpr OwnError message_garbled{name, "message_garbled", "a message is not what was sent"};
  static constexpr OwnError no_storage{name, "no_storage", "the bank has refused, or the kernel"};
  using Methods = MethodList<stir, look, spoil>;
  using Errors = ErrorList<on_their_way, memory_torn, capabilities_torn, grant_lost, grant_revived, answers_miscounted,
                           message_garbled, no_storage>;
};

enum class Spoil : uint64_t { memory, capability, lose_grant, revive_grant, answer, message, count };

// What the callers are in: words number of answers that it has got, and bytes.
struct WorldCall {
  static constexpr std::string_view name = "world_call";
  static constexpr uint64_t wait = method_code_of(name, "wait");
  static constexpr size_t bytes = 6000;
};

// What stands in a place in a step; of two neighbours no two are alike.
constexpr uint64_t mixed(uint64_t step, uint64_t place) {
  uint64_t value = (step * 0x9e3779b97f4a7c15 ^ place) * 0xbf58476d1ce4e5b9;
  return value ^ value >> 31;
}

}  // namespace perdure
