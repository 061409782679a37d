// SPDX-License-Identifier: MIT
//
// What a call of a kernel object changes, or tells, is what it says: tries to find one that answers `ok` and has
// not done it, or that goes on with what is not at hand.
#include <catch2/catch.hpp>

#include <array>
#include <cstring>

#include "test/unit/kernel/trial.hpp"

using namespace perdure;

namespace {

constexpr Result ok = Result::ok;
constexpr Capability everything{.type = CapabilityType::range, .payload = 500};

}  // namespace

TEST_CASE("a register of a process is fetched") {
  Trial trial;
  const Guest other = trial.world.new_plain_guest({});
  trial.world.process(other).capability_registers[3] = number_capability(55);
  trial.held(tried) = other.process;
  CHECK(trial.result_of(call(tried, {method::fetch, 3}, 0, kept)) == ok);
  CHECK(trial.held(kept).payload == 55);
}

TEST_CASE("the registers of a process are told, and set") {
  for (const bool sets : {false, true}) {
    CAPTURE(sets);
    Trial trial;
    const Capability process = trial.world.make(Kind::process);
    Registers registers{};
    registers.r9 = 0x1234;
    trial.world.write(process);
    auto& there = reinterpret_cast<Process*>(trial.world.bytes(process))->registers;
    trial.world.write(trial.guest.pages[0]);
    if (sets) std::memcpy(trial.world.bytes(trial.guest.pages[0]), &registers, sizeof(registers));
    else there = registers;
    trial.held(tried) = process;
    CHECK(trial.result_of([&](Process& p) {
      KernelWorld::invoke(p, Invocation::call, tried,
                          {sets ? method::process_set_registers : method::process_get_registers}, 0, 0,
                          sets ? sizeof(Registers) : 0, Guest::memory, sets ? 0 : sizeof(Registers), Guest::memory);
    }) == ok);
    const std::byte* told = sets ? trial.world.bytes(process) + offsetof(Process, registers) : trial.world.bytes(trial.guest.pages[0]);
    CHECK(std::memcmp(told, &registers, sizeof(registers)) == 0);
  }
}

TEST_CASE("a page is copied") {
  Trial trial;
  const Capability to = trial.world.make(Kind::page), from = trial.world.make(Kind::page);
  std::memset(trial.world.bytes(from), 0x5a, frame_bytes);
  trial.held(tried) = to;
  trial.held(kept + 1) = from;
  CHECK(trial.result_of(call(tried, {method::page_copy_from}, kept + 1)) == ok);
  CHECK(std::memcmp(trial.world.bytes(to), trial.world.bytes(from), frame_bytes) == 0);
}

TEST_CASE("a page is copied from one that has to be fetched") {
  KernelWorld world;
  std::vector<uint64_t> told;
  bool now = false, has_asked = false;
  const Capability to = world.make(Kind::page), from = world.make(Kind::page);
  std::memset(world.bytes(from), 0x5a, frame_bytes);
  const Guest guest = world.new_guest([&](Process& p) {
    if (has_asked && told.empty()) note(told)(p);
    has_asked = has_asked || now;
    act_when(now, p, call(5, {method::page_copy_from}, 6));
  });
  world.process(guest).capability_registers[5] = to;
  world.process(guest).capability_registers[6] = from;
  world.start();
  run_checked(world, 20);
  world.page_out({from});
  now = true;
  run_checked(world, 60);
  REQUIRE(!told.empty());
  CHECK(told[0] == static_cast<uint64_t>(ok));
  CHECK(world.bytes(to)[0] == std::byte{0x5a});
  CHECK(std::memcmp(world.bytes(to), world.bytes(from), frame_bytes) == 0);
}

TEST_CASE("a node's settings are set, and what was mapped by the old ones is gone") {
  KernelWorld world;
  bool now = false;
  const Guest client = world.new_guest([turn = 0u](Process& p) mutable {
    if (++turn % 2 == 0) return;  // time passes
    p.registers.rdi = Guest::memory;
    p.registers.rip = rip_of_store;
  });
  const Guest owner = world.new_guest([&](Process& p) {
    act_when(now, p, call(5, {method::node_set, 1, Node::flag_pocket}));
  });
  world.process(owner).capability_registers[5] = client.root;
  world.start();
  run_checked(world, 40);
  REQUIRE(world.process(client).control.state == ProcessState::running);
  now = true;
  run_checked(world, 100);
  const Node& node = *row_object<Node>(world.bytes(client.root), client.root.object.index());
  CHECK(node.slot_size == 1);
  CHECK(node.flags == Node::flag_pocket);
  CHECK(world.process(client).control.state == ProcessState::stopped);
}

