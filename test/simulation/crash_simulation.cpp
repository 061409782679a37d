// SPDX-License-Identifier: MIT
//
// Tries to make the store lose, tear, or go back on something it has reported committed. One seed
// is one run: a machine does random things, and after every write that the disk carries out the
// power is cut in several ways; each time a fresh store recovers, every frame is compared with
// the oracle, and sometimes power is cut again during that recovery. Now and then the run goes on
// from what a cut has left.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <optional>

#include "test/simulation/simulated_machine.hpp"
#include "test/support/fresh_image.hpp"

namespace perdure {
namespace {

struct Plan {
  Geometry geometry;
  uint64_t frontier = 0;
  size_t memory_bytes = 0;
  unsigned operations = 0;
  unsigned cuts_per_write = 1;
  uint64_t check_one_in = 1;   // write
  uint64_t go_on_from_one_in = 0;
  uint64_t declare_one_in = 0;
  bool anywhere = false;       // not mostly on a few frames
  SimulatedDisk::Faults faults;
  uint64_t burst_one_in = 0;   // operation
  StoreSettings settings;
};

size_t memory_for(const Geometry& geometry, size_t slots) {
  const size_t fixed = LogWriter::memory_bytes(geometry) + ReportWriter::memory_bytes + TagCache::memory_bytes +
                       RootWriter::memory_bytes + IoQueue::memory_bytes;
  return fixed + geometry.generation_entries_max() * 80 + (slots + slots / 12 + 40) * block_bytes;
}

Plan plan_for(uint64_t seed, bool is_long) {
  Random random(seed);
  Plan plan;
  // Mostly small segments, of which many are filled; sometimes long ones, whose summaries go on
  // in a second block.
  const bool long_segments = random.one_in(6);
  const uint32_t segment_blocks = long_segments ? 160 : segment_blocks_min;
  const auto segments = static_cast<uint32_t>(log_segments_min + random.below(5));
  const uint64_t groups = 1 + random.below(4);
  const uint64_t rest = groups * (tags_per_frame + 2) + random.below(40);
  plan.geometry = *Geometry::plan(log_start.value + segments * segment_blocks + rest, segments, segment_blocks);
  plan.frontier = random.below(plan.geometry.tag_frames + 1);
  plan.memory_bytes = memory_for(plan.geometry, long_segments ? 500 : 16 + random.below(100));
  plan.operations = is_long ? 20000 : long_segments ? 1500 : 500;
  plan.cuts_per_write = is_long ? 2 : 1 + static_cast<unsigned>(random.below(2));
  plan.check_one_in = is_long || long_segments ? 10 : 2;
  plan.go_on_from_one_in = random.one_in(2) ? 200 : 0;
  plan.declare_one_in = long_segments ? 400 : 10 + random.below(100);
  plan.anywhere = long_segments;
  plan.settings.check = random.one_in(3);
  if (random.one_in(2)) {
    plan.faults = {random.one_in(2) ? 50u : 0u, random.one_in(2) ? 50u : 0u, random.one_in(2) ? 8u : 0u};
    plan.burst_one_in = 60;
  }
  return plan;
}

class Run {
 public:
  Run(uint64_t seed, bool is_long)
      : plan_(plan_for(seed, is_long)), random_(seed ^ 0x5eed), memory_(plan_.memory_bytes),
        recovery_memory_{MachineMemory(plan_.memory_bytes), MachineMemory(plan_.memory_bytes)} {}

  void carry_out() {
    oracle_.generations[0] = {};
    boot(fresh_image(plan_.geometry, plan_.frontier, 0x1d00d + plan_.frontier));
    for (unsigned i = 0; i < plan_.operations; ++i) {
      if (go_on_from_) go_on();
      machine_->act(random_, plan_.anywhere);
      if (machine_->store->can_declare() && random_.one_in(plan_.declare_one_in)) machine_->declare();
      if (machine_->store->due(machine_->now_ns)) machine_->declare();
      if (random_.one_in(plan_.burst_one_in)) burst();
    }
    disk_->set_faults({});
    disk_->end_bursts();
    machine_->run_to_idle();
    if (machine_->store->anything_dirty()) machine_->declare();
    machine_->run_to_idle();
    expect(oracle_.generations.rbegin()->first == oracle_.reported, "the last generation is committed once the disk works");
    machine_->expect_pairs_of_tags();
    recover(disk_->cut(random_), 0, {oracle_.reported, 0});
  }
  uint64_t recoveries() const { return recoveries_; }
  uint64_t failed_commits() const { return failed_commits_ + machine_->failed_commits; }
  uint64_t rotten() const { return rotten_ + refusals_; }
  uint64_t unreadable() const { return unreadable_; }

