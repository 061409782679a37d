// SPDX-License-Identifier: MIT
//
// Tries to make the store lose, tear, or go back on something it has reported committed. One seed
// is one run: a machine does random things, and after every write that the disk carries out the
// power is cut in several ways; each time a fresh store recovers, every frame is compared with
// the oracle, and sometimes power is cut again during that recovery. Now and then the run goes on
// from what a cut has left.
//
// Each seed draws which troubles there are, and how often (Plan): errors, bursts and outages of the disk,
// while running and while recovering; floods of writes that reach every limit; one copy of a tag frame, and
// now and then a body at home, whose writes the disk acknowledges and never makes; rot while the machine runs.
// Now and then the machine stops, another boots from its disk and works there, and then the first one goes on
// with the memory that it had: it must stop, and write nothing. Or it is reset, while the disk keeps its power.
// What must hold: never wrong contents, never an older generation, nothing unreadable that the fault
// model excuses (docs/reference/disk.md), and on a disk that is well no wait is endless. Of what is damaged, and of a
// sample of all cuts, `image verify` calls the same frames unreadable, and the others what they are.
#include <cinttypes>
#include <cstdio>
#include <optional>

#include "test/simulation/disk_troubles.hpp"
#include "test/simulation/judgement.hpp"
#include "test/simulation/options.hpp"
#include "test/simulation/simulated_machine.hpp"
#include "test/support/fresh_image.hpp"

namespace perdure {
namespace {

constexpr uint64_t judge_one_in = 8;  // recovery

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
  DiskTroubles troubles;
  // One in so many operations; 0: never.
  uint64_t flood_one_in = 0;
  uint64_t lost_write_one_in = 0;
  uint64_t rot_one_in = 0;
  uint64_t wake_check_one_in = 0;
  uint64_t ghost_one_in = 0;
  uint64_t reset_one_in = 0;
  uint64_t ill_recovery_one_in = 0;  // recovery
  StoreSettings settings;
};

Plan plan_for(uint64_t seed, bool is_long) {
  Random random(seed);
  Plan plan;
  // Mostly small segments, of which many are filled; sometimes long ones, with summaries that go on
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
  plan.troubles = DiskTroubles::draw(random);
  plan.flood_one_in = random.one_in(3) ? sometimes(random, 4, 60, 300) : 0;
  plan.lost_write_one_in = random.one_in(6) ? 20 + random.below(200) : 0;
  plan.rot_one_in = random.one_in(6) ? 100 + random.below(300) : 0;
  plan.wake_check_one_in = random.one_in(2) ? 100 : 0;
  plan.ill_recovery_one_in = sometimes(random, 3, 4, 40);
  plan.ghost_one_in = sometimes(random, 2, 100, 400);
  plan.reset_one_in = sometimes(random, 2, 60, 300);
  return plan;
}

class Run {
 public:
  Run(uint64_t seed, bool is_long)
      : plan_(plan_for(seed, is_long)), random_(seed ^ 0x5eed),
        damaged_tag_frame_(random_.below(plan_.geometry.tag_frames)), damaged_copy_(static_cast<unsigned>(random_.below(2))),
        memory_(plan_.memory_bytes),
        recovery_memory_{MachineMemory(plan_.memory_bytes), MachineMemory(plan_.memory_bytes)} {}

  void carry_out() {
    oracle_.generations[0] = {};
    boot(fresh_image(plan_.geometry, plan_.frontier, store_id()));
    for (unsigned i = 0; i < plan_.operations; ++i) {
      if (go_on_from_) go_on();
      machine_->act(random_, plan_.anywhere);
      if (machine_->store->can_declare() && random_.one_in(plan_.declare_one_in)) machine_->declare();
      if (machine_->store->due(machine_->now_ns)) machine_->declare();
      trouble(i);
      if (!go_on_from_ && random_.one_in(plan_.ghost_one_in)) ghost();
      if (!go_on_from_ && random_.one_in(plan_.reset_one_in)) reset();
    }
    if (go_on_from_) go_on();
    troubles_.make_well(*disk_);
    machine_->expect_everybody_woken();
    machine_->run_to_idle();
    // One in which nothing had changed may have failed, too.
    const bool has_failed = oracle_.generations.rbegin()->first != oracle_.reported;
    if (has_failed || machine_->store->anything_dirty()) machine_->declare();
    machine_->run_to_idle();
    expect(oracle_.generations.rbegin()->first == oracle_.reported, "the last generation is committed once the disk works");
    if (!may_be_unreadable()) machine_->expect_pairs_of_tags();
    recover(disk_->cut(random_), 0, {oracle_.reported, 0});
  }
  uint64_t ghosts() const { return ghosts_; }
  uint64_t resets() const { return resets_; }
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
    begin_machine();
  }

