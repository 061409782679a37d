// SPDX-License-Identifier: MIT
//
// Tries to have the store answer differently within one attempt, never come to rest, or keep a frame unreadable that the disk
// gives again (decision 0060): bodies and tags are damaged and made whole at random, while frames are asked for, taken away,
// half taken away, written, dropped and committed. PERDURE_SEED replays one run; PERDURE_RUNS sets how many.
#include <catch2/catch.hpp>

#include <cstring>
#include <map>

#include "test/support/environment.hpp"
#include "test/unit/checkpoint/small_machine.hpp"

using namespace perdure;

namespace {

constexpr uint64_t frame_count = 60;
constexpr uint64_t tag_frame_count = 3;

class RandomLosses {
 public:
  explicit RandomLosses(uint64_t seed) : random_(seed) {
    SmallMachine first(SmallMachine::geometry());
    for (uint64_t i = 0; i < frame_count; ++i) {
      while (!first.write_page(frame(i).value, 'a')) {
        if (first.store->can_declare()) first.declare();
        first.poll();
      }
    }
    REQUIRE(first.run_to_idle());
    if (first.store->anything_dirty()) REQUIRE(first.checkpoint());
    machine_ = std::make_unique<SmallMachine>(first.disk.keep_everything(), random_.one_in(2) ? 2000 << 10 : 4 << 20);
    REQUIRE(machine_->opened);
    REQUIRE(machine_->run_to_idle());
  }

  void run() {
    for (unsigned step = 0; step < 3000; ++step) act();
    while (!damaged_.empty()) heal(damaged_.begin()->first);
    REQUIRE(machine_->run_to_idle());
    REQUIRE(machine_->poll_until([&] { return !store().poll(machine_->now_ns += 1'000'000); }));
    for (uint64_t i = 0; i < frame_count; ++i) {
      CAPTURE(i);
      CHECK(comes_again(frame(i)));
    }
    CHECK(machine_->bugs.empty());
  }

 private:
  static FrameNumber frame(uint64_t i) { return {2 + i * 5}; }  // in three tag frames
  Store& store() { return *machine_->store; }
  // A few are met often.
  FrameNumber some_frame() { return frame(random_.below(random_.one_in(2) ? 6 : frame_count)); }

  void act() {
    switch (random_.below(12)) {
      case 0: case 1: case 2: return ask(some_frame());
      case 3: return take_away(store().obtain_identity(some_frame()));
      case 4: return take_away(store().obtain_what_is_left(some_frame()));
      case 5: return write(some_frame());
      case 6: {
        const CacheSlot slot = random_.one_in(2) ? store().slot_of(some_frame()) : store().random_droppable(random_.next());
        if (slot != no_slot) store().drop(slot);
        return;
      }
      case 7: return damage(SmallMachine::geometry().home_block(some_frame()).value);
      case 8: return heal(SmallMachine::geometry().home_block(some_frame()).value);
      case 9: return turn_tags();
      case 10:
        if (random_.one_in(4) && damaged_tags_.empty() && store().can_declare() && store().anything_dirty()) machine_->declare();
        return;
      default:
        for (uint64_t polls = random_.below(random_.one_in(20) ? 2000 : 6); polls > 0; --polls) machine_->poll();
    }
  }

  void ask(FrameNumber number) {
    const auto found = store().obtain(number);
    if (!found && found.error().why == Absent::Why::stall) return;
    const auto again = store().obtain(number);
    CHECK(again.has_value() == found.has_value());
    CHECK((found || again.error().why == Absent::Why::unreadable));
  }

  // Or begins to, and does not come back.
  void take_away(Expected<CacheSlot, Absent> found) {
    if (!found) return;
    if (random_.one_in(3)) return store().let_stay(*found);
    if (random_.one_in(2) || !store().make_dirty(*found, Need::reserve) || random_.one_in(2)) return;
    rescind(store().descriptor(*found).identity);
    store().become_all_zero(*found);
  }

  void write(FrameNumber number) {
    const auto slot = store().obtain(number);
    if (!slot || !store().make_dirty(*slot, Need::reserve)) return;
    FrameIdentity& identity = store().descriptor(*slot).identity;
    if (identity.kind == Kind::empty) {
      make_whole(identity, Kind::page, {3});
      store().become_all_zero(*slot);
    }
    std::memset(store().bytes(*slot), static_cast<int>(random_.below(200)), frame_bytes);
  }

  // Not while a generation is written: what is lost then is another matter.
  void turn_tags() {
    if (!store().can_declare() || random_.one_in(2)) return;
    if (damaged_tags_.empty()) {
      const uint64_t number = random_.below(tag_frame_count);
      for (const unsigned copy : {0u, 1u}) damaged_tags_.push_back(SmallMachine::geometry().tag_block(number, copy).value);
      for (const uint64_t block : damaged_tags_) damage(block);
    } else {
      for (const uint64_t block : damaged_tags_) heal(block);
      damaged_tags_.clear();
    }
  }

  struct Damage {
    SharedBlock right, wrong;
  };
  void damage(uint64_t block) {
    if (damaged_.contains(block)) return;
    const SharedBlock right = machine_->disk.durable_block(block);
    machine_->disk.damage(block, 100, 1);
    damaged_[block] = {right, machine_->disk.durable_block(block)};
  }
  // Unless it has been written since.
  void heal(uint64_t block) {
    const auto at = damaged_.find(block);
    if (at == damaged_.end()) return;
    if (machine_->disk.durable_block(block) == at->second.wrong) machine_->disk.restore(block, at->second.right);
    damaged_.erase(at);
  }

  // When old verdicts have lapsed, which each has after 1000 seconds.
  bool comes_again(FrameNumber number) {
    if (machine_->obtain(number.value) != no_slot) return true;
    machine_->now_ns += 1'001'000'000'000;
    machine_->poll();
    return machine_->obtain(number.value) != no_slot;
  }

  Random random_;
  std::unique_ptr<SmallMachine> machine_;
  std::map<uint64_t, Damage> damaged_;
  std::vector<uint64_t> damaged_tags_;  // blocks
};

}  // namespace

TEST_CASE("whatever is lost and comes back, the store answers an attempt alike, rests, and gives what the disk gives") {
  for_each_seed(100, [](uint64_t seed) { RandomLosses(seed).run(); });
}
