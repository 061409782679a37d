// SPDX-License-Identifier: MIT
//
// Processes of which anything is lost and comes back, while they call, sleep, wait with deadlines, are stopped and started, and
// the power is cut: when the disk is well, each runs again. PERDURE_SEED replays one run; PERDURE_RUNS sets how many.
#include <catch2/catch.hpp>

#include <map>
#include <random>

#include "test/support/environment.hpp"
#include "test/unit/kernel/clocked_disk.hpp"
#include "test/unit/kernel/owner.hpp"

using namespace perdure;

namespace {

constexpr uint64_t s = 1'000'000'000, ms = 1'000'000;
constexpr unsigned guest_count = 7, server_count = 2, held = 12;

class RandomProcesses {
 public:
  RandomProcesses(uint64_t seed, WorldSize size) : random_(seed), world_(options(), size) {
    for (unsigned i = 0; i < guest_count; ++i) {
      if (below(2)) world_.open_new_rows();
      guests_[i] = world_.new_guest([this, i](Process& p) { act(i, p); }, 0);
    }
    world_.open_new_rows();
    owner_ = world_.new_guest([this](Process& p) {
      if (is_asking_) {
        result_ = result_of(p);
        word_ = message_word(p.registers, 1);
        is_answered_ = true;
      }
      is_asking_ = bool(asked_);
      if (!asked_) return;
      std::exchange(asked_, {})(p);
    }, 0);
    for (unsigned i = 0; i < guest_count; ++i) {
      world_.write(guests_[i].process);
      Process& p = world_.process(guests_[i]);
      for (unsigned k = 0; k < server_count; ++k) p.capability_registers[held + k] = KernelWorld::entry(guests_[k]);
      p.capability_registers[held + server_count] = {.type = CapabilityType::clock};
      if (i < server_count) world_.let_receive(guests_[i]);
    }
    for (unsigned i = 0; i < guest_count; ++i) {
      world_.write(owner_.process);
      world_.process(owner_).capability_registers[2 + i] = guests_[i].process;
      world_.process(owner_).capability_registers[20 + i] = guests_[i].activity;
    }
    world_.start();
    world_.run(100);
    world_.page_out({});
    disk_ = std::make_unique<ClockedDisk>(world_.disk());
    disk_->latency_of = [this](const DiskRequest& request) {
      if (!is_slow_ || request.operation != DiskRequest::Operation::read) return uint64_t{0};
      const uint64_t roll = below(20);
      return roll == 0 ? below(5 * s) : roll < 4 ? below(s) : below(20 * ms);
    };
    boot();
  }

  void run() {
    for (unsigned b = 0; b < 3; ++b) {
      is_slow_ = true;
      for (unsigned round = 0; round < 30; ++round) {
        for (uint64_t left = below(4); left > 0; --left) trouble();
        if (below(3) == 0) push_out();
        run_for(below(below(4) == 0 ? 40 * s : 3 * s), below(2) ? 5 * ms : 100 * ms);
        if (below(2)) operate();
      }
      become_well();
      check_all();
      if (below(2)) {
        // Not the rows of activities: a start does without what it cannot read there.
        for (uint64_t left = below(4); left > 0; --left) trouble(true);
        if (below(2)) push_out();
      }
      for (const Guest& guest : guests_) heal(home(guest.activity));
      heal(home(owner_.activity));
      boot();
      run_for(below(30 * s), 50 * ms);
      become_well();
      check_all();
    }
  }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }
  KernelOptions options() {
    KernelOptions o;
    if (below(3) == 0) o.chaos_seed = 1 + below(1000);
    is_chaos_ = o.chaos_seed != 0;
    return o;
  }
  uint64_t home(const Capability& object) {
    return world_.kernel().store.root().geometry.home_block(object.object.frame()).value;
  }