  void begin_machine() {
    machine_ = std::make_unique<SimulatedMachine>(*disk_, memory_.all(), &oracle_);
    plan_.settings.boot_identity = random_.next();
    const auto opened = machine_->open(plan_.settings);
    expect(opened.has_value(), "the store does not open: " + std::string(opened ? "" : opened.error().what));
    troubles_.begin(*disk_);
    machine_->reads_may_fail = may_be_unreadable();
    disk_->after_write = [this] { look(); };
  }

  // Of one place the truth may be gone; all else must be there.
  bool may_be_unreadable() const { return plan_.lost_write_one_in > 0 || plan_.rot_one_in > 0; }

  void trouble(unsigned operation) {
    troubles_.before(operation, *disk_, random_);
    if (random_.one_in(plan_.flood_one_in)) machine_->flood(random_, 1 + static_cast<unsigned>(random_.below(8)));
    if (random_.one_in(plan_.lost_write_one_in)) disk_->lose_write_of(damaged_place());
    if (random_.one_in(plan_.rot_one_in)) disk_->damage(damaged_place(), random_.below(block_bytes), 0x10);
    if (random_.one_in(plan_.wake_check_one_in)) {
      troubles_.make_well(*disk_);
      machine_->expect_everybody_woken();
      troubles_.begin(*disk_);
    }
    if (random_.one_in(100)) stale_ = disk_->keep_everything();
  }

