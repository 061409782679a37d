// SPDX-License-Identifier: MIT
//
// Attempts to make the store lose a frame, revive a version, believe what it should not, or wait
// for ever. Each of these once succeeded, or is the neighbour of one that did.
#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

using Reason = WaitChannel::Reason;

void evict(SmallMachine& machine, uint64_t number) {
  machine.obtain(number);
  REQUIRE(machine.store->drop(machine.store->find({number})));
}

// What an operation leaves when a later prepare step stalls: the frame was made dirty, and nothing else.
CacheSlot make_dirty_without_body(SmallMachine& machine, uint64_t number) {
  const CacheSlot slot = machine.obtain(number, true);
  REQUIRE(slot != no_slot);
  REQUIRE(machine.store->descriptor(slot).flags & FrameDescriptor::flag_body_absent);
  REQUIRE(machine.store->make_dirty(slot, Need::reserve).has_value());
  std::memset(machine.store->bytes(slot), 'x', frame_bytes);  // whatever stood in the slot before
  return slot;
}

// More tag frames than the store keeps in memory.
constexpr uint64_t tag_frames = 40;

// Both copies of tag frame 0 of this disk are of generation 2, and all the others are empty.
Medium disk_with_two_generations() {
  SmallMachine machine(SmallMachine::geometry(tag_frames), tag_frames);
  for (const char fill : {'a', 'b'}) {
    REQUIRE(machine.write_page(5, fill));
    REQUIRE(machine.write_page(6, fill));
    if (fill == 'b') {
      rescind(machine.store->descriptor(machine.store->find({6})).identity);
      machine.store->become_all_zero(machine.store->find({6}));
    }
    REQUIRE(machine.checkpoint());
  }
  return machine.disk.keep_everything();
}

void forget_tag_frame_0(SmallMachine& machine) {
  for (uint64_t i = 1; i < tag_frames; ++i) {
    uint64_t number = i * tags_per_frame;
    while (machine.store->find({number}) != no_slot) ++number;  // that one needs no tag
    REQUIRE(machine.obtain(number) != no_slot);
  }
}

// The copy of tag frame 0 with this sequence.
void damage_tag_copy(SmallMachine& machine, uint64_t sequence) {
  unsigned found = 0;
  for (unsigned copy : {0u, 1u}) {
    TagFrame frame;
    const uint64_t block = SmallMachine::geometry(tag_frames).tag_block(0, copy).value;
    std::memcpy(static_cast<void*>(&frame), machine.disk.durable_block(block)->data(), sizeof(frame));
    if (frame.sequence != sequence) continue;
    machine.disk.damage(block, 40 + 100 * sizeof(Tag), 1);
    ++found;
  }
  REQUIRE(found == 1);
}

// As few slots as there may be.
std::unique_ptr<SmallMachine> smallest_machine() {
  std::unique_ptr<SmallMachine> machine;
  size_t bytes = 200 * 1024;
  do machine = std::make_unique<SmallMachine>(SmallMachine::geometry(), 1, bytes += 4096);
  while (!machine->opened);
  return machine;
}

}  // namespace

TEST_CASE("a frame made dirty for its identity alone, by an operation that then stalled, is unchanged") {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  REQUIRE(machine.checkpoint());
  evict(machine, 5);
  make_dirty_without_body(machine, 5);
  SECTION("read at once") {}
  SECTION("read after a checkpoint") { REQUIRE(machine.checkpoint()); }
  SECTION("read while a checkpoint runs") { machine.declare(); }
  SECTION("the operation is tried again while a checkpoint runs") {
    machine.declare();
    REQUIRE(machine.store->make_dirty(machine.store->obtain_identity({5}).value()).has_value());
    REQUIRE(machine.run_to_idle());
  }
  SECTION("the checkpoint fails") {
    machine.declare();
    machine.disk.fail_next(DiskRequest::Operation::flush, 1);
    REQUIRE(machine.run_to_idle());
    REQUIRE(machine.failed_commits == 1);
  }
  CHECK(machine.read_page(5) == 'a');
  REQUIRE(machine.run_to_idle());
  CHECK(machine.read_page(5) == 'a');
  REQUIRE(machine.write_page(5, 'c'));
  REQUIRE(machine.checkpoint());
  SmallMachine after(machine.disk.keep_everything());
  CHECK(after.read_page(5) == 'c');
}

