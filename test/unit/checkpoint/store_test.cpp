// SPDX-License-Identifier: MIT
//
// The store by examples: what each promise looks like when it is kept, and what each refusal says.
// What random sequences break is found by test/simulation.
#include <catch2/catch.hpp>
#include <set>

#include "test/simulation/simulated_machine.hpp"
#include "test/support/fresh_image.hpp"

using namespace perdure;

namespace {

constexpr uint64_t store_id = 0xabcdef;

struct Example {
  Geometry geometry;
  MachineMemory memory{4 << 20};
  std::unique_ptr<SimulatedDisk> disk;
  Oracle oracle;
  std::unique_ptr<SimulatedMachine> machine;

  explicit Example(uint32_t segments = 4, uint64_t frontier = 1, uint32_t segment_blocks = 16)
      : geometry(*Geometry::plan(log_start.value + segments * segment_blocks + 4 * 129, segments, segment_blocks)) {
    oracle.generations[0] = {};
    boot(fresh_image(geometry, frontier, store_id));
  }
  Expected<void, OpenFailure> open(Medium medium, StoreSettings settings = {}) {
    machine.reset();
    disk = std::make_unique<SimulatedDisk>(std::move(medium), 1);
    machine = std::make_unique<SimulatedMachine>(*disk, memory.all(), &oracle);
    return machine->open(settings);
  }
  void boot(Medium medium) { REQUIRE(open(std::move(medium)).has_value()); }
  void reboot() { boot(disk->keep_everything()); }
  Store& store() { return *machine->store; }

  CacheSlot obtain(uint64_t number) {
    for (unsigned i = 0; i < 10000; ++i) {
      if (const auto slot = store().obtain({number})) return *slot;
      machine->poll(1'000'000);
    }
    FAIL("a frame never comes");
    return no_slot;
  }
  void write_page(uint64_t number, char fill) {
    const CacheSlot slot = obtain(number);
    REQUIRE(store().make_dirty(slot, Need::reserve).has_value());
    FrameIdentity& identity = store().descriptor(slot).identity;
    if (identity.kind == Kind::empty) make_whole(identity, Kind::page, {3});
    std::memset(store().bytes(slot), fill, frame_bytes);
  }
  char read_page(uint64_t number) { return static_cast<char>(store().bytes(obtain(number))[100]); }
  // Whether it stands.
  bool write_clean_mark() {
    store().start_clean_mark();
    while (!store().clean_mark_ended()) {
      CHECK(store().root().clean == 0);
      machine->poll(1'000'000);
    }
    CHECK_FALSE(store().can_declare());  // nothing comes after it
    return *store().clean_mark_ended();
  }
  void checkpoint() {
    machine->run_to_idle();  // of what the start found
    machine->declare();
    machine->run_to_idle();
  }
  // Until the frame is there, or is known to be unreadable.
  bool is_unreadable(uint64_t number) {
    for (unsigned i = 0; i < 10000; ++i) {
      const auto slot = store().obtain({number});
      if (slot) return false;
      if (slot.error().why == Absent::Why::unreadable) return true;
      machine->poll(1'000'000);
    }
    return false;
  }
};

}  // namespace

TEST_CASE("what was committed is there after a restart, what was not is gone") {
  Example example;
  example.write_page(5, 'a');
  example.checkpoint();
  example.write_page(5, 'b');
  example.write_page(6, 'c');
  example.reboot();
  CHECK(example.read_page(5) == 'a');
  CHECK(example.store().descriptor(example.obtain(6)).identity.kind == Kind::empty);
  CHECK(example.store().descriptor(example.obtain(5)).identity.account.value == 3);
}

TEST_CASE("the smallest checkpoint is six blocks and two flushes") {
  Example example;
  example.write_page(5, 'a');
  example.write_page(6, 'b');
  const auto before = example.disk->counts();
  example.machine->declare();
  while (example.store().state() != Store::State::migrating) example.machine->poll(1000);
  CHECK(example.disk->counts().blocks_written - before.blocks_written == 6);
  CHECK(example.disk->counts().flushes - before.flushes == 2);
  example.machine->run_to_idle();
  CHECK(example.disk->counts().flushes - before.flushes == 4);
}

