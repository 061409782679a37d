// SPDX-License-Identifier: MIT
//
// Tries to make the whole kernel lose, tear, double or revive something over a power cut, or tell a program
// that something is durable which is not. One seed is one run: random guests (kernel_guests.hpp) run on the
// generic kernel, with the real store over a simulated disk and its troubles; the power is cut after any
// write, and sometimes again while the machine starts; it starts from what the cut has left, and goes on.
//
// What must hold:
//  - P1. At the moment of each snapshot every frame in memory is written down by code that shares nothing
//    with the store (frame_truth.hpp). What a recovery finds is one such moment, whole: all memory,
//    registers, capabilities, messages; and never an older one than was committed. A frame that is not part
//    of a snapshot has not changed since the one before (DIRTY-BEFORE-WRITE).
//  - Promises. Whatever a guest was told is durable is there, and every capability to what it then had
//    destroyed is void (P2), in whatever generation is found.
//  - Once. Each call arrives exactly once, and has its own answer, whatever was cut in between.
//  - Liveness. On a disk that is well each guest's operation ends within so many steps, whatever it had
//    stalled for; at last, all of them.
//  - In a sample of the cuts, `image verify` finds nothing wrong; and when a bit of one turns, it calls the same
//    frames unreadable as a recovery that reads everything.
//  - The kernel's own invariants (Kernel::check_state) at every start, and now and then.
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <optional>
#include <unistd.h>

#include "test/simulation/disk_troubles.hpp"
#include "test/simulation/judgement.hpp"
#include "test/simulation/kernel_guests.hpp"
#include "test/simulation/options.hpp"
#include "test/support/fresh_image.hpp"

namespace perdure {
namespace {

constexpr uint64_t store_id = 0x5eed;
constexpr uint64_t ms = 1'000'000;

struct Plan {
  Geometry geometry;
  uint64_t frontier = 0;
  WorldSize world;
  KernelOptions options;
  size_t recovery_bytes = 0;
  unsigned steps = 0;
  uint64_t check_one_in = 1;          // write: a cut that is recovered beside the run
  uint64_t go_on_from_one_in = 1;     // of those: the machine starts from it
  uint64_t declare_one_in = 0;        // step
  uint64_t look_at_disk_one_in = 1;   // step
  uint64_t tick_one_in = 1;           // step
  uint64_t live_check_one_in = 0;     // step
  uint64_t ill_recovery_one_in = 0;   // recovery
  uint64_t verify_one_in = 8;         // recovery
  uint64_t drop_one_in = 0;           // step
  DiskTroubles troubles;
};

Plan plan_for(uint64_t seed, bool is_long) {
  Random random(seed);
  Plan plan;
  const auto segments = static_cast<uint32_t>(4 + random.below(6));
  const auto segment_blocks = static_cast<uint32_t>(random.one_in(2) ? segment_blocks_min : 24 + random.below(40));
  const uint64_t rest = KernelGuests::frames_needed + 8 + random.below(80);
  plan.geometry = *Geometry::plan(log_start.value + segments * segment_blocks + rest, segments, segment_blocks);
  plan.frontier = random.below(plan.geometry.tag_frames + 1);
  CacheSlot slots = frames_of_one_operation;
  while (FrameCache::beside_verdicts(slots) < frames_of_one_operation) ++slots;
  slots += static_cast<CacheSlot>(random.below(random.one_in(2) ? 10 : 160));
  plan.world.store_pages = memory_for(plan.geometry, slots) / frame_bytes;
  plan.world.machine_bytes = (plan.world.store_pages + plan.world.table_pages + 32) * frame_bytes;
  plan.recovery_bytes = memory_for(plan.geometry, 16 + random.below(100));
  plan.options.check = random.one_in(3);
  plan.options.chaos_seed = random.one_in(2) ? seed : 0;
  plan.options.interval_ms = random.one_in(2) ? 0 : 1 + random.below(20);
  plan.steps = is_long ? 60'000 : 4'000;
  plan.check_one_in = 4 + random.below(20);
  plan.go_on_from_one_in = 3 + random.below(12);
  plan.declare_one_in = random.one_in(3) ? 0 : 20 + random.below(300);
  plan.look_at_disk_one_in = 1 + random.below(20);
  plan.tick_one_in = 2 + random.below(40);
  plan.live_check_one_in = 800 + random.below(2000);
  plan.ill_recovery_one_in = sometimes(random, 3, 4, 40);
  plan.drop_one_in = sometimes(random, 2, 4, 60);
  plan.troubles = DiskTroubles::draw(random);
  return plan;
}

// Thrown by the disk: the machine stops where it is, and this is left.
struct PowerCut {
  Medium medium;
  uint64_t generation;  // that was found in it
};

class Run {
 public:
  Run(uint64_t seed, bool is_long)
      : plan_(plan_for(seed, is_long)), random_(seed ^ 0x6e57), recovery_memory_(plan_.recovery_bytes),
        disk_(std::make_unique<SimulatedDisk>(fresh_image(plan_.geometry, plan_.frontier, store_id), random_.next())),
        world_(*disk_, plan_.options, plan_.world), guests_(world_, random_) {}

