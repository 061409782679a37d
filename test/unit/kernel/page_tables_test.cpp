// SPDX-License-Identifier: MIT
//
// Tries to get an access through that the walk no longer allows, to write to a page that is not
// current, to lose count of a frame's entries, and to exhaust the pool. The accesses go through
// the fake machine's MMU, which keeps every translation that is not flushed; all invariants are
// checked and all counts taken again after each step.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

#include "kernel/page_tables.hpp"
#include "kernel/space_walk.hpp"
#include "test/support/space_world.hpp"

using namespace perdure;

namespace pte = perdure::page_table_entry;

namespace {

constexpr Access load_access{};
constexpr Access store_access{.write = true};
constexpr Access fetch_access{.execute = true};

// How an access ended, and how often the kernel was needed.
struct Touch {
  std::byte* byte = nullptr;
  FaultCode fault = FaultCode::none;
  unsigned page_faults = 0;
  CacheSlot slot = no_slot;
};

struct Fixture {
  SpaceWorld world;
  PageTables tables;

  Fixture() { start(64); }

  void start(size_t table_count) {
    world.start();
    tables = {};
    REQUIRE(tables.start(fake_machine().take_pages(table_count + table_count / 16 + 1), world.store()));
    REQUIRE(tables.pool().size() >= table_count);
    world.on_unmap = [this](CacheSlot slot) { tables.unmap(slot); };
  }

  std::expected<std::byte*, FakePageFault> access(uint64_t address, Access how) {
    if (how.execute) return fake_machine().fetch(address);
    return how.write ? fake_machine().store(address) : fake_machine().load(address);
  }

  // What the kernel does for a process: loads its space, lets it go on, answers its page faults.
  Touch touch(const Capability& space, uint64_t address, Access how = {}) {
    Touch result;
    for (; result.page_faults < 4; ++result.page_faults) {
      const PhysAddr root = tables.load(space);
      if (const auto byte = access(address, how)) {
        result.byte = *byte;
        return result;
      }
      Capability start = space;
      const WalkOutcome outcome = walk(world.store(), start, address, how);
      REQUIRE_FALSE(outcome.is_stall());
      if (outcome.is_fault()) {
        result.fault = outcome.fault.code;
        return result;
      }
      if (how.write) world.make_dirty(outcome.page.slot);
      tables.map(root, address, outcome.page.slot, outcome.page.writable, outcome.page.executable);
    }
    FAIL("the access never gets through");
    return result;
  }

  // A touch that agrees with the walk and with what a checkpoint needs.
  Touch try_out(const Capability& space, uint64_t address, Access how) {
    const Touch result = touch(space, address, how);
    Capability start = space;
    const WalkOutcome expected = walk(world.store(), start, address, how);
    if (expected.is_fault()) {
      REQUIRE(result.byte == nullptr);
      REQUIRE(result.fault == expected.fault.code);
      return result;
    }
    REQUIRE(result.byte == world.store().bytes(expected.page.slot) + address % frame_bytes);
    REQUIRE(result.page_faults <= 1);
    if (how.write) REQUIRE(world.store().is_current(expected.page.slot));
    return result;
  }

  void check_all() {
    const auto mismatch = tables.check_tables();
    if (mismatch) {
      CAPTURE(mismatch->what, mismatch->address, mismatch->entry, mismatch->level);
      FAIL("check_tables");
    }
    recount();
    // The processor must have forgotten what the tables no longer say.
    if (!tables.loaded_is_stale()) REQUIRE_FALSE(fake_machine().stale_translation());
  }
  void check_against_walk(const Capability& space) {
    const auto mismatch = tables.check(space);
    if (!mismatch) return;
    CAPTURE(mismatch->what, mismatch->address, mismatch->entry, mismatch->level);
    FAIL("check");
  }

  // MAPPINGS-ARE-COUNTED, each frame by itself.
  void recount() {
    std::map<uint64_t, uint32_t> present;  // by physical address
    for (TableNumber number = 0; number < tables.pool().size(); ++number) {
      const Table& table = tables.pool().at(number);
      if (!table.in_use || table.key.level != 0) continue;
      if (table.mapping_epoch != tables.mapping_epoch()) continue;
      for (unsigned i = 0; i < pte::entries_per_table; ++i) {
        const uint64_t entry = tables.pool().entries(number)[i];
        if (pte::is_present(entry)) ++present[pte::address_of(entry)];
      }
    }
    const uint64_t first_frame = machine::physical_address_of(world.store().bytes(0)).value;
    unsigned wrong = 0;
    for (CacheSlot slot = 0; slot < world.store().slot_count(); ++slot) {
      const FrameDescriptor& descriptor = world.store().descriptor(slot);
      const bool counted = descriptor.mapping_epoch == static_cast<uint32_t>(tables.mapping_epoch());
      const auto found = present.find(first_frame + slot * frame_bytes);
      wrong += (counted ? descriptor.mapping_count : 0) != (found == present.end() ? 0 : found->second);
    }
    REQUIRE(wrong == 0);
  }