TEST_CASE("a frame written between cut and commit has its old contents in the generation") {
  Example example;
  example.write_page(5, 'a');
  example.machine->declare();
  example.write_page(5, 'b');
  CHECK(example.store().anything_dirty());
  example.machine->run_to_idle();
  CHECK(example.read_page(5) == 'b');
  example.reboot();
  CHECK(example.read_page(5) == 'a');
}

TEST_CASE("a pin, dirt or a waiting process keeps a frame from being dropped") {
  Example example;
  example.write_page(5, 'a');
  const CacheSlot slot = example.obtain(5);
  CHECK_FALSE(example.store().drop(slot));
  example.checkpoint();
  example.store().pin(slot);
  CHECK_FALSE(example.store().drop(slot));
  example.store().unpin(slot);
  CHECK(example.store().drop(slot));
  CHECK(example.store().find({5}) == no_slot);
  CHECK_FALSE(example.store().obtain({5}).has_value());
  while (example.machine->last_wake != WaitChannel::of(WaitChannel::Reason::frame, 5)) example.machine->poll(1000);
  CHECK(example.store().random_droppable(example.store().find({5})) != example.store().find({5}));
  CHECK(example.read_page(5) == 'a');
  CHECK(example.store().drop(example.store().find({5})));
}

TEST_CASE("identity alone can be had, and the frame made anew without reading its body") {
  Example example;
  example.write_page(5, 'a');
  example.checkpoint();
  CHECK(example.store().drop(example.store().find({5})));
  Expected<CacheSlot, Absent> slot = std::unexpected(Absent{});
  while (!(slot = example.store().obtain_identity({5}))) example.machine->poll(1000);
  CHECK(example.store().find({5}) == no_slot);
  CHECK(example.store().descriptor(*slot).identity.source.value == 1);
  REQUIRE(example.store().make_dirty(*slot).has_value());
  rescind(example.store().descriptor(*slot).identity);
  make_whole(example.store().descriptor(*slot).identity, Kind::page, {4});
  example.store().become_all_zero(*slot);
  CHECK(example.store().find({5}) == *slot);
  CHECK(example.read_page(5) == 0);
  example.checkpoint();
  example.reboot();
  CHECK(example.read_page(5) == 0);
  CHECK(example.store().descriptor(example.obtain(5)).identity.source.value == 3);
}

TEST_CASE("ten times the log: every segment and every root slot is written again") {
  Example example(4, 1);
  std::vector<Block> first_roots;
  const auto root_block = [&](unsigned slot, unsigned copy) {
    return *example.disk->keep_everything()[root_blocks[slot][copy].value];
  };
  for (unsigned slot : {0u, 1u}) for (unsigned copy : {0u, 1u}) first_roots.push_back(root_block(slot, copy));
  const uint64_t goal = example.disk->counts().blocks_written + 10 * 2 * example.geometry.log_blocks();
  for (unsigned round = 0; example.disk->counts().blocks_written < goal; ++round) {
    for (uint64_t frame = 1; frame < 12; ++frame) example.write_page(frame * (1 + round % 40), static_cast<char>('a' + round % 26));
    example.checkpoint();
  }
  for (uint32_t segment = 0; segment < example.geometry.log_segments; ++segment) {
    CHECK(example.disk->distinct_blocks_written(example.geometry.log_block(segment * 16).value, 16) > 8);
  }
  for (unsigned slot : {0u, 1u}) for (unsigned copy : {0u, 1u}) CHECK(root_block(slot, copy) != first_roots[slot * 2 + copy]);
  example.reboot();
  CHECK(example.store().committed_generation().value == example.oracle.reported);
}

TEST_CASE("a full log stalls ordinary pages first, then everybody, and asks for a checkpoint") {
  Example example(3, 1);
  unsigned dirty = 0;
  const auto make_dirty = [&](Need need) {
    const CacheSlot slot = example.obtain(dirty + 1);
    const auto done = example.store().make_dirty(slot, need);
    if (done) {
      ++dirty;
      make_whole(example.store().descriptor(slot).identity, Kind::page, {1});
      example.store().become_all_zero(slot);
    }
    return done;
  };
  while (make_dirty(Need::ordinary)) {}
  const unsigned ordinary = dirty;
  CHECK(make_dirty(Need::ordinary).error().until == WaitChannel::of(WaitChannel::Reason::log_space));
  while (make_dirty(Need::reserve)) {}
  CHECK(dirty == example.geometry.generation_entries_max());
  CHECK(dirty > ordinary);
  CHECK(example.store().due(0));
  example.checkpoint();
  CHECK(example.machine->last_wake == WaitChannel::of(WaitChannel::Reason::log_space));
  CHECK(example.store().root().generation_frames == dirty);
  CHECK(make_dirty(Need::ordinary).has_value());
}