TEST_CASE("a node's keeper is set") {
  Trial keeper;
  keeper.held(tried) = keeper.world.make(Kind::node);
  keeper.held(kept + 1) = KernelWorld::entry(keeper.guest);
  CHECK(keeper.result_of(call(tried, {method::node_set_keeper}, kept + 1)) == ok);
  CHECK(keeper.world.object<Node>(keeper.held(tried)).keeper.object == keeper.guest.endpoint.object);
}

TEST_CASE("an endpoint's id is set") {
  Trial trial;
  trial.held(tried) = trial.world.make(Kind::endpoint);
  CHECK(trial.result_of(call(tried, {method::endpoint_set_id, 9})) == ok);
  CHECK(trial.world.object<Endpoint>(trial.held(tried)).id == 9);
}

TEST_CASE("a notice gets the bits and the receiver that it is to have") {
  Trial trial;
  trial.held(tried) = trial.world.make(Kind::notice);
  trial.held(kept + 1) = trial.guest.process;
  CHECK(trial.result_of(call(tried, {method::notice_set, 9}, kept + 1)) == ok);
  const Notice& notice = trial.world.object<Notice>(trial.held(tried));
  CHECK(notice.bits == 9);
  CHECK(notice.receiver.object == trial.guest.process.object);
}

TEST_CASE("a notice without a receiver is void to who posts there") {
  Trial trial;
  trial.held(tried) = trial.world.make(Kind::notice);
  CHECK(trial.result_of(call(tried, {method::notice_post})) == Result::void_capability);
}

TEST_CASE("a node's keeper is told as it is, but for one that asks through a weak capability") {
  for (const uint8_t restrictions : {restriction::none, restriction::read_only, restriction::no_call, restriction::weak}) {
    CAPTURE(restrictions);
    Trial trial;
    trial.held(tried) = trial.world.make(Kind::node);
    trial.world.object<Node>(trial.held(tried)).keeper = KernelWorld::entry(trial.guest);
    trial.held(tried).restrictions = restrictions;
    CHECK(trial.result_of(call(tried, {method::node_get}, 0, kept)) == ok);
    CHECK(trial.held(kept).is_void() == (restrictions == restriction::weak));
  }
}

TEST_CASE("an endpoint knows its own entry in a wrapper, unless that is weak") {
  for (const uint8_t restrictions : {restriction::none, restriction::read_only, restriction::weak}) {
    CAPTURE(restrictions);
    Trial trial;
    const Capability wrapper = trial.world.make(Kind::wrapper);
    trial.world.object<Wrapper>(wrapper).target = KernelWorld::entry(trial.guest);
    trial.held(tried) = trial.guest.endpoint;
    trial.held(kept + 1) = KernelWorld::client_of(wrapper);
    trial.held(kept + 1).restrictions = restrictions;
    CHECK(trial.result_of(call(tried, {method::endpoint_identify}, kept + 1)) == ok);
    CHECK(trial.word(1) == static_cast<uint64_t>(restrictions == restriction::weak ? Identified::not_mine
                                                                                   : Identified::through_one_wrapper));
  }
}

TEST_CASE("a wrapper's target is told to who controls it") {
  Trial trial;
  trial.held(tried) = trial.world.make(Kind::wrapper);
  trial.world.object<Wrapper>(trial.held(tried)).target = number_capability(55);
  CHECK(trial.result_of(call(tried, {method::wrapper_get}, 0, kept)) == ok);
  CHECK(trial.held(kept).payload == 55);
}

TEST_CASE("the generations that there are are told") {
  Trial trial;
  trial.held(tried) = {.type = CapabilityType::checkpoint};
  CHECK(trial.result_of([&](Process& p) {
    KernelWorld::invoke(p, Invocation::call, tried, {method::checkpoint_generations}, 0, 0, 0, 0,
                        sizeof(GenerationStatus), Guest::memory);
  }) == ok);
  REQUIRE(trial.word(1) > 0);
  GenerationStatus told[16], first;
  trial.world.kernel().store.generations(told);
  std::memcpy(&first, trial.world.bytes(trial.guest.pages[0]), sizeof(first));
  CHECK(std::memcmp(&first, &told[0], sizeof(first)) == 0);
}

TEST_CASE("a range identifies nothing that is gone") {
  Trial trial;
  Capability gone = trial.world.make(Kind::page);
  ++gone.version.value;
  trial.held(tried) = everything;
  trial.held(kept + 1) = gone;
  CHECK(trial.result_of(call(tried, {method::range_identify}, kept + 1)) == Result::void_capability);
}

