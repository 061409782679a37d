// SPDX-License-Identifier: MIT
//
// Address spaces at every level of a walk, under a program that reads, writes or jumps there meanwhile. Breaks if a
// translation outlives what allowed it: a slot, a node, a page, a guard, a right.
#include <cstring>

#include "test/guest/servers.hpp"
#include "test/guest/spaces.hpp"

namespace perdure::guest {
namespace {

// One tree in slot 5 of the root: three nodes above a page, none of them in its first slot.
//
//   level 3: root[5]   level 2: high[3]   level 1: middle[2]   level 0: low[1] = page
struct Tree {
  static constexpr unsigned depth = 4;
  static constexpr unsigned slots[depth] = {1, 2, 3, 5};
  static constexpr uint64_t address = (((5ull << 4 | 3) << 4 | 2) << 4 | 1) << 12;

  NodeCapability root = new_space(), high = new_node(8), middle = new_node(4), low = new_node(0);
  PageCapability page = new_page();

  Tree() {
    for (unsigned level = depth; level-- > 0;) put(level);
  }
  // The node with the slot that leads on at this level, and what stands in that slot.
  NodeCapability node(unsigned level) const { return level == 0 ? low : level == 1 ? middle : level == 2 ? high : root; }
  MemoryCapability below(unsigned level) const {
    if (level == 0) return page;
    return node(level - 1);
  }
  void put(unsigned level) const { done(node(level).store(slots[level], below(level).at)); }
  void put(unsigned level, CapabilityRegister other) const { done(node(level).store(slots[level], other)); }
  void put_reduced(unsigned level, uint8_t restrictions, uint64_t guard = 0) const {
    done(below(level).reduce(restrictions, guard, arrived[1]));
    put(level, arrived[1]);
  }
};

struct Level {
  std::string_view name;
};
constexpr Level levels[] = {{"the page"}, {"the lowest node"}, {"the middle node"}, {"the highest node"}, {"the whole space"}};
constexpr Level slots[] = {{"the page"}, {"the lowest node"}, {"the middle node"}, {"the highest node"}};
constexpr Level middles[] = {{"the lowest node"}, {"the middle node"}, {"the highest node"}};
constexpr Level nodes[] = {{"the lowest"}, {"the middle one"}, {"the highest"}, {"the root"}};

// --- taken away under a running reader -------------------------------------------------------------------

void taken_away(uint64_t row) {
  const Tree tree;
  Prober reader(tree.root, Tree::address, reads);
  const auto level = static_cast<unsigned>(row);
  reader.start();
  for (unsigned round = 0; round < 2; ++round) {
    reader.await_rounds();
    if (level == Tree::depth) reader.actor.live_in(nothing);
    else tree.put(level, nothing);
    // Without any space the program does not even find its next instruction.
    if (level == Tree::depth) expect(reader.hear_fault().code, FaultCode::no_memory);
    else reader.hears(FaultCode::no_memory, Tree::address, 0);
    if (level == Tree::depth) reader.actor.live_in(tree.root.at);
    else tree.put(level);
    results(answer(), Result::ok);
  }
  reader.await_rounds();
}

void destroyed(uint64_t row) {
  const Tree tree;
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  reader.await_rounds();
  done(bank.free(tree.below(static_cast<unsigned>(row)).at));
  reader.hears(FaultCode::no_memory, Tree::address, 0);
}

// Another page, with other contents, at the place of the first.
void replaced(uint64_t row) {
  const Tree tree;
  const PageCapability other = new_page();
  fill(other, 77);
  const auto level = static_cast<unsigned>(row);
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  reader.await_rounds();
  expect(reader.value, 0);
  // The other page alone, by its guard, stands where a node stood.
  uint64_t guard = 0;
  for (unsigned i = level; i-- > 0;) guard = guard << 4 | Tree::slots[i];
  done(other.reduce(0, guard, arrived[1]));
  tree.put(level, arrived[1]);
  while (reader.value != 77) rest();
  tree.put(level);
  while (reader.value != 0) rest();
  expect(reader.value, 0);
}

void slot_size_changes(uint64_t row) {
  const Tree tree;
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  reader.await_rounds();
  const NodeCapability node = tree.node(static_cast<unsigned>(row));
  const uint8_t before = value_of(node.get()).slot_size;
  done(node.set({.slot_size = static_cast<uint8_t>(before + 4)}));
  reader.hears(FaultCode::no_memory, Tree::address, 0);
  done(node.set({.slot_size = before}));
  answer();
  reader.await_rounds();
}

// --- restrictions at each level ---------------------------------------------------------------------------

void made_read_only(uint64_t row) {
  const Tree tree;
  const auto level = static_cast<unsigned>(row);
  Prober writer(tree.root, Tree::address, writes);
  writer.start();
  writer.await_rounds();
  tree.put_reduced(level, restriction::read_only);
  writer.hears(FaultCode::access, Tree::address, 1);
  tree.put(level);
  answer();
  writer.await_rounds();
}

void made_weak(uint64_t row) {
  const Tree tree;
  const auto level = static_cast<unsigned>(row);
  Prober writer(tree.root, Tree::address, writes);
  writer.start();
  writer.await_rounds();
  tree.put_reduced(level, restriction::weak);
  writer.hears(FaultCode::access, Tree::address, 1);
  tree.put(level);
  answer();
  writer.await_rounds();
}

void reads_on_when_read_only(uint64_t row) {
  const Tree tree;
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  reader.await_rounds();
  tree.put_reduced(static_cast<unsigned>(row), restriction::read_only | restriction::weak | restriction::opaque);
  reader.await_rounds();
}

// The page holds a loop; a jump there runs it until its page may not be executed any more.
void made_no_execute(uint64_t row) {
  const Tree tree;
  const auto level = static_cast<unsigned>(row);
  constexpr uint8_t loop[] = {0xeb, 0xfe};
  uint64_t word = 0;
  std::memcpy(&word, loop, sizeof(loop));
  fill(tree.page, word);
  Prober jumper(tree.root, Tree::address, jumps);
  jumper.start();
  while (jumper.actor.status().instruction_pointer != Tree::address) rest();
  tree.put_reduced(level, restriction::no_execute);
  jumper.hears(FaultCode::access, Tree::address, 2);
  tree.put(level);
  answer();
  while (jumper.actor.status().instruction_pointer != Tree::address) rest();
  rest();
  expect(jumper.actor.status().state, ProcessState::running);
}

void guard_keeps_out(uint64_t row) {
  const Tree tree;
  const auto level = static_cast<unsigned>(row);
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  reader.await_rounds();
  tree.put_reduced(level, 0, 1);
  reader.hears(FaultCode::no_memory, Tree::address, 0);
  tree.put(level);
  answer();
  reader.await_rounds();
}

// --- keepers at each level ------------------------------------------------------------------------------

uint64_t offset_in(unsigned level) { return Tree::address & ((uint64_t{1} << (12 + 4 * (level + 1))) - 1); }

// The nearest keeper is told, with the address from the start of its node; those above are not.
void nearest_keeper(uint64_t row) {
  const Tree tree;
  const auto level = static_cast<unsigned>(row);
  const CapabilityRegister keeper = my_entry(100);
  for (unsigned above = level; above < Tree::depth; ++above) done(tree.node(above).set_keeper(keeper));
  done(my_endpoint.entry(100 + level, keeper));
  done(tree.node(level).set_keeper(keeper));
  tree.put(0, nothing);
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  const Message told = receive();
  expect(told.delivery, Delivery::call);
  expect(told.words[0], method::keeper_fault);
  expect(told.words[1], FaultCode::no_memory);
  expect(told.words[2], level == 3 ? Tree::address : offset_in(level));
  expect(told.words[3], 0);
  expect(told.entry_payload, 100 + level);
  holds(is_same(arrived[0], tree.node(level).at));
  tree.put(0);
  answer();
  reader.await_rounds();
}

// Below no_call it is the process's own keeper that is told, with the whole address and no node.
void no_call_hides_keepers(uint64_t row) {
  const Tree tree;
  done(tree.low.set_keeper(my_entry(100)));
  done(tree.root.set_keeper(my_entry(101)));
  tree.put(0, nothing);
  tree.put_reduced(static_cast<unsigned>(row) + 1, restriction::no_call);
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  const Message told = receive();
  expect(told.words[1], FaultCode::no_memory);
  expect(told.words[2], Tree::address);
  expect(told.entry_payload, Prober::keeper_payload);
  expect(type_in(arrived[0]), CapabilityType::void_capability);
}

void refusal_is_passed_on(uint64_t) {
  const Tree tree;
  done(tree.middle.set_keeper(my_entry(100)));
  tree.put(0, nothing);
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  for (unsigned round = 0; round < 3; ++round) {
    expect(receive().entry_payload, 100);
    results(answer({.words = {static_cast<uint64_t>(Result::bad_argument)}}), Result::ok);
    const Message told = receive();
    expect(told.entry_payload, Prober::keeper_payload);
    expect(told.words[2], Tree::address);
    if (round < 2) answer();  // the access is made again, and the space's keeper asked again
  }
  results(answer({.words = {static_cast<uint64_t>(Result::bad_argument)}}), Result::ok);
  const auto status = reader.actor.await_stop();
  expect(status.fault, FaultCode::no_memory);
  expect(status.fault_address, Tree::address);
}

void keeper_that_is_gone(uint64_t) {
  const Tree tree;
  const EndpointCapability gone = new_endpoint();
  done(tree.low.set_keeper(new_entry(gone)));
  done(bank.free(gone.at));
  tree.put(0, nothing);
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  reader.hears(FaultCode::no_memory, Tree::address, 0);
}

void wrapped_keeper(uint64_t) {
  const Tree tree;
  const WrapperCapability wrapper = new_wrapper(my_entry(9), 55);
  done(wrapper.client(arrived[2]));
  done(tree.low.set_keeper(arrived[2]));
  tree.put(0, nothing);
  Prober reader(tree.root, Tree::address, writes);
  reader.start();
  const Message told = receive();
  expect(told.entry_payload, 9);
  holds(told.has_wrapper_payload);
  expect(told.wrapper_payload, 55);
  expect(told.words[3], 1);
  tree.put(0);
  answer();
  reader.await_rounds();
}

// --- what is no memory -----------------------------------------------------------------------------------

void slots_that_are_no_memory(uint64_t) {
  const Tree tree;
  Prober reader(tree.root, Tree::address, reads);
  tree.put(0, ordinary.at);
  reader.start();
  reader.hears(FaultCode::malformed_space, Tree::address, 0);
  done(bank.allocate(Kind::capability_page, arrived[2]));
  tree.put(0, arrived[2]);
  answer();
  reader.hears(FaultCode::access, Tree::address, 0);
  tree.put(0);
  answer();
  reader.await_rounds();
}

void node_in_itself(uint64_t) {
  const Tree tree;
  const NodeCapability loop = new_node(0);
  for (unsigned slot = 0; slot < node_slot_count; ++slot) done(loop.store(slot, loop.at));
  done(tree.middle.store(Tree::slots[1], loop.at));
  Prober reader(tree.root, Tree::address, reads);
  reader.start();
  // Each round enters it anew, with what is left of the address: nothing, and then its first slot for ever.
  reader.hears(FaultCode::malformed_space, Tree::address, 0);
}

void pocket_is_no_memory(uint64_t) {
  const Tree tree;
  tree.put(0, nothing);
  done(tree.low.store(15, tree.page.at));
  constexpr uint64_t address = Tree::address + (14 << 12);
  Prober reader(tree.root, address, reads);
  reader.start();
  reader.await_rounds();
  done(tree.low.set({.slot_size = 0, .flags = Node::flag_pocket}));
  reader.hears(FaultCode::no_memory, address, 0);
}

void above_all_programs(uint64_t) {
  const Tree tree;
  Prober reader(tree.root, user_address_end, reads);
  reader.start();
  expect(reader.hear_fault().code, FaultCode::protection);
}

void filled_while_it_waits(uint64_t) {
  const Tree tree;
  tree.put(0, nothing);
  Prober reader(tree.root, Tree::address, reads);
  fill(tree.page, 5);
  reader.start();
  reader.hears(FaultCode::no_memory, Tree::address, 0);
  tree.put(0);
  answer();
  reader.await_rounds();
  expect(reader.value, 5);
}

// Two spaces share a node: what is taken from it is taken from both.
void shared_node(uint64_t) {
  const Tree tree;
  const NodeCapability second = new_space();
  done(second.store(Tree::slots[3], tree.high.at));
  Prober one(tree.root, Tree::address, reads), two(second, Tree::address, reads);
  for (Prober* prober : {&one, &two}) prober->start();
  for (Prober* prober : {&one, &two}) prober->await_rounds();
  tree.put(0, nothing);
  for (unsigned i = 0; i < 2; ++i) one.hears(FaultCode::no_memory, Tree::address, 0);
}

constexpr Test tests[] = {
    {"a keeper's refusal is passed on to the process's own keeper, and the access stops it in the end", refusal_is_passed_on},
    {"a keeper that is gone is passed over", keeper_that_is_gone},
    {"a keeper may stand behind a wrapper, and is told its payload", wrapped_keeper},
    {"what is no memory is a malformed space, a capability page no access", slots_that_are_no_memory},
    {"a node that contains itself has an end", node_in_itself},
    {"the pocket of a node counts as void, as soon as it is one", pocket_is_no_memory},
    {"addresses above all programs are protected", above_all_programs},
    {"what is taken from a node is taken from every space that it is part of", shared_node},
    {"what fills a void slot is seen at the next access", filled_while_it_waits},
};
constexpr auto removed = for_each_row("it is gone at once for a running reader: ", levels, taken_away);
constexpr auto gone = for_each_row("its destruction takes it from a running reader: ", slots, destroyed);
constexpr auto others = for_each_row("a running reader sees another page in the place of ", slots, replaced);
constexpr auto sizes = for_each_row("a change of its slot size moves what it holds: ", middles, slot_size_changes);
constexpr auto read_only = for_each_row("a running writer is stopped when it becomes read-only: ", slots, made_read_only);

}  // namespace

constinit const Suite address_spaces{"address_spaces", {{tests, removed, gone, others, sizes, read_only}}};

constexpr auto weak = for_each_row("a running writer is stopped when it becomes weak: ", slots, made_weak);
constexpr auto readable = for_each_row("a running reader reads on when it becomes weak, read-only and opaque: ", slots, reads_on_when_read_only);
constexpr auto no_execute = for_each_row("a running program stops when it may not be executed any more: ", slots, made_no_execute);
constexpr auto guarded = for_each_row("another guard keeps a running reader out: ", slots, guard_keeps_out);
constexpr auto keepers = for_each_row("of the nodes with a keeper the nearest one's is told: ", nodes, nearest_keeper);
constexpr auto no_call = for_each_row("no keeper of the space is told below no_call: ", middles, no_call_hides_keepers);

constinit const Suite restrictions{"restrictions", {{weak, readable, no_execute, guarded, keepers, no_call}}};

}  // namespace perdure::guest