TEST_CASE("a commit that fails loses nothing, and its number is not used again") {
  Example example;
  example.write_page(5, 'a');
  for (const auto operation : {DiskRequest::Operation::write, DiskRequest::Operation::flush}) {
    example.disk->fail_next(operation, 12);
    example.write_page(6, 'b');
    const uint64_t attempted = example.oracle.generations.rbegin()->first + 1;
    example.machine->declare();
    example.machine->run_to_idle();
    CHECK(example.machine->failed_commits > 0);
    CHECK(example.store().committed_generation().value < attempted);
    example.machine->failed_commits = 0;
    example.disk->end_bursts();
  }
  CHECK(example.store().anything_dirty());
  const uint64_t before = example.oracle.generations.rbegin()->first;
  example.checkpoint();
  CHECK(example.store().committed_generation().value == before + 1);
  example.reboot();
  CHECK(example.read_page(5) == 'a');
  CHECK(example.read_page(6) == 'b');
}

TEST_CASE("boots, power cuts and the clean mark are counted") {
  Example example;
  CHECK(example.store().root().boots == 1);
  CHECK(example.store().root().power_cuts == 0);
  CHECK(example.store().root().boots_since_commit == 1);
  example.reboot();
  CHECK(example.store().root().power_cuts == 1);
  CHECK(example.store().root().boots_since_commit == 2);
  example.write_page(5, 'a');
  example.checkpoint();
  CHECK(example.store().root().boots_since_commit == 0);
  CHECK(example.write_clean_mark());
  const uint64_t next = example.store().root().next_generation.value;
  example.reboot();
  CHECK(example.store().root().power_cuts == 1);
  CHECK(example.store().root().boots == 3);
  CHECK(example.store().root().boot_epoch == 3);
  CHECK(example.store().root().next_generation.value == next);
  example.reboot();
  CHECK(example.store().root().power_cuts == 2);
  CHECK(example.store().root().next_generation.value == next + 1);
}

TEST_CASE("a clean mark that cannot be written is told, and the generation before it stands") {
  Example example;
  example.write_page(5, 'a');
  example.checkpoint();
  const uint64_t next = example.store().root().next_generation.value;
  example.disk->set_faults({.write_error_one_in = 1});
  CHECK_FALSE(example.write_clean_mark());
  CHECK(example.store().root().clean == 0);
  example.reboot();
  CHECK(example.read_page(5) == 'a');
  CHECK(example.store().root().next_generation.value >= next);
}

TEST_CASE("what is not an image is refused, with the first thing found wrong, and untouched") {
  Example example;
  example.write_page(5, 'a');
  example.checkpoint();
  const Medium good = example.disk->keep_everything();
  const auto refused = [&](const Medium& medium) {
    const auto opened = example.open(medium);
    REQUIRE_FALSE(opened.has_value());
    CHECK_FALSE(opened.error().what.empty());
    CHECK(example.disk->counts().writes == 0);
    return opened.error().error;
  };
  const auto with_roots = [&](auto change) {
    Medium medium = good;
    for (const auto& slot : root_blocks) {
      for (const BlockIndex place : slot) {
        Root root;
        std::memcpy(static_cast<void*>(&root), medium[place.value]->data(), sizeof(root));
        change(root);
        medium[place.value] = block_of(root);
      }
    }
    return medium;
  };
  CHECK(refused(Medium(10)) == OpenError::not_an_image);
  CHECK(refused(Medium(good.size())) == OpenError::not_an_image);
  CHECK(refused(Medium(good.begin(), good.end() - 1)) == OpenError::damaged);
  CHECK(refused(with_roots([](Root& root) { root.format = format_version + 1; seal(root); })) == OpenError::other_version);
  CHECK(refused(with_roots([](Root& root) { root.boots ^= 1; })) == OpenError::damaged);
  CHECK(refused(with_roots([](Root& root) { root.frontier = 1000; seal(root); })) == OpenError::damaged);
  CHECK(refused(with_roots([](Root& root) { root.geometry.frames += 1; seal(root); })) == OpenError::damaged);
  CHECK(refused(with_roots([](Root& root) { root.log_need = LogNeed::frames; root.header_places[0] = root.header_places[1] = 3; seal(root); })) == OpenError::damaged);
  CHECK(refused(with_roots([](Root& root) { root.least_memory_bytes = 1 << 30; seal(root); })) == OpenError::too_small_memory);
  Medium one_slot = good;
  for (const BlockIndex place : root_blocks[1]) one_slot[place.value] = nullptr;
  CHECK(refused(one_slot) == OpenError::damaged);
  CHECK(example.open(good).has_value());
}

