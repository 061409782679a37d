// SPDX-License-Identifier: MIT
//
// Copies of a disk that is being written to: each block as it stood at another moment of a recorded run,
// as `cp` makes them (ascending), or a copier of another order. Each copy is opened, and all its frames are
// read, before and after what is in its log has come home. Every frame has to be what it was in the one
// generation that the copy's root names; else the store must have refused the copy, stopped over it, or
// called the frame unreadable. Of a copy in ascending order nothing is ever served that is of another
// generation. Of other orders that is not so (docs/decisions/0046-a-copy-of-a-running-image.md says what a disk can tell): there it
// is counted. Of all orders: a copy that the store does not serve whole, `image verify` does not pass.
#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "test/simulation/judgement.hpp"
#include "test/simulation/simulated_machine.hpp"
#include "test/support/fresh_image.hpp"

namespace perdure {
namespace {

constexpr uint64_t store_id = 0xc097;
constexpr size_t memory_bytes = 2 << 20;

enum class Order : uint8_t { ascending, descending, random };
constexpr const char* order_names[] = {"ascending", "descending", "random"};

struct Counts {
  unsigned copies = 0, whole = 0, refused = 0, stopped = 0, unreadable = 0, mixed = 0;
  unsigned passed = 0;  // by `image verify`, and not served
};

// A run, and the disk after each of its writes.
struct Recording {
  std::vector<Medium> moments;
  std::map<uint64_t, World> worlds;  // by generation

  Recording(Random& random, MachineMemory& memory) {
    const auto segments = static_cast<uint32_t>(log_segments_min + random.below(4));
    const uint64_t rest = (1 + random.below(4)) * (tags_per_frame + 2);
    const Geometry geometry = *Geometry::plan(log_start.value + segments * segment_blocks_min + rest, segments, segment_blocks_min);
    SimulatedDisk disk(fresh_image(geometry, random.below(geometry.tag_frames + 1), store_id), random.next());
    disk.after_write = [&] { moments.push_back(disk.keep_everything()); };
    Oracle oracle;
    worlds[0] = {};
    SimulatedMachine machine(disk, memory.all(), &oracle);
    expect(machine.open({.boot_identity = random.next()}).has_value(), "the store does not open");
    const uint64_t declare_one_in = 5 + random.below(60);
    for (unsigned i = 0; i < 400; ++i) {
      machine.act(random, random.one_in(3));
      const bool wanted = random.one_in(declare_one_in) || machine.store->due(machine.now_ns);
      if (!wanted || !machine.store->can_declare()) continue;
      machine.declare();
      worlds[oracle.possible] = oracle.now;
    }
    machine.run_to_idle();
  }
};

// Each block somewhat later than the one before it, in this order.
Medium copy_of(const Recording& recording, Order order, Random& random) {
  const size_t blocks = recording.moments[0].size();
  std::vector<size_t> places(blocks);
  for (size_t i = 0; i < blocks; ++i) places[i] = order == Order::descending ? blocks - 1 - i : i;
  if (order == Order::random) {
    for (size_t i = blocks; i > 1; --i) std::swap(places[i - 1], places[random.below(i)]);
  }
  size_t moment = random.below(recording.moments.size());
  const uint64_t step_one_in = 1 + random.below(60);
  Medium copy(blocks);
  for (const size_t place : places) {
    copy[place] = recording.moments[moment][place];
    if (random.one_in(step_one_in)) moment = std::min(moment + random.below(8), recording.moments.size() - 1);
  }
  return copy;
}

// That it reads a mixture, and does not know, it shares with the store.
bool tool_finds_nothing(const Medium& copy, const World& world) {
  try {
    return judgement_of_tool(copy, world).is_sound();
  } catch (const SimulationFailure&) {
    return true;
  }
}

// What one boot of the copy comes to. What the store does not serve, `image verify` tells of.
void boot(const Recording& recording, const Medium& copy, Random& random, MachineMemory& memory, Counts& counts) {
  ++counts.copies;
  SimulatedDisk disk(copy, random.next());
  SimulatedMachine machine(disk, memory.all(), nullptr);
  const bool is_open = machine.open({.boot_identity = random.next()}).has_value();
  const World world = is_open ? recording.worlds.at(machine.store->committed_generation().value) : World{};
  const bool is_passed = tool_finds_nothing(copy, world);
  if (!is_open) {
    ++counts.refused;
    counts.passed += is_passed;
    return;
  }
  try {
    std::set<uint64_t> unreadable;
    if (random.one_in(2)) unreadable = machine.compare_with(world, true);
    machine.run_to_idle();
    unreadable.merge(machine.compare_with(world, true));
    ++(unreadable.empty() ? counts.whole : counts.unreadable);
    counts.passed += is_passed && !unreadable.empty();
  } catch (const MachineStopped&) {
    ++counts.stopped;
    counts.passed += is_passed;
  } catch (const SimulationFailure&) {
    ++counts.mixed;
  }
}

}  // namespace
}  // namespace perdure

int main(int count, char** arguments) {
  using namespace perdure;
  uint64_t first = 1, runs = 40;
  for (int i = 1; i + 1 < count; i += 2) {
    (std::strcmp(arguments[i], "--seed") == 0 ? first : runs) = std::strtoull(arguments[i + 1], nullptr, 0);
    if (std::strcmp(arguments[i], "--seed") == 0) runs = 1;
  }
  MachineMemory memory(memory_bytes);
  Counts counts[3];
  unsigned failed = 0;
  for (uint64_t seed = first; seed < first + runs; ++seed) {
    Random random(seed);
    const Recording recording(random, memory);
    for (unsigned i = 0; i < 60; ++i) {
      const auto order = static_cast<unsigned>(random.below(3));
      const unsigned mixed_before = counts[order].mixed;
      boot(recording, copy_of(recording, static_cast<Order>(order), random), random, memory, counts[order]);
      if (order != static_cast<unsigned>(Order::ascending) || counts[order].mixed == mixed_before) continue;
      std::printf("seed %" PRIu64 ", copy %u: a mixture of generations is served\n", seed, i);
      ++failed;
    }
  }
  for (unsigned order = 0; order < 3; ++order) {
    const Counts& c = counts[order];
    std::printf("%s: %u copies, %u whole, %u refused, %u stopped, %u with frames unreadable, %u mixtures served\n",
                order_names[order], c.copies, c.whole, c.refused, c.stopped, c.unreadable, c.mixed);
    if (c.passed > 0) std::printf("%u of the others passed by image verify\n", c.passed);
    failed += c.passed;
  }
  // A test that never sees a mixture refused shows nothing.
  const Counts& ascending = counts[0];
  if (runs > 1 && (ascending.whole == 0 || ascending.stopped == 0)) ++failed;
  std::printf("%u passed, %u failed\n", failed == 0 ? 1 : 0, failed);
  return failed == 0 ? 0 : 1;
}