  // All entries, without what the processor writes there.
  std::vector<uint64_t> table_contents() {
    std::vector<uint64_t> result;
    for (TableNumber number = 0; number < tables.pool().size(); ++number) {
      for (unsigned i = 0; i < pte::entries_per_table; ++i) {
        result.push_back(tables.pool().entries(number)[i] & ~(pte::accessed | pte::dirty));
      }
    }
    return result;
  }

  Capability node(uint8_t slot_size) {
    const Capability capability = world.new_node();
    world.node(capability).slot_size = slot_size;
    return capability;
  }
  // A space of `count` pages side by side, from address 0; at most 256.
  Capability flat_space(unsigned count) {
    const Capability top = node(4);
    for (unsigned i = 0; i < count; i += 16) {
      const Capability inner = node(0);
      for (unsigned j = i; j < std::min(count, i + 16); ++j) {
        world.node(inner).slots[j - i] = world.new_page();
      }
      world.node(top).slots[i / 16] = inner;
    }
    return top;
  }
  Capability page_of(const Capability& flat, unsigned i) {
    return world.node(world.node(flat).slots[i / 16]).slots[i % 16];
  }
};

Capability with(Capability capability, uint8_t restrictions, uint64_t guard = 0) {
  capability.restrictions |= restrictions;
  capability.payload = guard;
  return capability;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a pool that is too small is refused") {
  PageTables small;
  CHECK_FALSE(small.start(fake_machine().take_pages(PageTables::tables_min), world.store()));
}

TEST_CASE_METHOD(Fixture, "one fault enters a translation, and it is used from then on") {
  const Capability page = world.new_page();
  CHECK(try_out(page, 5, store_access).page_faults == 1);
  for (const Access how : {load_access, store_access, fetch_access}) {
    CHECK(try_out(page, 5, how).page_faults == 0);
  }
  CHECK(try_out(page, 4096, load_access).fault == FaultCode::no_memory);
  check_all();
}

TEST_CASE_METHOD(Fixture, "absent entries are not cached") {
  const Capability space = node(0);
  CHECK(try_out(space, 0, load_access).fault == FaultCode::no_memory);
  world.node(space).slots[0] = world.new_page();
  CHECK(try_out(space, 0, load_access).fault == FaultCode::none);
  check_all();
}

TEST_CASE_METHOD(Fixture, "restrictions reach the processor") {
  const Capability page = world.new_page();
  const Capability read_only = with(page, restriction::read_only);
  const Capability weak = with(page, restriction::weak);
  const Capability no_execute = with(page, restriction::no_execute);
  for (const Capability& space : {read_only, weak}) {
    CHECK(try_out(space, 0, load_access).fault == FaultCode::none);
    CHECK(try_out(space, 0, store_access).fault == FaultCode::access);
    CHECK(try_out(space, 0, fetch_access).fault == FaultCode::none);
  }
  CHECK(try_out(no_execute, 0, store_access).fault == FaultCode::none);
  CHECK(try_out(no_execute, 0, fetch_access).fault == FaultCode::access);
  check_all();
}

TEST_CASE_METHOD(Fixture, "a page of an older epoch is mapped for reading only, until it is written") {
  const Capability page = world.new_page();
  world.declare();
  CHECK(try_out(page, 0, load_access).page_faults == 1);
  CHECK_FALSE(pte::is_writable(fake_machine().entry_at(0)));
  CHECK(try_out(page, 0, store_access).page_faults == 1);
  CHECK(pte::is_writable(fake_machine().entry_at(0)));
  CHECK(try_out(page, 0, store_access).page_faults == 0);
  check_all();
}

TEST_CASE_METHOD(Fixture, "a declaration writes no entry; then each page's first write faults once") {
  constexpr unsigned pages = 200;
  const Capability space = flat_space(pages);
  for (unsigned i = 0; i < pages; ++i) try_out(space, i * frame_bytes, store_access);
  const auto before = table_contents();
  world.declare();
  CHECK(table_contents() == before);
  CHECK(tables.loaded_is_stale());
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < pages; ++i) {
      REQUIRE(try_out(space, i * frame_bytes, load_access).page_faults == 0);
      REQUIRE(try_out(space, i * frame_bytes, store_access).page_faults == (round == 0 ? 1 : 0));
    }
  }
  check_all();
}