TEST_CASE("a tag that rots revives nothing and costs nothing, whatever the checkpointer is doing") {
  const unsigned newer = GENERATE(0u, 1u);
  SmallMachine machine(disk_with_two_generations());
  REQUIRE(machine.opened.has_value());
  REQUIRE(machine.run_to_idle());
  REQUIRE(machine.write_page(7, 'c'));
  forget_tag_frame_0(machine);
  Store& store = *machine.store;
  SECTION("while frames are staged") {
    machine.declare();
    machine.poll();  // frame 7 is staged
    damage_tag_copy(machine, TagFrame::sequence_of({2}, newer));
  }
  SECTION("between the flush behind the first copies and the second copies") {
    machine.declare();
    REQUIRE(machine.poll_until([&] { return store.state() == Store::State::migrating; }));
    const uint64_t flushes = machine.disk.counts().flushes;
    REQUIRE(machine.poll_until([&] { return machine.disk.counts().flushes > flushes; }));
    const Generation generation = store.committed_generation();
    damage_tag_copy(machine, newer ? TagFrame::sequence_of(generation, 0) : TagFrame::sequence_of({2}, 1));
    CHECK(machine.obtain(8) != no_slot);
  }
  REQUIRE(machine.run_to_idle());
  for (uint64_t number : {5, 6, 7}) {
    if (const CacheSlot there = store.find({number}); there != no_slot) store.drop(there);
  }
  forget_tag_frame_0(machine);
  // Frame 6 was destroyed in generation 2: version 2, and empty.
  const CacheSlot slot = machine.obtain(6);
  REQUIRE(slot != no_slot);
  CHECK(store.descriptor(slot).identity.source.value == 2);
  CHECK(machine.read_page(5) == 'b');
  CHECK(machine.read_page(7) == 'c');
}

TEST_CASE("who waits for room in the cache is woken when a fetch has ended") {
  const auto machine = smallest_machine();
  Store& store = *machine->store;
  const CacheSlot slots = store.slot_count();
  for (uint64_t number = 1; number <= slots; number += 8) {
    for (uint64_t i = number; i < number + 8 && i <= slots; ++i) REQUIRE(machine->write_page(i, 'a'));
    REQUIRE(machine->checkpoint());
  }
  for (CacheSlot slot = 0; slot < slots; ++slot) {
    machine->poll();
    if (store.descriptor(slot).state == FrameState::clean) store.drop(slot);
  }
  REQUIRE(machine->read_page(1) == 'a');  // their tag frame is in memory, so that all wait for bodies
  REQUIRE(store.drop(store.find({1})));
  for (uint64_t number = 1; number <= slots; ++number) REQUIRE_FALSE(store.obtain({number}).has_value());
  machine->disk.hold_waiting();
  const auto refused = store.obtain({slots + 1});
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().stall.until == WaitChannel::of(Reason::cache_space));
  for (unsigned i = 0; i < 100; ++i) machine->poll();
  machine->disk.release_held();
  machine->wakes.clear();
  CHECK(machine->poll_until([&] { return machine->was_woken(WaitChannel::of(Reason::cache_space)); }));
}

