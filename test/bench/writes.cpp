// SPDX-License-Identifier: MIT
//
// Changes many pages and has them committed, when the host says so: it looks at what is written
// to the disk meanwhile.
#include "test/bench/bench.hpp"
#include "userland/runtime/bank_client.hpp"

namespace perdure {
namespace {

constexpr BankCapability bank{{9}};
constexpr PageCapability sample{{10}};
constexpr PageCapability page{{11}};
constexpr CapabilityPageCapability pages{{12}};
constexpr unsigned first_place = 13;
constexpr unsigned place_count = 16;
constexpr unsigned page_count = place_count * 128;

CapabilityPageCapability place(unsigned i) {
  return {{{static_cast<uint8_t>(first_place + i / 128)}}};
}

void buy(Kind kind, CapabilityRegister into) { bench::must(bank.allocate(kind, into), "buying"); }

void change_all() {
  for (unsigned i = 0; i < page_count; ++i) {
    bench::must(place(i).fetch(i % 128, page.at), "a page");
    bench::must(page.copy_from(sample), "changing a page");
  }
}

void buy_pages() {
  for (unsigned i = 0; i < place_count; ++i) buy(Kind::capability_page, place(i * 128).at);
  for (unsigned i = 0; i < page_count; ++i) {
    buy(Kind::page, page.at);
    bench::must(place(i).store(i % 128, page.at), "keeping a page");
  }
}

}  // namespace

void program(uint64_t) {
  bench::begin();
  buy(Kind::page, sample.at);
  buy_pages();
  change_all();
  bench::must(bench::checkpoint.take(), "the first checkpoint");
  bench::tell("pages", page_count, 1, "pages");
  bench::must(bench::console.read(), "the host's sign");
  change_all();
  bench::must(bench::checkpoint.take(), "the checkpoint that is looked at");
  const auto status = bench::must(bench::checkpoint.status(), "the status");
  bench::tell("frames_of_generation", status.last_generation_frames, 1, "frames");
  bench::finish();
}

}  // namespace perdure
