// SPDX-License-Identifier: MIT
//
// Tries to tell the fast path from the general one. The same guests with the same random choices run
// twice, once with it and once without; whatever a guest can see (its registers and capabilities after
// each system call) and the order in which they run must be the same. Calls, sends and answers with
// words and capabilities, moved ones too, through entries, wrappers, blocked wrappers and wrappers that
// hand over, some of them weak; guests that are stopped, interrupted; receivers that are set anew;
// checkpoints and power cuts. Hints point to wrong frames, where an object of the same kind, index and
// version is: each of the talkers' objects has a row of its own. PERDURE_SEED replays one run.
#include <catch2/catch.hpp>

#include <random>
#include <string>

#include "test/support/environment.hpp"
#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr unsigned talker_count = 6;

class Talkers {
 public:
  Talkers(uint64_t seed, bool fast) : random_(seed) {
    world_.use_fast_path = fast;
    world_.unwritable_is_watched = seed % 4 == 0;
    fake_machine().step_ns = 0;  // time passes only between steps, the same in both runs
    for (unsigned i = 0; i < talker_count; ++i) {
      world_.open_new_rows();
      talkers_.push_back(world_.new_guest([this](Process& p) { act(p); }, static_cast<uint8_t>(2 + i % 2)));
    }
    for (const Guest& talker : talkers_) furnish(talker);
    const Guest operator_guest = world_.new_guest([this](Process& p) { operate(p); }, 0);
    Process& process = world_.process(operator_guest);
    for (unsigned i = 0; i < talker_count; ++i) {
      process.capability_registers[3 + i] = talkers_[i].process;
      process.capability_registers[10 + i] = KernelWorld::entry(talkers_[i], i);
      process.capability_registers[20 + i] = talkers_[i].endpoint;
    }
    for (unsigned i = 0; i < 2; ++i) process.capability_registers[16 + i] = wrappers_[i];
    world_.start();
    world_.take_checkpoint();  // else a power cut leaves no process
  }

  void run(unsigned steps) {
    for (unsigned i = 0; i < steps; ++i) {
      fake_machine().now_ns += 1'000;
      if (random_() % 8 == 0) mislead();
      if (random_() % 50 == 0) fake_machine().pending.timer = true;
      if (random_() % 400 == 0) world_.take_checkpoint();
      if (random_() % 1500 == 0) world_.cut_and_boot();
      if (!world_.step()) {  // all wait, the operator for its deadline
        fake_machine().now_ns += 1'000'000;
        fake_machine().pending.timer = true;
      }
      if (i % 16 != 0) continue;
      const auto wrong = world_.kernel().check_state();
      INFO((wrong ? std::string(wrong->what) : std::string()));
      REQUIRE(!wrong);
    }
  }

  const std::vector<uint64_t>& seen() const { return seen_; }
  uint64_t fast_count() const { return world_.fast_count; }

 private:
  // Entries to all, direct and through wrappers, in registers 4 to 15 and 28 to 31.
  void furnish(const Guest& talker) {
    std::vector<Capability> held;
    for (unsigned i = 0; i < 10; ++i) held.push_back(KernelWorld::entry(talkers_[random_() % talker_count], random_()));
    for (unsigned i = 0; i < 5; ++i) held.push_back(wrapped(i));
    held.push_back(number_capability(random_()));
    for (const size_t weak : {size_t{0}, size_t{10}}) held[weak].restrictions = restriction::weak;
    for (size_t i = 0; i < held.size(); ++i) {
      world_.process(talker).capability_registers[i < 12 ? 4 + i : 16 + i] = held[i];
    }
  }

  Capability wrapped(unsigned how) {
    const Capability control = world_.make_in_new_row(Kind::wrapper);
    Wrapper& wrapper = world_.object<Wrapper>(control);
    wrapper.target = KernelWorld::entry(talkers_[random_() % talker_count], 7);
    wrapper.payload = random_();
    if (how == 1) wrapper.flags = Wrapper::flag_hand_over;
    if (how == 2) wrapper.target.restrictions = restriction::weak;
    wrappers_.push_back(control);
    return KernelWorld::client_of(control);
  }

  // A hint means nothing, wherever it points.
  void mislead() {
    const Guest& talker = talkers_[random_() % talker_count];
    const Guest& other = talkers_[random_() % talker_count];
    const Capability& wrapper = wrappers_[random_() % wrappers_.size()];
    const Capability& other_wrapper = wrappers_[random_() % wrappers_.size()];
    const auto number = static_cast<unsigned>(random_() % 32);
    Capability& held = world_.process(talker).capability_registers[number];
    const Kind kind = info(held.type).object_kind;
    held.hint = slot_of(kind == Kind::wrapper ? other_wrapper : kind == Kind::process ? other.process : other.endpoint);
    world_.process(talker).control.activity.hint = slot_of(other.activity);
    row_object<Endpoint>(world_.bytes(talker.endpoint), talker.endpoint.object.index())->receiver.hint =
        slot_of(other.process);
    row_object<Wrapper>(world_.bytes(wrapper), wrapper.object.index())->target.hint = slot_of(other.endpoint);
  }