TEST_CASE("a tag frame that arrives serves a few at once, and all others are woken to ask again") {
  SmallMachine machine(SmallMachine::geometry());
  constexpr uint64_t asked = 20;
  uint64_t served = 0, sent_away = 0;
  for (uint64_t number = 1; number <= asked; ++number) {
    const auto slot = machine.store->obtain({number});
    REQUIRE_FALSE(slot.has_value());
    const Reason reason = slot.error().stall.until.reason();
    served += reason == Reason::frame;
    sent_away += reason == Reason::disk_queue;
  }
  CHECK(served == TagCache::waiters_max);
  CHECK(served + sent_away == asked);
  REQUIRE(machine.poll_until([&] { return machine.was_woken(WaitChannel::of(Reason::disk_queue)); }));
  for (uint64_t number = 1; number <= asked; ++number) {
    INFO(number);
    const auto slot = machine.store->obtain({number});
    CHECK((slot.has_value() || slot.error().stall.until.reason() == Reason::frame));
    CHECK(machine.obtain(number) != no_slot);
  }
}

TEST_CASE("who waits for room in the cache is woken when a frame is dropped") {
  const auto machine = smallest_machine();
  Store& store = *machine->store;
  for (uint64_t number = 1; number <= store.slot_count(); ++number) store.pin(machine->obtain(number));
  CHECK_FALSE(store.obtain({store.slot_count() + 1}).has_value());
  for (unsigned i = 0; i < 100; ++i) machine->poll();
  machine->wakes.clear();
  store.unpin(store.find({3}));
  CHECK(store.drop(store.find({3})));
  CHECK(machine->poll_until([&] { return machine->was_woken(WaitChannel::of(Reason::cache_space)); }));
  CHECK(store.find({4}) != no_slot);
}

TEST_CASE("nothing that was found goes while more is asked for; room is made between the attempts") {
  const auto machine = smallest_machine();
  Store& store = *machine->store;
  const CacheSlot slots = store.slot_count();
  for (uint64_t number = 1; number <= slots; ++number) REQUIRE(machine->obtain(number) != no_slot);
  const auto resident = [&] {
    CacheSlot found = 0;
    for (uint64_t number = 1; number <= slots; ++number) found += store.find({number}) != no_slot;
    return found;
  };
  REQUIRE(resident() == slots);
  for (uint64_t number = slots + 1; number <= 2u * slots; ++number) {
    const auto refused = store.obtain({number});
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().stall.until == WaitChannel::of(Reason::cache_space));
  }
  CHECK(resident() == slots);
  REQUIRE(machine->poll_until([&] { return machine->was_woken(WaitChannel::of(Reason::cache_space)); }));
  CHECK(resident() == slots - 1u);
}

TEST_CASE("a commit makes room at once, not when it is at home") {
  const auto machine = smallest_machine();
  Store& store = *machine->store;
  uint64_t number = 1;
  while (machine->write_page(number, 'a')) ++number;
  for (; number <= store.slot_count(); ++number) store.pin(machine->obtain(number));
  CHECK_FALSE(store.obtain({store.slot_count() + 1}).has_value());
  for (unsigned i = 0; i < 100; ++i) machine->poll();
  machine->declare();
  machine->wakes.clear();
  REQUIRE(machine->poll_until([&] { return store.state() == Store::State::migrating; }));
  for (unsigned i = 0; i < 3; ++i) machine->poll();
  CHECK(machine->was_woken(WaitChannel::of(Reason::cache_space)));
  CHECK_FALSE(store.can_declare());
}

TEST_CASE("a log of more segments than its last header could name is refused") {
  for (const uint32_t segment_blocks : {16u, 256u}) {
    const auto most = static_cast<uint32_t>(header_references_max + (segment_blocks / metadata_copies - 1) * chain_references_max);
    CHECK(Geometry::plan(1 << 24, most, segment_blocks).has_value());
    CHECK_FALSE(Geometry::plan(1 << 24, most + 1, segment_blocks).has_value());
  }
}

TEST_CASE("no two writes of a root have the same sequence, whatever becomes of them") {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  const uint64_t before = machine.store->root().sequence;
  const uint64_t flushes = machine.disk.counts().flushes;
  machine.declare();
  REQUIRE(machine.poll_until([&] { return machine.disk.counts().flushes > flushes; }));
  machine.disk.fail_next(DiskRequest::Operation::flush, RootWriter::tries_max);
  REQUIRE(machine.run_to_idle());
  CHECK(machine.failed_commits == 1);
  CHECK(machine.store->root().sequence == before + RootWriter::tries_max + 1);
  REQUIRE(machine.checkpoint());
  CHECK(machine.read_page(5) == 'a');
}

