// SPDX-License-Identifier: MIT
//
// Tries to make the growing of spaces lose or misplace a page: inserts pages in every order of
// small sets and in random ones, and looks each up by the kernel's rule for guards, which is
// written down here a second time.
#include "userland/runtime/space_tree.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <set>

using namespace perdure;

namespace {

struct FakeMemory {
  bool is_node = false;
  bool is_foreign = false;
  uint8_t slot_size = 0;
  struct Slot {
    const FakeMemory* memory = nullptr;
    uint64_t guard = 0;
  } slots[node_slot_count];
};

// The tree that the code under test sees, and the counts that it causes.
struct FakeTree {
  using Handle = FakeMemory*;
  std::deque<FakeMemory> all;
  unsigned nodes_made = 0;
  unsigned puts = 0;

  FakeMemory* page() { return &all.emplace_back(); }
  FakeMemory* node(uint8_t slot_size) {
    return &all.emplace_back(FakeMemory{.is_node = true, .slot_size = slot_size});
  }
  Expected<Occupant<Handle>, Result> look(Handle node, unsigned slot) {
    using What = Occupant<Handle>::What;
    const FakeMemory* found = node->slots[slot].memory;
    if (found == nullptr) return Occupant<Handle>{};
    const What what = found->is_foreign ? What::foreign : found->is_node ? What::node : What::page;
    return Occupant<Handle>{what, found->slot_size, const_cast<FakeMemory*>(found)};
  }
  Expected<Handle, Result> new_node(uint8_t slot_size) {
    ++nodes_made;
    return node(slot_size);
  }
  Expected<void, Result> put(Handle node, unsigned slot, Handle memory, uint64_t guard) {
    ++puts;
    node->slots[slot] = {memory, guard};
    Expected<void, Result> done;
    return done;
  }
};

// The kernel's rule: a capability that covers 2^s pages is entered only if offset >> s == guard.
const FakeMemory* walk(const FakeMemory* memory, uint64_t page) {
  while (memory->is_node) {
    const uint64_t slot = page >> memory->slot_size;
    if (slot >= node_slot_count) return nullptr;
    const uint64_t offset = page & ((uint64_t{1} << memory->slot_size) - 1);
    const auto& found = memory->slots[slot];
    if (found.memory == nullptr) return nullptr;
    const unsigned size = found.memory->is_node ? found.memory->slot_size + 4u : 0u;
    if (offset >> size != found.guard) return nullptr;
    memory = found.memory;
    page = offset & ((uint64_t{1} << size) - 1);
  }
  return memory;
}

constexpr uint8_t root_size = 12;
constexpr uint64_t slot_pages = uint64_t{1} << root_size;

// Inserts in the order given and checks all after each step.
unsigned insert_all(Growth growth, const std::vector<uint64_t>& pages) {
  FakeTree tree;
  FakeMemory* root = tree.node(root_size);
  std::map<uint64_t, const FakeMemory*> model;
  for (const uint64_t page : pages) {
    const space_tree::Place<FakeMemory*> place{root, root_size, page, growth};
    const auto needed = space_tree::nodes_needed(tree, place);
    if (model.contains(page)) {
      REQUIRE(needed.error() == Result::in_use);
      REQUIRE(space_tree::insert(tree, place, tree.page()).error() == Result::in_use);
      continue;
    }
    REQUIRE(needed);
    const unsigned before = tree.nodes_made;
    FakeMemory* memory = tree.page();
    REQUIRE(space_tree::insert(tree, place, memory));
    REQUIRE(tree.nodes_made - before == *needed);
    REQUIRE(*needed <= 5);
    model[page] = memory;
    for (const auto& [known, its_memory] : model) REQUIRE(walk(root, known) == its_memory);
    for (const uint64_t near : {page - 1, page + 1, page ^ 16, page ^ 256}) {
      if (near < 16 * slot_pages && !model.contains(near)) REQUIRE(walk(root, near) == nullptr);
    }
  }
  return tree.nodes_made;
}

}  // namespace

TEST_CASE("the sizes that layout.hpp promises") {
  const uint64_t data = slot_pages;
  CHECK(insert_all(Growth::up, {data}) == 0);
  CHECK(insert_all(Growth::up, {data, data + 1}) == 1);
  std::vector<uint64_t> sixteen;
  for (uint64_t i = 0; i < 16; ++i) sixteen.push_back(data + i);
  CHECK(insert_all(Growth::up, sixteen) == 1);
  sixteen.push_back(data + 16);
  CHECK(insert_all(Growth::up, sixteen) == 2);
  const uint64_t stack_end = 15 * slot_pages;
  CHECK(insert_all(Growth::down, {stack_end - 1}) == 0);
  CHECK(insert_all(Growth::down, {stack_end - 1, stack_end - 2, stack_end - 16}) == 1);
}

TEST_CASE("every order of five pages that lie in all relations to each other") {
  for (const Growth growth : {Growth::up, Growth::down}) {
    std::vector<uint64_t> pages{0, 1, 17, 300, 4095};
    if (growth == Growth::down) {
      for (uint64_t& page : pages) page = 4095 - page;
    }
    std::sort(pages.begin(), pages.end());
    do {
      insert_all(growth, pages);
    } while (std::next_permutation(pages.begin(), pages.end()));
  }
}

TEST_CASE("random pages, with repetitions") {
  for (unsigned seed = 0; seed < 40; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<uint64_t> pages;
    const uint64_t span = uint64_t{1} << (4 + random() % 12);
    for (unsigned i = 0; i < 120; ++i) pages.push_back(random() % span + 3 * slot_pages);
    INFO("seed " << seed);
    insert_all(seed % 2 == 0 ? Growth::up : Growth::down, pages);
  }
}

TEST_CASE("what a hostile space can hold is refused, and nothing is changed") {
  FakeTree tree;
  FakeMemory* root = tree.node(root_size);
  FakeMemory* odd = tree.node(3);        // no multiple of 4
  FakeMemory* too_large = tree.node(12);  // covers more than the slot it stands in
  FakeMemory* foreign = tree.page();
  foreign->is_foreign = true;
  unsigned slot = 0;
  for (FakeMemory* bad : {odd, too_large, foreign, root}) {
    root->slots[slot] = {bad, 0};
    const space_tree::Place<FakeMemory*> place{root, root_size, slot * slot_pages + 5, Growth::up};
    CHECK(space_tree::nodes_needed(tree, place).error() == Result::bad_argument);
    CHECK(space_tree::insert(tree, place, tree.page()).error() == Result::bad_argument);
    ++slot;
  }
  const space_tree::Place<FakeMemory*> outside{root, root_size, 16 * slot_pages, Growth::up};
  CHECK(space_tree::nodes_needed(tree, outside).error() == Result::bad_argument);
  CHECK(tree.puts == 0);
  CHECK(tree.nodes_made == 0);
}
