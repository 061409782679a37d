// SPDX-License-Identifier: MIT
//
// Tries the same as page_tables_test.cpp at random: spaces that share nodes and pages are used,
// changed, destroyed, frozen and forgotten in seeded order. After each step all invariants are
// checked and all counts taken again; every access is compared with a walk.
#include <random>

#include "test/unit/kernel/page_tables_fixture.hpp"

using namespace perdure;

namespace {

// Spaces that share nodes and pages, spread over the whole address range, and everything that can
// happen to them.
struct RandomLife : PageTablesFixture {
  // What a process has of it: its space, and the root table that it remembers.
  struct Mind {
    Capability space;
    TableNumber root_hint = 0;
    uint64_t root_identity = 0;
  };
  std::mt19937_64 random;
  std::vector<Capability> pages, nodes;
  std::vector<Mind> minds;
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
    // One draw per statement: a seed must mean the same with every compiler.
    const uint8_t restrictions = some_restrictions();
    const uint64_t guard = below(2);
    if (below_level == 0 || one_in(3)) return with(any(pages), restrictions, guard);
    return with(nodes[below(below_level * nodes_per_level)], restrictions, guard);
  }
  static constexpr uint8_t slot_sizes[] = {0, 4, 9, 17, 26, 31};
  static constexpr unsigned nodes_per_level = 3;

  void populate() {
    pages.clear(), nodes.clear(), minds.clear();
    for (unsigned i = 0; i < 25; ++i) pages.push_back(world.new_page());
    for (unsigned level = 0; level < std::size(slot_sizes); ++level) {
      for (unsigned i = 0; i < nodes_per_level; ++i) {
        nodes.push_back(node(slot_sizes[level]));
        fill(nodes.back(), level);
      }
    }
    for (unsigned i = 0; i < 6; ++i) minds.push_back({some_space()});
  }
  Capability some_space() {
    const uint8_t restrictions = some_restrictions();
    return with(nodes[nodes.size() - 1 - below(6)], restrictions);
  }
  void fill(const Capability& node, unsigned level) {
    for (unsigned i = 0; i < 4; ++i) {
      const uint64_t slot = below(4);
      world.node(node).slots[slot] = some_memory(level);
    }
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
    Mind& mind = any(minds);
    const uint64_t address = some_address(mind.space);
    const Touch result = try_out(mind.space, address, one_in(5) ? fetch_access : how, [&] { resume(mind); });
    (result.byte ? reached : faulted)++;
    page_faults += result.page_faults;
  }
  // As the kernel does it for a process.
  void resume(Mind& mind) {
    if (tables.is_loaded(mind.root_hint, mind.root_identity)) return;
    if (tables.load_hinted(mind.root_hint, mind.root_identity)) return;
    tables.load(mind.space);
    mind.root_hint = tables.loaded();
    mind.root_identity = tables.loaded_identity();
  }
  void change_space() {
    Mind& mind = any(minds);
    mind.space = some_space();
    mind.root_identity = 0;
  }
  // As the kernel changes a slot: what a walk can have used is forgotten.
  void change_slot() {
    const unsigned which = static_cast<unsigned>(below(nodes.size()));
    Capability& slot = world.node(nodes[which]).slots[below(4)];
    const bool was_void = slot.is_void();
    slot = one_in(3) ? Capability{} : some_memory(which / nodes_per_level);
    if (!was_void) tables.forget_node(nodes[which].object);
  }
  // As the kernel takes a frame away: its mappings first. The storage comes back as another page.
  void destroy_page() {
    Capability& page = any(pages);
    const CacheSlot slot = world.slot_of(page);
    tables.unmap(slot);
    world.destroy(page);
    page = world.renew_page(slot);
  }
  // The same for a node; a capability to it, in a space or a node, is void.
  void destroy_node() {
    const uint64_t which = below(nodes.size());
    const uint8_t slot_size = world.node(nodes[which]).slot_size;
    tables.forget_node(nodes[which].object);
    world.destroy(nodes[which]);
    nodes[which] = world.renew_node(nodes[which]);
    world.node(nodes[which]).slot_size = slot_size;
    fill(nodes[which], static_cast<unsigned>(which / nodes_per_level));
  }
  void evict() { world.evict(one_in(2) ? any(nodes) : any(pages)); }
  void step() {
    switch (below(28)) {
      case 0: return change_slot();
      case 1: return world.declare();
      case 2: return tables.drop_random(random());
      case 3: return destroy_page();
      case 4: return tables.unmap(world.slot_of(any(pages)));
      case 5: if (one_in(4)) tables.unload(); return;
      case 6: if (one_in(8)) tables.forget_all(); return;
      case 7: return change_space();
      case 8: return destroy_node();
      case 9: return change_slot();
      case 10: if (one_in(4)) evict(); return;
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
      for (const Mind& mind : minds) {
        REQUIRE(tables.is_hint_harmless(mind.space, mind.root_hint, mind.root_identity));
        if (i % 4 == 0) check_against_walk(mind.space);
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
  CHECK(known_writes > 20);
}
