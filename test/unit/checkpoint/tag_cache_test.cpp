// SPDX-License-Identifier: MIT
//
// Tries to make the store believe an old tag frame: every combination of whole, torn, old and
// new copies, with and without an unmigrated generation that touches it.
#include <catch2/catch.hpp>
#include <vector>

#include "checkpoint/tag_cache.hpp"
#include "test/support/fresh_image.hpp"

using namespace perdure;

namespace {

constexpr uint64_t store_id = 77;

struct Fixture {
  Geometry geometry = *Geometry::plan(1000, 3, 16);
  Medium medium = Medium(geometry.disk_blocks);
  std::vector<std::byte> memory = std::vector<std::byte>(TagCache::memory_bytes);
  std::vector<Directory::Item> items = std::vector<Directory::Item>(4);
  std::vector<uint32_t> order = std::vector<uint32_t>(4), heads = std::vector<uint32_t>(4);
  Directory directory;
  Root root;

  Fixture() {
    directory.open(items, order, heads);
    root.store_id = store_id;
    root.newest_generation = {9};
    root.unmigrated = 1;
  }
  void put(unsigned copy, uint64_t sequence, bool torn = false) {
    const BlockIndex place = geometry.tag_block(1, copy);
    TagFrame frame{.store_id = store_id, .index = 1, .sequence = sequence};
    frame.tags[5].source = {sequence * 100};
    seal(frame, place);
    if (torn) frame.tags[126].source = {1};
    medium[place.value] = block_of(frame);
  }
  TagBuffer load(bool fail_reads = false) {
    SimulatedDisk disk(medium, 1);
    if (fail_reads) disk.fail_next(DiskRequest::Operation::read, 100);
    IoQueue io;
    io.open(disk);
    TagCache tags;
    tags.open(memory.data());
    const auto buffer = tags.request(io, geometry, 1);
    REQUIRE(buffer.has_value());
    CHECK(tags.request(io, geometry, 1) == buffer);  // one load for all who ask
    for (bool ended = false; !ended;) {
      if (const auto result = io.next_result()) ended = tags.read_ended(*result, geometry, root, directory);
    }
    return tags[*buffer];
  }
  void touch() { directory.insert({.number = {tags_per_frame + 3}}); }
};

using State = TagBuffer::State;

}  // namespace

TEST_CASE("of two whole copies the newer one is believed, and the older one written next") {
  for (unsigned newer : {0u, 1u}) {
    Fixture fixture;
    fixture.put(newer, 8);
    fixture.put(newer ^ 1, 5);
    const TagBuffer buffer = fixture.load();
    CHECK(buffer.state == State::valid);
    CHECK(buffer.frame().tags[5].source.value == 800);
    CHECK(TagCache::copy_to_write(buffer, {9}) == (newer ^ 1));
    CHECK(TagCache::copy_to_write(buffer, {8}) == newer);  // the same migration, once more
  }
}

TEST_CASE("one whole copy is damage, unless a migration may have torn the other") {
  for (unsigned whole : {0u, 1u}) {
    Fixture fixture;
    fixture.put(whole, 7);
    fixture.put(whole ^ 1, 9, true);
    CHECK(fixture.load().state == State::damaged);
    fixture.touch();
    const TagBuffer buffer = fixture.load();
    CHECK(buffer.state == State::valid);
    CHECK(buffer.frame().sequence == 7);
    CHECK(TagCache::copy_to_write(buffer, {9}) == (whole ^ 1));
  }
}

TEST_CASE("a generation that is only being written excuses no broken copy") {
  Fixture fixture;
  fixture.put(0, 7);
  fixture.put(1, 9, true);
  fixture.touch();
  fixture.root.unmigrated = 0;
  CHECK(fixture.load().state == State::damaged);
}

TEST_CASE("a copy that is newer than the whole one and not of this migration was not torn by it") {
  Fixture fixture;
  fixture.touch();
  fixture.put(0, 5);
  fixture.put(1, 8, true);  // rotten; the truth stood there
  CHECK(fixture.load().state == State::damaged);
  fixture.put(1, 4, true);  // the older one: the migration's place
  CHECK(fixture.load().state == State::valid);
  fixture.medium[fixture.geometry.tag_block(1, 1).value] = nullptr;  // all zero
  CHECK(fixture.load().state == State::damaged);
}

TEST_CASE("no whole copy is damage, and an error decides nothing") {
  Fixture fixture;
  fixture.touch();
  fixture.put(0, 5, true);
  fixture.put(1, 9, true);
  CHECK(fixture.load().state == State::damaged);
  fixture.put(0, 5);
  fixture.put(1, 6);
  CHECK(fixture.load(true).state == State::failed);
  CHECK(fixture.load().state == State::valid);
}

TEST_CASE("what was written takes part at once") {
  Fixture fixture;
  fixture.put(0, 8);
  fixture.put(1, 5);
  SimulatedDisk disk(fixture.medium, 1);
  TagBuffer buffer = fixture.load();
  TagFrame fresh = buffer.frame();
  fresh.sequence = 9;
  TagCache::was_written(buffer, TagCache::copy_to_write(buffer, {9}), fresh);
  CHECK(buffer.content == 1);
  CHECK(TagCache::copy_to_write(buffer, {9}) == 1);
  CHECK(TagCache::copy_to_write(buffer, {10}) == 0);
}
