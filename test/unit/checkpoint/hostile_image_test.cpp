// SPDX-License-Identifier: MIT
//
// Tries to crash, hang or fool recovery with an image in which all checksums hold and the contents
// were written by an enemy: random fields of roots, headers, summaries and tags, sealed again.
#include <catch2/catch.hpp>

#include "test/simulation/simulated_machine.hpp"
#include "test/support/fresh_image.hpp"

using namespace perdure;

namespace {

template <typename Contents>
Contents contents_of(const Medium& medium, BlockIndex place) {
  Contents contents;
  std::memset(static_cast<void*>(&contents), 0, sizeof(contents));
  if (medium[place.value]) std::memcpy(static_cast<void*>(&contents), medium[place.value]->data(), sizeof(contents));
  return contents;
}

template <typename Contents>
void scribble(Contents& contents, Random& random, size_t first, size_t bytes) {
  auto* at = reinterpret_cast<std::byte*>(&contents) + first;
  for (uint64_t i = 1 + random.below(3); i > 0; --i) {
    at[random.below(bytes)] = random.one_in(2) ? std::byte{0xff} : static_cast<std::byte>(random.next());
  }
}

struct Victim {
  Geometry geometry = *Geometry::plan(log_start.value + 4 * 16 + 2 * 129, 4, 16);
  MachineMemory memory{4 << 20};
  Medium medium;
  Root root;

  Victim(Medium medium_, const Root& root_) : medium(std::move(medium_)), root(root_) {}
  // A generation that is still in the log, with two segments and a header.
  Victim() {
    Oracle oracle;
    SimulatedDisk disk(fresh_image(geometry, 1, 5), 1);
    SimulatedMachine machine(disk, memory.all(), &oracle);
    REQUIRE(machine.open({}).has_value());
    for (uint64_t number = 1; number < 25; ++number) {
      Expected<CacheSlot, Absent> slot = std::unexpected(Absent{});
      while (!(slot = machine.store->obtain({number * 7}))) machine.poll(1000);
      REQUIRE(machine.store->make_dirty(*slot, Need::reserve).has_value());
      make_whole(machine.store->descriptor(*slot).identity, Kind::page, {1});
      std::memset(machine.store->bytes(*slot), 7, frame_bytes);
    }
    machine.declare();
    while (machine.store->state() != Store::State::migrating) machine.poll(1000);
    medium = disk.keep_everything();
    root = machine.store->root();
  }

  void put_roots() {
    for (const auto& slot : root_blocks) {
      for (const BlockIndex place : slot) {
        seal(root);
        medium[place.value] = block_of(root);
      }
      ++root.sequence;
    }
  }
  template <typename Block>
  Block change(BlockIndex place, Random& random) {
    auto block = contents_of<Block>(medium, place);
    scribble(block, random, 32, block_bytes - 32);
    seal(block, place);
    medium[place.value] = block_of(block);
    return block;
  }
  template <typename Block>
  void copy(Block& block, BlockIndex place) {
    seal(block, place);
    medium[place.value] = block_of(block);
  }
  void attack(Random& random) {
    switch (random.below(4)) {
      case 0:
        scribble(root, random, offsetof(Root, sequence), offsetof(Root, spare) - offsetof(Root, sequence));
        break;
      case 1: {
        auto header = change<GenerationHeader>(geometry.log_block(root.header_places[0]), random);
        root.header_checksums[0] = header.checksum;
        copy(header, geometry.log_block(root.header_places[1]));
        root.header_checksums[1] = header.checksum;
        break;
      }
      case 2: {
        const uint64_t place = 15 + 16 * random.below(2);
        auto summary = change<SummaryBlock>(geometry.log_block(place), random);
        copy(summary, geometry.log_block(place - 1));
        break;
      }
      case 3:
        change<TagFrame>(geometry.tag_block(0, 0), random);
        change<TagFrame>(geometry.tag_block(0, 1), random);
        break;
    }
    put_roots();
  }
};

}  // namespace

TEST_CASE("an image of an enemy is refused or read, and never gets further") {
  const Victim prepared;
  unsigned refused = 0, opened_count = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    Random random(seed);
    Victim victim(prepared.medium, prepared.root);
    victim.attack(random);
    SimulatedDisk disk(victim.medium, seed);
    SimulatedMachine machine(disk, victim.memory.all(), nullptr);
    const auto opened = machine.open({});
    if (!opened) {
      ++refused;
      CHECK(disk.counts().writes == 0);
      continue;
    }
    ++opened_count;
    machine.run_to_idle();
    for (uint64_t number = 0; number < machine.store->frames_in_store(); ++number) {
      for (unsigned i = 0; i < 100'000; ++i) {
        const auto slot = machine.store->obtain({number});
        if (slot || slot.error().why != Absent::Why::stall) break;
        machine.poll(1000);
      }
    }
  }
  CHECK(refused > 200);
  CHECK(opened_count > 200);
}

TEST_CASE("a summary of another writing of its segment is refused, though its checksum holds") {
  Victim victim;
  auto summary = contents_of<SummaryBlock>(victim.medium, victim.geometry.log_block(15));
  ++summary.sequence;
  for (const uint64_t place : {15, 14}) victim.copy(summary, victim.geometry.log_block(place));
  SimulatedDisk disk(victim.medium, 1);
  SimulatedMachine machine(disk, victim.memory.all(), nullptr);
  const auto opened = machine.open({});
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().error == OpenError::damaged);
}
