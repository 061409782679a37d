// SPDX-License-Identifier: MIT
//
// A small store with a founded root bank, for the tests of the bank's logic.
#pragma once

#include <catch2/catch.hpp>
#include <cstddef>
#include <string>
#include <vector>

#include "spacebank/bank_logic.hpp"
#include "spacebank/bank_sweep.hpp"
#include "spacebank/interface.hpp"
#include "spacebank/verify_books.hpp"
#include "test/support/range_model.hpp"

namespace perdure::bank {

// Memory of an arena: zero, and aligned for its words.
struct ArenaMemory {
  explicit ArenaMemory(uint64_t frames) : words(arena_bytes(frames) / 8) {}
  std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(words)); }
  std::vector<uint64_t> words;
};

struct BankFixture {
  explicit BankFixture(uint64_t frames)
      : memory(frames),
        range(frames),
        logic(*Arena::initialise(memory.bytes(), frames), range),
        sweep(logic.arena(), range) {
    if (!logic.found_root()) std::abort();
  }
  BankFixture(const BankFixture&) = delete;

  Arena arena() const { return logic.arena(); }

  // What is wrong with the books, or between them and the frames; empty: nothing.
  std::string problem() const {
    if (const auto found = verify_books(arena())) {
      return std::string(found->what) + " " + std::to_string(found->number);
    }
    for (uint64_t i = 0; i < range.frame_count(); ++i) {
      const BookedFrame frame = booked(arena(), Frame{static_cast<uint32_t>(i)});
      const FrameIdentity& identity = range.identity(i);
      const bool agrees = frame.kind == identity.kind && frame.account == identity.account &&
                          (!is_row(frame.kind) || frame.allocated == range.allocated(i));
      if (!agrees) return "books and frame disagree: " + std::to_string(i);
    }
    return {};
  }

  Bank create(Bank parent, uint64_t limit = bank_unlimited) {
    const auto made = logic.create_sub_bank(parent, limit);
    REQUIRE(made);
    return made->bank;
  }

  Result buy(Bank bank, Kind kind) {
    const auto place = logic.allocate(bank, kind);
    return place ? Result::ok : place.error();
  }

  // Sweeps until `bank` is gone; → how many steps.
  unsigned destroy(Bank bank) {
    REQUIRE(sweep.begin(bank));
    unsigned steps = 0;
    while (true) {
      const auto done = sweep.step();
      REQUIRE(done);
      ++steps;
      if (done->state != SweepResult::State::empty) continue;
      REQUIRE(sweep.finish(done->bank));
      if (done->bank == bank) return steps;
    }
  }

  uint32_t used(Bank bank) const { return logic.status(bank).used; }

  ArenaMemory memory;
  RangeModel range;
  BankLogic logic;
  BankSweep sweep;
};

inline constexpr Kind every_kind[] = {Kind::page,     Kind::capability_page, Kind::process,
                                      Kind::node,     Kind::wrapper,         Kind::endpoint,
                                      Kind::notice,   Kind::schedule,        Kind::activity};

}  // namespace perdure::bank
