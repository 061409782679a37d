// SPDX-License-Identifier: MIT
//
// Tries to make a reader of the time page believe what never was: half of one time and half of
// another, or the time of an earlier boot.
#include "test/support/fake_userland_kernel.hpp"
#include "userland/runtime/time_page.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace perdure;

namespace {

TimeReading time_of(uint64_t number) {
  return {.machine_ns = number * 3, .wall_seconds = number * 5, .boot_epoch = 1 + number % 2};
}

}  // namespace

TEST_CASE("a page that was never written, or is being written, tells nothing") {
  TimePage page;
  CHECK_FALSE(read_time_page(page, [] { return 0u; }));
  write_time_page(page, time_of(7));
  CHECK(read_time_page(page, [] { return 2u; }) == time_of(7));
  page.sequence = 3;  // the power was cut in mid-write
  CHECK_FALSE(read_time_page(page, [] { return 2u; }));
}

TEST_CASE("the time of another boot is not believed") {
  TimePage page;
  write_time_page(page, {.machine_ns = 5, .wall_seconds = 6, .boot_epoch = 0x1'0000'0007});
  CHECK(read_time_page(page, [] { return 7u; }));
  CHECK_FALSE(read_time_page(page, [] { return 8u; }));
}

TEST_CASE("a cut between two looks is noticed: the processor is asked last") {
  TimePage page;
  write_time_page(page, {.machine_ns = 5, .wall_seconds = 6, .boot_epoch = 7});
  const auto read = read_time_page(page, [&] {
    write_time_page(page, {.machine_ns = 9, .wall_seconds = 9, .boot_epoch = 8});
    return 8u;
  });
  CHECK_FALSE(read);
}

TEST_CASE("no torn reads while another writes without pause") {
  TimePage page;
  std::atomic<bool> is_over = false;
  std::thread writer([&] {
    for (uint64_t number = 1; !is_over; ++number) write_time_page(page, time_of(number));
  });
  unsigned good = 0;
  for (unsigned i = 0; i < 3'000'000 || (good < 100 && i < 300'000'000); ++i) {
    for (const uint32_t mark : {1u, 2u}) {
      const auto read = read_time_page(page, [&] { return mark; });
      if (!read) continue;
      ++good;
      const bool is_whole = *read == time_of(read->machine_ns / 3);
      if (!is_whole) FAIL("torn: " << read->machine_ns << ' ' << read->wall_seconds);
    }
  }
  is_over = true;
  writer.join();
  CHECK(good >= 100);
}
