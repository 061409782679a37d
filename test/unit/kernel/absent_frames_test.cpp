// SPDX-License-Identifier: MIT
//
// Tries to break what has to wait for the disk half-way: objects are destroyed, processes stopped and
// calls ended while a frame that this needs is not in memory, or no more frames may be changed.
#include <catch2/catch.hpp>

#include <array>
#include <tuple>
#include <utility>

#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr Capability everything{.type = CapabilityType::range, .payload = 500};

// A process waits for an answer that never comes, and its activity is only on the disk.
struct AbsentActivity {
  KernelWorld world;
  std::vector<uint64_t> seen;  // results of the client, which has the absent activity
  std::vector<uint64_t> told;  // results of the owner, which acts on the client

  explicit AbsentActivity(std::vector<uint64_t> methods) : methods_(std::move(methods)) {
    const Guest silent = world.new_guest([](Process&) {});
    world.open_new_rows();
    client = world.new_guest(steps({call(5), note(seen)}));
    world.open_new_rows();
    const Guest owner = world.new_guest([this](Process& p) { act(p); });
    world.process(owner).capability_registers[5] = client.process;
    world.process(client).capability_registers[5] = KernelWorld::entry(silent);
    world.let_receive(silent);
    world.start();
    run_checked(world, 20);
    REQUIRE(world.process(client).control.state == ProcessState::waiting);
    world.page_out({client.activity});
    now_ = true;
    run_checked(world, 60);
    REQUIRE(seen == std::vector<uint64_t>{static_cast<uint64_t>(Result::interrupted), 0});
  }

  Guest client;

 private:
  void act(Process& p) {
    if (!now_ || next_ > methods_.size()) return;
    if (next_ > 0) note(told)(p);
    if (next_ < methods_.size()) KernelWorld::invoke(p, Invocation::call, 5, {methods_[next_]});
    ++next_;
  }

  std::vector<uint64_t> methods_;
  size_t next_ = 0;
  bool now_ = false;
};

}  // namespace

TEST_CASE("a row of activities goes while the rows beside it are only on the disk") {
  for (const unsigned absent : {1, 2, 3}) {
    CAPTURE(absent);
    KernelWorld world;
    std::vector<uint64_t> told;
    bool now = false, asked = false;
    const Capability last = world.make_in_new_row(Kind::activity);
    const Capability middle = world.make_in_new_row(Kind::activity);
    const Capability first = world.make_in_new_row(Kind::activity);
    world.open_new_rows();
    const Guest owner = world.new_guest([&](Process& p) {
      if (asked && told.empty()) note(told)(p);
      asked = asked || now;
      act_when(now, p, call(6, {method::range_rescind, frame_of(middle), 1}));
    });
    world.process(owner).capability_registers[6] = everything;
    world.start();
    if (absent & 1) world.page_out({first});
    if (absent & 2) world.page_out({last});
    now = true;
    run_checked(world, 60);
    REQUIRE(told == std::vector<uint64_t>{0, 1});
    const auto header_of = [&](const Capability& row) { return *reinterpret_cast<RowHeader*>(world.bytes(row)); };
    REQUIRE(header_of(first).next == last.object.frame());
    REQUIRE(header_of(last).previous == first.object.frame());
  }
}

TEST_CASE("a process is stopped while its activity is on the disk: it keeps it, and goes on") {
  AbsentActivity a({method::process_stop, method::process_start});
  REQUIRE(a.told == std::vector<uint64_t>{0, 0, 0, 0});
}

TEST_CASE("a call is ended while the activity of the process that waits for it is on the disk") {
  AbsentActivity a({method::process_interrupt});
  REQUIRE(a.told == std::vector<uint64_t>{0, 1});
}