TEST_CASE_METHOD(Fixture, "a space that was not loaded at the declaration is brought up to date too") {
  const Capability a = flat_space(40);
  const Capability b = flat_space(40);
  for (unsigned i = 0; i < 40; ++i) {
    try_out(a, i * frame_bytes, store_access);
    try_out(b, i * frame_bytes, store_access);
  }
  world.declare();
  world.declare();
  for (const Capability& space : {a, b, a}) {
    for (unsigned i = 0; i < 40; ++i) try_out(space, i * frame_bytes, store_access);
    check_all();
  }
}

TEST_CASE_METHOD(Fixture, "from A to B and back takes no fault and writes no entry") {
  const Capability a = flat_space(64);
  const Capability b = flat_space(64);
  const auto use = [&](const Capability& space) {
    unsigned faults = 0;
    for (unsigned i = 0; i < 64; ++i) faults += try_out(space, i * frame_bytes, store_access).page_faults;
    return faults;
  };
  use(a);
  use(b);
  const auto before = table_contents();
  const uint64_t loads_before = fake_machine().counters.root_loads;
  CHECK(use(a) + use(b) + use(a) == 0);
  CHECK(table_contents() == before);
  CHECK(fake_machine().counters.root_loads == loads_before + 3);
  use(a);
  CHECK(fake_machine().counters.root_loads == loads_before + 3);  // it was loaded
}

TEST_CASE_METHOD(Fixture, "all who have the same space share its tables") {
  const Capability space = flat_space(16);
  const PhysAddr root = tables.load(space);
  CHECK(tables.load(with(space, restriction::opaque | restriction::no_call)) == root);
  CHECK(tables.load(with(space, restriction::read_only)) != root);
  CHECK(tables.load(with(space, restriction::weak)) == tables.load(with(space, restriction::read_only)));
  CHECK(tables.load(with(space, 0, 1)) != root);
  CHECK(tables.load(space) == root);
}

TEST_CASE_METHOD(Fixture, "forget_all voids every translation by one addition") {
  const Capability space = flat_space(20);
  for (unsigned i = 0; i < 20; ++i) try_out(space, i * frame_bytes, store_access);
  const auto before = table_contents();
  tables.forget_all();
  CHECK(table_contents() == before);
  CHECK(tables.loaded_is_stale());
  world.node(world.node(space).slots[0]).slots[3] = {};
  CHECK(try_out(space, 3 * frame_bytes, load_access).fault == FaultCode::no_memory);
  CHECK_FALSE(tables.loaded_is_stale());
  for (unsigned i = 4; i < 20; ++i) CHECK(try_out(space, i * frame_bytes, store_access).page_faults == 1);
  check_all();
}

TEST_CASE_METHOD(Fixture, "a void space has a root in which nothing is mapped") {
  const Capability space = flat_space(1);
  try_out(space, 0, store_access);
  CHECK(try_out({}, 0, load_access).fault == FaultCode::no_memory);
  CHECK(try_out(number_capability(3), 0, load_access).fault == FaultCode::malformed_space);
  tables.unload();
  CHECK(tables.loaded_is_stale());
  CHECK_FALSE(fake_machine().load(0).has_value());
  CHECK(try_out(space, 0, store_access).page_faults == 0);
}

TEST_CASE_METHOD(Fixture, "a translation that is entered again is used at once") {
  const Capability space = flat_space(2);
  const CacheSlot first = world.slot_of(page_of(space, 0));
  const CacheSlot second = world.slot_of(page_of(space, 1));
  const PhysAddr root = tables.load(space);
  tables.map(root, 0, first, false, false);
  REQUIRE(fake_machine().load(0).has_value());
  tables.map(root, 0, first, true, true);
  CHECK(fake_machine().store(0).has_value());
  check_all();
  tables.map(root, 0, second, true, true);
  CHECK(*fake_machine().load(0) == world.store().bytes(second));
  check_all();
}

