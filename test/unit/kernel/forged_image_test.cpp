// SPDX-License-Identifier: MIT
//
// Tries to bring the kernel down with images in which all checksums hold and the contents are lies
// (test/support/forged_image.hpp): first those that once did, one by one, then thousands at random, on
// which guests invoke, reply, fault, destroy and are destroyed. Whatever a disk says, no assertion is
// reached (P5). PERDURE_SEED replays one run; PERDURE_RUNS sets how many.
#include <catch2/catch.hpp>

#include <random>
#include <string>

#include "test/support/environment.hpp"
#include "test/support/forged_image.hpp"
#include "test/unit/kernel/scripted_guest.hpp"

using namespace perdure;

namespace {

constexpr WorldSize small_world{.machine_bytes = 8u << 20,
                                .table_pages = 16,
                                .store_pages = 460,
                                .disk_blocks = 700,
                                .log_segments = 12,
                                .segment_blocks = 16};

struct AnyFpuArea {
  AnyFpuArea() { fake_machine().takes_any_fpu_area = true; }
  ~AnyFpuArea() { fake_machine().takes_any_fpu_area = false; }
};

// Guests of all kinds of habits, everything at home, the power off.
class ForgedWorld {
 public:
  explicit ForgedWorld(uint64_t seed) : random_(seed), world({}, small_world) {
    make_shared();
    for (int i = 0; i < 4; ++i) guests.push_back(world.new_guest(program(), static_cast<uint8_t>(1 + i % 3)));
    for (const Guest& guest : guests) equip(guest);
    for (int i = 0; i < 3; ++i) {
      guests.push_back(world.new_plain_guest(program()));
      equip(guests.back());
    }
    world.let_receive(guests[1], 0x0405'0607);
    world.start();
    world.use_fast_path = seed % 2 != 0;
    world.run(static_cast<unsigned>(random_() % 300));
    world.page_out({});
  }

  ForgedImage image(uint64_t seed) {
    return ForgedImage([this](BlockIndex block) { return world.disk().block(block); }, seed);
  }
  // What a boot finds, and what comes of it.
  void boot_and_run(unsigned count) {
    world.cut_and_boot();
    for (unsigned i = 0; i < count; ++i) {
      if (random_() % 32 == 0) fake_machine().pending.timer = true;
      if (!world.step()) break;
    }
    world.take_checkpoint();
  }

 private:
  KernelWorld::Program program() {
    return [this](Process& process) { act(process); };
  }

  void make_shared() {
    constexpr Kind kinds[] = {Kind::page,     Kind::capability_page, Kind::node,     Kind::wrapper, Kind::wrapper,
                              Kind::endpoint, Kind::notice,          Kind::schedule, Kind::activity};
    shared_ = {{.type = CapabilityType::range, .object = ObjectId::of({1}), .payload = 60},
               {.type = CapabilityType::checkpoint},
               {.type = CapabilityType::clock},
               {.type = CapabilityType::discriminator},
               number_capability(5)};
    for (const Kind kind : kinds) shared_.push_back(world.make(kind));
    for (const Capability& made : shared_) {
      if (made.type == CapabilityType::wrapper_control) wrappers_.push_back(made);
    }
  }

  void equip(const Guest& guest) {
    shared_.insert(shared_.end(), {guest.process, guest.endpoint, KernelWorld::entry(guest, 3), guest.activity});
    for (const Capability& wrapper : wrappers_) {
      world.object<Wrapper>(wrapper).target = KernelWorld::entry(guest, 8);
      shared_.push_back(KernelWorld::client_of(wrapper));
    }
    Process& process = world.process(guest);
    for (unsigned r = 3; r < capability_register_count; ++r) {
      process.capability_registers[r] = shared_[random_() % shared_.size()];
    }
    process.keeper = KernelWorld::entry(guest);
  }

  void act(Process& p) {
    constexpr uint64_t methods[] = {
        method::type, method::fetch, method::store, method::node_set_keeper, method::process_start,
        method::process_stop, method::process_interrupt, method::endpoint_set_receiver, method::wrapper_block,
        method::wrapper_unblock, method::notice_set, method::notice_post, method::schedule_set, method::schedule_derive, method::schedule_get,
        method::range_make, method::range_rescind, method::range_rescind_object, method::range_recap,
        method::clock_wait_until, method::process_set_registers};
    const uint64_t dice = random_() % 16;
    if (dice == 0) {
      p.registers.rdi = Guest::memory + random_() % (3 * frame_bytes);
      p.registers.rip = random_() % 2 ? rip_of_load : rip_of_store;
      return;
    }
    const bool answers = dice < 5;
    const Invocation kind = answers || dice == 15 ? Invocation::reply_and_wait
                            : dice == 14          ? Invocation::send
                                                  : Invocation::call;
    KernelWorld::invoke(p, kind, answers ? resume_register : static_cast<unsigned>(random_() % 32),
                        {methods[random_() % std::size(methods)], random_() % 60, random_() % 12, random_() % 4,
                         random_() % 63, 0},
                        static_cast<uint32_t>(random_() & 0x1f1f1f1f), static_cast<uint32_t>(random_() & 0x1f1f1f1c));
    if (random_() % 3 == 0) p.registers.r15 = world.kernel().time.now_ns() + random_() % 5'000'000;
  }

  std::mt19937_64 random_;
  std::vector<Capability> shared_, wrappers_;
  AnyFpuArea any_fpu_area_;

 public:
  KernelWorld world;
  std::vector<Guest> guests;
};

bool was_told(std::string_view what) { return fake_machine().console_output.find(what) != std::string::npos; }
unsigned times_told(std::string_view what) {
  unsigned count = 0;
  const std::string& all = fake_machine().console_output;
  for (size_t at = all.find(what); at != std::string::npos; at = all.find(what, at + 1)) ++count;
  return count;
}

constexpr std::string_view no_sense = "a process makes no sense and does not run";

// A client that calls a server for ever, one that only counts, and one that waits; at home, the power off.
class FourGuests {
 public:
  FourGuests() {
    server_guest = world.new_guest(server([](Process&) { return 1; }));
    client = world.new_guest([this](Process& process) {
      ++calls;
      if (calls > 1 && result_of(process) == Result::ok) ++served;  // the first call was made before the boot
      KernelWorld::invoke(process, Invocation::call, 5, {7});
    });
    counter = world.new_guest([this](Process& process) {
      ++counted;
      KernelWorld::invoke(process, Invocation::call, 5, {method::type});
    });
    world.process(client).capability_registers[5] = KernelWorld::entry(server_guest);
    world.process(counter).capability_registers[5] = number_capability(3);
    asleep = world.new_guest([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); });
    world.let_receive(server_guest);
    world.start();
    run(100);
    REQUIRE(calls > 5);
    while (world.process(server_guest).control.state != ProcessState::receiving) run(1);
    world.page_out({});
  }