TEST_CASE("an endpoint takes for none of its own what is gone") {
  Trial trial;
  Capability gone = KernelWorld::client_of(trial.world.make(Kind::wrapper));
  ++gone.version.value;
  trial.held(tried) = trial.guest.endpoint;
  trial.held(kept + 1) = gone;
  CHECK(trial.result_of(call(tried, {method::endpoint_identify}, kept + 1)) == ok);
  CHECK(trial.word(1) == static_cast<uint64_t>(Identified::not_mine));
}

TEST_CASE("what is asked about waits for the disk") {
  enum class What { account, classified, identified };
  for (const What what : {What::account, What::classified, What::identified}) {
    CAPTURE(static_cast<int>(what));
    KernelWorld world;
    std::vector<uint64_t> told;
    bool now = false, has_asked = false;
    const Capability wrapper = world.make(Kind::wrapper);
    const Guest guest = world.new_guest([&](Process& p) {
      if (has_asked && told.empty()) note(told)(p);
      has_asked = has_asked || now;
      act_when(now, p, what == What::account      ? call(5, {method::range_set_account, frame_of(wrapper), 1, 3})
                       : what == What::classified ? call(6, {method::discriminator_classify}, 7)
                                                  : call(8, {method::endpoint_identify}, 7));
    });
    world.object<Wrapper>(wrapper).target = KernelWorld::entry(guest);
    Process& process = world.process(guest);
    process.capability_registers[5] = everything;
    process.capability_registers[6] = {.type = CapabilityType::discriminator};
    process.capability_registers[7] = KernelWorld::client_of(wrapper);
    process.capability_registers[8] = guest.endpoint;
    world.start();
    run_checked(world, 20);
    world.page_out({wrapper});
    now = true;
    run_checked(world, 60);
    const uint64_t expected = what == What::account      ? 1
                              : what == What::classified ? static_cast<uint64_t>(CapabilityType::wrapped)
                                                         : static_cast<uint64_t>(Identified::through_one_wrapper);
    CHECK(told == std::vector<uint64_t>{static_cast<uint64_t>(ok), expected});
    if (what != What::account) continue;
    CHECK(world.kernel().store.descriptor(world.kernel().store.find(wrapper.object.frame())).identity.account.value == 3);
  }
}

TEST_CASE("what is written to the console, or told into memory, waits for that memory") {
  enum class What { written, status, generations };
  for (const What what : {What::written, What::status, What::generations}) {
    CAPTURE(static_cast<int>(what));
    KernelWorld world;
    std::vector<uint64_t> told;
    bool now = false, has_asked = false;
    const Guest guest = world.new_guest([&](Process& p) {
      if (has_asked && told.empty()) note(told)(p);
      has_asked = has_asked || now;
      act_when(now, p, [&](Process& q) {
        if (what == What::written) {
          return KernelWorld::invoke(q, Invocation::call, 5, {method::console_write}, 0, 0, 5, Guest::memory);
        }
        const bool is_status = what == What::status;
        KernelWorld::invoke(q, Invocation::call, 6,
                            {is_status ? method::checkpoint_status : method::checkpoint_generations}, 0, 0, 0, 0,
                            is_status ? sizeof(SystemStatus) : sizeof(GenerationStatus), Guest::memory);
      });
    });
    world.process(guest).capability_registers[5] = {.type = CapabilityType::console};
    world.process(guest).capability_registers[6] = {.type = CapabilityType::checkpoint};
    world.write(guest.pages[0]);
    std::memcpy(world.bytes(guest.pages[0]), "hello", 5);
    world.start();
    world.process(guest).capability_registers[5].payload = world.kernel().time.boot_epoch();
    run_checked(world, 20);
    world.page_out({guest.pages[0]});
    fake_machine().console_output.clear();
    now = true;
    run_checked(world, 100);
    REQUIRE(!told.empty());
    CHECK(told[0] == static_cast<uint64_t>(ok));
    if (what == What::written) CHECK(fake_machine().console_output == "hello");
    else CHECK(std::memcmp(world.bytes(guest.pages[0]), "hello", 5) != 0);
  }
}

TEST_CASE("a program waits for the next boot only if it speaks of this one") {
  for (const int ahead : {-1, 0, 1}) {
    CAPTURE(ahead);
    Trial trial;
    trial.held(tried) = {.type = CapabilityType::clock};
    unsigned returns = 0;
    trial.world.set_program(trial.guest, [&](Process& p) {
      if (returns++ == 0) call(tried, {method::clock_wait_restart, trial.world.kernel().time.boot_epoch() + ahead})(p);
    });
    trial.world.start();
    trial.world.run(20);
    CHECK((returns > 1) == (ahead != 0));
  }
}