  void carry_out() {
    begin();
    for (unsigned i = 0; i < plan_.steps; ++i) {
      try {
        troubles_.before(i, *disk_, random_);
        disturb();
        step();
        if (random_.one_in(50)) check_state();
        if (random_.one_in(plan_.live_check_one_in)) expect_everybody_gets_on();
      } catch (PowerCut& cut) {
        go_on(std::move(cut));
      }
    }
    end();
  }

  uint64_t recoveries() const { return recoveries_; }
  uint64_t boots() const { return boots_; }
  uint64_t damages_seen() const { return damages_seen_; }
  uint64_t failed_commits() { return failed_commits_ + failed_commits_of_this_boot(); }
  const KernelGuests& guests() const { return guests_; }

 private:
  Store& store() { return world_.kernel().store; }
  uint64_t failed_commits_of_this_boot() {
    SystemStatus status;
    world_.kernel().checkpoints.fill_status(status, world_.kernel().time);
    return status.failed_commits;
  }

  // Generation 0 is empty; the first one that counts is that in which all guests stand ready.
  void begin() {
    watch();
    world_.start();
    world_.take_checkpoint();
    const uint64_t first = store().committed_generation().value;
    expect(oracle_.generations.contains(first), "the first checkpoint was not seen");
    oracle_.went_back_to(first, oracle_.generations.at(first));
    troubles_.begin(*disk_);
    disk_->after_write = [this] { look(); };
  }

  bool has_begun() const { return oracle_.reported != 0; }

  void watch() {
    fake_machine().on_clock_read = [this] { look_at_snapshot(); };
  }

  void disturb() {
    world_.use_fast_path = random_.one_in(2);
    if (random_.one_in(plan_.tick_one_in)) fake_machine().pending.timer = true;
    if (random_.one_in(plan_.look_at_disk_one_in)) fake_machine().pending.disk = true;
    if (random_.one_in(plan_.declare_one_in)) world_.kernel().checkpoints.request();
    if (random_.one_in(plan_.drop_one_in)) {
      if (const CacheSlot slot = store().random_droppable(random_.next()); slot != no_slot) store().drop(slot);
    }
  }

  void step() {
    if (!world_.step()) {
      fake_machine().now_ns += random_.below(ms);
      fake_machine().pending.timer = true;
    }
    note_commits();
  }

  void check_state() {
    const auto wrong = world_.kernel().check_state();
    expect(!wrong, wrong ? std::string(wrong->what) + ", " + std::to_string(wrong->frame.value) : "");
  }

  // --- the snapshots, as the oracle sees them ---------------------------------------------------------------

