// SPDX-License-Identifier: MIT
//
// Tries to make the store believe a tag frame that is not the truth, or write over the only copy that
// is durable: every combination of whole, torn, old and new copies, before each of the two passes of
// a migration, first and repeated.
#include <catch2/catch.hpp>
#include <vector>

#include "checkpoint/tag_cache.hpp"
#include "test/support/fresh_image.hpp"
#include "test/support/quiet_client.hpp"

using namespace perdure;

namespace {

constexpr uint64_t store_id = 77;
constexpr Generation generation{9};
constexpr uint64_t old_sequence = TagFrame::sequence_of({7}, 0);
constexpr uint64_t first = TagFrame::sequence_of(generation, 0), second = TagFrame::sequence_of(generation, 1);

struct Fixture {
  Geometry geometry = *Geometry::plan(1000, 3, 16);
  Medium medium = Medium(geometry.disk_blocks);
  std::vector<std::byte> memory = std::vector<std::byte>(TagCache::memory_bytes);
  std::vector<std::byte> probe = std::vector<std::byte>(block_bytes);
  Root root{.store_id = store_id};

  void put(unsigned copy, uint64_t sequence, bool torn = false) {
    const BlockIndex place = geometry.tag_block(1, copy);
    TagFrame frame{.store_id = store_id, .index = 1, .sequence = sequence};
    frame.tags[5].source = {sequence * 100};
    seal(frame, place);
    if (torn) frame.tags[126].source = {1};
    medium[place.value] = block_of(frame);
  }
  // `bad`: bits, of the copies that the disk does not give.
  TagBuffer load(unsigned bad = 0) {
    SimulatedDisk disk(medium, 1);
    for (unsigned copy : {0u, 1u}) disk.set_bad(geometry.tag_block(1, copy).value, bad >> copy & 1);
    QuietClient client;
    IoQueue io;
    io.open(disk, client, probe.data());
    TagCache tags;
    tags.open(memory.data());
    const auto buffer = tags.request(io, geometry, 1);
    REQUIRE(buffer.has_value());
    CHECK(tags.request(io, geometry, 1) == buffer);  // one load for all requests
    for (bool ended = false; !ended;) {
      io.advance(client.now_ns += 10'000'000);
      if (const auto result = io.next_result()) ended = tags.read_ended(*result, geometry, root);
    }
    return tags[*buffer];
  }
};

using State = TagBuffer::State;

void check(const TagWrite& write, unsigned copy, uint64_t sequence) {
  CHECK(write.copy == copy);
  CHECK(write.sequence == sequence);
}

}  // namespace

TEST_CASE("of two whole copies the newer one is believed; of one, that one; of none, nothing") {
  for (unsigned newer : {0u, 1u}) {
    Fixture fixture;
    fixture.put(newer, 17);
    fixture.put(newer ^ 1, 16);
    CHECK(fixture.load().state == State::valid);
    CHECK(fixture.load().frame().tags[5].source.value == 1700);
    fixture.put(newer, 17, true);
    CHECK(fixture.load().state == State::valid);
    CHECK(fixture.load().frame().tags[5].source.value == 1600);
    fixture.put(newer ^ 1, 16, true);
    CHECK(fixture.load().state == State::damaged);
  }
}

TEST_CASE("a copy of another place, another store or another tag frame is none") {
  Fixture fixture;
  fixture.put(0, 16);
  fixture.put(1, 17);
  const BlockIndex place = fixture.geometry.tag_block(1, 1);
  SECTION("the other copy's block") { fixture.medium[place.value] = fixture.medium[fixture.geometry.tag_block(1, 0).value]; }
  SECTION("another index") {
    TagFrame frame{.store_id = store_id, .index = 2, .sequence = 99};
    seal(frame, place);
    fixture.medium[place.value] = block_of(frame);
  }
  SECTION("another store") {
    TagFrame frame{.store_id = store_id + 1, .index = 1, .sequence = 99};
    seal(frame, place);
    fixture.medium[place.value] = block_of(frame);
  }
  SECTION("zeroes") { fixture.medium[place.value] = nullptr; }
  CHECK(fixture.load().frame().tags[5].source.value == 1600);
}

