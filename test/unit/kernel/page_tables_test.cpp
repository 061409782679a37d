// SPDX-License-Identifier: MIT
//
// Tries to get an access through that the walk no longer allows, to write to a page that is not
// current, to lose count of a frame's entries, and to exhaust the pool: case by case. The accesses
// go through the fake machine's MMU, which keeps every translation that is not flushed.
#include "test/unit/kernel/page_tables_fixture.hpp"

using namespace perdure;

namespace pte = perdure::page_table_entry;

namespace {
using Fixture = PageTablesFixture;
}

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

TEST_CASE_METHOD(Fixture, "forget_node voids the translations of the space that used the node") {
  const Capability a = flat_space(20), b = flat_space(20);
  const auto use = [&](const Capability& space) {
    unsigned faults = 0;
    for (unsigned i = 0; i < 20; ++i) faults += try_out(space, i * frame_bytes, store_access).page_faults;
    return faults;
  };
  const auto inner = [&](const Capability& space) { return world.node(space).slots[1].object; };
  use(a);
  use(b);
  SECTION("and no other") {
    for (const ObjectId node : {a.object, inner(a)}) {
      tables.forget_node(node);
      CHECK(use(b) == 0);
      CHECK(use(a) == 20);
    }
  }
  SECTION("also of the space that is loaded, at once") {
    tables.forget_node(inner(b));
    CHECK(tables.loaded_is_stale());
    CHECK(use(b) == 20);
    CHECK(use(a) == 0);
  }
  SECTION("once: nothing is behind it until it is used again") {
    tables.forget_node(inner(a));
    CHECK(try_out(a, 0, load_access).page_faults == 1);  // not through that node
    tables.forget_node(inner(a));
    CHECK(try_out(a, 0, load_access).page_faults == 0);
    CHECK(use(b) == 0);
  }
  SECTION("of all spaces, if several used it") {
    world.node(b).slots[2] = world.node(a).slots[1];
    CHECK(try_out(b, 32 * frame_bytes, load_access).page_faults == 1);
    tables.forget_node(inner(a));
    CHECK(use(a) + use(b) == 40);
  }
  SECTION("of the one that uses it now, if the other one has been forgotten") {
    world.node(b).slots[2] = world.node(a).slots[1];
    tables.forget_node(inner(a));
    try_out(b, 32 * frame_bytes, load_access);
    use(a);
    tables.forget_node(a.object);
    CHECK(use(b) == 0);
    CHECK(use(a) == 20);
  }
  SECTION("of none, if nobody used it") {
    const uint64_t epoch = tables.mapping_epoch();
    for (unsigned i = 0; i < 10; ++i) tables.forget_node({uint64_t{1} << (20 + i)});
    CHECK(tables.mapping_epoch() == epoch);
    CHECK(use(a) + use(b) == 0);
  }
  check_all();
}

TEST_CASE_METHOD(Fixture, "nodes that share a mark are as one") {
  NodeMarks marks;
  std::map<const NodeMark*, std::vector<Capability>> by_mark;
  const Capability a = node(4), b = node(4);
  const Capability page = world.new_page();
  const std::vector<Capability>* pair = nullptr;
  for (unsigned i = 0; i < 5000 && pair == nullptr; ++i) {
    const Capability made = node(0);
    auto& same = by_mark[&marks.of(made.object.value)];
    same.push_back(made);
    if (same.size() == 2) pair = &same;
  }
  REQUIRE(pair != nullptr);
  for (unsigned i = 0; i < 2; ++i) {
    world.node((*pair)[i]).slots[0] = page;
    world.node(i == 0 ? a : b).slots[0] = (*pair)[i];
    try_out(i == 0 ? a : b, 0, load_access);
  }
  world.node((*pair)[0]).slots[0] = {};
  tables.forget_node((*pair)[0].object);
  CHECK(try_out(a, 0, load_access).fault == FaultCode::no_memory);
  CHECK(try_out(b, 0, load_access).page_faults == 1);
  world.node((*pair)[1]).slots[0] = {};
  tables.forget_node((*pair)[1].object);
  CHECK(try_out(b, 0, load_access).fault == FaultCode::no_memory);
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
  REQUIRE(fake_machine().load(0).has_value());
  tables.unload();
  CHECK_FALSE(fake_machine().load(0).has_value());
}

TEST_CASE_METHOD(Fixture, "a translation that is entered again is used at once") {
  const Capability space = flat_space(2);
  const CacheSlot first = world.slot_of(page_of(space, 0));
  const CacheSlot second = world.slot_of(page_of(space, 1));
  const PhysAddr root = tables.load(space);
  tables.map(root, {0}, PageReached{.slot = first, .writable = false, .executable = false});
  REQUIRE(fake_machine().load(0).has_value());
  tables.map(root, {0}, PageReached{.slot = first, .writable = true, .executable = true});
  CHECK(fake_machine().store(0).has_value());
  check_all();
  tables.map(root, {0}, PageReached{.slot = second, .writable = true, .executable = true});
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
  tables.map(root, {0}, PageReached{.slot = slot, .writable = true, .executable = true});
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

TEST_CASE_METHOD(Fixture, "when the remembered one of two entries maps another frame by now the other is found") {
  const Capability space = flat_space(2);
  const CacheSlot twice = world.slot_of(page_of(space, 0)), other = world.slot_of(page_of(space, 1));
  const PhysAddr root = tables.load(space);
  tables.map(root, {0}, PageReached{.slot = twice, .writable = false, .executable = false});
  tables.map(root, {frame_bytes}, PageReached{.slot = twice, .writable = false, .executable = false});
  tables.map(root, {frame_bytes}, PageReached{.slot = other, .writable = false, .executable = false});
  REQUIRE(world.store().descriptor(twice).mapping_count == 1);
  REQUIRE(fake_machine().load(0).has_value());
  tables.unmap(twice);
  tables.load(space);
  CHECK_FALSE(fake_machine().load(0).has_value());
  check_all();
}

TEST_CASE_METHOD(Fixture, "a page that is evicted is unmapped, and mapped again when it is back") {
  const Capability space = flat_space(2);
  const Capability page = page_of(space, 0);
  *try_out(space, 7, store_access).byte = std::byte{42};
  try_out(space, 4096, store_access);
  world.evict(page);
  tables.load(space);
  CHECK_FALSE(fake_machine().load(7).has_value());
  CHECK(fake_machine().load(4096).has_value());
  check_all();
  CHECK_FALSE(tables.check(space));  // nothing that waits for the disk is found wrong
  world.slot_of(page);               // fetches it
  CHECK(*try_out(space, 7, load_access).byte == std::byte{42});
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
    tables.map(tables.root_for(other), {0}, PageReached{.slot = world.slot_of(page_of(other, 0)), .writable = true, .executable = true});
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
    tables.map(root, {i << 39}, PageReached{.slot = slot, .writable = true, .executable = true});
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
    const TableNumber leaf = tables.pool().find(TableKey::of(of, {}, 0));
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
