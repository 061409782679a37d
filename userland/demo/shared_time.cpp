// SPDX-License-Identifier: MIT
//
// B4: the time server. One page of its storage shows the time; fifty clients map the capability to that same
// page as the server gave it, and read it without any call. Each lives in an address space of
// its own. A client that writes is stopped by a fault, and no other notices. After a power cut the
// page still shows the time of the boot before: no client takes it for the present.
//
// So that all clients look at the page before it is refreshed, the server's ticker is stopped over the cut. What
// happens when it comes in the middle of a reading is not shown here, for an emulated processor is not
// interrupted between these instructions: `scripts/test unit time_page` has a reader and a writer at once.
#include "userland/demo/actor.hpp"
#include "userland/demo/instance.hpp"
#include "userland/demo/power_cut.hpp"
#include "userland/demo/rows.hpp"
#include "userland/interfaces/clock.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/requests.hpp"
#include "userland/runtime/server.hpp"
#include "userland/runtime/time_page.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(4)};  // the clients'
constexpr PageCapability page{work_register(5)};
constexpr CapabilityPageCapability clients{work_register(6)};
constexpr CapabilityPageCapability spaces{work_register(7)};
constexpr NodeCapability space{work_register(8)};
constexpr CapabilityRegister client{work_register(9)};
constexpr CapabilityRegister passing{work_register(10)};
constexpr ProcessCapability writer{work_register(12)};
constexpr ProcessCapability ticker{work_register(13)};
constexpr unsigned scratch_registers = lasting_register_count;

constexpr unsigned client_count = 50;
constexpr uint64_t limit = 64;

// What a client notes; its argument is the address of one.
struct Notes {
  TimeReading last;
  bool last_from_page = false;
  uint64_t readings = 0;
  uint64_t from_page = 0;  // the others were answered by the server
  uint64_t torn = 0;       // values that do not belong together, or time that goes back
};

struct {
  Notes notes[client_count];
  uint64_t used_by_server = 0;
  std::atomic<bool> was_written = false;
} row;

// --- clients -----------------------------------------------------------------------------------------

struct Reader {
  static constexpr std::string_view name = "reader";
  static constexpr Method<void(uint64_t)> read{"read", {"TIMES"}};
  // Looks at the page, and asks no server → the boot of the time that it shows; 0: it cannot be believed.
  static constexpr Method<uint64_t()> glance{"glance"};
  using Methods = MethodList<read, glance>;
};

constexpr CapabilityRegister readers_server{8};
const TimePage& shown() { return *reinterpret_cast<const TimePage*>(window()); }