TEST_CASE_METHOD(Fixture, "a root that went stale is mapped into and serves after it is loaded") {
  const Capability space = flat_space(2);
  const PhysAddr root = tables.load(space);
  try_out(space, 4096, store_access);
  const CacheSlot slot = world.slot_of(page_of(space, 0));
  SECTION("mapping epoch") { tables.forget_all(); }
  SECTION("checkpoint epoch") { world.declare(); }
  world.make_dirty(slot);
  tables.map(root, 0, slot, true, true);
  CHECK(tables.loaded_is_stale());
  tables.load(space);
  CHECK(fake_machine().store(0).has_value());
  CHECK_FALSE(fake_machine().store(4096).has_value());
  check_all();
}

// --- unmapping a frame ------------------------------------------------------------------------------

TEST_CASE_METHOD(Fixture, "a frame that is mapped nowhere is unmapped for nothing") {
  const Capability space = flat_space(2);
  try_out(space, 0, store_access);
  const auto before = table_contents();
  const uint64_t epoch = tables.mapping_epoch();
  tables.unmap(world.slot_of(page_of(space, 1)));
  CHECK(table_contents() == before);
  tables.forget_all();
  tables.unmap(world.slot_of(page_of(space, 0)));
  CHECK(tables.mapping_epoch() == epoch + 1);
  CHECK(table_contents() == before);
}

TEST_CASE_METHOD(Fixture, "of a frame that is mapped once that entry is cleared") {
  const Capability space = flat_space(2);
  try_out(space, 0, store_access);
  try_out(space, 4096, store_access);
  const uint64_t epoch = tables.mapping_epoch();
  tables.unmap(world.slot_of(page_of(space, 0)));
  CHECK(tables.mapping_epoch() == epoch);
  CHECK_FALSE(tables.loaded_is_stale());
  CHECK_FALSE(fake_machine().load(0).has_value());
  CHECK(fake_machine().store(4096).has_value());
  check_all();
  CHECK(try_out(space, 0, store_access).page_faults == 1);
}

TEST_CASE_METHOD(Fixture, "of a frame that is mapped often all translations are voided") {
  const Capability page = world.new_page();
  const Capability space = node(0);
  for (unsigned i = 0; i < 3; ++i) world.node(space).slots[i] = page;
  for (unsigned i = 0; i < 3; ++i) try_out(space, i * frame_bytes, store_access);
  CHECK(world.store().descriptor(world.slot_of(page)).mapping_count == 3);
  tables.unmap(world.slot_of(page));
  CHECK(tables.loaded_is_stale());
  tables.load(space);
  for (unsigned i = 0; i < 3; ++i) CHECK_FALSE(fake_machine().load(i * frame_bytes).has_value());
  check_all();
}

TEST_CASE_METHOD(Fixture, "when the remembered one of two entries is gone the other is found") {
  start(PageTables::tables_min);
  const Capability page = world.new_page();
  const Capability first = with(page, 0, 1);
  const Capability second = with(page, 0, 2);
  try_out(first, 1 * frame_bytes, store_access);
  try_out(second, 2 * frame_bytes, store_access);
  FrameDescriptor& descriptor = world.store().descriptor(world.slot_of(page));
  const TableNumber remembered = descriptor.mapping_table >> 9;
  tables.load(first);
  tables.drop_random(remembered);
  REQUIRE(descriptor.mapping_count == 1);
  check_all();
  REQUIRE(fake_machine().load(1 * frame_bytes).has_value());
  tables.unmap(world.slot_of(page));
  tables.load(first);
  CHECK_FALSE(fake_machine().load(1 * frame_bytes).has_value());
  check_all();
}

// --- the pool -------------------------------------------------------------------------------------------

TEST_CASE_METHOD(Fixture, "a tiny pool serves any number of tables") {
  start(PageTables::tables_min);
  const Capability page = world.new_page();
  const Capability top = node(31);
  for (unsigned i = 0; i < node_slot_count; ++i) {
    world.node(top).slots[i] = with(page, 0, uint64_t{i} * 0x2000'1001 % (uint64_t{1} << 31));
  }
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned i = 0; i < node_slot_count; ++i) {
      const uint64_t address = ((uint64_t{i} << 31) + world.node(top).slots[i].payload) << 12;
      REQUIRE(try_out(top, address, store_access).fault == FaultCode::none);
      REQUIRE(try_out(top, address, load_access).page_faults == 0);
      check_all();
    }
    if (round % 3 == 0) world.declare();
  }
  check_against_walk(top);
}