// Copy buffers are a sixteenth of the frames up to a number, from there on a fixed part of the memory.
TEST_CASE("more memory is more frames, and much memory is nearly all frames") {
  Example example;
  const Medium medium = example.disk->keep_everything();
  const auto slots_with = [&](size_t bytes) {
    example.machine.reset();
    example.memory = MachineMemory(bytes);
    example.boot(medium);
    return size_t{example.store().slot_count()};
  };
  constexpr size_t mebibyte = 1 << 20;
  size_t before = 0;
  for (const size_t bytes : {mebibyte, 4 * mebibyte, 60 * mebibyte, 70 * mebibyte, 71 * mebibyte, 72 * mebibyte, 73 * mebibyte, 80 * mebibyte, 200 * mebibyte}) {
    const size_t slots = slots_with(bytes);
    CHECK(slots > before);
    CHECK(slots * frame_bytes < bytes);
    if (bytes >= 60 * mebibyte) CHECK(slots * frame_bytes > bytes / 100 * 90);
    before = slots;
  }
  CHECK(before * frame_bytes > 200 * mebibyte / 100 * 95);
}

TEST_CASE("a start never writes over the root that it started from") {
  Example example;
  for (unsigned boot = 0; boot < 4; ++boot) {
    const uint64_t newest = example.store().root().sequence;
    const auto copies_of_newest = [&] {
      const Medium medium = example.disk->keep_everything();
      unsigned copies = 0;
      for (const auto& slot : root_blocks) {
        for (const BlockIndex place : slot) {
          Root root;
          std::memcpy(static_cast<void*>(&root), medium[place.value]->data(), sizeof(root));
          copies += root.sequence == newest;
        }
      }
      return copies;
    };
    CHECK(copies_of_newest() == 2);
    example.reboot();
    CHECK(example.store().root().sequence > newest);
    CHECK(copies_of_newest() == 2);
  }
}

TEST_CASE("a root that the disk acknowledged and never wrote is noticed") {
  Example example;
  example.write_page(5, 'a');
  example.machine->declare();
  while (example.store().state() != Store::State::committing) example.machine->poll(1000);
  while (example.disk->counts().flushes == 1) example.machine->poll(1000);  // the start's flush was the first
  example.disk->lose_next_writes(100);
  for (unsigned i = 0; i < 2000; ++i) example.machine->poll(1000);
  CHECK(example.store().committed_generation().value == 0);
  CHECK(example.machine->failed_commits == 1);
  example.disk->lose_next_writes(0);
  example.machine->run_to_idle();
  example.checkpoint();
  example.reboot();
  CHECK(example.read_page(5) == 'a');
}

TEST_CASE("the log is not used again while there is still a read from it") {
  Example example;
  example.write_page(5, 'a');
  example.machine->declare();
  while (example.store().state() != Store::State::migrating) example.machine->poll(1000);
  CHECK(example.store().drop(example.store().find({5})));
  while (!example.disk->is_idle()) example.machine->poll(0);
  CHECK_FALSE(example.store().obtain({5}).has_value());
  example.disk->hold_waiting();
  for (unsigned i = 0; i < 5000; ++i) example.machine->poll(1000);
  CHECK_FALSE(example.store().root().is_in_log());
  CHECK_FALSE(example.store().can_declare());
  example.disk->release_held();
  example.machine->run_to_idle();
  CHECK(example.read_page(5) == 'a');
}