  void note_commits() {
    const uint64_t committed = store().committed_generation().value;
    if (committed != oracle_.reported) {
      expect(committed == oracle_.possible, "a generation is committed that was not pending");
      oracle_.committed(committed);
    } else if (oracle_.possible != 0 && store().can_declare()) {
      oracle_.withdrawn();
    }
  }

  // The kernel looks at the clock right behind the declaration: nothing has run since.
  void look_at_snapshot() {
    const uint64_t pending = store().pending_generation().value;
    if (pending == 0 || pending == seen_) return;
    seen_ = pending;
    const uint64_t committed = store().committed_generation().value;
    if (has_begun() && committed != oracle_.reported) oracle_.committed(committed);
    for (CacheSlot slot = 0; slot < store().slot_count(); ++slot) write_down(slot);
    oracle_.now.system = store().system();
    oracle_.declared(pending);
    if (has_begun()) guests_.check(oracle_.now, pending, false);
  }

  void write_down(CacheSlot slot) {
    const FrameDescriptor& frame = store().descriptor(slot);
    const bool is_usable = frame.state == FrameState::clean || frame.state == FrameState::dirty;
    if (!is_usable || (frame.flags & FrameDescriptor::flag_body_absent)) return;
    FrameTruth truth = truth_of(frame, store().body(slot));
    const bool is_in_snapshot = frame.state == FrameState::dirty && frame.epoch + 1 == store().epoch();
    const auto known = oracle_.now.frames.find(frame.number.value);
    const std::string_view changed = difference(known == oracle_.now.frames.end() ? FrameTruth{} : known->second, truth);
    expect(is_in_snapshot || changed.empty() || !has_begun(),
           "DIRTY-BEFORE-WRITE: frame " + std::to_string(frame.number.value) + ": " + std::string(changed));
    if (!changed.empty()) oracle_.now.frames[frame.number.value] = std::move(truth);
  }

  // --- cuts ---------------------------------------------------------------------------------------------------

  void look() {
    if (!random_.one_in(plan_.check_one_in)) return;
    Medium medium = disk_->cut(random_);
    const uint64_t found = recover_beside(medium);
    if (random_.one_in(plan_.go_on_from_one_in)) throw PowerCut{std::move(medium), found};
  }

  // The store alone recovers, and every frame is read. → the generation that was found.
  uint64_t recover_beside(const Medium& medium) {
    ++recoveries_;
    SimulatedDisk disk(medium, random_.next());
    SimulatedMachine machine(disk, recovery_memory_.all(), nullptr);
    const auto opened = machine.open({});
    expect(opened.has_value(), "no recovery: " + std::string(opened ? "" : opened.error().what));
    const uint64_t found = machine.store->committed_generation().value;
    expect_allowed(found);
    machine.compare_with(oracle_.generations.at(found));
    guests_.check(oracle_.generations.at(found), found, true);
    if (random_.one_in(plan_.verify_one_in)) {
      const std::string finding = first_finding(medium);
      expect(finding.empty(), "image verify says of what is recovered whole: " + finding);
      expect_same_judgement(medium, found);
    }
    return found;
  }

  // One bit turns. `image verify` and a recovery that reads everything both see it, or neither does.
  void expect_same_judgement(Medium medium, uint64_t generation) {
    uint64_t block;
    do block = random_.below(medium.size()); while (!medium[block]);
    Block damaged = *medium[block];
    damaged[random_.below(block_bytes)] ^= std::byte(1 << random_.below(8));
    medium[block] = std::make_shared<const Block>(std::move(damaged));
    const std::string finding = first_finding(medium);
    SimulatedDisk disk(medium, random_.next());
    SimulatedMachine machine(disk, recovery_memory_.all(), nullptr);
    const World& world = oracle_.generations.at(generation);
    Judgement store;
    if (const auto opened = machine.open({}); !opened) store.refusal = opened.error().what;
    else store.unreadable = machine.compare_with(world, true);
    damages_seen_ += !store.is_sound();
    expect_alike(judgement_of_tool(medium, world), store);
    expect(store.is_sound() == finding.empty(), "a bit of block " + std::to_string(block) + " turns; recovery: " + store.told() +
                                                    "; image verify says: " + finding);
  }