  void act(unsigned i, Process& p) {
    ++turns_[i];
    const auto delivery = static_cast<Delivery>(p.registers.rax & 0xff);
    if (i < server_count) {
      const bool is_call = delivery == Delivery::call;
      if (is_call && below(3) == 0) {  // takes its time, asleep
        call(held + server_count, {method::clock_wait_until, world_.kernel().time.now_ns() + below(2 * s)})(p);
        return;
      }
      if (i == 1 && is_call && below(3) == 0) return call(held, {1})(p);  // to the other one
      return KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {0});
    }
    switch (below(5)) {
      case 0: case 1: {
        call(held + static_cast<unsigned>(below(server_count)), {1})(p);
        if (below(2)) p.registers.r15 = world_.kernel().time.now_ns() + below(10 * s) + 1;
        return;
      }
      case 2: return call(held + server_count, {method::clock_wait_until, world_.kernel().time.now_ns() + below(5 * s)})(p);
      case 3:
        p.registers.rdi = Guest::memory + below(2) * frame_bytes;
        p.registers.rip = below(2) ? rip_of_load : rip_of_store;
        return;
      default: return;
    }
  }

  void boot() {
    disk_->power_cut();
    is_slow_ = false;
    world_.disk().forget_completions();
    world_.boot(*disk_);
    world_.start();
    asked_ = {};
    is_asking_ = false;
    for (unsigned i = 0; i < 50; ++i) step();
  }
  void step(uint64_t idle_ns = ms) {
    if (!world_.step()) fake_machine().advance(idle_ns);
    if (++steps_ % 8 == 0) {
      const auto wrong = world_.kernel().check_state();
      INFO((wrong ? std::string(wrong->what) : std::string()));
      REQUIRE(!wrong);
    }
  }
  void run_for(uint64_t ns, uint64_t step_ns) {
    for (const uint64_t end_ns = fake_machine().now_ns + ns; fake_machine().now_ns < end_ns;) {
      step();
      step();
      fake_machine().advance(step_ns);
    }
  }

  // -> nothing if the owner itself does not run.
  std::optional<Result> ask(KernelWorld::Program what, uint64_t patience_ns = 400 * s) {
    asked_ = std::move(what);
    is_answered_ = false;
    const uint64_t begin_ns = fake_machine().now_ns;
    while (!is_answered_ && fake_machine().now_ns - begin_ns < patience_ns) step(), fake_machine().advance(2 * ms);
    if (!is_answered_) return std::nullopt;
    return result_;
  }
  void operate() {
    const unsigned i = static_cast<unsigned>(below(guest_count));
    switch (below(4)) {
      case 0: static_cast<void>(ask(call(2 + i, {method::process_stop}), 60 * s)); break;
      case 1: case 2: static_cast<void>(ask(call(2 + i, {method::process_start}, 20 + i), 60 * s)); break;
      default: static_cast<void>(ask(call(2 + i, {method::process_interrupt}), 60 * s)); break;
    }
  }

  Capability some_object(bool no_rows) {
    const Guest& g = guests_[below(guest_count)];
    switch (below(no_rows ? 5 : 6)) {
      case 0: case 1: case 2: return g.process;
      case 3: return g.endpoint;
      case 4: return g.root;
      default: return g.activity;
    }
  }
  void trouble(bool no_rows = false) {
    const Capability object = some_object(no_rows);
    for (const Guest& g : guests_) if (no_rows && home(g.activity) == home(object)) return;
    const uint64_t block = home(object);
    switch (below(7)) {
      case 0: case 1: case 2: damage(block); break;
      case 3: case 4: heal(block); break;
      case 5: disk_->bad.insert(block); break;
      default: disk_->bad.erase(block);
    }
  }
  std::byte* at(uint64_t block) { return world_.disk().block({block}); }
  void damage(uint64_t block) {
    if (damaged_.contains(block)) return;
    std::vector<std::byte> right(at(block), at(block) + block_bytes);
    for (unsigned i = 100; i < 164; ++i) at(block)[i] ^= std::byte{0x5a};
    damaged_[block] = {right, std::vector<std::byte>(at(block), at(block) + block_bytes)};
  }
  void heal(uint64_t block) {
    disk_->bad.erase(block);
    const auto found = damaged_.find(block);
    if (found == damaged_.end()) return;
    const auto& [right, wrong] = found->second;  // or it has been written meanwhile
    if (std::equal(wrong.begin(), wrong.end(), at(block))) std::copy(right.begin(), right.end(), at(block));
    damaged_.erase(found);
  }
  void push_out() {
    Store& store = world_.kernel().store;
    const Generation before = store.committed_generation();
    world_.kernel().checkpoints.request();
    for (unsigned i = 0; i < 100'000 && (store.committed_generation() == before || !store.can_declare()); ++i) {
      step(), fake_machine().advance(ms);
      if (!store.anything_dirty() && store.can_declare()) break;
    }
    if (is_slow_) for (uint64_t left = below(5); left > 0; --left) trouble();
    for (CacheSlot slot = 0; slot < store.slot_count(); ++slot) {
      const FrameDescriptor& d = store.descriptor(slot);
      if (d.state == FrameState::clean && below(3) != 0 && !d.has_verdict()) store.drop(slot);
    }
  }
  void become_well() {
    while (!damaged_.empty()) heal(damaged_.begin()->first);
    disk_->bad.clear();
    is_slow_ = false;
    run_for(45 * s, 50 * ms);
    fake_machine().advance(1001 * s);
    run_for(15 * s, 2 * ms);  // the timers catch up
    run_for(100 * s, 50 * ms);
  }
  // No process asks for the others, but the kernel does.
  void check_unasked() {
    for (uint64_t& turns : turns_) turns = 0;
    run_for(60 * s, 50 * ms);
    for (unsigned i = 0; i < guest_count; ++i) {
      CAPTURE(i, is_chaos_, checks_, fake_machine().console_output);
      Store& store = world_.kernel().store;
      const CacheSlot row = store.find(guests_[i].activity.object.frame());
      if (row == no_slot) continue;
      const ActivityRef ref = ActivityRef::of(row, guests_[i].activity.object.index());
      Scheduler& scheduler = world_.kernel().scheduler;
      if (!scheduler.at(ref).runnable || scheduler.reason(ref) == WaitChannel::Reason::receiver) continue;
      CHECK(scheduler.reason(ref) != WaitChannel::Reason::frame_unread);
      CHECK(turns_[i] > 0);
    }
  }
  void check_all() {
    ++checks_;
    check_unasked();
    // What waits for an answer that was dropped is interrupted, what is stopped is started: then all go on.
    for (unsigned round = 0; round < 2; ++round) {
      for (unsigned i = 0; i < guest_count; ++i) {
        auto result = ask(call(2 + i, {method::process_status}));
        CAPTURE(i, is_chaos_, word_);
        REQUIRE(result == Result::ok);
        const auto state = static_cast<ProcessState>(word_);
        if (state == ProcessState::stopped) {
          result = ask(call(2 + i, {method::process_start}, 20 + i));
          REQUIRE(result == Result::ok);
        } else if (state == ProcessState::waiting && round == 1) {
          result = ask(call(2 + i, {method::process_interrupt}));
          REQUIRE(result == Result::ok);
        } else if (state == ProcessState::running) {
          turns_[i] = 0;
          run_for(40 * s, 50 * ms);
          result = ask(call(2 + i, {method::process_status}));
          if (static_cast<ProcessState>(word_) != ProcessState::running || turns_[i] > 0) continue;
          const Capability& activity = guests_[i].activity;
          const CacheSlot row = world_.kernel().store.find(activity.object.frame());
          // It may stand behind one that waits for an answer that was dropped.
          const auto reason = world_.kernel().scheduler.reason(ActivityRef::of(row, activity.object.index()));
          if (reason == WaitChannel::Reason::receiver) continue;
          CHECK(turns_[i] > 0);
        }
      }
    }
  }

  std::mt19937_64 random_;
  bool is_chaos_ = false;
  KernelWorld world_;
  Guest guests_[guest_count], owner_;
  unsigned checks_ = 0;
  uint64_t turns_[guest_count] = {};
  std::unique_ptr<ClockedDisk> disk_;
  bool is_slow_ = false, is_asking_ = false, is_answered_ = false;
  KernelWorld::Program asked_;
  Result result_ = Result::ok;
  uint64_t word_ = 0, steps_ = 0;
  std::map<uint64_t, std::pair<std::vector<std::byte>, std::vector<std::byte>>> damaged_;
};

}  // namespace

TEST_CASE("whatever is lost of processes and comes back, each runs again") {
  for_each_seed(2, [](uint64_t seed) { RandomProcesses(seed, {.store_pages = seed % 2 ? 640u : 340u}).run(); });
}
