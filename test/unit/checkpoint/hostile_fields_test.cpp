// SPDX-License-Identifier: MIT
//
// Images that no kernel of ours has written: fields of roots, headers, summaries, tags and frames
// are changed, and every checksum is made right again. Whatever they say, the store refuses, calls
// frames unreadable, or goes on; it never asserts, loops, or touches memory that is not its own
// (which shows when this test is built with sanitizers).
#include <array>

#include <catch2/catch.hpp>

#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

constexpr uint64_t interesting[] = {
    0, 1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 63, 64, 100, 101, 102, 126, 127, 128, 159, 160, 161, 255,
    256, 4095, 4096, 0xffff, 0x1'0000, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff, 1ull << 32, 1ull << 58,
    (1ull << 62) - 1, 1ull << 62, (1ull << 63) - 1, 1ull << 63, ~0ull};

// A store with something at home and forty frames in the log, among them rows, capabilities and
// frames without a body.
Medium valid_image(bool unmigrated) {
  SmallMachine machine(SmallMachine::geometry());
  REQUIRE(machine.opened.has_value());
  for (uint64_t number = 1; number < 20; ++number) REQUIRE(machine.write_page(number, 'a'));
  REQUIRE(machine.checkpoint());
  for (uint64_t number = 10; number < 50; ++number) {
    const CacheSlot slot = machine.obtain(number);
    REQUIRE(machine.store->make_dirty(slot, Need::reserve).has_value());
    FrameIdentity& identity = machine.store->descriptor(slot).identity;
    if (identity.kind != Kind::empty) rescind(identity);
    machine.store->become_all_zero(slot);
    if (number % 5 == 0) make_whole(identity, Kind::capability_page, {2});
    if (number % 5 == 1) format_row(identity, machine.store->bytes(slot), Kind::node, {2});
    if (number % 5 == 1) make_in_row(identity, machine.store->bytes(slot), 3);
    if (number % 5 == 2) make_whole(identity, Kind::page, {2});
    if (number % 5 == 3) make_whole(identity, Kind::process, {2});
    if (number % 10 < 5) machine.store->bytes(slot);
  }
  machine.declare();
  if (!unmigrated) {
    REQUIRE(machine.run_to_idle());
  } else {
    REQUIRE(machine.poll_until([&] { return machine.store->state() == Store::State::migrating; }));
  }
  return machine.disk.keep_everything();
}

class HostileImage {
 public:
  HostileImage(Medium medium, uint64_t seed) : medium_(std::move(medium)), random_(seed) {}

  void change_something() {
    for (uint64_t i = 1 + random_.below(3); i > 0; --i) {
      switch (random_.below(10)) {
        case 0: change_root(); break;
        case 1: change_header(); break;
        case 2: change_summary(); break;
        case 3: change_tags(); break;
        case 4: case 5: case 6: change_frame(true); break;
        default: change_frame(false); break;
      }
    }
  }
  const Medium& medium() const { return medium_; }

 private:
  template <typename Contents>
  Contents load(uint64_t block) const {
    Contents contents;
    if (medium_[block]) std::memcpy(static_cast<void*>(&contents), medium_[block]->data(), sizeof(contents));
    return contents;
  }
  Root root() const {
    Root newest;
    for (const auto& slot : root_blocks) {
      const auto found = load<Root>(slot[0].value);
      if (found.sequence > newest.sequence) newest = found;
    }
    return newest;
  }
  uint64_t header_block(unsigned copy) const { return geometry_.log_block(root().header_places[copy] % geometry_.log_blocks()).value; }

  uint64_t summary_block(uint64_t segment, unsigned copy) const {
    return geometry_.log_block(segment * geometry_.segment_blocks + summary_block_index(geometry_, 0, copy)).value;
  }
  void store_summary(uint64_t segment, SummaryBlock& summary) {
    for (unsigned copy = 0; copy < metadata_copies; ++copy) {
      const uint64_t block = summary_block(segment, copy);
      seal(summary, {block});
      medium_[block] = block_of(summary);
    }
  }

  // A word, half-word or byte becomes another; mostly one of those at which something ends.
  void change_field(std::byte* bytes, size_t length) {
    const size_t size = size_t{1} << random_.below(4);
    const size_t at = random_.below(length / size) * size;
    const uint64_t value = random_.one_in(4) ? random_.next() : interesting[random_.below(std::size(interesting))];
    if (random_.one_in(3)) {
      bytes[at] ^= static_cast<std::byte>(1u << random_.below(8));
    } else {
      std::memcpy(bytes + at, &value, size);
    }
  }