// What it makes anew is an activity that is bound, or a row of them; both are writable, but not what goes with them.
TEST_CASE("what a range makes waits for room for what that takes away or names") {
  for (const bool is_row : {false, true}) {
    CAPTURE(is_row);
    KernelWorld world({}, {.store_pages = 262});
    std::vector<uint64_t> told;
    bool now = false, asked = false;
    const Capability endpoint = world.make(Kind::endpoint);
    Guest other;
    const Capability page = world.make(Kind::capability_page);
    const uint64_t kind = static_cast<uint64_t>(Kind::activity);
    uint64_t account = 0;
    const Guest guest = world.new_guest([&](Process& p) {
      if (asked && told.empty()) note(told)(p);
      asked = asked || now;
      act_when(now, p, is_row ? call(5, {method::range_make, frame_of(page), kind, 1, 0})
                              : call(5, {method::range_make, frame_of(other.activity), kind, account, other.activity.object.index()}));
    });
    world.process(guest).capability_registers[5] = everything;
    world.open_new_rows();  // this one is the first of the list
    other = world.new_guest(call(5));  // where no process receives
    world.process(other).capability_registers[5] = {
        .type = CapabilityType::entry, .version = endpoint.version, .object = endpoint.object};
    world.start();
    run_checked(world, 20);
    for (unsigned i = 0; i < 50; ++i) {
      static_cast<void>(world.make(Kind::page));
      if (i % 10 == 9) world.page_out({});
    }
    run_checked(world, 4);  // its own frames may be changed
    Store& store = world.kernel().store;
    world.bytes(other.activity);
    account = store.descriptor(store.find(other.activity.object.frame())).identity.account.value;
    world.write(is_row ? page : other.activity);
    const FrameNumber needed = is_row ? store.system().first_activity_row : other.process.object.frame();
    while (!store.obtain(needed)) store.poll(fake_machine().now_ns += 1000);
    REQUIRE(world.use_up_room(store.find(needed)));
    REQUIRE(!store.is_current(store.find(needed)));
    world.unwritable_is_watched = true;
    const Generation before = store.committed_generation();
    now = true;
    for (unsigned i = 0; i < 100 && told.empty(); ++i) run_checked(world, 1);
    REQUIRE(!told.empty());
    REQUIRE(told[0] == static_cast<uint64_t>(ok));
    REQUIRE(store.committed_generation() != before);  // which made room
  }
}

TEST_CASE("what a range does waits for room in the log") {
  enum class What { rescinds, makes, makes_small, rescinds_small, accounts };
  for (const What what : {What::rescinds, What::makes, What::makes_small, What::rescinds_small, What::accounts}) {
    CAPTURE(static_cast<int>(what));
    KernelWorld world({}, {.store_pages = 262});
    std::vector<uint64_t> told;
    bool now = false, asked = false;
    const bool is_small = what == What::makes_small || what == What::rescinds_small;
    const Capability object = world.make_in_new_row(is_small ? Kind::notice : Kind::capability_page);
    world.open_new_rows();
    const uint64_t frame = frame_of(object);
    const Guest guest = world.new_guest([&](Process& p) {
      if (asked && told.empty()) note(told)(p);
      asked = asked || now;
      act_when(now, p, what == What::rescinds         ? call(5, {method::range_rescind, frame, 1})
                       : what == What::makes          ? call(5, {method::range_make, frame, static_cast<uint64_t>(Kind::page), 1, 0})
                       : what == What::makes_small    ? call(5, {method::range_make, frame, static_cast<uint64_t>(Kind::notice), 1, 1})
                       : what == What::rescinds_small ? call(5, {method::range_rescind_object, frame, object.object.index()})
                                                      : call(5, {method::range_set_account, frame, 1, 3}));
    });
    world.process(guest).capability_registers[5] = everything;
    world.start();
    for (unsigned i = 0; i < 50; ++i) {
      static_cast<void>(world.make(Kind::page));
      if (i % 10 == 9) world.page_out({});
    }
    run_checked(world, 4);  // its own frames may be changed
    world.bytes(object);
    REQUIRE(world.use_up_room(world.kernel().store.find(object.object.frame())));
    world.unwritable_is_watched = true;
    const Generation before = world.kernel().store.committed_generation();
    now = true;
    for (unsigned i = 0; i < 100 && told.empty(); ++i) run_checked(world, 1);
    REQUIRE(!told.empty());
    REQUIRE(told[0] == static_cast<uint64_t>(ok));
    REQUIRE(world.kernel().store.committed_generation() != before);  // which made room
  }
}
