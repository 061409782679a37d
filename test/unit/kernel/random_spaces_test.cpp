// SPDX-License-Identifier: MIT
//
// Random spaces: guests that share nodes and pages use their memory, while one of them changes it under
// them in every way there is: slots, slot sizes, nodes and pages destroyed and made anew one by one and
// by whole rows, other spaces given to processes. Frames leave the cache, checkpoints and power cuts come
// in between. Behind every step each entry of each space is walked again, every node behind it has to be
// marked, and no process may remember another's root. PERDURE_SEED and PERDURE_RUNS as in
// random_guests_test.cpp.
#include <catch2/catch.hpp>

#include <random>
#include <string>

#include "test/support/environment.hpp"
#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr unsigned node_count = 14, page_count = 8, user_count = 4;
constexpr unsigned range_register = 3, first_node = 4, first_page = first_node + node_count;
constexpr unsigned first_process = first_page + page_count;
constexpr unsigned levels = 2;  // of nodes: those of the lower one hold pages
static_assert(first_process + user_count - 1 < capability_register_count - 1);

class RandomSpaces {
 public:
  explicit RandomSpaces(uint64_t seed)
      : random_(seed),
        world_({.chaos_seed = seed % 4 == 3 ? seed : 0}, {.table_pages = seed % 2 ? size_t{9} : size_t{40}}) {
    for (unsigned i = 0; i < node_count; ++i) {
      memory_.push_back(i % 5 == 0 ? world_.make_in_new_row(Kind::node) : world_.make(Kind::node));
      world_.object<Node>(memory_[i]).slot_size = slot_size(i);
    }
    for (unsigned i = 0; i < page_count; ++i) memory_.push_back(world_.make(Kind::page));
    for (unsigned i = 0; i < node_count; ++i) {
      for (unsigned slot = 0; slot < 3; ++slot) world_.object<Node>(memory_[i]).slots[slot] = maybe_read_only(some_memory_for(i));
    }
    for (unsigned i = 0; i < user_count; ++i) {
      world_.make_in_new_row(Kind::activity);  // each in a row of its own, which only it makes dirty
      users_.push_back(world_.new_plain_guest([this](Process& p) { use_memory(p); }));
      world_.write(users_[i].process);
      world_.process(users_[i]).space = memory_[random_() % node_count];
    }
    world_.make_in_new_row(Kind::activity);
    operator_ = world_.new_plain_guest([this](Process& p) { change_something(p); });
    world_.write(operator_.process);
    Process& process = world_.process(operator_);
    process.capability_registers[range_register] = {.type = CapabilityType::range, .payload = 500};
    for (unsigned i = 0; i < memory_.size(); ++i) process.capability_registers[first_node + i] = memory_[i];
    for (unsigned i = 0; i < user_count; ++i) process.capability_registers[first_process + i] = users_[i].process;
    world_.use_fast_path = seed % 2;
    world_.start();
    world_.unwritable_is_watched = true;
    world_.take_checkpoint();
  }