TEST_CASE("a process destroys itself while those who wait for it are on the disk") {
  KernelWorld world;
  std::vector<uint64_t> seen;
  bool now = false;
  const Guest client = world.new_guest(steps({call(5), note(seen)}));
  const Guest suicide = world.new_guest({});
  world.set_program(suicide, [&](Process& p) {
    act_when(now, p, call(6, {method::range_rescind, frame_of(suicide.process), 1}));
  });
  static_cast<void>(world.new_guest({}));
  world.process(suicide).capability_registers[6] = everything;
  world.process(client).capability_registers[5] = KernelWorld::entry(suicide);
  world.let_receive(suicide);
  world.start();
  run_checked(world, 20);
  REQUIRE(world.process(client).control.state == ProcessState::waiting);
  world.page_out({client.process});
  now = true;
  run_checked(world, 60);
  REQUIRE(seen == std::vector<uint64_t>{static_cast<uint64_t>(Result::destroyed), 0});
  REQUIRE(!world.is_alive(suicide.process));
}

TEST_CASE("a row with the destroyer's own activity is destroyed while another of its processes is on the disk") {
  KernelWorld world;
  bool now = false;
  const Guest suicide = world.new_guest({});
  const Guest second = world.new_guest({});
  world.set_program(suicide, [&](Process& p) {
    act_when(now, p, call(6, {method::range_rescind, frame_of(suicide.activity), 1}));
  });
  world.process(suicide).capability_registers[6] = everything;
  world.let_receive(second);
  world.start();
  run_checked(world, 20);
  world.page_out({second.process});
  now = true;
  run_checked(world, 60);
  REQUIRE(world.process(suicide).control.state == ProcessState::stopped);
  REQUIRE(!world.is_alive(second.activity));
  REQUIRE(world.process(second).control.activity.is_void());
}

TEST_CASE("a process whose frame is to hold activities is unbound, though the list is on the disk") {
  KernelWorld world;
  bool now = false;
  const Guest doomed = world.new_guest({});
  const Guest owner = world.new_guest([&](Process& p) {
    act_when(now, p, call(6, {method::range_make, frame_of(doomed.process), static_cast<uint64_t>(Kind::activity), 9, 0}, 0, 7));
  });
  world.process(owner).capability_registers[6] = everything;
  world.let_receive(doomed);
  Capability head = owner.activity;
  while (head.object.frame() == owner.activity.object.frame()) head = world.make(Kind::activity);
  world.start();
  run_checked(world, 20);
  world.page_out({head});
  now = true;
  run_checked(world, 60);
  REQUIRE(!world.is_alive(doomed.process));
  REQUIRE(world.object<Activity>(doomed.activity).process.value == 0);
}

TEST_CASE("an activity that is taken away is bound to nobody, though the next one has to wait for the disk") {
  KernelWorld world;
  bool now = false;
  std::vector<uint64_t> seen;
  const Guest owner = world.new_guest({});
  Capability fresh;
  do fresh = world.make(Kind::activity);
  while (fresh.object.frame() == owner.activity.object.frame());
  const Guest first = world.new_guest({});
  const Guest second = world.new_guest({});
  REQUIRE(frame_of(first.activity) == frame_of(second.activity));
  world.set_program(owner, [&](Process& p) {
    act_when(now, p, call(6, {method::range_rescind, frame_of(first.activity), 1}));
  });
  world.process(owner).capability_registers[6] = everything;
  world.let_receive(first);
  world.let_receive(second);
  world.start();
  run_checked(world, 20);
  world.page_out({second.process});
  now = true;
  REQUIRE(world.step());
  // The call waits for the disk. What it has done so far is complete in itself.
  REQUIRE(world.process(first).control.activity.is_void());
  REQUIRE(world.object<Activity>(first.activity).process.value == 0);
  run_checked(world, 20);
  REQUIRE(!world.is_alive(second.activity));
  REQUIRE(world.process(second).control.activity.is_void());
}

