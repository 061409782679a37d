// SPDX-License-Identifier: MIT
//
// Blocks of the log that are whole, stand in their places, and belong to another generation: as
// after a write that the disk acknowledged and never made. And a header that goes on in a chain.
#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

constexpr uint32_t segment_blocks = 16;

// A generation with a header that refers to more segments than its first block can hold.
struct ManySegments {
  static constexpr uint64_t pages = (header_references_max + 10) * (segment_blocks - metadata_copies);
  Geometry geometry = *Geometry::plan(log_start.value + 200 * segment_blocks + 24 * (tags_per_frame + 2), 200, segment_blocks);
  Medium medium;
  Root root;

  ManySegments() {
    SmallMachine machine(fresh_image(geometry, 0, SmallMachine::store_id), 24 << 20);
    REQUIRE(machine.opened.has_value());
    for (uint64_t number = 1; number <= pages; ++number) REQUIRE(machine.write_page(number, static_cast<char>('a' + number % 20)));
    machine.declare();
    REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating; }));
    medium = machine.disk.keep_everything();
    root = machine.store->root();
  }
};

}  // namespace

TEST_CASE("a header that goes on in a chain is read to its end") {
  ManySegments image;
  SmallMachine machine(image.medium, 24 << 20);
  REQUIRE(machine.opened.has_value());
  for (uint64_t number = 1; number <= image.pages; number += 7) REQUIRE(machine.read_page(number) == static_cast<char>('a' + number % 20));
  REQUIRE(machine.read_page(image.pages) == static_cast<char>('a' + image.pages % 20));
}

TEST_CASE("a block of the chain that belongs to another generation is refused") {
  ManySegments image;
  int64_t generation_off = 0, sequence_off = 0;
  SECTION("its generation") { generation_off = -1; }
  SECTION("its sequence") { sequence_off = -1; }
  for (const uint64_t header_place : image.root.header_places) {
    const BlockIndex place = image.geometry.log_block(header_place - 1);
    HeaderChainBlock chain;
    std::memcpy(static_cast<void*>(&chain), image.medium[place.value]->data(), sizeof(chain));
    REQUIRE(verify(chain, place, image.root.store_id));
    chain.generation.value += generation_off;
    chain.sequence += sequence_off;
    seal(chain, place);
    image.medium[place.value] = block_of(chain);
  }
  SmallMachine machine(image.medium, 24 << 20);
  REQUIRE_FALSE(machine.opened.has_value());
  CHECK(machine.opened.error().error == OpenError::damaged);
}

TEST_CASE("a summary that stayed from another generation is refused") {
  SmallMachine machine(SmallMachine::geometry(), 0);
  const Geometry geometry = SmallMachine::geometry();
  for (uint64_t number = 1; number <= 40; ++number) REQUIRE(machine.write_page(number, 'a'));
  REQUIRE(machine.checkpoint());  // segments 0, 1, 2
  const Medium old = machine.disk.keep_everything();
  for (uint64_t number = 41; number <= 80; ++number) REQUIRE(machine.write_page(number, 'b'));
  machine.declare();              // segments 3, 0, 1
  REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating; }));
  CHECK(machine.store->root().oldest_bootable == machine.store->committed_generation());
  Medium medium = machine.disk.keep_everything();
  for (unsigned copy = 0; copy < metadata_copies; ++copy) {
    const uint64_t summary = geometry.log_block(summary_block_index(geometry, 0, copy)).value;
    REQUIRE(*medium[summary] != *old[summary]);
    medium[summary] = old[summary];
  }
  SmallMachine after(medium);
  REQUIRE_FALSE(after.opened.has_value());
  CHECK(after.opened.error().what == "a summary of the log");
}

TEST_CASE("a generation whose header counts more entries than there are is refused") {
  SmallMachine machine(SmallMachine::geometry());
  for (uint64_t number = 1; number <= 20; ++number) REQUIRE(machine.write_page(number, 'a'));
  machine.declare();
  REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating; }));
  Medium medium = machine.disk.keep_everything();
  Root root = machine.store->root();
  for (unsigned copy = 0; copy < metadata_copies; ++copy) {
    const BlockIndex place = SmallMachine::geometry().log_block(root.header_places[copy]);
    GenerationHeader header;
    std::memcpy(static_cast<void*>(&header), medium[place.value]->data(), sizeof(header));
    REQUIRE(header.entry_count == 20);
    ++header.entry_count;
    seal(header, place);
    medium[place.value] = block_of(header);
    root.header_checksums[copy] = header.checksum;
  }
  seal(root);
  for (const auto& slot : root_blocks) {
    for (const BlockIndex copy : slot) medium[copy.value] = block_of(root);
  }
  SmallMachine after(medium);
  REQUIRE_FALSE(after.opened.has_value());
  CHECK(after.opened.error().what == "a generation has lost entries");
}

TEST_CASE("a header that is whole, and not the one that the root names, is refused") {
  SmallMachine machine(SmallMachine::geometry());
  for (uint64_t number = 1; number <= 20; ++number) REQUIRE(machine.write_page(number, 'a'));
  machine.declare();
  REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating; }));
  Medium medium = machine.disk.keep_everything();
  for (const uint64_t header_place : machine.store->root().header_places) {
    const BlockIndex place = SmallMachine::geometry().log_block(header_place);
    GenerationHeader header;
    std::memcpy(static_cast<void*>(&header), medium[place.value]->data(), sizeof(header));
    ++header.parent.value;
    seal(header, place);
    medium[place.value] = block_of(header);
  }
  SmallMachine after(medium);
  REQUIRE_FALSE(after.opened.has_value());
  CHECK(after.opened.error().what == "the generation header");
}

TEST_CASE("a log that the next attempt has begun to write over is not needed, and refuses nothing") {
  SmallMachine machine(SmallMachine::geometry(), 4);
  for (uint64_t number = 1; number <= 40; ++number) REQUIRE(machine.write_page(number, 'a'));
  REQUIRE(machine.checkpoint());  // segments 0, 1, 2
  REQUIRE(machine.store->root().log_need == LogNeed::tags);
  for (uint64_t number = 1; number <= 40; ++number) REQUIRE(machine.write_page(number, 'b'));
  const uint64_t writes = machine.disk.counts().writes;
  machine.declare();              // segments 3, 0, 1
  REQUIRE(machine.poll_until([&] { return machine.disk.counts().writes >= writes + 2; }));
  REQUIRE(machine.store->root().log_need == LogNeed::tags);
  SmallMachine after(machine.disk.keep_everything());
  REQUIRE(after.opened.has_value());
  for (uint64_t number = 1; number <= 40; ++number) CHECK(after.read_page(number) == 'a');
  REQUIRE(after.run_to_idle());
  REQUIRE(after.write_page(1, 'c'));
  REQUIRE(after.checkpoint());
  CHECK(after.read_page(1) == 'c');
}

TEST_CASE("a place of the log that the disk does not give costs its frame, and not those that are read with it") {
  SmallMachine machine(SmallMachine::geometry());
  for (uint64_t number = 1; number <= 20; ++number) REQUIRE(machine.write_page(number, 'a'));
  machine.declare();
  REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating; }));
  SmallMachine after(machine.disk.keep_everything());
  REQUIRE(after.opened.has_value());
  after.disk.set_bad(SmallMachine::geometry().log_block(2).value);  // frame 3
  REQUIRE(after.run_to_idle());
  CHECK(after.warnings.size() == 1);
  for (uint64_t number = 1; number <= 20; ++number) CHECK(after.read_page(number) == (number == 3 ? '\0' : 'a'));
}
