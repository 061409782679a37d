// SPDX-License-Identifier: MIT
//
// Random guests: each holds capabilities of every kind, to itself and the others too, and invokes
// them at random with random words, loads and stores; page tables, hints and clean frames are
// dropped at random; checkpoints and power cuts come at random. Behind every step the whole state
// is checked. Nothing that a program does may reach an assertion (P5), lose or double an activity
// (ONE-ACTIVITY), or leave a stale mapping. PERDURE_SEED replays one run; PERDURE_RUNS sets how many.
#include <catch2/catch.hpp>

#include <random>
#include <string>

#include "test/support/environment.hpp"
#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr uint64_t methods[] = {
    method::type, method::memory_reduce, method::page_copy_from, method::fetch, method::store, method::node_set,
    method::node_get, method::node_set_keeper, method::process_start, method::process_stop, method::process_status,
    method::process_get_registers, method::endpoint_set_receiver, method::endpoint_set_id, method::endpoint_entry,
    method::endpoint_identify, method::wrapper_client, method::wrapper_get, method::wrapper_set_target,
    method::wrapper_set_payload, method::wrapper_set_hand_over, method::wrapper_block, method::wrapper_unblock,
    method::notice_set, method::notice_post, method::schedule_get, method::schedule_set, method::schedule_derive, method::range_make,
    method::range_recap, method::range_rescind, method::range_rescind_object, method::range_set_account, method::range_identify,
    method::checkpoint_take, method::clock_now, method::clock_wait_until, method::process_interrupt,
    method::discriminator_classify, method::discriminator_same};

class RandomGuests {
 public:
  // Every third world has room for hardly more than the guests: frames come and go all the time.
  explicit RandomGuests(uint64_t seed)
      : random_(seed),
        world_({.check = true, .chaos_seed = seed % 2 ? seed : 0},
               seed % 3 == 0 ? WorldSize{.store_pages = 290} : WorldSize{}) {
    constexpr Kind kinds[] = {Kind::page, Kind::capability_page, Kind::node, Kind::wrapper, Kind::notice};
    std::vector<Capability> shared{{.type = CapabilityType::range, .object = ObjectId::of({300}), .payload = 24},
                                   {.type = CapabilityType::checkpoint},
                                   {.type = CapabilityType::clock},
                                   {.type = CapabilityType::discriminator},
                                   number_capability(5)};
    for (const Kind kind : kinds) shared.push_back(world_.make(kind));
    for (int i = 0; i < 5; ++i) {
      guests_.push_back(world_.new_guest([this](Process& p) { act(p); }, static_cast<uint8_t>(1 + i % 2)));
      shared.push_back(guests_.back().process);
      shared.push_back(guests_.back().endpoint);
      shared.push_back(KernelWorld::entry(guests_.back(), static_cast<uint64_t>(i)));
      shared.push_back(guests_.back().root);
    }
    for (const Guest& guest : guests_) {
      Process& process = world_.process(guest);
      for (unsigned r = 3; r < capability_register_count; ++r) {
        process.capability_registers[r] = shared[random_() % shared.size()];
      }
      if (random_() % 2) process.keeper = KernelWorld::entry(guests_[random_() % guests_.size()]);
      if (random_() % 2) world_.object<Node>(guest.root).keeper = KernelWorld::entry(guests_[random_() % guests_.size()]);
    }
    world_.start();
    world_.unwritable_is_watched = true;
  }

  void run(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      if (random_() % 64 == 0) fake_machine().pending.timer = true;
      if (random_() % 400 == 0) world_.take_checkpoint();
      if (random_() % 900 == 0) world_.cut_and_boot();
      if (!world_.step()) revive();
      const auto wrong = world_.kernel().check_state();
      INFO("step " << i << " " << (wrong ? std::string(wrong->what) : std::string()));
      REQUIRE(!wrong);
    }
  }

 private:
  void act(Process& p) {
    const uint64_t dice = random_() % 16;
    if (dice == 0) {
      p.registers.rdi = Guest::memory + random_() % (3 * frame_bytes);
      p.registers.rip = random_() % 2 ? rip_of_load : rip_of_store;
      return;
    }
    const unsigned invoked = dice < 3 ? resume_register : static_cast<unsigned>(random_() % 33);
    Invocation kind = dice < 11 ? Invocation::call : dice < 13 ? Invocation::send : Invocation::reply_and_wait;
    if (dice < 3) kind = random_() % 2 ? Invocation::send : Invocation::reply_and_wait;
    const bool with_bytes = random_() % 4 == 0;
    KernelWorld::invoke(p, kind, invoked,
                        {methods[random_() % std::size(methods)], word(), word(), word(), word(), word()},
                        static_cast<uint32_t>(random_() & 0x1f1f1f1f), static_cast<uint32_t>(random_() & 0x1f1f1f1c),
                        with_bytes ? static_cast<uint32_t>(random_() % 5000) : 0, Guest::memory + random_() % 8192,
                        with_bytes ? static_cast<uint32_t>(random_() % 5000) : 0, Guest::memory + random_() % 8192);
    if (random_() % 200 == 0) p.registers.rbx = random_();
    if (random_() % 8 == 0) p.registers.rbx |= random_() & 0x8080'8080;
    if (random_() % 4 == 0) p.registers.r15 = world_.kernel().time.now_ns() + random_() % 20'000'000;
  }

  uint64_t word() {
    switch (random_() % 5) {
      case 0: return random_();
      case 1: return random_() % 64;
      default: return random_() % 12;
    }
  }

  // All guests are stopped, destroyed or wait for one that never comes: the operator steps in.
  void revive() {
    bool is_one_left = false;
    world_.kernel().options.check = false;  // until the next boot: what follows is done behind its back
    for (const Guest& guest : guests_) {
      if (!world_.is_alive(guest.process) || !world_.is_alive(guest.activity)) continue;
      Process& process = world_.process(guest);
      if (process.control.state == ProcessState::running || process.control.activity.is_void()) continue;
      world_.write(guest.process);
      world_.object<Activity>(guest.activity).runnable = 1;
      world_.object<Activity>(guest.activity).awaits_deadline = 0;
      process.control.state = ProcessState::running;
      process.control.fault = FaultCode::none;
      process.control.flags = 0;
      ++process.control.call_count;
      process.registers.rip = rip_of_call + system_call_instruction_bytes;
      is_one_left = true;
    }
    if (!is_one_left) return;
    world_.take_checkpoint();
    world_.cut_and_boot();
  }

  std::mt19937_64 random_;
  KernelWorld world_;
  std::vector<Guest> guests_;
};

}  // namespace

TEST_CASE("random guests break nothing") {
  for_each_seed(8, [](uint64_t seed) { RandomGuests(seed).run(3000); });
}
