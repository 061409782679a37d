// SPDX-License-Identifier: MIT
//
// Tries to lose an entry of the directory, or its order: random frames against std::map.
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "checkpoint/directory.hpp"
#include "test/support/simulated_disk.hpp"

using namespace perdure;

namespace {
struct Fixture {
  std::vector<Directory::Item> items;
  std::vector<uint32_t> order, heads;
  Directory directory;
  explicit Fixture(size_t size) : items(size), order(size), heads(16) {
    directory.open(items, order, heads);
  }
};
}  // namespace

TEST_CASE("the directory finds what was inserted, and in home order") {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    Fixture fixture(100);
    Directory& directory = fixture.directory;
    for (unsigned round = 0; round < 3; ++round) {
      std::map<uint64_t, uint32_t> model;
      for (uint32_t place = 0; place < 70; ++place) {
        const uint64_t number = random.below(200);
        CHECK(directory.insert({.number = {number}, .place = place}) == model.try_emplace(number, place).second);
      }
      for (uint64_t number = 0; number < 200; ++number) {
        const SummaryEntry* entry = directory.find({number});
        REQUIRE((entry != nullptr) == model.contains(number));
        if (entry) CHECK(entry->place == model[number]);
      }
      while (!directory.sort_step(3)) {}
      size_t position = 0;
      for (const auto& [number, place] : model) {
        CHECK(directory.sorted(position).number.value == number);
        CHECK(directory.sorted(position++).place == place);
      }
      while (!directory.forget_step(7)) {}
      CHECK(directory.size() == 0);
      for (uint64_t number = 0; number < 200; ++number) CHECK_FALSE(directory.find({number}));
    }
  }
}

TEST_CASE("a full directory refuses, and can be emptied before it was sorted") {
  Fixture fixture(4);
  for (uint64_t i = 0; i < 4; ++i) CHECK(fixture.directory.insert({.number = {i}}));
  CHECK_FALSE(fixture.directory.insert({.number = {9}}));
  CHECK_FALSE(fixture.directory.sort_step(1));
  CHECK_FALSE(fixture.directory.forget_step(3));
  CHECK(fixture.directory.forget_step(3));
  CHECK(fixture.directory.insert({.number = {9}}));
}
