// SPDX-License-Identifier: MIT
//
// Random guests that are all servers and callers of each other: they call, answer, fault, wait with and
// without deadlines, change priorities and schedules, destroy and buy schedules and wrappers again, stop,
// start, interrupt and retarget each other; frames go to the disk, and the power is cut. Behind every step
// the whole state is checked, and every line is walked. At last all guests only serve: then no guest may be
// left waiting for what is there. PERDURE_SEED replays one run; PERDURE_RUNS sets how many.
#include <catch2/catch.hpp>

#include <random>
#include <string>

#include "test/support/environment.hpp"
#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t ms = 1'000'000;
constexpr unsigned guest_count = 9;
constexpr unsigned small_count = 4;                          // of the schedules, and of the wrappers
constexpr unsigned own_process = 2, resume = resume_register, clock_register = 3, range_register = 4;
constexpr unsigned entries = 5, wrapped = 10, schedules = 14, processes = 18, endpoints = 23, controls = 28;

class RandomLines {
 public:
  explicit RandomLines(uint64_t seed)
      : random_(seed),
        world_({.chaos_seed = seed % 2 ? seed : 0}, seed % 3 == 0 ? WorldSize{.store_pages = 290} : WorldSize{}),
        is_calm_(seed % 4 == 2) {
    world_.open_new_rows();
    for (unsigned i = 0; i < small_count; ++i) {
      schedules_.push_back(world_.make(Kind::schedule));
      world_.object<Schedule>(schedules_.back()).priority = static_cast<uint8_t>(i);
      world_.object<Schedule>(schedules_.back()).ceiling = static_cast<uint8_t>(i + pick(4));
      controls_.push_back(world_.make(Kind::wrapper));
    }
    for (unsigned i = 0; i < guest_count; ++i) {
      if (i % 3 == 0) world_.open_new_rows();
      guests_.push_back(world_.new_guest([this](Process& p) { act(p); }, static_cast<uint8_t>(i % 4)));
    }
    for (const Guest& guest : guests_) {
      Schedule& own = world_.object<Schedule>(world_.process(guest).schedule);
      own.ceiling = static_cast<uint8_t>(own.priority + pick(6));
      equip(guest);
    }
    world_.start();
    world_.unwritable_is_watched = true;
  }

  void run(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      disturb();
      step(i);
    }
    is_over_ = true;
    unsigned idle = 0;
    for (unsigned i = 0; idle < 60; ++i) {
      REQUIRE(i < 50'000);
      idle = step(i) ? 0 : idle + 1;
    }
    check_nobody_is_forgotten();
  }

 private:
  size_t pick(size_t count) { return random_() % count; }
  const Guest& any() { return guests_[pick(guest_count)]; }

  void equip(const Guest& guest) {
    world_.write(guest.process);
    Process& process = world_.process(guest);
    Capability* held = process.capability_registers;
    held[own_process] = guest.process;
    held[clock_register] = {.type = CapabilityType::clock};
    held[range_register] = {.type = CapabilityType::range, .payload = 500};
    for (unsigned i = 0; i < 5; ++i) held[entries + i] = KernelWorld::entry(any());
    for (unsigned i = 0; i < small_count; ++i) {
      held[wrapped + i] = KernelWorld::client_of(controls_[i]);
      held[schedules + i] = schedules_[i];
      world_.object<Wrapper>(controls_[i]).target = KernelWorld::entry(any());
      held[controls + i] = controls_[i];
    }
    for (unsigned i = 0; i < 5; ++i) held[processes + i] = any().process, held[endpoints + i] = any().endpoint;
    if (pick(3) != 0) process.schedule = schedules_[pick(small_count)];
    process.keeper = KernelWorld::entry(any());
  }

  // --- what a guest does ---------------------------------------------------------------------------------