// Machine time and wall time run alike in one boot, so their difference is always the same, but
// for the fraction of a second that the wall time does not show.
bool belong_together(const TimeReading& a, const TimeReading& b) {
  const auto offset = [](const TimeReading& time) {
    return static_cast<int64_t>(time.wall_seconds * 1'000'000'000 - time.machine_ns);
  };
  const int64_t difference = offset(a) - offset(b);
  return difference > -1'100'000'000 && difference < 1'100'000'000;
}

void look_at_clock(Notes& notes) {
  const auto from_page = read_time_page(shown(), boot_mark);
  const auto now = from_page ? Answer<TimeReading>(*from_page)
                             : Client<Clock>{readers_server}.call<Clock::now>();
  if (!now) {
    ++notes.torn;
    return;
  }
  const bool same_boot = notes.readings > 0 && now->boot_epoch == notes.last.boot_epoch;
  // The page may be a little older than what the server has told before.
  const bool goes_back = from_page && notes.last_from_page && now->machine_ns < notes.last.machine_ns;
  if (same_boot && (goes_back || !belong_together(*now, notes.last))) ++notes.torn;
  ++notes.readings;
  notes.from_page += from_page ? 1 : 0;
  notes.last_from_page = from_page.has_value();
  notes.last = *now;
}

Answer<void> read(Notes& notes, const Call&, uint64_t times) {
  for (uint64_t i = 0; i < times; ++i) look_at_clock(notes);
  return {};
}

Answer<uint64_t> glance(Notes&, const Call&) {
  const auto from_page = read_time_page(shown(), boot_mark);
  return from_page ? from_page->boot_epoch : 0;
}

[[noreturn]] void play_reader(uint64_t notes) {
  serve<Reader, read, glance>(*reinterpret_cast<Notes*>(notes));
}

[[noreturn]] void write_time(uint64_t) {
  const_cast<TimePage&>(shown()).machine_ns.store(0);
  row.was_written = true;
  wait_for_ever();
}

// --- set up ------------------------------------------------------------------------------------------

bool start(Stage& stage) {
  if (!find_recipe(stage, "clock") || !start_instance(stage, limit) ||
      !stage.done(own_bank.create_sub_bank(bank_unlimited, home.at), "a bank for the clients")) {
    return false;
  }
  for (const CapabilityPageCapability& one : {clients, spaces}) {
    if (!stage.done(home.allocate(Kind::capability_page, one.at), "buying a page")) return false;
  }
  return stage.done(Client<Clock>{instance_entry}.call_receiving<Clock::page>(page.at),
                    "asking for the page") &&
         stage.used_by(instance_bank, row.used_by_server) &&
         stage.say("a time server; its bank uses ", row.used_by_server, " frames, one of them is the page");
}

// The demonstration's memory, and in the window the page: a root node of the client's own.
bool make_space(Stage& stage) {
  if (!stage.done(home.allocate(Kind::node, space.at), "a node") ||
      !stage.done(space.set({.slot_size = layout::root_slot_size, .flags = layout::root_flags}), "a space") ||
      !stage.done(space.set_keeper(demo_register::space_keeper), "its keeper")) {
    return false;
  }
  for (unsigned slot = 0; slot < node_slot_count; ++slot) {
    if (!stage.done(own_space.fetch(slot, passing), "looking into the own space") ||
        !stage.done(space.store(slot, passing), "filling a space")) {
      return false;
    }
  }
  return stage.done(map_in_window(space, page, 0, passing), "mapping the page");
}

bool hire(Stage& stage, unsigned i) {
  const Given given[] = {{readers_server, instance_entry}};
  ActorStart reader = actor_in(scratch_registers, home, play_reader,
                               reinterpret_cast<uint64_t>(&row.notes[i]));
  reader.given = given;
  reader.space = space;
  reader.entry = client;
  return make_space(stage) && start_actor(stage, reader) &&
         stage.done(clients.store(i, client), "keeping a client") &&
         stage.done(spaces.store(i, space.at), "keeping a space");
}

bool all_read(Stage& stage, uint64_t times) {
  for (unsigned i = 0; i < client_count; ++i) {
    if (!stage.done(clients.fetch(i, client), "going to a client") ||
        !stage.done(Client<Reader>{client}.call<Reader::read>(times), "letting a client read") ||
        !stage.require(row.notes[i].torn == 0, "client ", uint64_t{i},
                       " read what does not belong together")) {
      return false;
    }
  }
  return true;
}

bool hire_clients(Stage& stage) {
  for (unsigned i = 0; i < client_count; ++i) {
    if (!hire(stage, i)) return false;
  }
  for (unsigned i = 0; i < client_count; ++i) {
    if (!stage.done(spaces.fetch(i, space.at), "going to a space") ||
        !stage.done(space.fetch(window_slot(0), passing), "looking into a space")) {
      return false;
    }
    const auto bought_by = instance_bank.identify(passing);
    if (!stage.done(bought_by, "a client's page is not the server's")) return false;
  }
  return stage.require_used(instance_bank, row.used_by_server, "with fifty clients") &&
         stage.say(uint64_t{client_count}, " clients in spaces of their own, and one frame for all");
}

// --- reading, writing, and a power cut ------------------------------------------------------------------

bool read_time(Stage& stage) {
  constexpr unsigned rounds = 20;
  constexpr uint64_t times = 50;
  for (unsigned round = 0; round < rounds; ++round) {
    if (!all_read(stage, times)) return false;
    sleep_ns(time_page_refresh_ns / 2);
  }
  uint64_t readings = 0, from_page = 0;
  for (const Notes& one : row.notes) {
    readings += one.readings;
    from_page += one.from_page;
  }
  const auto refreshes = Client<Clock>{instance_entry}.call<Clock::refreshes>();
  return stage.done(refreshes, "asking for the refreshes") &&
         stage.require(*refreshes > 2, "the page stands still") &&
         stage.require(from_page * 10 >= readings * 9, "the clients had to ask for the time") &&
         stage.say(readings, " readings, ", from_page, " of them without any call, over ", *refreshes,
                   " refreshes");
}

bool write_page(Stage& stage) {
  ActorStart start = actor_in(scratch_registers, home, write_time);
  start.space = space;
  start.process = writer;
  if (!make_space(stage) || !start_actor(stage, start)) return false;
  while (true) {
    const auto status = writer.status();
    if (!stage.done(status, "looking at the writer") ||
        !stage.require(!row.was_written, "a client has written the page")) {
      return false;
    }
    if (status->state != ProcessState::stopped) {
      sleep_ns(1'000'000);
      continue;
    }
    return stage.require(status->fault == FaultCode::access, "the writer was stopped by something else") &&
           all_read(stage, 1) && stage.say("one that writes is stopped by a fault; the page is as it was");
  }
}

// --- over a power cut --------------------------------------------------------------------------------------

bool all_glance(Stage& stage) {
  for (unsigned i = 0; i < client_count; ++i) {
    if (!stage.done(clients.fetch(i, client), "going to a client")) return false;
    const auto seen = Client<Reader>{client}.call<Reader::glance>();
    if (!stage.done(seen, "letting a client look") ||
        !stage.require(*seen == 0, "a client took the time of an earlier boot for new")) {
      return false;
    }
  }
  return true;
}

// The power may be cut again at any moment, also between a question and its answer; as long as it is not,
// `since` and now are the same.
bool is_boot_since(Stage& stage, uint64_t since, uint64_t told) { return since <= told && told <= boot_epoch(stage); }

bool cut(Stage& stage) {
  if (!stage.done(instance_process.fetch(clock_ticker_register, ticker.at), "looking for the ticker") ||
      !stage.done(ticker.stop(), "stopping the ticker") || !commit_and_cut(stage)) {
    return false;
  }
  const uint64_t epoch = boot_epoch(stage);
  if (epoch == 0 || !all_glance(stage) || !all_read(stage, 1)) return false;
  for (const Notes& one : row.notes) {
    if (!stage.require(is_boot_since(stage, epoch, one.last.boot_epoch),
                       "a client was told the time of an earlier boot")) {
      return false;
    }
  }
  return stage.done(ticker.start(registers::nothing), "starting the ticker again") &&
         stage.say("power cut: all ", uint64_t{client_count},
                   " clients found the time of the boot before, none believed it, and all know the time");
}

constexpr Step steps[] = {start, hire_clients, read_time, write_page, cut, read_time};

}  // namespace

Steps steps_of_shared_time() { return steps; }

}  // namespace perdure