  // One copy of one tag frame, once in a run; or any body at home.
  uint64_t damaged_place() {
    if (random_.one_in(2) || tag_was_damaged_) return plan_.geometry.home_block({random_.below(plan_.geometry.frames)}).value;
    tag_was_damaged_ = true;
    return plan_.geometry.tag_block(damaged_tag_frame_, damaged_copy_).value;
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
      // With a tag frame that was damaged before it would be a second fault.
      if (!tag_was_damaged_ && random_.one_in(4)) rot(disk_->cut(random_), allowed);
    }
  }

  void go_on() {
    oracle_.went_back_to(go_on_generation_, go_on_world_);
    Medium medium = std::move(*go_on_from_);
    stale_.clear();  // it may be of what is given up now, and never stood on this medium
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
    if (random_.one_in(plan_.ill_recovery_one_in)) make_ill(disk, random_);
    const auto opened = machine.open({.boot_identity = random_.next()});
    expect(opened.has_value(), "no recovery: " + std::string(opened ? "" : opened.error().what));
    const uint64_t found = machine.store->committed_generation().value;
    expect(found == allowed.reported || (allowed.possible != 0 && found == allowed.possible),
           "recovered generation " + std::to_string(found) + ", reported committed is " +
               std::to_string(allowed.reported) + ", possible " + std::to_string(allowed.possible));
    if (random_.one_in(2)) machine.run_to_idle();
    const std::set<uint64_t> unreadable = machine.compare_with(oracle_.generations.at(found), may_be_unreadable());
    unreadable_ += unreadable.size();
    if (recoveries_ % judge_one_in == 0) expect_alike(judgement_of_tool(medium, oracle_.generations.at(found)), {.unreadable = unreadable});
    machine.run_to_idle();
    if (!may_be_unreadable()) machine.expect_pairs_of_tags();
    if (random_.one_in(8)) machine.compare_with(oracle_.generations.at(found), may_be_unreadable());
    disk.after_write = {};
    for (const Medium& cut : cuts) recover(cut, depth + 1, {found, 0});
    return found;
  }

  // The machine is reset, and the disk keeps its power: what it had not made durable is read like all else, and a flush
  // that fails may drop it yet, below the next boot.
  void reset() {
    troubles_.make_well(*disk_);
    while (!disk_->is_idle()) disk_->poll();
    disk_->after_write = {};
    failed_commits_ += machine_->failed_commits;
    if (random_.one_in(2)) make_ill(*disk_, random_);
    begin_machine();
    const uint64_t found = machine_->store->committed_generation().value;
    expect(oracle_.may_recover(found), "a reset machine recovered generation " + std::to_string(found));
    oracle_.went_back_to(found, World(oracle_.generations.at(found)));
    go_on_from_.reset();  // a cut while its last requests ended
    stale_.clear();
    ++resets_;
  }

  // The machine's memory is kept; another boots from the disk, and works; then this one goes on with its old
  // memory. Afterwards the run goes on from where the disk stood before.
  void ghost() {
    troubles_.make_well(*disk_);
    // Between the two reads of the fence, and between them and what they let through, is the gap that it has.
    while (disk_->reads_waiting(root_blocks) == 1) machine_->poll(1000);
    const Medium before = disk_->drained();
    const Medium found = work_of_another(before);
    disk_->becomes(found);
    disk_->after_write = {};
    machine_->is_ghost = true;
    try {
      for (unsigned i = 0; i < 20'000; ++i) {
        machine_->act(random_, plan_.anywhere);
        if (machine_->store->can_declare() && machine_->store->anything_dirty()) machine_->declare();
      }
      throw SimulationFailure("a machine goes on over what another has written");
    } catch (const MachineStopped&) {
      ++ghosts_;
    }
    expect(disk_->keep_everything() == found, "a machine has written over what another has written");
    go_on_from_ = before;
  }

  // → what it leaves on the disk. Sets what the run goes on with.
  Medium work_of_another(const Medium& medium) {
    SimulatedDisk disk(medium, random_.next());
    Oracle oracle;
    SimulatedMachine other(disk, recovery_memory_[0].all(), &oracle);
    expect(other.open({.boot_identity = random_.next()}).has_value(), "no recovery for another machine");
    go_on_generation_ = other.store->committed_generation().value;
    expect(oracle_.may_recover(go_on_generation_), "another machine recovered generation " + std::to_string(go_on_generation_));
    go_on_world_ = oracle_.generations.at(go_on_generation_);
    oracle.went_back_to(go_on_generation_, go_on_world_);
    other.reads_may_fail = may_be_unreadable();
    for (uint64_t i = random_.below(200); i > 0; --i) {
      other.act(random_, plan_.anywhere);
      if (other.store->can_declare() && other.store->anything_dirty() && random_.one_in(10)) other.declare();
    }
    return disk.drained();
  }

  bool is_whole_tag_frame(const Medium& medium, uint64_t index, unsigned copy) const {
    const uint64_t place = plan_.geometry.tag_block(index, copy).value;
    return medium[place] && verify_tag_frame(*reinterpret_cast<const TagFrame*>(medium[place]->data()), {place}, store_id(), index);
  }
  uint64_t store_id() const { return 0x1d00d + plan_.frontier; }

  // Of a single fault in `block`: how many frames it may cost.
  uint64_t may_cost(const Medium& medium, uint64_t block) const {
    const Geometry& geometry = plan_.geometry;
    const uint64_t first_tag = geometry.tag_block(0, 0).value, second_tag = geometry.tag_block(0, 1).value;
    if (may_be_unreadable()) return geometry.frames;
    if (block < first_tag || (block >= first_tag + geometry.tag_frames && block < second_tag)) return 1;
    const unsigned copy = block >= second_tag;
    const uint64_t index = block - geometry.tag_block(0, copy).value;
    if (index >= geometry.tag_frames) return 0;
    // The other copy may be torn by the cut.
    return is_whole_tag_frame(medium, index, copy ^ 1) ? 0 : tags_per_frame;
  }

  // A bit turns, or the block is lost, or holds what another should, or what it held once.
  void damage_one(Medium& medium, uint64_t block, bool may_be_stale) {
    switch (random_.below(may_be_stale ? 4 : 3)) {
      case 0: {
        Block changed = *medium[block];
        changed[random_.below(block_bytes)] ^= std::byte(1 << random_.below(8));
        medium[block] = std::make_shared<const Block>(std::move(changed));
        return;
      }
      case 1: medium[block] = nullptr; return;
      case 2: medium[block] = medium[random_.below(medium.size())]; return;
      default: if (stale_.size() == medium.size()) medium[block] = stale_[block];
    }
  }

  // One block is damaged. The store may refuse if it is not of the tags nor at home, or call the frames
  // unreadable that it costs; it may never show anything that is not true.
  void rot(Medium medium, Allowed allowed) {
    uint64_t block;
    do block = random_.below(medium.size()); while (!medium[block]);
    const uint64_t cost = may_cost(medium, block);
    // If the cut has torn the other copy of a tag frame, a stale one would be believed: two faults.
    damage_one(medium, block, cost < tags_per_frame);
    SimulatedDisk disk(medium, random_.next());
    SimulatedMachine machine(disk, recovery_memory_[1].all(), nullptr);
    if (const auto opened = machine.open({.boot_identity = random_.next()}); !opened) {
      expect_alike(judgement_of_tool(medium, {}), {.refusal = std::string(opened.error().what)});
      expect(block < plan_.geometry.tag_block(0, 0).value, "one damaged tag frame or body refuses the image");
      return void(++refusals_);
    }
    const uint64_t found = machine.store->committed_generation().value;
    expect(found == allowed.reported || (allowed.possible != 0 && found == allowed.possible), "rot brought an old generation back");
    for (unsigned when = 0; when < 2; ++when) {
      const std::set<uint64_t> unreadable = machine.compare_with(oracle_.generations.at(found), true);
      if (when == 0) expect_alike(judgement_of_tool(medium, oracle_.generations.at(found)), {.unreadable = unreadable});
      expect(unreadable.size() <= cost, "damage of block " + std::to_string(block) + " costs " + std::to_string(unreadable.size()) +
                                            " frames, and should " + std::to_string(cost));
      unreadable_ += unreadable.size();
      machine.run_to_idle();
    }
    ++rotten_;
  }

  Plan plan_;
  Random random_;
  TroubleMaker troubles_{plan_.troubles};
  Medium stale_;                 // what stood on the medium at an earlier time
  uint64_t damaged_tag_frame_;
  unsigned damaged_copy_;
  bool tag_was_damaged_ = false;
  Oracle oracle_;
  MachineMemory memory_;
  MachineMemory recovery_memory_[2];
  std::unique_ptr<SimulatedDisk> disk_;
  std::unique_ptr<SimulatedMachine> machine_;
  std::optional<Medium> go_on_from_;
  uint64_t go_on_generation_ = 0;
  World go_on_world_;
  uint64_t ghosts_ = 0, resets_ = 0;
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
    {"a lost write of a tag, believed because it was in memory", 46},
    {"a tag that rotted under its image in memory", 64},
};

