// SPDX-License-Identifier: MIT
//
// Tries to have a store serve what a copy of a running machine's disk holds of a later generation than its
// root; and to have it refuse for that reason what rot, or a power cut in an attempt, leaves.
#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

template <typename Contents>
Contents block_at(const Medium& medium, BlockIndex place) {
  Contents contents;
  std::memcpy(static_cast<void*>(&contents), medium[place.value]->data(), sizeof(contents));
  return contents;
}

// As if a later generation had been written here.
template <typename Contents>
void put_newer(Medium& medium, BlockIndex place, Generation generation) {
  auto contents = block_at<Contents>(medium, place);
  contents.generation = generation;
  seal(contents, place);
  medium[place.value] = block_of(contents);
}

void put_newer_tags(Medium& medium, const Geometry& geometry, unsigned copy, Generation generation) {
  const BlockIndex place = geometry.tag_block(0, copy);
  auto tags = block_at<TagFrame>(medium, place);
  tags.sequence = TagFrame::sequence_of(generation, copy);
  seal(tags, place);
  medium[place.value] = block_of(tags);
}

// Generation 1 is at home (`log_need` tags), or still in the log.
SmallMachine written(bool at_home) {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  machine.declare();
  REQUIRE(machine.poll_until([&] { return at_home ? machine.store->can_declare() : machine.store->state() == Store::State::migrating; }));
  return machine;
}

}  // namespace

TEST_CASE("a tag that is newer than the root stops the machine that reads it, in either copy") {
  const SmallMachine before = written(true);
  for (unsigned copy = 0; copy < 2; ++copy) {
    Medium medium = before.disk.drained();
    put_newer_tags(medium, SmallMachine::geometry(), copy, {2});
    SmallMachine machine(medium);
    REQUIRE(machine.opened.has_value());
    CHECK(machine.read_page(9) == '\0');
    CHECK(machine.stopped == newer_than_root);
  }
}

TEST_CASE("a tag of the root's own generation stops nobody, nor does one that is rotten") {
  const SmallMachine before = written(true);
  Medium medium = before.disk.drained();
  put_newer_tags(medium, SmallMachine::geometry(), 1, {1});
  SmallMachine same(medium);
  CHECK(same.read_page(5) == 'a');
  CHECK(same.stopped.empty());
  put_newer_tags(medium, SmallMachine::geometry(), 1, {2});
  Block rotten = *medium[SmallMachine::geometry().tag_block(0, 1).value];
  rotten[100] ^= std::byte{1};
  medium[SmallMachine::geometry().tag_block(0, 1).value] = std::make_shared<const Block>(rotten);
  SmallMachine machine(medium);
  CHECK(machine.read_page(5) == 'a');
  CHECK(machine.stopped.empty());
}

TEST_CASE("a log that is written over while its generation is not at home is no damage") {
  const SmallMachine before = written(false);
  const Root& root = before.store->root();
  for (const uint64_t generation : {2, 3}) {
    Medium medium = before.disk.drained();
    for (const uint64_t place : root.header_places) put_newer<GenerationHeader>(medium, root.geometry.log_block(place), {generation});
    SmallMachine machine(medium);
    REQUIRE_FALSE(machine.opened.has_value());
    CHECK(machine.opened.error().error == OpenError::mixture);
    CHECK(machine.disk.counts().writes == 0);
  }
}

TEST_CASE("over a generation at home one attempt may stand, and not the one after it") {
  const SmallMachine before = written(true);
  const Root& root = before.store->root();
  for (const uint64_t ahead : {0, 1}) {
    Medium medium = before.disk.drained();
    for (const uint64_t place : root.header_places) {
      put_newer<GenerationHeader>(medium, root.geometry.log_block(place), {root.next_generation.value + ahead});
    }
    SmallMachine machine(medium);
    CHECK(machine.opened.has_value() == (ahead == 0));
    if (ahead > 0) CHECK(machine.opened.error().error == OpenError::mixture);
  }
}
