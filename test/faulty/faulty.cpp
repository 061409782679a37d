// SPDX-License-Identifier: MIT
//
// A server with methods that go wrong, each in its way. The code that goes wrong is kept out of line, so that the
// place where it stops has a name.
#include "userland/runtime/server.hpp"

namespace perdure {

struct Faulty {
  static constexpr std::string_view name = "faulty";
  static constexpr Method<uint64_t(uint64_t)> read{"read", {"ADDRESS"}};
  static constexpr Method<uint64_t(uint64_t)> write{"write", {"ADDRESS"}};
  static constexpr Method<uint64_t(uint64_t)> divide{"divide", {"BY"}};
  static constexpr Method<uint64_t()> trap{"trap"};
  using Methods = MethodList<read, write, divide, trap>;
};

namespace {

struct NoState {};

[[gnu::noinline]] uint64_t read_from(uint64_t address) { return *reinterpret_cast<volatile uint64_t*>(address); }
[[gnu::noinline]] void write_to(uint64_t address) { *reinterpret_cast<volatile uint64_t*>(address) = 1; }
[[gnu::noinline]] uint64_t divided_by(uint64_t number) {
  volatile uint64_t divisor = number;
  return 100 / divisor;
}
[[gnu::noinline]] void run_into_trap() { __builtin_trap(); }

Answer<uint64_t> read(NoState&, const Call&, uint64_t address) { return read_from(address); }
Answer<uint64_t> write(NoState&, const Call&, uint64_t address) {
  write_to(address);
  return address;
}
Answer<uint64_t> divide(NoState&, const Call&, uint64_t number) { return divided_by(number); }
Answer<uint64_t> trap(NoState&, const Call&) {
  run_into_trap();
  return 0;
}

}  // namespace

void program(uint64_t) {
  NoState state;
  serve<Faulty, read, write, divide, trap>(state);
}

}  // namespace perdure