// Where the kernel does not look for a client before its server runs.
TEST_CASE("what could answer those who are on the disk is destroyed: they are told") {
  for (const bool is_in_register : {true, false}) {
    CAPTURE(is_in_register);
    KernelWorld world;
    std::vector<uint64_t> seen;
    bool now = false;
    const Capability box = world.make(Kind::capability_page);
    const Guest client = world.new_guest(steps({call(5), note(seen)}));
    const Guest server = world.new_guest({});
    const Capability& doomed = is_in_register ? server.process : box;
    const Guest owner = world.new_guest([&](Process& p) {
      act_when(now, p, call(6, {method::range_rescind, frame_of(doomed), 1}));
    });
    world.process(owner).capability_registers[6] = everything;
    world.process(client).capability_registers[5] = KernelWorld::entry(server);
    world.let_receive(server);
    world.start();
    run_checked(world, 20);
    REQUIRE(world.process(client).control.state == ProcessState::waiting);
    for (const Capability& holder : {server.process, box}) world.write(holder);
    Process& holder = world.process(server);
    Capability& kept = is_in_register ? holder.capability_registers[9] : reinterpret_cast<Capability*>(world.bytes(box))[9];
    kept = std::exchange(holder.capability_registers[resume_register], {});
    world.page_out({client.process});
    now = true;
    run_checked(world, 60);
    REQUIRE(seen == std::vector<uint64_t>{static_cast<uint64_t>(Result::destroyed), 0});
    REQUIRE(!world.is_alive(doomed));
  }
}

TEST_CASE("a stopped process loses its activity when there is room to write that") {
  KernelWorld world({}, {.store_pages = 262});
  bool now = false;
  const Guest other = world.new_guest({});
  world.open_new_rows();
  const Guest owner = world.new_guest([&](Process& p) {
    act_when(now, p, call(6, {method::range_rescind_object, frame_of(other.activity), other.activity.object.index()}));
  });
  world.process(owner).capability_registers[6] = everything;
  world.process(other).control.state = ProcessState::stopped;
  world.object<Activity>(other.activity).runnable = 0;
  world.start();
  for (unsigned i = 0; i < 50; ++i) {
    static_cast<void>(world.make(Kind::page));
    if (i % 10 == 9) world.page_out({});
  }
  run_checked(world, 4);  // the owner's own frames may be changed
  world.bytes(other.process);
  world.write(other.activity);
  REQUIRE(world.use_up_room());
  world.unwritable_is_watched = true;
  now = true;
  run_checked(world, 40);
  REQUIRE(!world.is_alive(other.activity));
  REQUIRE(world.process(other).control.activity.is_void());
}

TEST_CASE("a row of activities goes when there is room to write that in the rows beside it") {
  for (const bool lacks_next : {true, false}) {
    CAPTURE(lacks_next);
    KernelWorld world({}, {.store_pages = 262});
    bool now = false;
    const Capability last = world.make_in_new_row(Kind::activity);
    const Capability middle = world.make_in_new_row(Kind::activity);
    const Capability first = world.make_in_new_row(Kind::activity);
    world.open_new_rows();
    const Guest owner = world.new_guest([&](Process& p) {
      act_when(now, p, call(6, {method::range_rescind, frame_of(middle), 1}));
    });
    world.process(owner).capability_registers[6] = everything;
    world.start();
    for (unsigned i = 0; i < 50; ++i) {
      static_cast<void>(world.make(Kind::page));
      if (i % 10 == 9) world.page_out({});
    }
    run_checked(world, 4);  // the owner's own frames may be changed
    world.write(middle);
    world.write(lacks_next ? first : last);
    world.bytes(lacks_next ? last : first);
    REQUIRE(world.use_up_room());
    world.unwritable_is_watched = true;
    now = true;
    run_checked(world, 40);
    REQUIRE(!world.is_alive(middle));
    const auto header_of = [&](const Capability& row) { return *reinterpret_cast<RowHeader*>(world.bytes(row)); };
    REQUIRE(header_of(first).next == last.object.frame());
    REQUIRE(header_of(last).previous == first.object.frame());
  }
}

