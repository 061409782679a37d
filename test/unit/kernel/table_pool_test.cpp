// SPDX-License-Identifier: MIT
//
// The line of use: whatever is touched, taken and given back, the tables on the way down are never those
// that are taken, however small the pool.
#include "kernel/memory/table_pool.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <set>
#include <span>

#include "kernel/memory/page_tables.hpp"
#include "test/support/fake_machine.hpp"

using namespace perdure;

namespace {

struct Line {
  TablePool pool;
  TableNumber loaded = no_table;
  uint64_t next_key = 1;

  explicit Line(uint32_t size) {
    fake_machine().power_on();
    pool.start(fake_machine().take_pages(size + size / 16 + 1));
  }
  // As PageTables::take_victim chooses.
  TableNumber victim() const { return pool.oldest() == loaded ? pool.newer_than(pool.oldest()) : pool.oldest(); }
  TableNumber take() {
    const TableNumber taken = victim();
    if (pool.at(taken).in_use) pool.release(taken);
    TableKey key;
    key.object.value = next_key++;
    key.level = 3;
    pool.assign(taken, key);
    pool.touch(taken);
    return taken;
  }
  TableNumber use(TableNumber table) {
    pool.touch(table);
    return table;
  }
  bool is_whole() const {
    std::set<TableNumber> seen;
    for (TableNumber at = pool.oldest(); at != no_table; at = pool.newer_than(at)) {
      if (!seen.insert(at).second) return false;
    }
    return seen.size() == pool.size();
  }
};

}  // namespace

TEST_CASE("the memory of tables may hold anything before") {
  fake_machine().power_on();
  const std::span<std::byte> memory = fake_machine().take_pages(PageTables::tables_min + 2);
  std::ranges::fill(memory, std::byte{0x5a});
  TablePool pool;
  REQUIRE(pool.start(memory) >= PageTables::tables_min);
  for (TableNumber table = 0; table < pool.size(); ++table) {
    REQUIRE(std::ranges::all_of(std::span(pool.entries(table), 512), [](uint64_t entry) { return entry == 0; }));
  }
}

TEST_CASE("no table on the way down is taken, nor the loaded root") {
  for (uint32_t size = PageTables::tables_min; size <= 40; ++size) {
    std::mt19937 random(size);
    Line line(size);
    unsigned wrong = 0;
    REQUIRE(line.pool.size() >= size);
    const auto known_or_new = [&] {
      return random() % 3 != 0 ? line.use(static_cast<TableNumber>(random() % line.pool.size())) : line.take();
    };
    for (unsigned i = 0; i < 5'000; ++i) {
      if (random() % 8 == 0) line.loaded = no_table;
      // Root to leaf: some are there, some have to be taken.
      TableNumber way[4];
      for (unsigned level = 0; level < 4; ++level) {
        way[level] = known_or_new();
        for (unsigned above = 0; above <= level; ++above) wrong += line.victim() == way[above];
        wrong += line.victim() == line.loaded;
        if (level == 0 && random() % 2 == 0) line.loaded = way[0];
      }
      // The loaded root is used without being touched: by hint.
      if (random() % 64 == 0 && line.pool.at(line.victim()).in_use) line.pool.release(line.victim());
    }
    CAPTURE(size);
    CHECK(wrong == 0);
    CHECK(line.is_whole());
  }
}