TEST_CASE("a failed attempt ends only when a root that withdraws it is durable") {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  const uint64_t before = machine.store->root().sequence;
  const uint64_t flushes = machine.disk.counts().flushes;
  machine.declare();
  REQUIRE(machine.poll_until([&] { return machine.disk.counts().flushes > flushes; }));
  machine.disk.fail_next(DiskRequest::Operation::flush, 2 * RootWriter::tries_max);
  REQUIRE(machine.run_to_idle());
  CHECK(machine.store->root().sequence == before + 2 * RootWriter::tries_max + 1);
  SmallMachine after(machine.disk.keep_everything());
  CHECK(after.store->committed_generation().value == 0);
}

TEST_CASE("a failed attempt ends only when none of its writes is under way") {
  SmallMachine machine(SmallMachine::geometry());
  for (uint64_t number = 1; number <= 20; ++number) REQUIRE(machine.write_page(number, 'a'));
  FrameIdentity& broken = machine.store->descriptor(machine.store->find({20})).identity;
  const Version source = broken.source;
  broken.source = {};  // so the attempt fails while the first of its two segments is being written
  machine.declare();
  REQUIRE(machine.poll_until([&] { return !machine.disk.is_idle(); }));
  machine.disk.hold_waiting();
  for (unsigned i = 0; i < 1000; ++i) machine.poll();
  CHECK(machine.bugs.size() == 1);
  CHECK(machine.failed_commits == 0);
  machine.disk.release_held();
  REQUIRE(machine.run_to_idle());
  CHECK(machine.failed_commits == 1);
  broken.source = source;
  REQUIRE(machine.checkpoint());
}

TEST_CASE("writes home that fail are made again, however often") {
  for (const bool of_the_tag : {false, true}) {
    SmallMachine machine(SmallMachine::geometry());
    REQUIRE(machine.write_page(5, 'a'));
    machine.declare();
    REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating; }));
    const uint64_t writes = machine.disk.counts().writes;
    if (of_the_tag) REQUIRE(machine.poll_until([&] { return machine.disk.counts().writes > writes; }));
    machine.disk.set_outage(DiskRequest::Operation::write, true);
    for (unsigned i = 0; i < 100'000; ++i) machine.poll();
    CHECK(machine.store->state() == Store::State::migrating);
    CHECK(machine.ill == 1);
    CHECK(machine.well == 0);
    machine.disk.end_outages();
    REQUIRE(machine.run_to_idle());
    CHECK(machine.well == 1);
    CHECK(machine.warnings.empty());
    SmallMachine after(machine.disk.keep_everything());
    CHECK(after.read_page(5) == 'a');
  }
}

TEST_CASE("a body is brought home also from behind many frames that have none") {
  const auto geometry = *Geometry::plan(log_start.value + 4 * 160 + 4 * (tags_per_frame + 2), 4, 160);
  SmallMachine machine(fresh_image(geometry, 1, SmallMachine::store_id));
  for (uint64_t number = 1; number <= 300; ++number) {
    REQUIRE(machine.write_page(number, 'a'));
    if (number != 300) machine.store->become_all_zero(machine.store->find({number}));
  }
  REQUIRE(machine.checkpoint());
  SmallMachine after(machine.disk.keep_everything());
  CHECK(after.read_page(300) == 'a');
  CHECK(after.obtain(299) != no_slot);
}

TEST_CASE("who waits for a copy buffer is woken when one is free") {
  const auto machine = smallest_machine();
  Store& store = *machine->store;
  uint64_t last = 1;
  while (machine->write_page(last, 'a')) ++last;
  machine->declare();
  uint64_t number = 1;
  while (machine->write_page(number, 'b')) ++number;
  REQUIRE(number < last);
  CHECK(store.make_dirty(store.find({number})).error().until == WaitChannel::of(Reason::copy_buffer));
  machine->wakes.clear();
  CHECK(machine->poll_until([&] { return machine->was_woken(WaitChannel::of(Reason::copy_buffer)); }));
  CHECK(machine->run_to_idle());
}