TEST_CASE("what a call is to change waits for room in the log, and is unchanged until then") {
  constexpr unsigned number = 9, activity = 10, schedule = 11, page = 12;  // registers that are sent
  const std::tuple<const char*, Kind, std::array<uint64_t, 6>, unsigned> changes[] = {
      {"a slot of a node", Kind::node, {method::store, 3}, number},
      {"a node's settings", Kind::node, {method::node_set, 0, 0}, number},
      {"a slot of a capability page", Kind::capability_page, {method::store, 3}, number},
      {"a wrapper's payload", Kind::wrapper, {method::wrapper_set_payload, 9}, number},
      {"an endpoint's id", Kind::endpoint, {method::endpoint_set_id, 9}, number},
      {"an endpoint's receiver", Kind::endpoint, {method::endpoint_set_receiver}, 0},
      {"a notice", Kind::notice, {method::notice_set, 9}, 0},
      {"a schedule", Kind::schedule, {method::schedule_set, 0, 5'000'000}, number},
      {"the ceiling of the schedule that is sent", Kind::schedule, {method::schedule_derive, 2}, schedule},
      {"a register of a process", Kind::process, {method::store, 3}, number},
      {"a process that is started", Kind::process, {method::process_start}, activity},
      {"the registers of a process", Kind::process, {method::process_set_registers}, 0},
      {"a page that is copied to", Kind::page, {method::page_copy_from}, page},
  };
  for (const auto& [name, kind, words, sent] : changes) {
    INFO(name);
    KernelWorld world({}, {.store_pages = 262});
    std::vector<uint64_t> told;
    bool now = false, asked = false;
    const Capability object = world.make_in_new_row(kind);
    world.open_new_rows();
    const Guest guest = world.new_guest([&, asking = words, sent = sent](Process& p) {
      if (asked && told.empty()) note(told)(p);
      asked = asked || now;
      const bool sets_registers = asking[0] == method::process_set_registers;
      act_when(now, p, [&](Process& q) {
        KernelWorld::invoke(q, Invocation::call, 5, asking, sent, 0, sets_registers ? sizeof(Registers) : 0, Guest::memory);
      });
    });
    world.write(guest.pages[0]);
    world.bytes(guest.pages[0])[0] = std::byte{1};
    if (kind == Kind::schedule) world.object<Schedule>(object).ceiling = 0, world.object<Schedule>(world.process(guest).schedule).ceiling = 3;
    world.process(guest).capability_registers[page] = world.make(Kind::page);
    world.process(guest).capability_registers[5] = sent == schedule ? world.process(guest).schedule : object;
    world.process(guest).capability_registers[number] = number_capability(77);
    world.process(guest).capability_registers[activity] = world.make(Kind::activity);
    world.process(guest).capability_registers[schedule] = object;
    world.start();
    for (unsigned i = 0; i < 50; ++i) {
      static_cast<void>(world.make(Kind::page));
      if (i % 10 == 9) world.page_out({});
    }
    run_checked(world, 4);  // its own frames may be changed
    for (const Capability& needed : {object, world.process(guest).space, guest.pages[0], world.process(guest).capability_registers[page],
                                     world.process(guest).schedule}) {
      world.bytes(needed);
    }
    REQUIRE(world.use_up_room(world.kernel().store.find(object.object.frame())));
    world.unwritable_is_watched = true;
    const Generation before = world.kernel().store.committed_generation();
    now = true;
    for (unsigned i = 0; i < 100 && told.empty(); ++i) run_checked(world, 1);
    REQUIRE(!told.empty());
    REQUIRE(told[0] == static_cast<uint64_t>(Result::ok));
    REQUIRE(world.kernel().store.committed_generation() != before);  // which made room
  }
}