  void expect_allowed(uint64_t found) const {
    expect(oracle_.may_recover(found), "recovered generation " + std::to_string(found) + ", reported committed is " +
                                           std::to_string(oracle_.reported) + ", possible " + std::to_string(oracle_.possible));
  }

  // The machine starts from what a cut has left, and now and then once more from a cut while it starts.
  void go_on(PowerCut cut) {
    Medium medium = std::move(cut.medium);
    const uint64_t found = cut.generation;
    failed_commits_ += failed_commits_of_this_boot();
    guests_.set_mode(KernelGuests::Mode::busy);
    const World world = oracle_.generations.at(found);
    oracle_.went_back_to(found, world);
    guests_.went_back_to(world);
    std::optional<Medium> cut_again;
    do {
      if (cut_again) medium = std::move(*cut_again);
      cut_again.reset();
      boot(std::move(medium), cut_again);
      expect(store().committed_generation().value == found, "two recoveries of one disk differ");
    } while (cut_again);
    expect(is_same_state(store().system(), world.system), "another system state");
    watch();
    world_.start();
    if (random_.one_in(2)) compare_all(world);
    troubles_.begin(*disk_);
    disk_->after_write = [this] { look(); };
    check_state();
  }

  void boot(Medium medium, std::optional<Medium>& cut_again) {
    ++boots_;
    auto disk = std::make_unique<SimulatedDisk>(std::move(medium), random_.next());
    const bool cuts_again = random_.one_in(4);
    disk->after_write = [&, raw = disk.get()] {
      if (cuts_again && random_.one_in(3)) cut_again = raw->cut(random_);
    };
    if (random_.one_in(plan_.ill_recovery_one_in)) make_ill(*disk, random_);
    world_.boot(*disk);
    disk->after_write = {};
    disk_ = std::move(disk);
    troubles_.make_well(*disk_);
  }

  // By the kernel's own store, and before anything runs.
  void compare_all(const World& world) {
    for (uint64_t number = 0; number < store().frames_in_store(); ++number) {
      const CacheSlot slot = obtain({number});
      const std::string_view wrong = difference(world.frame(number), truth_of(store().descriptor(slot), store().body(slot)));
      expect(wrong.empty(), "the kernel's store reads " + std::string(wrong) + " in frame " + std::to_string(number));
    }
  }