  void act(Process& p) {
    check_who_runs(p);
    const bool is_call = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call);
    if (is_over_ || pick(3) == 0) {
      return KernelWorld::invoke(p, Invocation::reply_and_wait, is_call || pick(2) ? resume : 0);
    }
    const unsigned one = static_cast<unsigned>(pick(4)), another = static_cast<unsigned>(pick(5));
    switch (pick(16)) {
      case 0: case 1: case 2: case 3: call(entries + another)(p); break;
      case 4: call(wrapped + one)(p); break;
      case 5: KernelWorld::invoke(p, Invocation::send, entries + another); break;
      case 6: if (!is_calm_) set_or_raise(p, schedules + one); break;
      case 7: if (!is_calm_) call(processes + another, {method::store, process_slot::schedule}, pick(8) ? schedules + one : 0)(p); break;
      case 8: administer(p, processes + another); break;
      case 9: call(endpoints + another, {method::endpoint_set_receiver}, pick(6) ? processes + static_cast<unsigned>(pick(5)) : 0)(p); break;
      case 10: call(controls + one, {pick(3) ? method::wrapper_unblock : method::wrapper_block})(p); break;
      case 11: renew(p, one); break;
      case 12: p.registers.rdi = 0x7000'0000 + pick(4096), p.registers.rip = rip_of_store; break;
      case 13: call(clock_register, {method::clock_wait_until, world_.kernel().time.now_ns() + pick(8) * ms})(p); break;
      case 14: call(endpoints + another, {method::endpoint_set_receiver}, own_process)(p); break;
      default: break;  // it spins
    }
    const bool may_be_late = p.registers.rip == rip_of_call && invocation_kind(p.registers) == Invocation::call;
    if (may_be_late && pick(4) == 0) p.registers.r15 = world_.kernel().time.now_ns() + pick(30) * ms;
  }

  // One that was bought again has the ceiling 0, until it derives from another.
  void set_or_raise(Process& p, unsigned schedule) {
    if (pick(4) == 0) return call(schedule, {method::schedule_derive, priority_max}, schedules + static_cast<unsigned>(pick(small_count)))(p);
    call(schedule, {method::schedule_set, pick(5), 0})(p);
  }

  void administer(Process& p, unsigned process) {
    constexpr uint64_t how[] = {method::process_start, method::process_start, method::process_stop, method::process_interrupt};
    call(process, {how[pick(4)]})(p);
  }

  // A schedule or a wrapper is destroyed, or bought again in the same place. Only the buyer has the new one.
  void renew(Process& p, unsigned which) {
    const bool is_schedule = pick(3) != 0 && !is_calm_;
    const Capability& old = is_schedule ? schedules_[which] : controls_[which];
    const uint64_t kind = static_cast<uint64_t>(is_schedule ? Kind::schedule : Kind::wrapper);
    if (pick(2)) return call(range_register, {method::range_rescind_object, frame_of(old), old.object.index()})(p);
    call(range_register, {method::range_make, frame_of(old), kind, 1, old.object.index()}, 0, (is_schedule ? schedules : controls) + which)(p);
  }

  // --- what happens to them ------------------------------------------------------------------------------

  void disturb() {
    world_.use_fast_path = pick(2);
    has_ticked_ = pick(12) == 0;
    if (has_ticked_) fake_machine().pending.timer = true;
    if (pick(60) == 0 && !is_calm_) world_.page_out({}), page_out_one();
    if (pick(500) == 0) world_.take_checkpoint();
    if (pick(700) == 0) world_.cut_and_boot();
  }

  void page_out_one() {
    const Guest& guest = any();
    Store& store = world_.kernel().store;
    for (const Capability& object : {guest.process, guest.activity, guest.endpoint, schedules_[pick(small_count)]}) {
      const CacheSlot slot = store.find(object.object.frame());
      if (slot != no_slot && pick(2)) store.drop(slot);
    }
  }

  // False: no guest could run.
  bool step(unsigned number) {
    const bool ran = world_.step();
    if (!ran) fake_machine().now_ns += ms, fake_machine().pending.timer = true;
    if (!ran && !is_over_ && ++idle_ > 40) revive();
    if (ran) idle_ = 0;
    const auto wrong = world_.kernel().check_state();
    INFO("step " << number << " " << (wrong ? std::string(wrong->what) : std::string()));
    REQUIRE(!wrong);
    check_lines();
    return ran;
  }

  // Every guest is stopped, or waits for a server that never comes: the operator steps in, before a boot.
  void revive() {
    idle_ = 0;
    world_.take_checkpoint();
    for (const Guest& guest : guests_) {
      world_.write(guest.process);
      Activity& activity = world_.object<Activity>(guest.activity);
      Process& process = world_.process(guest);
      if (process.control.state == ProcessState::running || process.control.activity.is_void()) continue;
      activity.runnable = 1;
      activity.awaits_deadline = 0;
      activity.stood_in = 0;
      process.control.state = ProcessState::running;
      process.control.fault = FaultCode::none;
      ++process.control.call_count;
      process.registers.rip = rip_of_call + system_call_instruction_bytes;
      process.registers.rax = 0;
    }
    for (const Guest& guest : guests_) equip_again(guest);
    world_.take_checkpoint();
    world_.cut_and_boot();
  }

  void equip_again(const Guest& guest) {
    world_.object<Endpoint>(guest.endpoint).receiver = guest.process;
    for (unsigned i = 0; i < small_count; ++i) {
      if (!world_.is_alive(controls_[i])) continue;
      world_.object<Wrapper>(controls_[i]).flags = 0;
    }
  }

  // --- what must be true ---------------------------------------------------------------------------------

  CacheSlot resident(const Capability& object) { return world_.kernel().store.find(object.object.frame()); }

  ActivityRef activity(const Guest& guest) {
    const CacheSlot slot = resident(guest.activity);
    return slot == no_slot ? ActivityRef{} : ActivityRef::of(slot, guest.activity.object.index());
  }

  // Every line of callers, from its ends in: linked both ways, in order of tickets, of processes that wait for a
  // receiver at this priority, and of all of these.
  void check_lines() {
    Scheduler& scheduler = world_.kernel().scheduler;
    unsigned in_lines = 0, waiting = 0;
    for (const Guest& guest : guests_) {
      if (const ActivityRef ref = activity(guest); !ref.is_none()) waiting += scheduler.reason(ref) == WaitChannel::Reason::receiver;
      const CacheSlot slot = resident(guest.process);
      if (slot == no_slot) continue;
      Process& process = process_in(world_.kernel().store, slot);
      for (unsigned p = 0; p < priority_count; ++p) in_lines += length_of_line(process, p);
    }
    REQUIRE(in_lines == waiting);
  }

  unsigned length_of_line(Process& process, unsigned priority) {
    Scheduler& scheduler = world_.kernel().scheduler;
    const LineEnds& ends = process.callers[priority];
    REQUIRE((process.control.callers_map >> priority & 1) == !ends.is_empty());
    if (ends.is_empty()) return 0;
    unsigned length = 0;
    uint32_t previous = 0;
    for (uint32_t at = ends.first; at < 1u << 31; at = scheduler.at({at}).next) {
      const Activity& activity = scheduler.at({at});
      REQUIRE(++length <= guest_count);
      REQUIRE(scheduler.reason({at}) == WaitChannel::Reason::receiver);
      const Standing now = scheduler.priorities.standing(ActivityRef{at});
      check_place({at}, now, priority);
      if (previous == 0) REQUIRE(activity.previous >= 1u << 31);
      else REQUIRE(activity.previous == previous);
      if (previous != 0) REQUIRE(scheduler.at({previous}).ticket <= activity.ticket);
      previous = at;
    }
    REQUIRE(ends.last == previous);
    return length;
  }

  // What it is lent by accepted calls may have changed since, but for a calm world.
  void check_place(ActivityRef ref, const Standing& now, unsigned priority) {
    if (!now.is_known) return;
    REQUIRE(now.priority <= priority);
    REQUIRE(priority <= std::max(now.priority, now.ceiling));
    if (!is_calm_ || is_over_) return;
    const auto expected = importance_of(world_.kernel().scheduler.at(ref).process.frame());
    if (expected) REQUIRE(priority == *expected);
  }

  const Guest* guest_in(FrameNumber frame) {
    for (const Guest& guest : guests_) {
      if (guest.process.object.frame() == frame) return &guest;
    }
    return nullptr;
  }

  // By the rule of docs/reference/abi.md, from what objects and lines say; nothing: something is on the disk.
  std::optional<unsigned> importance_of(FrameNumber frame, unsigned depth = 0) {
    const CacheSlot slot = world_.kernel().store.find(frame);
    if (slot == no_slot) return std::nullopt;
    const Process& process = process_in(world_.kernel().store, slot);
    unsigned priority = 0, ceiling = 0;
    if (process.schedule.type == CapabilityType::schedule) {
      if (resident(process.schedule) == no_slot) return std::nullopt;
      const auto& schedule = *row_object<Schedule>(world_.kernel().store.bytes(resident(process.schedule)), process.schedule.object.index());
      if (schedule.version == process.schedule.version) priority = schedule.priority, ceiling = schedule.ceiling;
    }
    unsigned lent = 0;
    for (unsigned p = 0; p < priority_count; ++p) {
      if (!process.callers[p].is_empty()) lent = p;
    }
    const Capability& answer = process.capability_registers[resume];
    if (answer.type == CapabilityType::resume && guest_in(answer.object.frame()) != nullptr && depth < 8) {
      const CacheSlot client = world_.kernel().store.find(answer.object.frame());
      if (client == no_slot) return std::nullopt;
      const ProcessControl& control = process_in(world_.kernel().store, client).control;
      if (control.state == ProcessState::waiting && control.call_count == answer.payload) {
        const auto its = importance_of(answer.object.frame(), depth + 1);
        if (!its) return its;
        lent = std::max(lent, *its);
      }
    }
    return std::max(priority, std::min(lent, ceiling));
  }

  // Behind a tick no guest runs while a more important one is ready that has been looked at.
  void check_who_runs(const Process& p) {
    if (!std::exchange(has_ticked_, false) || !is_calm_ || is_over_) return;
    const auto its = importance_of(world_.kernel().store.descriptor(world_.kernel().processor.slot()).number);
    REQUIRE(&p == &world_.kernel().processor.process());
    if (!its) return;
    for (const Guest& guest : guests_) {
      const ActivityRef ref = activity(guest);
      Scheduler& scheduler = world_.kernel().scheduler;
      const CacheSlot slot = resident(guest.process);
      if (ref.is_none() || slot == no_slot || &p == &process_in(world_.kernel().store, slot)) continue;
      if (!scheduler.at(ref).runnable || !scheduler.is_queued(ref) || scheduler.is_waiting(ref)) continue;
      if (const auto other = importance_of(guest.process.object.frame())) REQUIRE(*other <= *its);
    }
  }

  // All guests only serve by now, and nothing happens any more.
  void check_nobody_is_forgotten() {
    Scheduler& scheduler = world_.kernel().scheduler;
    for (const Guest& guest : guests_) {
      const ActivityRef ref = activity(guest);
      if (ref.is_none()) continue;
      const auto reason = scheduler.reason(ref);
      CAPTURE(static_cast<unsigned>(reason));
      CHECK((reason == WaitChannel::Reason::none || reason == WaitChannel::Reason::receiver ||
             reason == WaitChannel::Reason::endpoint || reason == WaitChannel::Reason::wrapper));
      const Process& process = world_.process(guest);
      if (process.control.state == ProcessState::receiving) CHECK(process.control.callers_map == 0);
    }
    CHECK(scheduler.woken_count() == 0);
    for (const Guest& guest : guests_) {
      const Endpoint& endpoint = world_.object<Endpoint>(guest.endpoint);
      CHECK((endpoint.waiting.is_empty() || endpoint.receiver.is_void()));
    }
    for (const Capability& control : controls_) {
      const Wrapper& wrapper = world_.object<Wrapper>(control);
      CHECK((wrapper.waiting.is_empty() || wrapper.flags & Wrapper::flag_blocked));
    }
    check_counts();
    for (const Capability& schedule : schedules_) check_pins(schedule);
    for (const Capability& control : controls_) check_pins(control);
  }

  // A process that waits at an endpoint or a wrapper stands in the line of one of ours.
  void check_counts() {
    unsigned in_lines = 0, waiting = 0;
    for (const Guest& guest : guests_) {
      in_lines += length(world_.object<Endpoint>(guest.endpoint).waiting);
      const ActivityRef ref = activity(guest);
      if (ref.is_none()) continue;  // not in memory, so it waits for nothing
      const auto reason = world_.kernel().scheduler.reason(ref);
      waiting += reason == WaitChannel::Reason::endpoint || reason == WaitChannel::Reason::wrapper;
    }
    for (const Capability& control : controls_) in_lines += length(world_.object<Wrapper>(control).waiting);
    CHECK(in_lines == waiting);
  }

  unsigned length(const LineEnds& ends) {
    unsigned count = 0;
    for (uint32_t at = ends.first; at != 0 && at < 1u << 31; at = world_.kernel().scheduler.at({at}).next) ++count;
    return count;
  }

  // As many as lines hang on the objects of this row.
  void check_pins(const Capability& object) {
    const CacheSlot slot = resident(object);
    if (slot == no_slot) return;
    const FrameDescriptor& frame = world_.kernel().store.descriptor(slot);
    std::byte* bytes = world_.kernel().store.bytes(slot);
    unsigned lines = 0;
    for (unsigned i = 0; i < info(frame.identity.kind).objects_per_frame; ++i) {
      lines += frame.identity.kind == Kind::schedule ? !row_object<Schedule>(bytes, i)->peers.is_empty()
                                                     : !row_object<Wrapper>(bytes, i)->waiting.is_empty();
    }
    CHECK(frame.pins == lines);
  }

  std::mt19937_64 random_;
  KernelWorld world_;
  std::vector<Guest> guests_;
  std::vector<Capability> schedules_, controls_;
  bool is_calm_;  // schedules stay as they are, and frames in memory: the next to run can be told exactly
  bool is_over_ = false, has_ticked_ = false;
  unsigned idle_ = 0;
};

}  // namespace

TEST_CASE("random servers that call each other lose nobody, and no line is out of order") {
  for_each_seed(10, [](uint64_t seed) { RandomLines(seed).run(2500); });
}