TEST_CASE("one copy of each root may be lost") {
  Example example;
  example.write_page(5, 'a');
  example.checkpoint();
  const Medium good = example.disk->keep_everything();
  for (unsigned lost : {0u, 1u}) {
    Medium medium = good;
    medium[root_blocks[0][lost].value] = nullptr;
    medium[root_blocks[1][lost].value] = nullptr;
    example.boot(medium);
    CHECK(example.read_page(5) == 'a');
  }
}

TEST_CASE("a damaged frame is unreadable, its neighbours are not") {
  Example example;
  for (uint64_t frame = 4; frame < 7; ++frame) example.write_page(frame, 'a');
  example.checkpoint();
  example.reboot();
  example.disk->damage(example.geometry.home_block({5}).value, 77, 4);
  CHECK(example.is_unreadable(5));
  CHECK(example.read_page(4) == 'a');
  CHECK(example.read_page(6) == 'a');
  example.disk->damage(example.geometry.home_block({5}).value, 77, 4);
  CHECK(example.read_page(5) == 'a');
}

TEST_CASE("one damaged copy of a tag frame costs nothing, and is made good by the next migration") {
  for (unsigned copy : {0u, 1u}) {
    Example example;
    for (uint64_t frame = 4; frame < 7; ++frame) example.write_page(frame, 'a');
    example.checkpoint();
    example.disk->damage(example.geometry.tag_block(0, copy).value, 40 + 5 * 32, 1);
    example.boot(example.disk->keep_everything());
    CHECK(example.read_page(5) == 'a');
    example.write_page(6, 'b');
    example.checkpoint();
    for (unsigned other : {0u, 1u}) {
      example.boot(example.disk->keep_everything());
      example.disk->damage(example.geometry.tag_block(0, other).value, 40 + 5 * 32, 1);
      CHECK(example.read_page(5) == 'a');
      CHECK(example.read_page(6) == 'b');
      example.disk->damage(example.geometry.tag_block(0, other).value, 40 + 5 * 32, 1);
    }
  }
}

TEST_CASE("with both copies of a tag damaged its frames are unreadable, also after others of it were written") {
  Example example;
  for (uint64_t frame = 4; frame < 7; ++frame) example.write_page(frame, 'a');
  example.checkpoint();
  CHECK(example.write_clean_mark());  // the log is not needed any more
  for (unsigned copy : {0u, 1u}) example.disk->damage(example.geometry.tag_block(0, copy).value, 40 + 5 * 32, 1);
  example.boot(example.disk->keep_everything());
  CHECK(example.is_unreadable(5));
  example.write_page(200, 'a');
  example.checkpoint();
  example.reboot();
  CHECK(example.is_unreadable(5));
  CHECK(example.is_unreadable(100));  // never version 0
  CHECK(example.read_page(200) == 'a');  // another tag frame
}

TEST_CASE("header and summaries of the log stand twice: one damaged copy of each costs nothing, two are refused") {
  Example example;
  for (uint64_t frame = 1; frame < 40; ++frame) example.write_page(frame, 'a');
  example.machine->declare();
  while (example.store().state() != Store::State::migrating) example.machine->poll(1000);
  const Medium good = example.disk->keep_everything();
  const Root root = example.store().root();
  const auto damaged = [&](uint64_t header_copies, uint64_t summary_copies) {
    SimulatedDisk broken(good, 1);
    for (unsigned copy = 0; copy < metadata_copies; ++copy) {
      const uint64_t header = root.geometry.log_block(root.header_places[copy]).value;
      const uint64_t summary = root.geometry.log_block(summary_block_index(root.geometry, 0, copy)).value;
      if (header_copies >> copy & 1) broken.damage(header, 2000, 1);
      if (summary_copies >> copy & 1) broken.damage(summary, 2000, 1);
    }
    return broken.keep_everything();
  };
  for (const uint64_t header_copies : {0u, 1u, 2u, 3u}) {
    for (const uint64_t summary_copies : {0u, 1u, 2u, 3u}) {
      CAPTURE(header_copies, summary_copies);
      const auto opened = example.open(damaged(header_copies, summary_copies));
      REQUIRE(opened.has_value() == (header_copies < 3 && summary_copies < 3));
      if (opened) for (uint64_t frame = 1; frame < 40; ++frame) CHECK(example.read_page(frame) == 'a');
      else CHECK(opened.error().error == OpenError::damaged);
    }
  }
}