  void run(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      if (random_() % 4 == 0) fake_machine().advance(20'000'000);  // a slice is over
      if (random_() % 100 == 0) world_.take_checkpoint();
      if (random_() % 500 == 0) world_.cut_and_boot();
      if (random_() % 8 == 0) drop_frame();
      REQUIRE(world_.step());
      const auto wrong = world_.kernel().check_state();
      INFO("step " << i << " " << (wrong ? std::string(wrong->what) : std::string()));
      REQUIRE(!wrong);
    }
  }
  unsigned accesses = 0;

 private:
  static uint8_t slot_size(unsigned node) { return node % levels == 0 ? 0 : node_slot_bits; }
  // Upper nodes hold lower ones and a few pages, lower ones pages.
  Capability some_memory_for(unsigned node) {
    const bool is_node = node % levels != 0 && random_() % 4 != 0;
    return memory_[is_node ? random_() % (node_count / levels) * levels : node_count + random_() % page_count];
  }
  Capability maybe_read_only(Capability memory) {
    if (random_() % 4 == 0) memory.restrictions |= restriction::read_only;
    return memory;
  }
  void drop_frame() {
    Store& store = world_.kernel().store;
    const CacheSlot slot = store.random_droppable(random_());
    if (slot != no_slot && world_.kernel().scheduler.woken_count() == 0) store.drop(slot);
  }

  void use_memory(Process& p) {
    ++accesses;
    p.registers.rdi = (random_() % 4 | random_() % 4 << node_slot_bits) << 12;
    p.registers.rip = random_() % 2 ? rip_of_load : rip_of_store;
  }

  static void ask(Process& p, unsigned invoked, std::array<uint64_t, 6> words, unsigned sent = 0, unsigned received = 0) {
    KernelWorld::invoke(p, Invocation::call, invoked, words, sent, received);
  }
  unsigned a_node() { return static_cast<unsigned>(random_() % node_count); }
  unsigned a_page() { return static_cast<unsigned>(node_count + random_() % page_count); }

  // Users that could not make their access are let go on, past it, as soon as the operator comes to them.
  void change_something(Process& p) {
    const auto user = static_cast<unsigned>(random_() % user_count);
    const unsigned dice = random_() % 32;
    if (dice < 12) return start(p, user);
    const unsigned node = a_node();
    const unsigned what = random_() % 3 == 0 ? a_page() : a_node();
    const Capability& object = memory_[what];
    const uint64_t frame = object.object.frame().value, index = object.object.index();
    switch (dice) {
      case 12: case 13: case 14: case 15: case 16:
        return ask(p, first_node + node, {method::store, random_() % 3}, lower_or_page(node));
      case 17: return ask(p, first_node + node, {method::store, random_() % 3}, 0);
      case 18: return ask(p, first_node + node, {method::node_set, random_() % 8 ? slot_size(node) : slot_size(node + 1u)});
      case 19: return ask(p, first_process + user, {method::store, process_slot::space}, first_node + node);
      case 20: {
        const uint64_t restrictions = random_() % 4 != 0 ? uint64_t{restriction::read_only} : random_() % 16;
        return ask(p, first_node + what, {method::memory_reduce, restrictions}, 0, first_node + what);
      }
      case 21: return ask(p, range_register, {method::range_rescind_object, frame, index});
      case 22: return ask(p, range_register, {method::range_recap, frame, index}, 0, first_node + what);
      case 23: if (random_() % 4 == 0) return ask(p, range_register, {method::range_rescind, frame, 1}); break;
      case 24: case 25: case 26:
        return ask(p, range_register,
                   {method::range_make, frame, static_cast<uint64_t>(what < node_count ? Kind::node : Kind::page), 1, index},
                   0, first_node + what);
      default: break;
    }
    start(p, user);
  }
  unsigned lower_or_page(unsigned node) {
    const bool is_node = node % levels != 0 && random_() % 4 != 0;
    return first_node + (is_node ? static_cast<unsigned>(random_() % (node_count / levels) * levels) : a_page());
  }
  void start(Process& p, unsigned user) {
    if (world_.process(users_[user]).control.state == ProcessState::stopped) {
      world_.write(users_[user].process);
      world_.process(users_[user]).registers.rip = rip_of_call + system_call_instruction_bytes;
    }
    ask(p, first_process + user, {method::process_start});
  }

  std::mt19937_64 random_;
  KernelWorld world_;
  std::vector<Capability> memory_;  // nodes, then pages, as they were made first
  std::vector<Guest> users_;
  Guest operator_;
};

}  // namespace

TEST_CASE("whatever becomes of a space, nobody uses what a walk does not allow") {
  for_each_seed(12, [](uint64_t seed) {
    RandomSpaces spaces(seed);
    spaces.run(3000);
    CHECK(spaces.accesses > 500);
  });
}
