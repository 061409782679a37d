// SPDX-License-Identifier: MIT
//
// Tries to keep a call from ever ending, or a process from its turns, by frames that the disk does not give, on disks that
// take their time to say so: half a minute for a bad place, four slow reads for a damaged frame (decision 0060).
#include <catch2/catch.hpp>

#include "test/unit/kernel/clocked_disk.hpp"
#include "test/unit/kernel/rows.hpp"

using namespace perdure;

namespace {

constexpr unsigned asked_register = 3;
constexpr uint64_t s = 1'000'000'000, ms = 1'000'000;

struct Scene {
  explicit Scene(bool is_bad_place, unsigned page_count = 0, WorldSize size = {})
      : step_ns(is_bad_place ? 50 * ms : ms), rows(6, size) {
    rows.world.pins_are_watched = false;  // many steps
    for (unsigned i = 0; i < page_count; ++i) pages.push_back(rows.world.make(Kind::page));
    for (unsigned i = 0; i < 2; ++i) {
      rows.world.write(rows.guests[i == 0 ? 0 : 4].process);
      const Guest asker = rows.guests[i == 0 ? 0 : 4];
      rows.world.set_program(asker, [this, i, computes = false](Process& p) mutable {
        if (!is_on[i] || (computes = !computes)) return;
        KernelWorld::invoke(p, Invocation::call, asked_register, {method::type});
      });
      rows.world.process(asker).capability_registers[asked_register] = rows.guests[i == 0 ? 1 : 3].activity;
    }
    rows.world.page_out({});
    disk = std::make_unique<ClockedDisk>(rows.world.disk());
    for (const unsigned lost : {1u, 3u}) rows.damage(rows.row(lost));
    rows.world.disk().forget_completions();
    rows.world.boot(*disk);
    rows.world.start();
    rows.world.run(500);
    for (const unsigned lost : {1u, 3u}) {  // the start has looked at them
      Store& store = rows.world.kernel().store;
      if (is_bad_place) disk->bad.insert(store.root().geometry.home_block(rows.row(lost)).value);
      const CacheSlot slot = store.slot_of(rows.row(lost));
      if (slot == no_slot) continue;
      store.descriptor(slot).flags &= static_cast<uint8_t>(~FrameDescriptor::flag_awaited);
      store.drop(slot);
    }
  }
  void step() {
    rows.world.step();
    fake_machine().advance(step_ns);
  }
  void run_for(uint64_t ns) {
    const uint64_t end_ns = fake_machine().now_ns + ns;
    while (fake_machine().now_ns < end_ns) step();
  }
  // -> in that time.
  bool destroy(uint64_t patience_ns) {
    rows.results.clear();
    rows.calls.push_back(call(range_register, {method::range_rescind, rows.row(2).value, 1}));
    const uint64_t end_ns = fake_machine().now_ns + patience_ns;
    while (rows.results.empty() && fake_machine().now_ns < end_ns) step();
    return rows.results == std::vector<Result>{Result::ok};
  }
  // A process asks for all pages in turn, two in a second.
  void turn_over() {
    rows.world.set_program(rows.guests[0], [this, n = 0u](Process& p) mutable {
      if (fake_machine().now_ns < n * (s / 2)) return;
      p.capability_registers[asked_register] = pages[n++ % pages.size()];
      KernelWorld::invoke(p, Invocation::call, asked_register, {method::type});
    });
  }
  uint64_t step_ns;
  bool is_on[2] = {};
  Rows rows;
  std::vector<Capability> pages;
  std::unique_ptr<ClockedDisk> disk;
};

}  // namespace

TEST_CASE("a row between two rows in bad places is destroyed, though others ask for these") {
  const bool others_ask = GENERATE(false, true);
  const uint64_t read_ns = GENERATE(0 * s, 4 * s);  // the drive, too, tries again
  CAPTURE(others_ask, read_ns);
  Scene scene(true);
  scene.disk->let_reads_take(read_ns);
  scene.is_on[0] = others_ask;
  scene.run_for(15 * s);
  scene.is_on[1] = others_ask;
  scene.run_for(40 * s);
  CHECK(scene.destroy(1500 * s));
}

TEST_CASE("a row between two rows in bad places is destroyed, though a program turns over the cache meanwhile") {
  const bool is_turned_over = GENERATE(false, true);
  CAPTURE(is_turned_over);
  Scene scene(true, 60, {.store_pages = 290});
  CHECK(scene.rows.world.kernel().store.slot_count() < 60);
  if (is_turned_over) scene.turn_over();
  scene.run_for(15 * s);
  CHECK(scene.destroy(1500 * s));
}