  // Every guest has a turn.
  void run(unsigned count) {
    for (unsigned i = 0; i < count && world.step(); ++i) {
      if (i % 4 == 0) fake_machine().advance(2 * default_slice_ns);
    }
  }

  template <typename Object, typename Lie>
  void forge(const Capability& object, Lie lie) {
    ForgedImage image([this](BlockIndex block) { return world.disk().block(block); }, 1);
    const FrameNumber frame = object.object.frame();
    if constexpr (sizeof(Object) == frame_bytes) lie(*reinterpret_cast<Object*>(image.body(frame)));
    else lie(*row_object<Object>(image.body(frame), object.object.index()));
    image.seal_body(frame);
    image.seal_root();
  }
  // The machine goes on whatever became of the others.
  void boot() {
    world.cut_and_boot();
    calls = served = counted = 0;
    run(200);
    CHECK(counted > 10);
  }

  AnyFpuArea any_fpu_area;
  KernelWorld world{{}, small_world};
  Guest server_guest, client, counter, asleep;
  unsigned calls = 0, served = 0, counted = 0;
};

Capability to_page(FourGuests& guests) { return guests.counter.pages[0]; }

}  // namespace

TEST_CASE("a slot that holds what it cannot hold: the frame is refused, the machine goes on") {
  FourGuests guests;
  SECTION("a page as schedule") {
    guests.forge<Process>(guests.client.process, [&](Process& p) { p.schedule = to_page(guests); });
  }
  SECTION("a page as keeper") {
    guests.forge<Process>(guests.client.process, [&](Process& p) { p.keeper = to_page(guests); });
  }
  SECTION("an entry as space") {
    guests.forge<Process>(guests.client.process, [&](Process& p) { p.space = KernelWorld::entry(guests.counter); });
  }
  SECTION("a process as activity") {
    guests.forge<Process>(guests.client.process, [&](Process& p) { p.control.activity = guests.counter.process; });
  }
  SECTION("something in register 0") {
    guests.forge<Process>(guests.client.process, [&](Process& p) { p.capability_registers[0] = to_page(guests); });
  }
  SECTION("a page as receiver") {
    guests.forge<Endpoint>(guests.server_guest.endpoint, [&](Endpoint& e) { e.receiver = to_page(guests); });
  }
  SECTION("a hint that is stored") {
    guests.forge<Process>(guests.client.process, [&](Process& p) { p.space.hint = 3; });
  }
  SECTION("the root of another's tables") {
    guests.forge<Process>(guests.client.process, [&](Process& p) { p.control.root_identity = 1; });
  }
  guests.boot();
  CHECK(guests.served == 0);
  CHECK(was_told("perdure: WARNING: "));
}

