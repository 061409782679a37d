// SPDX-License-Identifier: MIT
//
// Tries to have a wrong verdict believed, or a call never end: several processes ask for objects in frames that are
// lost and come back at random, on a disk that takes up to five seconds for a read, while another process makes these
// objects, destroys, starts and stops them; and the power is cut. Every call ends, no dead capability answers, no
// living one is called void, and on a well disk all is there. PERDURE_SEED replays one run; PERDURE_RUNS sets how many.
#include <catch2/catch.hpp>

#include <array>
#include <map>
#include <random>

#include "test/support/environment.hpp"
#include "test/unit/kernel/clocked_disk.hpp"
#include "test/unit/kernel/rows.hpp"

using namespace perdure;

namespace {

constexpr uint64_t s = 1'000'000'000, ms = 1'000'000;
constexpr unsigned asked_register = 3, activity_register = 9, process_register = 10;
constexpr uint64_t frames_used = 10;
constexpr Kind kinds[] = {Kind::page, Kind::capability_page, Kind::process, Kind::process, Kind::node, Kind::endpoint,
                          Kind::schedule, Kind::activity, Kind::activity, Kind::activity, Kind::wrapper};

struct Made {
  Capability capability;
  Kind kind = Kind::empty;
  uint64_t account = 0;
  unsigned index = 0;
  uint64_t died_at = ~uint64_t{0};  // number of the operation
  bool is_alive() const { return died_at == ~uint64_t{0}; }
};

class RandomWorld {
 public:
  explicit RandomWorld(uint64_t seed) : random_(seed), rows_(3) {
    disk_ = std::make_unique<ClockedDisk>(rows_.world.disk());
    disk_->latency_of = [this](const DiskRequest& request) {
      const bool is_ours = request.operation == DiskRequest::Operation::read;
      if (!is_slow_ || !is_ours) return uint64_t{0};
      const uint64_t roll = below(20);
      return roll == 0 ? below(5 * s) : roll < 4 ? below(s) : below(20 * ms);
    };
    for (unsigned i = 0; i < askers; ++i) {
      rows_.world.set_program(rows_.guests[i], [this, i](Process& p) { ask(i, p); });
    }
    rows_.world.write(rows_.owner.process);
    rows_.world.page_out({});
    boot();
  }

  void run() {
    for (unsigned boot_count = 0; boot_count < 3; ++boot_count) {
      is_slow_ = true;
      for (unsigned round = 0; round < 40; ++round) {
        operate();
        for (uint64_t left = below(4); left > 0; --left) trouble();
        if (below(4) == 0) run_for(below(3 * s));
        if (below(6) == 0) push_out();
      }
      become_well();
      check_all();
      rows_.world.page_out({});
      if (below(2) == 0) trouble(), trouble();
      boot();
      become_well();
      check_all();
    }
  }

 private:
  static constexpr unsigned askers = 3;
  uint64_t below(uint64_t limit) { return random_() % limit; }
  FrameNumber some_frame() { return {first_free + below(below(2) ? 3 : frames_used)}; }

  void boot() {
    disk_->power_cut();
    is_slow_ = false;
    rows_.world.disk().forget_completions();
    rows_.world.boot(*disk_);
    rows_.world.start();
    for (Asker& asker : asking_) asker = {};
    step_some(50);
  }

  void step() {
    if (!rows_.world.step()) fake_machine().advance(1 * ms);  // the machine sleeps
    if (++steps_ % 32 == 0) {
      const auto wrong = rows_.world.kernel().check_state();
      INFO((wrong ? std::string(wrong->what) : std::string()));
      REQUIRE(!wrong);
    }
    for (Asker& asker : asking_) {
      if (asker.is_asking && fake_machine().now_ns - asker.since_ns > patience_ns) {
        FAIL("an asker is not answered; frame " << asker.made->capability.object.frame().value);
      }
    }
  }
  void step_some(unsigned count) {
    for (unsigned i = 0; i < count; ++i) step();
  }
  void run_for(uint64_t ns) {
    for (const uint64_t end_ns = fake_machine().now_ns + ns; fake_machine().now_ns < end_ns;) step();
  }