TEST_CASE("a frame damaged in the log is unreadable for good, its neighbours are not") {
  Example example;
  for (uint64_t frame = 1; frame < 40; ++frame) example.write_page(frame, 'a');
  example.machine->declare();
  while (example.store().state() != Store::State::migrating) example.machine->poll(1000);
  SimulatedDisk worn(example.disk->keep_everything(), 1);
  worn.damage(example.geometry.log_block(2).value, 2000, 1);  // third body of the first segment
  example.boot(worn.keep_everything());
  example.machine->run_to_idle();
  CHECK(example.machine->warnings == 1);  // found before it is needed
  CHECK(example.is_unreadable(3));
  CHECK(example.read_page(4) == 'a');
  // Brought home as it is: no bit of it is lost with the log.
  const Medium home = example.disk->keep_everything();
  CHECK(*home[example.geometry.home_block({3}).value] == *home[example.geometry.log_block(2).value]);
}

TEST_CASE("a frame damaged in the log that is in memory as it was is brought home from there") {
  Example example;
  for (uint64_t frame = 1; frame < 40; ++frame) example.write_page(frame, 'a');
  example.machine->declare();
  while (example.store().state() != Store::State::migrating) example.machine->poll(1000);
  SECTION("and nothing is read from the log") {
    for (uint64_t block = 0; block < example.geometry.log_blocks(); ++block) example.disk->set_bad(log_start.value + block);
    example.machine->run_to_idle();
    CHECK(example.disk->counts().errors == 0);
  }
  SECTION("however bad it is") {
    for (uint64_t block = 0; block < 14; ++block) example.disk->damage(example.geometry.log_block(block).value, 2000, 1);
    example.machine->run_to_idle();
    CHECK(example.machine->warnings == 0);
  }
  SECTION("but not if it was changed since") {
    example.write_page(3, 'b');
    example.disk->damage(example.geometry.log_block(2).value, 2000, 1);
    example.machine->run_to_idle();
    CHECK(example.machine->warnings == 1);
    CHECK(example.read_page(3) == 'b');
    example.checkpoint();
    example.reboot();
    CHECK(example.read_page(3) == 'b');
    CHECK(example.read_page(4) == 'a');
    return;
  }
  example.reboot();
  for (uint64_t frame = 1; frame < 40; ++frame) CHECK(example.read_page(frame) == 'a');
}

TEST_CASE("the frontier moves only with the root, and what is below it verifies") {
  Example example(4, 0);
  CHECK(example.store().root().frontier == 0);
  const auto reads = example.disk->counts().reads;
  CHECK(example.read_page(500) == 0);
  CHECK(example.disk->counts().reads == reads);  // above the frontier nothing is read
  example.write_page(3 * 127 + 5, 'a');
  example.checkpoint();
  CHECK(example.store().root().frontier == 4);
  example.reboot();
  CHECK(example.read_page(3 * 127 + 5) == 'a');
  CHECK(example.read_page(127) == 0);
}

TEST_CASE("a check boot notices a frozen frame that was written to behind the store's back") {
  Example example;
  REQUIRE(example.open(example.disk->keep_everything(), {.check = true}).has_value());
  example.write_page(5, 'a');
  example.machine->declare();
  example.store().bytes(example.store().find({5}))[9] = std::byte{1};
  CHECK_THROWS_AS(example.machine->run_to_idle(), SimulationFailure);
}

TEST_CASE("a frame that breaks its invariants is never committed") {
  Example example;
  const CacheSlot slot = example.obtain(5);
  REQUIRE(example.store().make_dirty(slot).has_value());
  make_whole(example.store().descriptor(slot).identity, Kind::capability_page, {1});
  std::memset(example.store().bytes(slot), 0xff, 32);
  example.machine->declare();
  CHECK_THROWS_AS(example.machine->run_to_idle(), SimulationFailure);
  CHECK(example.store().committed_generation().value == 0);
}