TEST_CASE("a schedule slot that names a page by a capability whose type says schedule") {
  FourGuests guests;
  std::memset(guests.world.bytes(guests.counter.pages[0]), 199, frame_bytes);
  guests.world.page_out({});
  for (const Guest& guest : {guests.client, guests.server_guest, guests.counter}) {
    guests.forge<Process>(guest.process, [&](Process& p) {
      p.schedule = to_page(guests);
      p.schedule.type = CapabilityType::schedule;
    });
  }
  guests.boot();
  CHECK(guests.calls > 10);  // all at the lowest priority, as without a schedule
}

TEST_CASE("a priority or a slice that is none") {
  for (const auto& [priority, slice_ns] : {std::pair<uint8_t, uint64_t>{199, 0}, {16, 0}, {3, ~uint64_t{0}}}) {
    FourGuests guests;
    const Capability schedule = guests.world.process(guests.client).schedule;
    guests.forge<Schedule>(schedule, [&](Schedule& s) {
      s.priority = priority;
      s.slice_ns = slice_ns;
    });
    guests.boot();
    CHECK(was_told("perdure: WARNING: a schedule's"));
  }
}

TEST_CASE("a process in another state than its activity says does not run, and is told once") {
  for (const ProcessState state : {ProcessState::stopped, ProcessState::receiving, ProcessState::waiting}) {
    FourGuests guests;
    guests.forge<Process>(guests.client.process, [&](Process& p) {
      p.control.state = state;
      p.control.call_count += 7;  // so no answer comes
    });
    guests.forge<Activity>(guests.client.activity, [&](Activity& a) {
      a.runnable = 1;
      a.awaits_deadline = 0;
    });
    guests.boot();
    CHECK(guests.calls == 0);
    CHECK(times_told(no_sense) == 1);
    guests.world.take_checkpoint();
    guests.boot();
    CHECK(times_told(no_sense) == 0);  // of this boot
  }
}

TEST_CASE("two processes with one activity: the one that it does not name is not run with it") {
  FourGuests guests;
  SECTION("an activity that stands in line") {
    guests.forge<Process>(guests.server_guest.process,
                          [&](Process& p) { p.control.activity = guests.counter.activity; });
    guests.boot();
  }
  SECTION("one that has run in this boot and waits, on the fast path") {
    guests.world.use_fast_path = true;
    guests.world.write(guests.server_guest.process);
    guests.world.process(guests.server_guest).control.activity = guests.asleep.activity;
    guests.served = 0;
    guests.run(200);
    CHECK(guests.world.fast_count > 0);
  }
  CHECK(guests.served <= 1);  // one may have been answered before
}