TEST_CASE_METHOD(Fixture, "more spaces than tables take turns") {
  start(PageTables::tables_min);
  std::vector<Capability> spaces;
  for (unsigned i = 0; i < 12; ++i) spaces.push_back(flat_space(2));
  for (unsigned round = 0; round < 10; ++round) {
    for (const Capability& space : spaces) {
      REQUIRE(try_out(space, 0, store_access).fault == FaultCode::none);
      REQUIRE(try_out(space, 4096, load_access).fault == FaultCode::none);
      check_all();
    }
  }
}

TEST_CASE_METHOD(Fixture, "the loaded root is not taken while other spaces fill the pool") {
  start(PageTables::tables_min);
  const Capability loaded = flat_space(1);
  try_out(loaded, 0, store_access);
  const PhysAddr root = tables.load(loaded);
  for (unsigned i = 0; i < 10; ++i) {
    const Capability other = flat_space(1);
    tables.map(tables.root_for(other), 0, world.slot_of(page_of(other, 0)), true, true);
    check_all();
  }
  const uint64_t loads = fake_machine().counters.root_loads;
  CHECK(tables.load(loaded) == root);
  CHECK(fake_machine().counters.root_loads == loads);
  CHECK(try_out(loaded, 0, store_access).fault == FaultCode::none);
}

TEST_CASE_METHOD(Fixture, "a root that is mapped into is not taken for its own tables") {
  start(PageTables::tables_min);
  const Capability loaded = flat_space(1);
  const Capability other = flat_space(1);
  tables.load(loaded);
  const PhysAddr root = tables.root_for(other);
  const CacheSlot slot = world.slot_of(page_of(other, 0));
  for (uint64_t i = 0; i < 30; ++i) {
    tables.map(root, i << 39, slot, true, true);
    check_all();
  }
  CHECK(tables.root_for(other) == root);
}

TEST_CASE_METHOD(Fixture, "any table can be emptied at any time") {
  const Capability space = flat_space(30);
  for (unsigned round = 0; round < 300; ++round) {
    try_out(space, round % 30 * frame_bytes, round % 2 ? store_access : load_access);
    tables.drop_random(round * 7);
    check_all();
  }
}

// --- the checker itself -----------------------------------------------------------------------------------

TEST_CASE_METHOD(Fixture, "the checks find what is wrong") {
  const Capability space = flat_space(4);
  const Capability read_only = with(space, restriction::read_only);
  try_out(read_only, 0, load_access);
  try_out(space, 0, store_access);
  check_all();
  check_against_walk(space);
  check_against_walk(read_only);

  const auto entry_of = [&](const Capability& of) -> uint64_t& {
    const TableNumber leaf = tables.pool().find(TableKey::of(of, 0, 0));
    return const_cast<TablePool&>(tables.pool()).entries(leaf)[0];
  };
  const auto finds = [&](const std::optional<TableMismatch>& mismatch, std::string_view what) {
    REQUIRE(mismatch);
    CHECK(mismatch->what.find(what) != std::string_view::npos);
  };
  const uint64_t good = entry_of(space);

  SECTION("an entry that lets write") {
    entry_of(read_only) |= pte::writable;
    finds(tables.check(read_only), "lets write");
    finds(tables.check_tables(), "map of writable");
  }
  SECTION("an entry to another page") {
    entry_of(space) = good + frame_bytes * 4;
    finds(tables.check(space), "another page");
  }
  SECTION("a slot that was changed without forget_all") {
    world.node(world.node(space).slots[0]).slots[0] = {};
    finds(tables.check(space), "faults");
  }
  SECTION("an entry that nobody counted") {
    const CacheSlot slot = world.slot_of(page_of(space, 0));
    world.store().descriptor(slot).mapping_count = 3;
    finds(tables.check_tables(), "sums differ");
    world.store().descriptor(slot).mapping_count = 0;
    finds(tables.check_tables(), "not counted");
  }
  SECTION("a page that is writable and not current") {
    world.store().descriptor(world.slot_of(page_of(space, 0))).epoch -= 1;
    finds(tables.check_tables(), "not current");
  }
}

// --- all at once ---------------------------------------------------------------------------------------------

namespace {

// Spaces that share nodes and pages, spread over the whole address range, and everything that can
// happen to them.
struct RandomLife : Fixture {
  std::mt19937_64 random;
  std::vector<Capability> pages, nodes, spaces;
  unsigned reached = 0, faulted = 0, page_faults = 0;

