// SPDX-License-Identifier: MIT
//
// The key-value server: keys and values of at most 16 characters. What `open` answers is a
// capability to that one entry, which offers KvEntry and nothing else.
#pragma once

#include "userland/runtime/interface.hpp"

namespace perdure {

// limit_reached: the server's bank has no more storage; that request changed nothing.
struct Kv {
  static constexpr std::string_view name = "kv";
  static constexpr Method<void(Word, Word)> put{"put", {"K", "V"}};  // makes or changes the entry
  static constexpr Method<Word(Word)> get{"get", {"K"}};             // not_found
  static constexpr Method<PassedCapability(Word)> open{"open", {"K"}};  // another one each time
  static constexpr Method<void(Word)> remove{"remove", {"K"}};
  static constexpr Method<uint64_t()> count{"count"};
  // Makes N more entries with keys of its own and opens each of them, up to the first refusal.
  static constexpr Method<uint64_t(uint64_t)> fill{"fill", {"N"}};  // → how many entries there are
  // One number over all keys and values: stores with the same entries have the same.
  static constexpr Method<uint64_t()> digest{"digest"};
  using Methods = MethodList<put, get, open, remove, count, fill, digest>;
};

struct KvEntry {
  static constexpr std::string_view name = "kv_entry";
  static constexpr Method<Word()> get{"get"};
  static constexpr Method<void(Word)> put{"put", {"V"}};
  static constexpr Method<void()> close{"close"};  // this capability is void, with all its copies
  // Of get and put. The capability stays good for `close`, and for nothing else.
  static constexpr OwnError removed{name, "removed", "the entry was removed"};
  using Methods = MethodList<get, put, close>;
  using Errors = ErrorList<removed>;
};

}  // namespace perdure