 private:
  struct Allowed {
    uint64_t reported = 0, possible = 0;
  };

  void boot(Medium medium) {
    if (machine_) failed_commits_ += machine_->failed_commits;
    machine_.reset();
    disk_ = std::make_unique<SimulatedDisk>(std::move(medium), random_.next());
    machine_ = std::make_unique<SimulatedMachine>(*disk_, memory_.all(), &oracle_);
    const auto opened = machine_->open(plan_.settings);
    expect(opened.has_value(), "the store does not open: " + std::string(opened ? "" : opened.error().what));
    disk_->set_faults(plan_.faults);
    machine_->reads_may_fail = plan_.burst_one_in > 0;
    disk_->after_write = [this] { look(); };
  }

  // A crash point.
  void look() {
    if (!random_.one_in(plan_.check_one_in)) return;
    for (unsigned i = 0; i < plan_.cuts_per_write; ++i) {
      Medium medium = disk_->cut(random_);
      const Allowed allowed{oracle_.reported, oracle_.possible};
      const uint64_t found = recover(medium, 0, allowed);
      if (!go_on_from_ && random_.one_in(plan_.go_on_from_one_in)) {
        go_on_from_ = std::move(medium);
        go_on_generation_ = found;
        go_on_world_ = oracle_.generations.at(found);
      }
      if (random_.one_in(4)) rot(disk_->cut(random_), allowed);
    }
  }

  void go_on() {
    oracle_.went_back_to(go_on_generation_, go_on_world_);
    Medium medium = std::move(*go_on_from_);
    go_on_from_.reset();
    boot(std::move(medium));
    expect(machine_->store->committed_generation().value == go_on_generation_, "two recoveries of one disk differ");
  }

  // → the generation that was recovered.
  uint64_t recover(const Medium& medium, unsigned depth, Allowed allowed) {
    ++recoveries_;
    SimulatedDisk disk(medium, random_.next());
    SimulatedMachine machine(disk, recovery_memory_[depth].all(), nullptr);
    std::vector<Medium> cuts;  // during this recovery
    if (depth == 0 && random_.one_in(4)) {
      disk.after_write = [&] {
        if (cuts.size() < 4 && random_.one_in(3)) cuts.push_back(disk.cut(random_));
      };
    }
    const auto opened = machine.open({});
    expect(opened.has_value(), "no recovery: " + std::string(opened ? "" : opened.error().what));
    const uint64_t found = machine.store->committed_generation().value;
    expect(found == allowed.reported || (allowed.possible != 0 && found == allowed.possible),
           "recovered generation " + std::to_string(found) + ", reported committed is " +
               std::to_string(allowed.reported) + ", possible " + std::to_string(allowed.possible));
    if (random_.one_in(2)) machine.run_to_idle();
    machine.compare_with(oracle_.generations.at(found));
    machine.run_to_idle();
    machine.expect_pairs_of_tags();
    if (random_.one_in(8)) machine.compare_with(oracle_.generations.at(found));
    disk.after_write = {};
    for (const Medium& cut : cuts) recover(cut, depth + 1, {found, 0});
    return found;
  }

