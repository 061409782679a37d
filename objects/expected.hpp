// SPDX-License-Identifier: MIT
//
// A value, or why there is none. As std::expected, but the compiler refuses code that drops one: GCC 12's
// std::expected is not [[nodiscard]], and a stall that is not looked at is an operation that went on without what
// it needs.
#pragma once

#include <expected>

namespace perdure {

template <typename Value, typename Error>
class [[nodiscard]] Expected : public std::expected<Value, Error> {
 public:
  using std::expected<Value, Error>::expected;
};

}  // namespace perdure