struct Totals {
  unsigned passed = 0, failed = 0;
  uint64_t ghosts = 0, resets = 0, recoveries = 0, failed_commits = 0, rotten = 0, unreadable = 0;
};

void run_one(uint64_t seed, bool is_long, const char* name, Totals& totals) {
  try {
    Run run(seed, is_long);
    run.carry_out();
    ++totals.passed;
    totals.ghosts += run.ghosts();
    totals.resets += run.resets();
    totals.recoveries += run.recoveries();
    totals.failed_commits += run.failed_commits();
    totals.rotten += run.rotten();
    totals.unreadable += run.unreadable();
  } catch (const SimulationFailure& failure) {
    ++totals.failed;
    const Plan plan = plan_for(seed, is_long);
    std::printf("(one in so many: burst %" PRIu64 ", outage %" PRIu64 ", flood %" PRIu64 ", lost write %" PRIu64 ", rot %" PRIu64
                ", ill recovery %" PRIu64 ") ", plan.troubles.burst_one_in, plan.troubles.outage_one_in, plan.flood_one_in, plan.lost_write_one_in,
                plan.rot_one_in, plan.ill_recovery_one_in);
    std::printf("seed %" PRIu64 "%s%s%s: %s\n", seed, is_long ? " --long" : "", name ? ", " : "", name ? name : "", failure.what());
  }
  std::fflush(stdout);
}

}  // namespace
}  // namespace perdure

int main(int count, char** arguments) {
  using namespace perdure;
  const auto options = parse_options(count, arguments, 250, 40);
  if (!options) return 2;
  const auto [seed, runs, is_long, seed_given] = *options;
  Totals totals;
  std::printf("crash simulation: seeds %" PRIu64 " to %" PRIu64 "%s\n", seed, seed + runs - 1, is_long ? ", long" : "");
  if (!seed_given) {
    for (const NamedSeed& named : named_seeds) run_one(named.seed, false, named.name, totals);
  }
  for (uint64_t i = 0; i < runs; ++i) run_one(seed + i, is_long, nullptr, totals);
  std::printf("%" PRIu64 " recoveries compared, %" PRIu64 " commits failed on purpose, %" PRIu64
              " times a block was damaged (%" PRIu64 " frames unreadable), %" PRIu64 " machines stopped over another's work, %" PRIu64 " resets\n",
              totals.recoveries, totals.failed_commits, totals.rotten, totals.unreadable, totals.ghosts, totals.resets);
  std::printf("%u passed, %u failed\n", totals.passed, totals.failed);
  return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}