TEST_CASE("a row between two damaged rows is destroyed on a slow disk, though others ask for these") {
  const uint64_t latency_ms = GENERATE(50, 300, 1300);
  const bool is_out_of_step = GENERATE(false, true);
  CAPTURE(latency_ms, is_out_of_step);
  Scene scene(false);
  scene.disk->let_reads_take(latency_ms * ms);
  scene.is_on[0] = true;
  scene.run_for(is_out_of_step ? (s + 4 * latency_ms * ms) / 2 : ms);
  scene.is_on[1] = true;
  scene.run_for(10 * s);
  CHECK(scene.destroy(100 * s));
}

namespace {

// A server has accepted the call of a client. The client's frame is in a bad place; another process, which holds the
// client, asks for it all the time.
uint64_t turns_of_server(bool is_asked) {
  Rows rows{4};
  rows.world.pins_are_watched = false;
  uint64_t turns = 0;
  bool is_on = false;
  const Guest server = rows.guests[0], client = rows.guests[1], asker = rows.guests[2];
  rows.world.write(server.process);
  rows.world.let_receive(server);
  rows.world.set_program(server, [&](Process&) { ++turns; });
  rows.world.set_program(client, [step = 0](Process& p) mutable {
    if (++step == 1) KernelWorld::invoke(p, Invocation::call, asked_register, {1});
  });
  rows.world.write(client.process);
  rows.world.process(client).capability_registers[asked_register] = KernelWorld::entry(server);
  rows.world.set_program(asker, [&, computes = false](Process& p) mutable {
    if (!is_on || (computes = !computes)) return;
    KernelWorld::invoke(p, Invocation::call, asked_register, {method::process_status});
  });
  rows.world.write(asker.process);
  rows.world.process(asker).capability_registers[asked_register] = client.process;
  rows.world.page_out({});
  ClockedDisk disk(rows.world.disk());
  rows.world.disk().forget_completions();
  rows.world.boot(disk);
  rows.world.start();
  rows.world.run(1000);
  REQUIRE(rows.world.process(client).control.state == ProcessState::waiting);
  rows.world.page_out({client.process});
  disk.bad.insert(rows.world.kernel().store.root().geometry.home_block(client.process.object.frame()).value);
  const auto run_for = [&](uint64_t ns) {
    for (const uint64_t end_ns = fake_machine().now_ns + ns; fake_machine().now_ns < end_ns;) rows.world.step();
  };
  run_for(40 * s);
  is_on = is_asked;
  turns = 0;
  run_for(100 * s);
  return turns;
}

}  // namespace

TEST_CASE("a server runs, though another process asks for its client, which is in a bad place") {
  const uint64_t alone = turns_of_server(false), asked = turns_of_server(true);
  CHECK(asked > alone / 4);
}

namespace {

// A process has its schedule in a bad place; another one, which holds nothing of it, changes its own all the time.
uint64_t turns_without_schedule(bool others_change) {
  Rows rows{3};
  rows.world.pins_are_watched = false;
  uint64_t turns = 0;
  bool is_on = false;
  const Guest poor = rows.guests[0], other = rows.guests[2];
  rows.world.set_program(poor, [&](Process&) { ++turns; });
  rows.world.set_program(other, [&, n = 0u](Process& p) mutable {
    if (!is_on || ++n % 8 != 0) return;
    KernelWorld::invoke(p, Invocation::call, asked_register, {method::schedule_set, n / 8 % 2, 0});
  });
  rows.world.write(other.process);
  rows.world.process(other).capability_registers[asked_register] = rows.world.process(other).schedule;
  const Capability schedule = rows.world.process(poor).schedule;
  for (const Guest& guest : {rows.guests[1], rows.guests[2], rows.owner}) {
    rows.world.object<Schedule>(rows.world.process(guest).schedule).priority = 0;
  }
  REQUIRE(schedule.object.frame() != rows.world.process(other).schedule.object.frame());
  rows.world.page_out({});
  ClockedDisk disk(rows.world.disk());
  rows.world.disk().forget_completions();
  rows.world.boot(disk);
  disk.bad.insert(rows.world.kernel().store.root().geometry.home_block(schedule.object.frame()).value);
  rows.world.start();
  const auto run_for = [&](uint64_t ns) {
    for (const uint64_t end_ns = fake_machine().now_ns + ns; fake_machine().now_ns < end_ns;) {
      if (!rows.world.step()) fake_machine().advance(ms);
    }
  };
  run_for(40 * s);
  is_on = others_change;
  turns = 0;
  run_for(100 * s);
  return turns;
}

}  // namespace