  CacheSlot obtain(FrameNumber number) {
    for (unsigned i = 0; i < 1'000'000; ++i) {
      const auto slot = store().obtain(number);
      if (slot) return *slot;
      expect(slot.error().why == Absent::Why::stall, "unreadable, and nothing was damaged, frame " + std::to_string(number.value));
      store().poll(fake_machine().now_ns += 10'000);
    }
    throw SimulationFailure("a fetch never ends");
  }

  // --- liveness -------------------------------------------------------------------------------------------------

  void run_until(KernelGuests::Mode mode, const char* what, bool (KernelGuests::*is_done)() const) {
    constexpr unsigned steps_max = 60'000;
    troubles_.make_well(*disk_);
    guests_.set_mode(mode);
    guests_.forget_turns();
    for (unsigned i = 0; !(guests_.*is_done)(); ++i) {
      expect(i < steps_max, what);
      if (random_.one_in(4)) fake_machine().pending.disk = true;
      if (random_.one_in(plan_.tick_one_in)) fake_machine().pending.timer = true;
      step();
    }
  }

  void expect_everybody_gets_on() {
    run_until(KernelGuests::Mode::resting, "LIVENESS: the disk is well, and a guest does not get on", &KernelGuests::has_everybody_acted);
    guests_.set_mode(KernelGuests::Mode::busy);
    troubles_.begin(*disk_);
  }

  // Everything ends, is committed, and is found.
  void end() {
    disk_->after_write = {};
    run_until(KernelGuests::Mode::ending, "LIVENESS: the disk is well, and an operation does not end", &KernelGuests::has_everybody_ended);
    check_state();
    world_.take_checkpoint();
    note_commits();
    const uint64_t found = recover_beside(disk_->cut(random_));
    expect(found == oracle_.generations.rbegin()->first, "the last generation is committed once the disk works");
  }

  Plan plan_;
  Random random_;
  TroubleMaker troubles_{plan_.troubles};
  MachineMemory recovery_memory_;
  std::unique_ptr<SimulatedDisk> disk_;
  KernelWorld world_;
  KernelGuests guests_;
  Oracle oracle_;
  uint64_t seen_ = 0;  // the newest pending generation that was written down
  uint64_t recoveries_ = 0, boots_ = 0, failed_commits_ = 0, damages_seen_ = 0;
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
  uint64_t recoveries = 0, boots = 0, damages_seen = 0, failed_commits = 0, operations = 0, acknowledgements = 0, destructions = 0;
};

void run_one(uint64_t seed, bool is_long, const char* name, Totals& totals) {
  try {
    Run run(seed, is_long);
    run.carry_out();
    ++totals.passed;
    totals.recoveries += run.recoveries();
    totals.boots += run.boots();
    totals.damages_seen += run.damages_seen();
    totals.failed_commits += run.failed_commits();
    totals.operations += run.guests().operations();
    totals.acknowledgements += run.guests().acknowledgements();
    totals.destructions += run.guests().destructions_told();
  } catch (const std::exception& failure) {
    ++totals.failed;
    std::printf("seed %" PRIu64 "%s%s%s: %s\n", seed, is_long ? " --long" : "", name ? ", " : "", name ? name : "", failure.what());
  }
  std::fflush(stdout);
}

// What stops the program outright does not say in which run.
uint64_t running_seed;
void tell_seed(int signal) {
  char text[64];
  const int length = std::snprintf(text, sizeof(text), "seed %" PRIu64 ": ended by signal %d\n", running_seed, signal);
  if (write(STDOUT_FILENO, text, static_cast<size_t>(length)) < length) _exit(2);
  _exit(1);
}

}  // namespace
}  // namespace perdure

int main(int count, char** arguments) {
  using namespace perdure;
  const auto options = parse_options(count, arguments, 250, 100);
  if (!options) return 2;
  const auto [seed, runs, is_long, seed_given] = *options;
  for (const int signal : {SIGABRT, SIGILL, SIGSEGV}) std::signal(signal, tell_seed);
  Totals totals;
  std::printf("kernel simulation: seeds %" PRIu64 " to %" PRIu64 "%s\n", seed, seed + runs - 1, is_long ? ", long" : "");
  const auto run = [&](uint64_t one, bool long_run, const char* name) { run_one(running_seed = one, long_run, name, totals); };
  if (!seed_given) {
    for (const NamedSeed& named : named_seeds) run(named.seed, false, named.name);
  }
  for (uint64_t i = 0; i < runs; ++i) run(seed + i, is_long, nullptr);
  std::printf("%" PRIu64 " operations of guests, %" PRIu64 " told to be durable, with %" PRIu64 " destructions; %" PRIu64
              " recoveries compared, %" PRIu64 " boots, %" PRIu64 " commits failed on purpose, %" PRIu64 " damages seen\n",
              totals.operations, totals.acknowledgements, totals.destructions, totals.recoveries, totals.boots, totals.failed_commits,
              totals.damages_seen);
  std::printf("%u passed, %u failed\n", totals.passed, totals.failed);
  return totals.failed == 0 && totals.passed > 0 ? 0 : 1;
}