TEST_CASE("two activities with one process: the one that it does not name is put to rest") {
  FourGuests guests;
  const Capability spare = guests.world.make(Kind::activity);
  guests.world.page_out({});
  guests.forge<Activity>(spare, [&](Activity& a) {
    a.process = guests.counter.process.object;
    a.process_version = guests.counter.process.version;
    a.runnable = 1;
    a.ticket = 1;
  });
  guests.boot();
  CHECK(times_told(no_sense) == 1);
}

namespace {

// An owner at a higher priority, one that only counts, and lies told in memory, as a fetch would bring them.
class OwnerAndCounter {
 public:
  OwnerAndCounter() {
    owner = world.new_guest([this](Process& p) { act_when(now, p, [this](Process& process) { action(process); }); }, 3);
    counter = world.new_guest([this](Process& p) {
      ++counted;
      KernelWorld::invoke(p, Invocation::call, 5, {method::type});
    });
    world.process(counter).capability_registers[5] = number_capability(3);
    world.process(owner).capability_registers[6] = everything;
  }
  void start() {
    world.start();
    world.run(20);
  }
  void let_owner(KernelWorld::Program what) {
    action = std::move(what);
    now = true;
    world.run(3);
    REQUIRE_FALSE(now);
  }
  // The owner waits for a message that no process sends.
  void run_counter() {
    counted = 0;
    let_owner([](Process& p) { KernelWorld::invoke(p, Invocation::reply_and_wait, 0); });
    for (unsigned i = 0; i < 100 && world.step(); ++i) {
      if (i % 4 == 0) fake_machine().advance(2 * default_slice_ns);
    }
    CHECK(counted > 10);
  }

  static constexpr Capability everything{.type = CapabilityType::range, .object = ObjectId::of({0}), .payload = 300};
  KernelWorld world{{}, small_world};
  bool now = false;
  KernelWorld::Program action;
  Guest owner, counter;
  unsigned counted = 0;
};

}  // namespace

TEST_CASE("an activity that stands in line while its process is stopped does not stand there twice") {
  OwnerAndCounter guests;
  guests.world.process(guests.owner).capability_registers[5] = guests.counter.process;
  guests.start();
  guests.world.write(guests.counter.process);
  guests.world.process(guests.counter).control.state = ProcessState::stopped;
  REQUIRE(guests.world.object<Activity>(guests.counter.activity).runnable == 1);
  guests.let_owner(call(5, {method::process_start}));
  CHECK(guests.world.process(guests.counter).control.state == ProcessState::running);
  guests.run_counter();
}

TEST_CASE("an activity of nobody that stands in line leaves it when it is taken away") {
  OwnerAndCounter guests;
  const Guest first = guests.world.new_guest([](Process&) {});  // in line before the counter, or behind it
  guests.start();
  Activity& lie = guests.world.object<Activity>(first.activity);
  lie.process = {};
  lie.process_version = {};
  const uint64_t frame = frame_of(first.activity), index = first.activity.object.index();
  guests.let_owner(call(6, {method::range_rescind_object, frame, index}));
  guests.run_counter();
  CHECK(times_told(no_sense) == 0);
}

TEST_CASE("an activity that names a process of another is taken away without it") {
  OwnerAndCounter guests;
  const Capability spare = guests.world.make(Kind::activity);
  guests.start();
  Activity& lie = guests.world.object<Activity>(spare);
  lie.process = guests.counter.process.object;
  lie.process_version = guests.counter.process.version;
  guests.let_owner(call(6, {method::range_rescind_object, frame_of(spare), spare.object.index()}));
  guests.run_counter();
}