  uint64_t below(uint64_t end) { return random() % end; }
  bool one_in(uint64_t count) { return below(count) == 0; }
  template <typename Items>
  auto& any(Items& items) { return items[below(std::size(items))]; }

  uint8_t some_restrictions() {
    constexpr uint8_t choices[] = {0, 0, 0, 0, restriction::read_only, restriction::no_execute,
                                   restriction::weak, restriction::no_call};
    return any(choices);
  }
  // Guards are few, so that accesses hit.
  Capability some_memory(unsigned below_level) {
    if (below_level == 0 || one_in(3)) return with(any(pages), some_restrictions(), below(2));
    return with(nodes[below(below_level * nodes_per_level)], some_restrictions(), below(2));
  }
  static constexpr uint8_t slot_sizes[] = {0, 4, 9, 17, 26, 31};
  static constexpr unsigned nodes_per_level = 3;

  void populate() {
    pages.clear(), nodes.clear(), spaces.clear();
    for (unsigned i = 0; i < 25; ++i) pages.push_back(world.new_page());
    for (unsigned level = 0; level < std::size(slot_sizes); ++level) {
      for (unsigned i = 0; i < nodes_per_level; ++i) {
        nodes.push_back(node(slot_sizes[level]));
        fill(nodes.back(), level);
      }
    }
    for (unsigned i = 0; i < 4; ++i) {
      spaces.push_back(with(nodes[nodes.size() - 1 - below(6)], some_restrictions()));
    }
  }
  void fill(const Capability& node, unsigned level) {
    for (unsigned i = 0; i < 4; ++i) world.node(node).slots[below(4)] = some_memory(level);
  }

  // Goes down the tree at random, mostly where something is; sometimes ends a little beside it.
  uint64_t some_address(const Capability& space) {
    uint64_t page = 0;
    for (Capability at = space; at.type == CapabilityType::node;) {
      const Node& node = world.node(at);
      uint64_t slot = below(4);
      for (unsigned i = 0; i < 4 && node.slots[slot].is_void(); ++i) slot = (slot + 1) % 4;
      page += (at.payload << (node.slot_size + 4)) + (slot << node.slot_size);
      at = node.slots[slot];
      if (at.type == CapabilityType::page) page += at.payload;
    }
    if (one_in(20)) page ^= uint64_t{1} << below(35);
    return (page << 12 | below(4096)) & (user_address_end - 1);
  }

  void access_something() {
    const Access how{.write = one_in(2), .execute = false};
    const Capability& space = any(spaces);
    const Touch result = try_out(space, some_address(space), one_in(5) ? fetch_access : how);
    (result.byte ? reached : faulted)++;
    page_faults += result.page_faults;
  }
  // As the kernel changes a slot: what a walk can have used is forgotten.
  void change_slot() {
    const unsigned which = static_cast<unsigned>(below(nodes.size()));
    Capability& slot = world.node(nodes[which]).slots[below(4)];
    const bool was_void = slot.is_void();
    slot = one_in(3) ? Capability{} : some_memory(which / nodes_per_level);
    if (!was_void) tables.forget_all();
  }
  // As the kernel takes a frame away: its mappings first. The storage comes back as another page.
  void destroy_page() {
    Capability& page = any(pages);
    const CacheSlot slot = world.slot_of(page);
    tables.unmap(slot);
    world.destroy(page);
    page = world.renew_page(slot);
  }
  void step() {
    switch (below(24)) {
      case 0: return change_slot();
      case 1: return world.declare();
      case 2: return tables.drop_random(random());
      case 3: return destroy_page();
      case 4: return tables.unmap(world.slot_of(any(pages)));
      case 5: if (one_in(4)) tables.unload(); return;
      default: return access_something();
    }
  }
  void live(unsigned seed, size_t table_count, unsigned steps) {
    CAPTURE(seed, table_count);
    random.seed(seed);
    start(table_count);
    populate();
    for (unsigned i = 0; i < steps; ++i) {
      CAPTURE(i);
      step();
      check_all();
      if (i % 16 == 0) {
        for (const Capability& space : spaces) check_against_walk(space);
      }
    }
  }
};

}  // namespace

TEST_CASE_METHOD(RandomLife, "whatever happens, no stale access succeeds and every invariant holds") {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    live(seed, PageTables::tables_min, 250);
    live(seed, 12, 250);
    live(seed, 48, 250);
  }
  CHECK(reached > 1000);
  CHECK(faulted > 200);
  CHECK(page_faults > 500);
  CHECK(reached > page_faults);  // some found their translation
}