TEST_CASE("a process without its schedule runs, though others change theirs") {
  const uint64_t alone = turns_without_schedule(false), changed = turns_without_schedule(true);
  CHECK(changed > alone / 4);
}

TEST_CASE("a row is destroyed between two that are lost, though others want something made in these again and again") {
  const uint64_t latency_us = GENERATE(1, 100, 1000, 3000, 20000);
  const unsigned makers = GENERATE(1u, 2u);
  CAPTURE(latency_us, makers);
  Rows rows(6);
  bool is_on = false;
  unsigned refused = 0;
  for (unsigned i = 0; i < makers; ++i) {
    const Guest maker = rows.guests[i == 0 ? 0 : 4];
    const uint64_t row = rows.row(i == 0 ? 1 : 3).value;
    rows.world.write(maker.process);
    rows.world.process(maker).capability_registers[range_register] = {.type = CapabilityType::range, .payload = first_free};
    rows.world.set_program(maker, [&, row, computes = false](Process& p) mutable {
      if (!is_on || (computes = !computes)) return;
      refused += result_of(p) == Result::unreadable;
      KernelWorld::invoke(p, Invocation::call, range_register, {method::range_make, row, static_cast<uint64_t>(Kind::activity), 1, 5}, 0, bought);
    });
  }
  rows.world.page_out({});
  ClockedDisk disk(rows.world.disk());
  for (const unsigned lost_row : {1u, 3u}) rows.damage(rows.row(lost_row));
  rows.world.disk().forget_completions();
  rows.world.boot(disk);
  rows.world.start();
  rows.world.run(500);
  disk.let_reads_take(latency_us * 1000);
  is_on = true;
  rows.world.run(3000);
  rows.results.clear();
  rows.calls.push_back(call(range_register, {method::range_rescind, rows.row(2).value, 1}));
  const uint64_t begin_ns = fake_machine().now_ns;
  unsigned steps = 0;
  for (; rows.results.empty() && steps < 400'000 && fake_machine().now_ns - begin_ns < 100'000'000'000; ++steps) {
    if (!rows.world.step()) fake_machine().advance(1'000'000);
  }
  const uint64_t took_ms = (fake_machine().now_ns - begin_ns) / 1'000'000;
  CAPTURE(refused, steps, took_ms);
  CHECK(rows.results.size() == 1);
}

namespace {

// How often a process gets a page that the disk gives, in 200 seconds, while others ask for pages in bad places.
unsigned pages_read(unsigned bad_count) {
  KernelWorld world;
  bool is_on = false;
  unsigned got = 0;
  std::vector<Guest> askers;
  std::vector<Capability> bad_pages;
  for (unsigned i = 0; i < bad_count; ++i) {
    bad_pages.push_back(world.make(Kind::page));
    askers.push_back(world.new_plain_guest([&, computes = false](Process& p) mutable {
      if (!is_on || (computes = !computes)) return;
      KernelWorld::invoke(p, Invocation::call, 3, {method::type});
    }));
    world.process(askers.back()).capability_registers[3] = bad_pages.back();
  }
  const Capability page = world.make(Kind::page);
  const Guest reader = world.new_plain_guest([&](Process& p) {
    if (!is_on) return;
    got += result_of(p) == Result::ok;
    Store& store = world.kernel().store;
    if (const CacheSlot slot = store.slot_of(page.object.frame()); slot != no_slot) store.drop(slot);
    KernelWorld::invoke(p, Invocation::call, 3, {method::type});
  });
  world.process(reader).capability_registers[3] = page;
  world.start();
  world.run(200);
  std::vector<Capability> out = bad_pages;
  out.push_back(page);
  world.page_out({});
  ClockedDisk disk(world.disk());
  world.disk().forget_completions();
  world.boot(disk);
  for (const Capability& bad : bad_pages) disk.bad.insert(world.kernel().store.root().geometry.home_block(bad.object.frame()).value);
  disk.let_reads_take(ms);
  world.start();
  world.run(200);
  is_on = true;
  const auto run_for = [&](uint64_t ns) {
    for (const uint64_t end_ns = fake_machine().now_ns + ns; fake_machine().now_ns < end_ns;) {
      world.step();
      fake_machine().advance(10 * ms);
    }
  };
  run_for(100 * s);
  got = 0;
  run_for(200 * s);
  return got;
}

}  // namespace

TEST_CASE("a process that asks for pages that the disk gives gets them, however many others ask for pages in bad places") {
  const unsigned few = pages_read(20), many = pages_read(40);
  CHECK(many > few / 10);
}
