// SPDX-License-Identifier: MIT
//
// Which processors need which care, by the words of their CPUID.
#include <catch2/catch.hpp>

#include <string_view>

#include "kernel/arch/x86_64/processor.hpp"

using namespace perdure;

namespace {
struct Vendor {
  uint32_t words[3];
};
// As CPUID leaf 0 gives it: ebx, edx, ecx.
Vendor vendor(std::string_view name) {
  Vendor v{};
  for (unsigned i = 0; i < 12; ++i) v.words[i / 4] |= static_cast<uint32_t>(static_cast<uint8_t>(name[i])) << 8 * (i % 4);
  return v;
}
}  // namespace

TEST_CASE("who keeps the pointers to the last x87 instruction over XRSTOR") {
  CHECK(keeps_x87_pointers(vendor("AuthenticAMD").words, 0));
  CHECK(keeps_x87_pointers(vendor("HygonGenuine").words, 0xffff'fffb));
  CHECK_FALSE(keeps_x87_pointers(vendor("AuthenticAMD").words, 1 << 2));
  CHECK_FALSE(keeps_x87_pointers(vendor("GenuineIntel").words, 0));
  CHECK_FALSE(keeps_x87_pointers(vendor("TCGTCGTCGTCG").words, 0));
}

TEST_CASE("on whom a program may read what is not its own") {
  const auto on = [](std::string_view name, uint64_t architecture, uint32_t hypervisor = 0, bool has_transactions = false) {
    const Vendor v = vendor(name);
    return is_affected({.vendor = {v.words[0], v.words[1], v.words[2]},
                        .hypervisor = {hypervisor, 0, 0},
                        .architecture = architecture,
                        .has_transactions = has_transactions});
  };
  constexpr uint32_t emulation = 0x54474354, kvm = 0x4b4d564b;
  CHECK(on("GenuineIntel", 0));
  CHECK(on("GenuineIntel", ~uint64_t{1}));
  CHECK(on("GenuineIntel", ~uint64_t{0x20}));
  CHECK(on("GenuineIntel", 1));
  CHECK_FALSE(on("GenuineIntel", 0x21));
  CHECK_FALSE(on("GenuineIntel", 0x121, 0, true));
  CHECK(on("GenuineIntel", 0x21, 0, true));
  CHECK(on("CentaurHauls", 0));  // a processor that says nothing is not believed
  CHECK_FALSE(on("AuthenticAMD", 0));
  CHECK_FALSE(on("HygonGenuine", 0));
  CHECK(on("GenuineIntel", 0, kvm));
  CHECK_FALSE(on("GenuineIntel", 0, emulation));
}