TEST_CASE("a copy that cannot be read is one that does not verify, and with none the errors are told from damage") {
  Fixture fixture;
  fixture.put(0, 16);
  fixture.put(1, 17);
  CHECK(fixture.load(0b01).frame().tags[5].source.value == 1700);
  CHECK(fixture.load(0b10).frame().tags[5].source.value == 1600);
  CHECK(fixture.load(0b11).state == State::failed);
  fixture.put(0, 16, true);
  CHECK(fixture.load(0b10).state == State::failed);
  fixture.put(1, 17, true);
  CHECK(fixture.load(0b10).state == State::failed);
  CHECK(fixture.load().state == State::damaged);
}

TEST_CASE("the first pass never writes over the only copy that is durable") {
  for (unsigned copy : {0u, 1u}) {
    Fixture fixture;
    const unsigned other = copy ^ 1;
    fixture.put(copy, old_sequence + 1);
    SECTION("both old: over the older one") {
      fixture.put(other, old_sequence);
      check(first_write(fixture.load(), generation), other, first);
    }
    SECTION("an earlier try has written one, perhaps in vain: there again") {
      fixture.put(other, first);
      check(first_write(fixture.load(), generation), other, first);
    }
    SECTION("an earlier try has torn one: there again") {
      fixture.put(other, first, true);
      check(first_write(fixture.load(), generation), other, first);
    }
    SECTION("a pair of this generation: over the one that was written last, which stays it") {
      fixture.put(copy, first);
      fixture.put(other, second);
      check(first_write(fixture.load(), generation), other, second);
    }
    SECTION("the second of this generation is torn: there, as the second") {
      fixture.put(copy, first);
      fixture.put(other, second, true);
      check(first_write(fixture.load(), generation), other, second);
    }
    SECTION("the first of this generation has rotted: there, as the first") {
      fixture.put(copy, second);
      fixture.put(other, first, true);
      check(first_write(fixture.load(), generation), other, first);
    }
  }
}

TEST_CASE("the second pass writes the other copy, and the same one again when it is repeated") {
  for (unsigned copy : {0u, 1u}) {
    Fixture fixture;
    const unsigned other = copy ^ 1;
    fixture.put(copy, first);
    SECTION("which is old") { fixture.put(other, old_sequence); }
    SECTION("which is torn") { fixture.put(other, second, true); }
    SECTION("which an earlier try has written, perhaps in vain") { fixture.put(other, second); }
    check(second_write(fixture.load(), generation), other, second);
  }
}

TEST_CASE("the second pass writes over the copy there is, if the first one is not there") {
  for (unsigned copy : {0u, 1u}) {
    Fixture fixture;
    const unsigned other = copy ^ 1;
    fixture.put(other, first, true);
    SECTION("for the first time") { fixture.put(copy, old_sequence + 1); }
    SECTION("again: what an earlier try has written may be there in vain") { fixture.put(copy, second); }
    SECTION("the other is an old one, the disk having lost the write") {
      fixture.put(copy, old_sequence + 1);
      fixture.put(other, old_sequence);
    }
    check(second_write(fixture.load(), generation), copy, second);
  }
}

TEST_CASE("what was written takes part at once") {
  Fixture fixture;
  fixture.put(0, old_sequence + 1);
  fixture.put(1, old_sequence, true);
  TagBuffer buffer = fixture.load();
  TagFrame fresh = buffer.frame();
  fresh.sequence = first;
  TagCache::was_written(buffer, 1, fresh);
  CHECK(buffer.content == 1);
  CHECK(buffer.whole[1]);
  check(second_write(buffer, generation), 0, second);
}