TEST_CASE("a message waits for room for what it changes of the other side, which is unchanged until then") {
  const char* const all[] = {"call", "send", "notice", "stop", "answer", "line", "interrupt", "deadline"};
  for (unsigned number = 0; number < 2 * std::size(all); ++number) {
    const std::string_view what = all[number / 2];
    const bool lacks_row = number % 2;  // or the process
    CAPTURE(what, lacks_row);
    KernelWorld world({}, {.store_pages = 262});
    bool now = false;
    unsigned arrived = 0;
    constexpr uint64_t patience_ns = 10'000'000'000;
    const bool other_calls = what == "answer" || what == "line" || what == "interrupt" || what == "deadline";
    const auto call_guest = [&](Process& p) {
      call(5)(p);
      if (what == "deadline") p.registers.r15 = world.kernel().time.now_ns() + patience_ns;
    };
    const Guest other = world.new_guest(other_calls ? steps({call_guest, [&](Process&) { ++arrived; }})
                                                    : KernelWorld::Program([&](Process&) { ++arrived; }));
    world.open_new_rows();
    const Capability notice = world.make(Kind::notice);
    world.object<Notice>(notice).receiver = other.process;
    world.object<Notice>(notice).bits = 1;
    const Guest guest = world.new_guest([&](Process& p) {
      act_when(now, p, [&](Process& q) {
        if (what == "call") KernelWorld::invoke(q, Invocation::call, 5);
        if (what == "send") KernelWorld::invoke(q, Invocation::send, 5);
        if (what == "notice") KernelWorld::invoke(q, Invocation::call, 6, {method::notice_post, 1});
        if (what == "stop") KernelWorld::invoke(q, Invocation::call, 7, {method::process_stop});
        if (what == "answer") KernelWorld::invoke(q, Invocation::send, resume_register);
        if (what == "interrupt") KernelWorld::invoke(q, Invocation::call, 7, {method::process_interrupt});
        if (what == "line") KernelWorld::invoke(q, Invocation::reply_and_wait, 0);
      });
    });
    world.process(guest).capability_registers[5] = KernelWorld::entry(other);
    world.process(guest).capability_registers[6] = notice;
    world.process(guest).capability_registers[7] = other.process;
    world.process(other).capability_registers[5] = KernelWorld::entry(guest);
    if (!other_calls) world.let_receive(other);
    if (what == "answer" || what == "interrupt" || what == "deadline") world.let_receive(guest);
    world.start();
    run_checked(world, 20);
    for (unsigned i = 0; i < 50; ++i) {
      static_cast<void>(world.make(Kind::page));
      if (i % 10 == 9) world.page_out({});
    }
    run_checked(world, 4);  // the guest's own frames may be changed
    for (const Capability& needed : {other.process, other.activity, other.endpoint, notice}) world.bytes(needed);
    world.write(lacks_row ? other.process : other.activity);
    REQUIRE(world.use_up_room());
    world.unwritable_is_watched = true;
    const Generation before = world.kernel().store.committed_generation();
    const auto is_done = [&] {
      return what == "stop" ? world.process(other).control.state == ProcessState::stopped
             : what == "line" ? world.process(guest).registers.rax == static_cast<uint64_t>(Delivery::call) : arrived > 0;
    };
    now = true;
    if (what == "deadline") fake_machine().now_ns += patience_ns;
    for (unsigned i = 0; i < 100 && !is_done(); ++i) {
      if (what == "deadline") fake_machine().pending.timer = true;
      run_checked(world, 1);
    }
    REQUIRE(is_done());
    REQUIRE(world.kernel().store.committed_generation() != before);  // which made room
  }
}

// Its priority has changed since it was noted there.
TEST_CASE("nothing is noted in the row of one that cannot go on for want of room") {
  KernelWorld world({}, {.store_pages = 262});
  unsigned went_on = 0;
  const Guest guest = world.new_guest([&](Process&) { ++went_on; });
  world.open_new_rows();
  world.start();
  run_checked(world, 4);
  for (unsigned i = 0; i < 50; ++i) {
    static_cast<void>(world.make(Kind::page));
    if (i % 10 == 9) world.page_out({});
  }
  Store& store = world.kernel().store;
  const Generation before = store.committed_generation();
  store.declare(fake_machine().now_ns, 0);
  while (store.committed_generation() == before || !store.can_declare()) store.poll(fake_machine().now_ns += 1000);
  const Capability schedule = world.process(guest).schedule;
  world.object<Schedule>(schedule).priority = 3;
  world.kernel().scheduler.schedule_changed(store.find(schedule.object.frame()), schedule.object.index(), false);
  REQUIRE(!store.is_current(store.find(guest.activity.object.frame())));
  REQUIRE(world.use_up_room());
  const auto noted = [&] { return row_object<Activity>(world.bytes(guest.activity), guest.activity.object.index())->priority; };
  const uint8_t noted_before = noted();
  REQUIRE(world.kernel().try_next() == nullptr);
  REQUIRE(!store.is_current(store.find(guest.activity.object.frame())));
  CHECK(noted() == noted_before);
  went_on = 0;
  for (unsigned i = 0; i < 100 && went_on == 0; ++i) run_checked(world, 1);
  CHECK(went_on > 0);
}
