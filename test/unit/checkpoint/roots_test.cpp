// SPDX-License-Identifier: MIT
//
// Tries to have a start believe a root that is not the newest one, and to have one of the three numbers
// come twice: each by itself, for each hides behind the others.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "checkpoint/recovery.hpp"
#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

Root root_at(const Medium& medium, BlockIndex place) {
  Root root;
  std::memcpy(static_cast<void*>(&root), medium[place.value]->data(), sizeof(root));
  return root;
}

Medium committed_image() {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  REQUIRE(machine.checkpoint());
  return machine.disk.keep_everything();
}

Expected<FoundRoot, OpenFailure> survey(SimulatedDisk& disk, SmallMachine& client) {
  alignas(sector_bytes) static std::byte buffer[block_bytes];
  return read_roots(disk, &client, buffer);
}

// Every sequence of a segment that this generation of the log refers to.
std::set<uint64_t> segment_sequences(const SmallMachine& machine, const Medium& medium) {
  const Root& root = machine.store->root();
  GenerationHeader header;
  std::memcpy(static_cast<void*>(&header), medium[root.geometry.log_block(root.header_places[0]).value]->data(), sizeof(header));
  std::set<uint64_t> sequences;
  for (uint32_t i = 0; i < header.reference_count; ++i) sequences.insert(header.references[i].sequence);
  return sequences;
}

}  // namespace

TEST_CASE("a slot of which neither copy can be read may hold the newest root: refused") {
  const Medium medium = committed_image();
  SmallMachine client(SmallMachine::geometry());
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    SimulatedDisk disk(medium, 1);
    for (const BlockIndex place : root_blocks[slot]) disk.set_bad(place.value);
    const auto found = survey(disk, client);
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().error == OpenError::disk_failed);
    for (const BlockIndex place : root_blocks[slot]) {
      disk.set_bad(place.value, false);
      CHECK(survey(disk, client).has_value());
      disk.set_bad(place.value);
    }
  }
}

TEST_CASE("which of several disks may be a store's: one that shows a root's mark, or gives none of their places") {
  alignas(sector_bytes) static std::byte buffer[block_bytes];
  const Medium medium = committed_image();
  Medium foreign = medium;
  for (const auto& slot : root_blocks) {
    for (const BlockIndex place : slot) foreign[place.value] = Medium::value_type{};
  }
  Medium damaged = foreign;
  damaged[root_blocks[1][1].value] = medium[root_blocks[1][1].value];
  Root root = root_at(damaged, root_blocks[1][1]);
  ++root.sequence;  // its checksum no longer holds
  damaged[root_blocks[1][1].value] = block_of(root);
  for (unsigned bad = 0; bad < 16; ++bad) {
    INFO(bad);
    const auto may_hold = [&](const Medium& content) {
      SimulatedDisk disk(content, 1);
      for (unsigned i = 0; i < 4; ++i) {
        if (bad >> i & 1) disk.set_bad(root_blocks[i / 2][i % 2].value);
      }
      return may_hold_root(disk, buffer);
    };
    const bool gives_nothing = bad == 15;
    const bool gives_last = (bad & 8) == 0;
    CHECK(may_hold(medium));
    CHECK(may_hold(foreign) == gives_nothing);
    CHECK(may_hold(damaged) == (gives_last || gives_nothing));
  }
}

TEST_CASE("errors that pass refuse no image") {
  const Medium medium = committed_image();
  SmallMachine client(SmallMachine::geometry());
  SimulatedDisk disk(medium, 1);
  disk.fail_next(DiskRequest::Operation::read, 100);
  CHECK(survey(disk, client).has_value());
}

TEST_CASE("roots of two stores are refused, whichever is the newer") {
  for (const uint64_t sequence : {uint64_t{1}, uint64_t{1} << 40}) {
    Medium medium = committed_image();
    Root stray = root_at(medium, root_blocks[0][1]);
    ++stray.store_id;
    stray.sequence = sequence;
    seal(stray);
    medium[root_blocks[0][1].value] = block_of(stray);
    SmallMachine after(medium);
    REQUIRE_FALSE(after.opened.has_value());
    CHECK(after.opened.error().error == OpenError::damaged);
  }
}