  // All four places say the same, so that the newest is not refused for another one's sake.
  void store_root(Root root) {
    for (const auto& slot : root_blocks) {
      seal(root);
      for (const BlockIndex place : slot) medium_[place.value] = block_of(root);
      if (random_.one_in(2)) ++root.sequence;
    }
  }
  void change_root() {
    Root changed = root();
    change_field(reinterpret_cast<std::byte*>(&changed), offsetof(Root, spare));
    store_root(changed);
  }
  void change_header() {
    auto header = load<GenerationHeader>(header_block(0));
    const size_t end = random_.one_in(2) ? offsetof(GenerationHeader, inline_entries) : offsetof(GenerationHeader, references) + 160;
    change_field(reinterpret_cast<std::byte*>(&header), end);
    Root changed = root();
    for (unsigned copy = 0; copy < metadata_copies; ++copy) {
      seal(header, {header_block(copy)});
      medium_[header_block(copy)] = block_of(header);
      changed.header_checksums[copy] = header.checksum;
    }
    if (random_.one_in(2)) changed.system = header.system;
    store_root(changed);
  }
  void change_summary() {
    const uint64_t segment = random_.below(geometry_.log_segments);
    auto summary = load<SummaryBlock>(summary_block(segment, 0));
    if (summary.magic != SummaryBlock::magic_value) return;
    change_field(reinterpret_cast<std::byte*>(&summary), sizeof(SummaryBlock) - 4000 + 16 * sizeof(SummaryEntry));
    store_summary(segment, summary);
  }
  void change_tags() {
    const bool both = random_.one_in(2);
    auto frame = load<TagFrame>(geometry_.tag_block(0, 0).value);
    change_field(reinterpret_cast<std::byte*>(&frame), sizeof(TagFrame) / 2);
    for (unsigned copy = 0; copy < (both ? 2u : 1u); ++copy) {
      const BlockIndex place = geometry_.tag_block(0, copy);
      seal(frame, place);
      medium_[place.value] = block_of(frame);
    }
  }
  // At home, or in the log: with the checksum that its parent holds.
  void change_frame(bool at_home) {
    if (at_home) {
      const FrameNumber number{5 * (2 + random_.below(8)) + std::array<uint64_t, 3>{0, 1, 3}[random_.below(3)]};  // rows, capabilities, processes
      Block body(block_bytes);
      if (const auto& old = medium_[geometry_.home_block(number).value]) body = *old;
      change_field(body.data(), random_.one_in(2) ? 64 : block_bytes);
      for (unsigned copy = 0; copy < 2; ++copy) {
        const BlockIndex place = geometry_.tag_block(0, copy);
        auto frame = load<TagFrame>(place.value);
        frame.tags[tag_index_of(number)].checksum = body_checksum(std::span<const std::byte, block_bytes>(body), number);
        seal(frame, place);
        medium_[place.value] = block_of(frame);
      }
      medium_[geometry_.home_block(number).value] = std::make_shared<const Block>(std::move(body));
      return;
    }
    const uint64_t segment = random_.below(geometry_.log_segments);
    auto summary = load<SummaryBlock>(summary_block(segment, 0));
    if (summary.magic != SummaryBlock::magic_value || summary.count == 0 || summary.count > summary_entries_per_block) return;
    SummaryEntry& entry = summary.entries[random_.below(summary.count)];
    if (!entry.has_body() || entry.place >= geometry_.log_blocks()) return;
    const uint64_t place = geometry_.log_block(entry.place).value;
    Block body(block_bytes);
    if (medium_[place]) body = *medium_[place];
    change_field(body.data(), random_.one_in(2) ? 64 : block_bytes);
    entry.checksum = body_checksum(std::span<const std::byte, block_bytes>(body), entry.number);
    medium_[place] = std::make_shared<const Block>(std::move(body));
    store_summary(segment, summary);
  }

  Geometry geometry_ = SmallMachine::geometry();
  Medium medium_;
  Random random_;
};

struct Totals {
  unsigned refused = 0, opened = 0, unreadable = 0;
};

// As a kernel does that trusts what the store hands out: reads everything, takes versions, writes.
void live_on(const Medium& medium, Totals& totals) {
  SmallMachine machine(medium, 2 << 20);
  if (!machine.opened) {
    CHECK_FALSE(machine.opened.error().what.empty());
    ++totals.refused;
    return;
  }
  ++totals.opened;
  Store& store = *machine.store;
  for (uint64_t number = 0; number < std::min<uint64_t>(store.frames_in_store(), 140); ++number) {
    const CacheSlot slot = machine.obtain(number);
    if (slot == no_slot) {
      ++totals.unreadable;
      continue;
    }
    const FrameIdentity& seen = store.descriptor(slot).identity;
    for (unsigned index = 0; index < info(seen.kind).objects_per_frame; ++index) {
      static_cast<void>(version_of(seen, store.bytes(slot), index));
    }
    if (number % 7 == 1 || !store.make_dirty(slot, Need::reserve)) continue;
    FrameIdentity& identity = store.descriptor(slot).identity;
    if (identity.kind == Kind::empty) {
      make_whole(identity, Kind::page, {1});
      store.become_all_zero(slot);
    } else if (number % 7 == 0) {
      rescind(identity);
      store.become_all_zero(slot);
    }
  }
  CHECK(machine.run_to_idle());
  CHECK(machine.checkpoint());
  CHECK(machine.bugs.empty());  // the kernel would assert
  for (const std::string& bug : machine.bugs) WARN(bug);
}

void try_seeds(bool unmigrated, uint64_t first, uint64_t count) {
  const Medium valid = valid_image(unmigrated);
  Totals totals;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    HostileImage image(valid, seed);
    image.change_something();
    CAPTURE(seed);
    live_on(image.medium(), totals);
  }
  CHECK(totals.opened > count / 10);
  CHECK(totals.refused > 0);
  CHECK(totals.unreadable > 0);
}

}  // namespace

TEST_CASE("a hostile image at home ends in a refusal or in unreadable frames, never in an assertion") {
  try_seeds(false, 1, 150);
}

TEST_CASE("a hostile image with a generation in the log, likewise") { try_seeds(true, 1000, 250); }