  // --- the processes that ask
  struct Asker {
    bool is_asking = false;
    Made* made = nullptr;
    uint64_t began = 0, since_ns = 0;
    unsigned rest = 0;
  };
  void ask(unsigned i, Process& p) {
    Asker& asker = asking_[i];
    if (asker.is_asking) {
      asker.is_asking = false;
      judge(*asker.made, asker.began, result_of(p));
      asker.rest = below(3) == 0 ? static_cast<unsigned>(below(200)) : 1;
      return;
    }
    if (asker.rest > 0) return void(--asker.rest);
    if (made_.empty()) return;
    asker = {true, &made_[below(below(2) ? made_.size() : 1 + made_.size() / 2)], operation_, fake_machine().now_ns, 0};
    p.capability_registers[asked_register] = asker.made->capability;
    KernelWorld::invoke(p, Invocation::call, asked_register, {method::type});
  }
  void judge(const Made& made, uint64_t began, Result result) {
    CAPTURE(made.capability.object.frame().value, static_cast<unsigned>(made.kind), made.index, made.died_at, began, operation_);
    if (made.died_at < began && made.died_at < operating_since_) REQUIRE(result != Result::ok);
    const bool is_touched = busy_frame_ == made.capability.object.frame().value || last_touched_[made.capability.object.frame().value] >= began;
    if (made.is_alive() && !is_touched) REQUIRE(result != Result::void_capability);
    REQUIRE((result == Result::ok || result == Result::unreadable || result == Result::void_capability));
  }

  // --- what is done
  Result do_it(FrameNumber frame, KernelWorld::Program program, const char* what) {
    ++operation_;
    operating_since_ = operation_;
    busy_frame_ = frame.value;
    last_touched_[frame.value] = operation_;
    rows_.results.clear();
    rows_.calls.push_back(std::move(program));
    const uint64_t begin_ns = fake_machine().now_ns;
    INFO(what << " in frame " << frame.value << ", operation " << operation_);
    while (rows_.results.empty()) {
      step();
      if (fake_machine().now_ns - begin_ns > patience_ns) FAIL("a call does not end");
    }
    busy_frame_ = 0;
    last_touched_[frame.value] = ++operation_;
    return rows_.results[0];
  }
  void kill(uint64_t frame, std::optional<unsigned> index) {
    for (Made& made : made_) {
      if (made.capability.object.frame().value == frame && made.is_alive() && (!index || made.index == *index)) made.died_at = operation_;
    }
  }
  Made* some_alive(Kind kind) {
    std::vector<Made*> found;
    for (Made& made : made_) {
      if (made.is_alive() && made.kind == kind) found.push_back(&made);
    }
    return found.empty() ? nullptr : found[below(found.size())];
  }
  void operate() {
    switch (below(10)) {
      case 0: case 1: case 2: case 3: return make();
      case 4: case 5: return destroy();
      case 6: return destroy_one();
      case 7: case 8: return start();
      default: return set_account();
    }
  }
  void make() {
    if (made_.size() > 400) return;
    const FrameNumber frame = some_frame();
    const Kind kind = kinds[below(std::size(kinds))];
    const uint64_t account = 1 + below(4) / 3;
    const auto index = static_cast<unsigned>(is_row(kind) ? below(std::min<uint64_t>(4, info(kind).objects_per_frame)) : 0);
    const Result result = do_it(frame, call(range_register, {method::range_make, frame.value, static_cast<uint64_t>(kind), account, index}, 0, bought), "make");
    if (result != Result::ok) {
      REQUIRE(result == Result::unreadable);
      // It may have emptied the frame, or the place.
      for (Made& made : made_) {
        if (made.capability.object.frame() == frame && made.is_alive()) unsure_.insert(frame.value);
      }
      return;
    }
    bool is_same = is_row(kind);
    for (const Made& made : made_) {
      if (made.is_alive() && made.capability.object.frame() == frame) is_same = is_same && made.kind == kind && accounts_[frame.value] == account;
    }
    if (accounts_[frame.value] != account) is_same = false;
    kill(frame.value, is_same ? std::optional(index) : std::nullopt);
    accounts_[frame.value] = account;
    const Capability got = rows_.world.process(rows_.owner).capability_registers[bought];
    REQUIRE(info(got.type).object_kind == kind);
    made_.push_back({got, kind, account, index});
  }
  void destroy() {
    const FrameNumber frame = some_frame();
    const Result result = do_it(frame, call(range_register, {method::range_rescind, frame.value, 1}), "rescind");
    REQUIRE((result == Result::ok || result == Result::unreadable));
    if (result == Result::ok) kill(frame.value, std::nullopt), accounts_[frame.value] = 0;
  }
  void destroy_one() {
    const Made* made = some_alive(kinds[4 + below(7)]);
    if (made == nullptr || !is_row(made->kind)) return;
    const FrameNumber frame = made->capability.object.frame();
    const unsigned index = made->index;
    const Result result = do_it(frame, call(range_register, {method::range_rescind_object, frame.value, index}), "rescind one");
    CAPTURE(static_cast<uint64_t>(result));
    REQUIRE((result == Result::ok || result == Result::unreadable));
    if (result == Result::ok) kill(frame.value, index);
  }
  void start() {
    const Made* process = some_alive(Kind::process);
    const Made* activity = some_alive(Kind::activity);
    if (process == nullptr || activity == nullptr) return;
    const bool is_stop = below(3) == 0;
    do_it(process->capability.object.frame(), [&, is_stop](Process& p) {
      p.capability_registers[process_register] = process->capability;
      p.capability_registers[activity_register] = activity->capability;
      call(process_register, {is_stop ? method::process_stop : method::process_start}, activity_register)(p);
    }, is_stop ? "stop" : "start");
  }
  void set_account() {
    const FrameNumber frame = some_frame();
    const uint64_t account = 1 + below(4) / 3;
    const Result result = do_it(frame, call(range_register, {method::range_set_account, frame.value, 1, account}), "account");
    if (result == Result::ok && accounts_[frame.value] != 0) accounts_[frame.value] = account;
  }