TEST_CASE("both copies of a root are read back") {
  for (const unsigned lost : {0u, 1u}) {
    SmallMachine machine(SmallMachine::geometry());
    REQUIRE(machine.write_page(5, 'a'));
    machine.declare();
    REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::committing; }));
    const uint64_t flushes = machine.disk.counts().flushes;
    REQUIRE(machine.poll_until([&] { return machine.disk.counts().flushes > flushes; }));
    // The two writes of the root are next; the disk acknowledges one of them and does not make it.
    machine.disk.lose_write_of(root_blocks[0][lost].value);
    machine.disk.lose_write_of(root_blocks[1][lost].value);
    REQUIRE(machine.run_to_idle());
    const Medium medium = machine.disk.keep_everything();
    const Generation newest = machine.store->committed_generation();
    unsigned both = 0;
    for (const auto& slot : root_blocks) {
      both += root_at(medium, slot[0]).sequence == root_at(medium, slot[1]).sequence;
    }
    CHECK(both == root_slots);
    SmallMachine after(medium);
    CHECK(after.store->committed_generation() == newest);
  }
}

TEST_CASE("the number of an attempt that failed is in the root that withdraws it, and in the clean mark") {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  machine.disk.fail_next(DiskRequest::Operation::flush, 1);
  const Generation failed = machine.declare();
  REQUIRE(machine.run_to_idle());
  REQUIRE(machine.failed_commits == 1);
  CHECK(machine.store->root().next_generation > failed);
  machine.store->start_clean_mark();
  REQUIRE(machine.poll_until([&] { return machine.store->clean_mark_ended().has_value(); }));
  CHECK(machine.store->root().clean == 1);
  CHECK(machine.store->root().next_generation > failed);
}

TEST_CASE("no two segments that were ever written have the same sequence: generations, attempts that failed, boots") {
  std::set<uint64_t> seen;
  const auto take = [&](SmallMachine& machine, bool fails) {
    REQUIRE(machine.run_to_idle());
    for (uint64_t number = 1; number <= 20; ++number) REQUIRE(machine.write_page(number, 'a'));
    if (fails) machine.disk.fail_next(DiskRequest::Operation::flush, 1);
    machine.declare();
    REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating || machine.store->can_declare(); }));
    if (fails) return;
    for (const uint64_t sequence : segment_sequences(machine, machine.disk.keep_everything())) CHECK(seen.insert(sequence).second);
  };
  SmallMachine machine(SmallMachine::geometry());
  take(machine, false);
  take(machine, false);
  take(machine, true);
  take(machine, false);
  SmallMachine after(machine.disk.keep_everything());
  take(after, false);
  take(after, false);
}

TEST_CASE("a header that tells another state of the system than the root is refused") {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  machine.declare();
  REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating; }));
  Medium medium = machine.disk.keep_everything();
  Root root = machine.store->root();
  ++root.system.next_ticket;
  seal(root);
  for (const auto& slot : root_blocks) {
    for (const BlockIndex place : slot) medium[place.value] = block_of(root);
  }
  SmallMachine after(medium);
  REQUIRE_FALSE(after.opened.has_value());
  CHECK(after.opened.error().what == "the generation header makes no sense");
}

TEST_CASE("the processor features that an image has ever been run with add up") {
  SmallMachine first(SmallMachine::geometry());
  const Medium fresh = first.disk.keep_everything();
  SimulatedDisk disk(fresh, 1);
  SmallMachine client(SmallMachine::geometry());
  const auto boot = [&](uint64_t features) {
    Store store;
    MachineMemory memory(4 << 20);
    return store.open(disk, memory.all(), client, {.processor_features = features}, 1);
  };
  CHECK(boot(0b01).has_value());
  CHECK(boot(0b11).has_value());
  CHECK(boot(0b01).error().missing_features == 0b10);
  CHECK(boot(0b10).error().missing_features == 0b01);
  CHECK(boot(0b111).has_value());
}