  CacheSlot slot_of(const Capability& capability) {  // or none at all
    world_.bytes(capability);
    return random_() % 8 == 0 ? no_slot : world_.kernel().store.find(capability.object.frame());
  }

  void note(const Process& p) {
    const Registers& r = p.registers;
    for (const uint64_t value : {r.rax, r.rdi, r.rsi, r.rdx, r.r8, r.r9, r.r10, r.rbx, r.r12, r.r13, r.r14, r.r15}) {
      seen_.push_back(value);
    }
    for (const Capability& c : p.capability_registers) {
      seen_.push_back(static_cast<uint64_t>(c.type) ^ c.version.value << 8 ^ c.object.value << 20 ^ c.payload * 3);
    }
    seen_.push_back(p.control.call_count);
  }

  // What is received goes, nearly always, where it displaces none of what a talker lives from.
  uint32_t registers_to_receive() {
    if (random_() % 2) return 0;
    uint32_t numbers = 0;
    for (unsigned i = 0; i < message_capability_count; ++i) {
      numbers |= static_cast<uint32_t>(random_() % 100 == 0 ? random_() % 32 : 16 + random_() % 12) << (8 * i);
    }
    return numbers;
  }

  // Anything is sent; what is moved is mostly what was received.
  uint32_t registers_to_send() {
    if (random_() % 2) return 0;
    uint32_t numbers = 0;
    for (unsigned i = 0; i < message_capability_count; ++i) {
      const auto number = static_cast<uint32_t>(random_() % 32);
      const bool moves = number >= 16 && number < 28 ? random_() % 2 : random_() % 50 == 0;
      numbers |= (number | (moves ? move_bit : 0u)) << (8 * i);
    }
    return numbers;
  }

  void act(Process& p) {
    note(p);
    const uint64_t dice = random_() % 16;
    const auto held = static_cast<unsigned>(random_() % 16);
    const auto invoked = dice < 2 ? static_cast<unsigned>(random_() % 32) : held < 12 ? 4 + held : 16 + held;
    const std::array<uint64_t, 6> words{method::type, random_(), random_(), random_(), random_(), random_()};
    if (dice < 8) {
      KernelWorld::invoke(p, Invocation::reply_and_wait, dice == 7 ? 0 : resume_register, words, registers_to_send(),
                          registers_to_receive());
    } else {
      KernelWorld::invoke(p, dice == 15 ? Invocation::send : Invocation::call, invoked, words, registers_to_send(),
                          registers_to_receive());
    }
    if (random_() % 32 == 0) {  // bytes; the address is wrong now and then: it faults, and stops
      p.registers.r12 = 8;
      p.registers.r13 = random_() % 64 == 0 ? 0 : Guest::memory;
    }
    if (random_() % 32 == 0) p.registers.rbx ^= 0x20;
    if (random_() % 64 == 0) p.registers.r15 = 1'000'000 + random_() % 1'000'000;
  }

  // Runs when all others wait for each other: gets one of them going again, and changes the world.
  void operate(Process& p) {
    note(p);
    const auto which = static_cast<unsigned>(random_() % talker_count);
    switch (random_() % 24) {
      case 0: return KernelWorld::invoke(p, Invocation::call, 16 + random_() % 2, {method::wrapper_block});
      case 1:
      case 2: return KernelWorld::invoke(p, Invocation::call, 16 + random_() % 2, {method::wrapper_unblock});
      case 3: return KernelWorld::invoke(p, Invocation::call, 3 + which, {method::process_stop});
      case 4:
        return KernelWorld::invoke(p, Invocation::call, 20 + which, {method::endpoint_set_receiver},
                                   3 + static_cast<uint32_t>(random_() % talker_count));
      case 5:
      case 6:
      case 7:
      case 8:
        KernelWorld::invoke(p, Invocation::call, 10 + which, {random_(), random_()});
        p.registers.r15 = world_.kernel().time.now_ns() + 100'000;
        return;
      case 9:
      case 10:
      case 11:
      case 12: return KernelWorld::invoke(p, Invocation::call, 3 + which, {method::process_interrupt});
      default: return KernelWorld::invoke(p, Invocation::call, 3 + which, {method::process_start});
    }
  }

  std::mt19937_64 random_;
  KernelWorld world_;
  std::vector<Guest> talkers_;
  std::vector<Capability> wrappers_;
  std::vector<uint64_t> seen_;
};

}  // namespace

TEST_CASE("nobody can tell the fast path from the general one") {
  constexpr unsigned steps = 4000;
  uint64_t fast_count = 0, runs = 0;
  for_each_seed(60, [&](uint64_t seed) {
    ++runs;
    std::vector<uint64_t> general;
    {
      Talkers talkers(seed, false);
      talkers.run(steps);
      general = talkers.seen();
    }
    Talkers talkers(seed, true);
    talkers.run(steps);
    fast_count += talkers.fast_count();
    REQUIRE(talkers.seen().size() == general.size());
    REQUIRE((talkers.seen() == general));
  });
  REQUIRE(fast_count > runs * 50);  // it was taken at all; measured are 114 for each run
}