  // --- the disk
  const Geometry& geometry() { return rows_.world.kernel().store.root().geometry; }
  void trouble() {
    const uint64_t block = geometry().home_block(some_frame()).value;
    switch (below(6)) {
      case 0: case 1: damage(block); break;
      case 2: case 3: heal(block); break;
      case 4: if (below(5) == 0) disk_->bad.insert(block); break;
      default: disk_->bad.erase(block);
    }
  }
  std::byte* at(uint64_t block) { return rows_.world.disk().block({block}); }
  void damage(uint64_t block) {
    if (damaged_.contains(block)) return;
    std::vector<std::byte> right(at(block), at(block) + block_bytes);
    for (unsigned i = 100; i < 164; ++i) at(block)[i] ^= std::byte{0x5a};
    damaged_[block] = {right, std::vector<std::byte>(at(block), at(block) + block_bytes)};
  }
  void heal(uint64_t block) {
    const auto found = damaged_.find(block);
    if (found == damaged_.end()) return;
    if (std::equal(found->second.second.begin(), found->second.second.end(), at(block))) std::copy(found->second.first.begin(), found->second.first.end(), at(block));
    damaged_.erase(found);
  }
  // To the disk, and out of memory what can go.
  void push_out() {
    Store& store = rows_.world.kernel().store;
    const Generation before = store.committed_generation();
    rows_.world.kernel().checkpoints.request();
    for (unsigned i = 0; i < 100'000 && (store.committed_generation() == before || !store.can_declare()); ++i) step();
    for (uint64_t i = 0; i < frames_used; ++i) {
      const CacheSlot slot = store.slot_of({first_free + i});
      if (slot == no_slot || below(3) == 0) continue;
      store.drop(slot);
    }
  }
  void become_well() {
    while (!damaged_.empty()) heal(damaged_.begin()->first);
    disk_->bad.clear();
    is_slow_ = false;
    run_for(45 * s);  // what was under way to a bad place pauses for two seconds
    fake_machine().advance(1001 * s);  // old verdicts have lapsed
    step_some(50);
  }
  void check_all() {
    for (Made& made : made_) {
      const FrameNumber frame = made.capability.object.frame();
      if (unsure_.contains(frame.value)) continue;
      const Result result = do_it(frame, [&](Process& p) {
        p.capability_registers[asked_register] = made.capability;
        call(asked_register, {method::type})(p);
      }, "check");
      CAPTURE(frame.value, static_cast<unsigned>(made.kind), made.index, made.died_at);
      REQUIRE(result == (made.is_alive() ? Result::ok : Result::void_capability));
    }
    unsure_.clear();
  }

  static constexpr uint64_t patience_ns = 400 * s;
  std::mt19937_64 random_;
  Rows rows_;
  std::unique_ptr<ClockedDisk> disk_;
  bool is_slow_ = false;
  std::deque<Made> made_;
  std::array<Asker, askers> asking_;
  std::map<uint64_t, uint64_t> accounts_, last_touched_;
  std::set<uint64_t> unsure_;
  std::map<uint64_t, std::pair<std::vector<std::byte>, std::vector<std::byte>>> damaged_;
  uint64_t operation_ = 1, operating_since_ = 1, busy_frame_ = 0, steps_ = 0;
};

}  // namespace

TEST_CASE("whatever is lost and comes back while several processes ask, every call ends and no verdict stays wrong") {
  for_each_seed(4, [](uint64_t seed) { RandomWorld(seed).run(); });
}