  // One bit turns somewhere. The store may refuse, or call frames unreadable; it may never show
  // anything that is not true. (Not tried: the sequence of a tag frame, see docs/reference/disk.md.)
  void rot(Medium medium, Allowed allowed) {
    uint64_t block;
    do block = random_.below(medium.size()); while (!medium[block]);
    SimulatedDisk disk(std::move(medium), random_.next());
    const uint64_t byte = random_.below(block_bytes);
    if (byte / 8 == offsetof(TagFrame, sequence) / 8) return;
    disk.damage(block, byte, static_cast<uint8_t>(1 << random_.below(8)));
    SimulatedMachine machine(disk, recovery_memory_[1].all(), nullptr);
    if (!machine.open({})) return void(++refusals_);
    const uint64_t found = machine.store->committed_generation().value;
    expect(found == allowed.reported || (allowed.possible != 0 && found == allowed.possible), "rot brought an old generation back");
    unreadable_ += machine.compare_with(oracle_.generations.at(found), true);
    machine.run_to_idle();
    machine.compare_with(oracle_.generations.at(found), true);
    ++rotten_;
  }

  void burst() {
    const auto operation = static_cast<DiskRequest::Operation>(random_.below(3));
    disk_->fail_next(operation, 1 + static_cast<unsigned>(random_.below(20)));
  }

  Plan plan_;
  Random random_;
  Oracle oracle_;
  MachineMemory memory_;
  MachineMemory recovery_memory_[2];
  std::unique_ptr<SimulatedDisk> disk_;
  std::unique_ptr<SimulatedMachine> machine_;
  std::optional<Medium> go_on_from_;
  uint64_t go_on_generation_ = 0;
  World go_on_world_;
  uint64_t recoveries_ = 0;
  uint64_t failed_commits_ = 0;
  uint64_t rotten_ = 0, refusals_ = 0, unreadable_ = 0;
};

// Seeds that once failed, with what they showed.
struct NamedSeed {
  const char* name;
  uint64_t seed;
};
constexpr NamedSeed named_seeds[] = {
    {"the first one", 1},
};

struct Totals {
  unsigned passed = 0, failed = 0;
  uint64_t recoveries = 0, failed_commits = 0, rotten = 0, unreadable = 0;
};

void run_one(uint64_t seed, bool is_long, const char* name, Totals& totals) {
  try {
    Run run(seed, is_long);
    run.carry_out();
    ++totals.passed;
    totals.recoveries += run.recoveries();
    totals.failed_commits += run.failed_commits();
    totals.rotten += run.rotten();
    totals.unreadable += run.unreadable();
  } catch (const SimulationFailure& failure) {
    ++totals.failed;
    std::printf("seed %" PRIu64 "%s%s%s: %s\n", seed, is_long ? " --long" : "", name ? ", " : "", name ? name : "", failure.what());
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace perdure

int main(int count, char** arguments) {
  using namespace perdure;
  uint64_t seed = 1, runs = 0;
  bool is_long = false, seed_given = false;
  for (int i = 1; i < count; ++i) {
    const bool has_value = i + 1 < count;
    if (std::strcmp(arguments[i], "--long") == 0) {
      is_long = true;
    } else if (std::strcmp(arguments[i], "--seed") == 0 && has_value) {
      seed = std::strtoull(arguments[++i], nullptr, 0);
      seed_given = true;
    } else if (std::strcmp(arguments[i], "--runs") == 0 && has_value) {
      runs = std::strtoull(arguments[++i], nullptr, 0);
    } else {
      std::fprintf(stderr, "usage: crash_simulation [--seed S] [--runs N] [--long]\n");
      return 2;
    }
  }
  if (runs == 0) runs = seed_given ? 1 : (is_long ? 40 : 100);
  Totals totals;
  std::printf("crash simulation: seeds %" PRIu64 " to %" PRIu64 "%s\n", seed, seed + runs - 1, is_long ? ", long" : "");
  if (!seed_given) {
    for (const NamedSeed& named : named_seeds) run_one(named.seed, false, named.name, totals);
  }
  for (uint64_t i = 0; i < runs; ++i) run_one(seed + i, is_long, nullptr, totals);
  std::printf("%" PRIu64 " recoveries compared, %" PRIu64 " commits failed on purpose, %" PRIu64
              " times a bit was turned (%" PRIu64 " frames unreadable)\n",
              totals.recoveries, totals.failed_commits, totals.rotten, totals.unreadable);
  std::printf("%u passed, %u failed\n", totals.passed, totals.failed);
  return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}