TEST_CASE("a second copy of a tag that a failed flush has dropped is written again, also by a start") {
  const BlockIndex places[] = {SmallMachine::geometry().tag_block(0, 0), SmallMachine::geometry().tag_block(0, 1)};
  SmallMachine machine(SmallMachine::geometry());
  const Medium before = machine.disk.keep_everything();
  REQUIRE(machine.write_page(5, 'a'));
  REQUIRE(machine.checkpoint());
  REQUIRE(machine.store->root().log_need == LogNeed::tags);
  // What a power cut is sure to leave: the log is released, and nothing else can make up for a lost copy.
  const auto sequence_of = [&](const SimulatedDisk& disk, unsigned copy) {
    return reinterpret_cast<const TagFrame*>(disk.durable_block(places[copy].value)->data())->sequence;
  };
  Medium medium = machine.disk.keep_everything();
  const unsigned second = sequence_of(machine.disk, 0) & 1 ? 0 : 1;
  medium[places[second].value] = before[places[second].value];  // as if the root had arrived before it
  for (unsigned waited = 0; waited < 40; ++waited) {
    SmallMachine after(medium);
    for (unsigned i = 0; i < waited; ++i) after.disk.poll();  // the disk's dice fall differently
    const uint64_t flushes = after.disk.counts().flushes;
    REQUIRE(after.poll_until([&] { return after.disk.counts().flushes > flushes; }));  // behind the first pass
    after.disk.fail_next(DiskRequest::Operation::flush, 1);
    REQUIRE(after.run_to_idle());
    CHECK((sequence_of(after.disk, 0) ^ sequence_of(after.disk, 1)) == 1);
  }
}

TEST_CASE("what the damage of both copies of a tag frame has lost is unreadable, and never new; what is in the log is there") {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.write_page(5, 'a'));
  REQUIRE(machine.checkpoint());
  REQUIRE(machine.write_page(6, 'b'));
  const Generation generation = machine.declare();
  REQUIRE(machine.poll_until([&] { return machine.store->committed_generation() == generation; }));
  REQUIRE(machine.store->root().log_need == LogNeed::frames);
  Medium medium = machine.disk.keep_everything();
  for (unsigned copy = 0; copy < 2; ++copy) medium[SmallMachine::geometry().tag_block(0, copy).value] = nullptr;
  for (unsigned boot = 0; boot < 2; ++boot) {
    SmallMachine after(std::move(medium));
    REQUIRE(after.run_to_idle());
    CHECK(after.read_page(6) == 'b');
    for (const uint64_t lost : {5, 7}) {
      CHECK(after.obtain(lost) == no_slot);
      CHECK(after.obtain(lost, true) == no_slot);
    }
    medium = after.disk.keep_everything();
  }
}

// With few entries or many in the last segment, where the header stands: they are in the header, or in a summary.
TEST_CASE("a generation of any number of frames is found whole while it is only in the log") {
  const Geometry geometry = *Geometry::plan(log_start.value + 4 * 64 + 4 * (tags_per_frame + 2), 4, 64);
  for (uint64_t pages = 1; pages <= 130; pages += pages < 50 ? 1 : 8) {
    CAPTURE(pages);
    SmallMachine machine(geometry);
    for (uint64_t number = 1; number <= pages; ++number) REQUIRE(machine.write_page(number, static_cast<char>('a' + number)));
    const Generation generation = machine.declare();
    REQUIRE(machine.poll_until([&] { return machine.store->committed_generation() == generation; }));
    REQUIRE(machine.store->root().log_need == LogNeed::frames);
    SmallMachine after(machine.disk.keep_everything());
    REQUIRE(after.opened);
    for (uint64_t number = 1; number <= pages; ++number) CHECK(after.read_page(number) == static_cast<char>('a' + number));
  }
}