TEST_CASE("a row of activities changes only neighbours that name it, and no page") {
  OwnerAndCounter guests;
  KernelWorld& world = guests.world;
  const Capability far = world.make_in_new_row(Kind::activity), near = world.make_in_new_row(Kind::activity);
  const Capability page = guests.counter.pages[0];
  guests.start();
  const auto header = [&](const Capability& of) -> RowHeader& {
    world.write(of);
    return *reinterpret_cast<RowHeader*>(world.bytes(of));
  };
  const FrameNumber own = near.object.frame();
  SECTION("a page that looks as if it did") {
    header(page).previous = header(page).next = own;
    header(near).next = header(near).previous = page.object.frame();
    guests.let_owner(call(6, {method::range_rescind, own.value, 1}));
    CHECK(header(page).previous == own);
    CHECK(header(page).next == own);
  }
  SECTION("a row that names others") {
    header(near).next = header(near).previous = far.object.frame();
    header(far).next = header(far).previous = {77};
    guests.let_owner(call(6, {method::range_rescind, own.value, 1}));
    CHECK(header(far).previous == FrameNumber{77});
    CHECK(header(far).next == FrameNumber{77});
  }
  SECTION("a page at the head of the list") {
    header(page).previous = {5};
    world.kernel().store.system().first_activity_row = page.object.frame();
    constexpr uint64_t fresh = 200;
    guests.let_owner(call(6, {method::range_make, fresh, static_cast<uint64_t>(Kind::activity), 1, 0}));
    CHECK(header(page).previous == FrameNumber{5});
    CHECK(world.kernel().store.system().first_activity_row == FrameNumber{fresh});
  }
}

TEST_CASE("a restart list that contains itself, goes astray or leads into a page") {
  FourGuests guests;
  const FrameNumber row = guests.client.activity.object.frame();
  const auto forge_header = [&](auto lie) {
    ForgedImage image([&](BlockIndex block) { return guests.world.disk().block(block); }, 1);
    lie(*reinterpret_cast<RowHeader*>(image.body(row)), image);
    image.seal_body(row);
    image.seal_root();
  };
  SECTION("itself") {
    forge_header([&](RowHeader& header, ForgedImage&) { header.next = row; });
  }
  SECTION("a page") {
    forge_header([&](RowHeader& header, ForgedImage&) { header.next = to_page(guests).object.frame(); });
  }
  SECTION("beyond the store") {
    forge_header([&](RowHeader& header, ForgedImage&) { header.next = {~uint64_t{0} >> 6}; });
  }
  SECTION("the row says that another is before it") {
    forge_header([&](RowHeader& header, ForgedImage&) { header.previous = {3}; });
  }
  guests.boot();
  CHECK(guests.calls > 10);
}

TEST_CASE("a page at the head of the restart list is no row of activities, whatever stands in it") {
  KernelWorld world;
  const Capability page = world.make(Kind::page);
  world.write(page);
  world.kernel().store.system().first_activity_row = page.object.frame();
  world.start();
  CHECK(was_told("the list of what ran is not whole"));
}

TEST_CASE("a place in line that is stored is not believed") {
  FourGuests guests;
  guests.forge<Activity>(guests.client.activity, [&](Activity& a) {
    a.queue_flags = 3;
    a.next = 77;
    a.previous = 78;
  });
  guests.world.cut_and_boot();  // all three stand in this row: it is refused as a whole
  guests.run(50);
  CHECK(was_told("a row of activities, or what may be one, cannot be read"));
}

TEST_CASE("a process of which the disk says that it has used the FPU, without its registers, runs") {
  FourGuests guests;
  guests.forge<Process>(guests.counter.process, [&](Process& p) { p.control.flags |= ProcessControl::flag_fpu; });
  guests.boot();
  CHECK(guests.calls > 10);
}

TEST_CASE("thousands of forged images do not bring the kernel down") {
  constexpr unsigned cases = 200;  // of each world
  for_each_seed(50, [](uint64_t seed) {
    ForgedWorld forged(seed);
    const MemoryDisk honest = forged.world.disk();
    for (unsigned i = 0; i < cases; ++i) {
      forged.world.disk() = honest;
      ForgedImage image = forged.image(seed * 1000 + i);
      image.forge(1 + i % 8);
      INFO("case " << i << ":\n" << image.told());
      REQUIRE_NOTHROW(forged.boot_and_run(120));
    }
  });
}
