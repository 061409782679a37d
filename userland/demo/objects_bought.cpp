// SPDX-License-Identifier: MIT
//
// A2: page, capability page, node, wrapper, endpoint, process, notice (and schedule and activity)
// are first-class objects, and all of them are bought from the space bank.
//
// One step for each: an object is bought, used for what it is for, kept as copies in a capability
// page, and destroyed. Then the bank uses what it used before, and every copy is void: also those
// of what was derived from it. Memory is destroyed while it is mapped, and then no process sees it.
#include <algorithm>
#include <atomic>

#include "userland/demo/actor.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/invoke.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {

namespace {

constexpr BankCapability shop{work_register(0)};  // a bank of the row's own
constexpr CapabilityPageCapability album{work_register(1)};
constexpr CapabilityRegister bought{work_register(2)};
constexpr CapabilityRegister derived{work_register(3)};
constexpr CapabilityRegister looked_at{work_register(4)};
constexpr CapabilityRegister other{work_register(5)};
constexpr ActorStart actor = actor_in(6, shop, play_host);

struct {
  uint64_t used = 0;         // by the shop, with the album in it
  unsigned kept = 0;         // slots of the album in use
  uint64_t notices = 0;      // that the listener heard
  std::atomic<bool> was_seen = false;
} row;

bool keep(Stage& stage, CapabilityRegister capability) {
  return stage.done(album.store(row.kept++, capability), "keeping a copy");
}

// Each copy is void, the one in the register too, and the bank has what it had.
bool all_is_gone(Stage& stage, CapabilityRegister original, std::string_view what) {
  if (!stage.require_void(original, what)) return false;
  for (unsigned i = 0; i < row.kept; ++i) {
    if (!stage.require_void_at(album, i, looked_at, what)) return false;
  }
  const unsigned copies = row.kept + 1;
  row.kept = 0;
  return stage.require_used(shop, row.used, what) &&
         stage.say(what, ": bought, used, destroyed; ", copies, " capabilities void, usage as before");
}

bool buy(Stage& stage, Kind kind, CapabilityRegister into) {
  return stage.done(shop.allocate(kind, into), "buying a ", info(kind).name) && keep(stage, into) &&
         keep(stage, into);
}

bool sell(Stage& stage, CapabilityRegister object, std::string_view what) {
  return stage.done(shop.free(object), "destroying a ", what);
}

bool all_zero(const std::byte* bytes) {
  return std::all_of(bytes, bytes + frame_bytes, [](std::byte b) { return b == std::byte{0}; });
}

[[noreturn]] void look(uint64_t address) {
  Message message;
  reply_and_wait(registers::nothing, message);  // until it is told to
  (void)*reinterpret_cast<volatile std::byte*>(address);
  row.was_seen = true;
  wait_for_ever();
}

// A process that will load from `place`, and then a translation of `place`: in this order, for starting the process
// makes the space grow, which voids the translations that there are.
bool hire_looker(Stage& stage, const std::byte* place) {
  ActorStart start = actor;
  start.body = look;
  start.argument = reinterpret_cast<uint64_t>(place);
  row.was_seen = false;
  if (!start_actor(stage, start)) return false;
  (void)*reinterpret_cast<const volatile std::byte*>(place);
  return true;
}

// What was mapped there a moment ago is destroyed: a process that loads from there is stopped.
bool is_seen_by_nobody(Stage& stage, std::string_view what) {
  const ActorStart& start = actor;
  Message message;
  if (!stage.done(checked(send(start.entry, message)), "letting one look")) return false;
  while (true) {
    const auto status = start.process.status();
    if (!stage.done(status, "looking at the one that looks") ||
        !stage.require(!row.was_seen, "a destroyed ", what, " is still mapped")) {
      return false;
    }
    if (status->state != ProcessState::stopped) {
      sleep_ns(1'000'000);
      continue;
    }
    return stage.require(status->fault == FaultCode::no_memory, "the one that looks was stopped by something else") &&
           sell(stage, start.process.at, "process") && sell(stage, start.endpoint.at, "endpoint") &&
           sell(stage, start.activity, "activity");
  }
}

// --- the steps --------------------------------------------------------------------------------------

bool open_shop(Stage& stage) {
  uint64_t before = 0;
  if (!stage.done(own_bank.create_sub_bank(64, shop.at), "a bank for the row") ||
      !stage.used_by(shop, before) ||
      !stage.done(shop.allocate(Kind::capability_page, album.at), "buying the album") ||
      !stage.used_by(shop, row.used)) {
    return false;
  }
  return stage.require(row.used == before + 1, "a capability page costs ", row.used - before,
                       " frames") &&
         stage.say("a bank of its own, and a capability page that keeps copies");
}

bool show_page(Stage& stage) {
  if (!buy(stage, Kind::page, bought) || !stage.map(bought)) return false;
  if (!stage.require(all_zero(window()), "a new page is not zero")) return false;
  const PageCapability page{bought};
  if (!stage.done(page.reduce(restriction::read_only, 0, derived), "reducing a page") ||
      !keep(stage, derived)) {
    return false;
  }
  *window() = std::byte{0x42};
  if (!stage.map(derived) || !stage.require(*window() == std::byte{0x42}, "a page loses bytes")) {
    return false;
  }
  return hire_looker(stage, window()) && sell(stage, bought, "page") && is_seen_by_nobody(stage, "page") &&
         stage.map(registers::nothing) && all_is_gone(stage, bought, "page");
}

bool show_capability_page(Stage& stage) {
  const CapabilityPageCapability page{bought};
  if (!buy(stage, Kind::capability_page, bought)) return false;
  if (!stage.done(page.store(127, shop.at), "storing") ||
      !stage.done(page.fetch(127, derived), "fetching")) {
    return false;
  }
  const auto same = demo_register::discriminator.same(derived, shop.at);
  if (!stage.require(same && *same, "a capability page does not give back what it was given") ||
      !stage.done(page.reduce(restriction::weak, 0, derived), "reducing") || !keep(stage, derived)) {
    return false;
  }
  return sell(stage, bought, "capability page") && all_is_gone(stage, bought, "capability page");
}

// A space of sixteen pages, of which one is there.
bool show_node(Stage& stage) {
  const NodeCapability node{bought};
  if (!buy(stage, Kind::node, bought) ||
      !stage.done(shop.allocate(Kind::page, other), "buying a page")) {
    return false;
  }
  constexpr unsigned slot = 5;
  if (!stage.done(node.store(slot, other), "storing in a node") || !stage.map(bought)) return false;
  std::byte* const place = window() + slot * frame_bytes;
  *place = std::byte{0x17};
  const PageCapability page{other};
  if (!stage.map(page.at) ||
      !stage.require(*window() == std::byte{0x17}, "a node does not show its page") ||
      !stage.done(node.reduce(restriction::opaque, 0, derived), "reducing a node") ||
      !keep(stage, derived)) {
    return false;
  }
  if (!stage.map(bought) || !stage.require(*place == std::byte{0x17}, "a node loses its page")) return false;
  return hire_looker(stage, place) && sell(stage, bought, "node") && is_seen_by_nobody(stage, "node") &&
         stage.map(registers::nothing) && sell(stage, other, "page") && all_is_gone(stage, bought, "node");
}

// A process needs an activity to run and an endpoint to be called: three objects at once.
bool show_process(Stage& stage) {
  ActorStart start = actor;
  start.argument = 4711;
  if (!start_actor(stage, start) || !host_says(stage, start.entry, 4711)) return false;
  for (const CapabilityRegister one :
       {start.process.at, start.activity, start.endpoint.at, start.entry}) {
    if (!keep(stage, one)) return false;
  }
  return sell(stage, start.process.at, "process") &&
         stage.refused(ask_type(start.entry), Result::void_capability,
                       "the entry of a process that is gone") &&
         sell(stage, start.endpoint.at, "endpoint") && sell(stage, start.activity, "activity") &&
         all_is_gone(stage, start.process.at, "process, activity and endpoint");
}

bool show_wrapper(Stage& stage) {
  const WrapperCapability wrapper{bought};
  ActorStart start = actor;
  start.argument = 12;
  if (!start_actor(stage, start) || !buy(stage, Kind::wrapper, bought) ||
      !stage.done(wrapper.set_target(start.entry), "a wrapper's target") ||
      !stage.done(wrapper.client(derived), "a wrapper's client capability") ||
      !keep(stage, derived) || !host_says(stage, derived, 12) || !sell(stage, bought, "wrapper") ||
      !host_says(stage, start.entry, 12)) {  // its target is none the worse for it
    return false;
  }
  return sell(stage, start.process.at, "process") && sell(stage, start.endpoint.at, "endpoint") &&
         sell(stage, start.activity, "activity") && all_is_gone(stage, bought, "wrapper");
}

[[noreturn]] void listen(uint64_t) {
  Message message;
  while (true) {
    const bool asked = message.delivery == Delivery::call;
    message = {.words = {0, row.notices, 0, 0, 0, 0}};
    reply_and_wait(asked ? registers::resume : registers::nothing, message);
    if (message.delivery == Delivery::notices) row.notices |= message.words[0];
  }
}

bool show_notice(Stage& stage) {
  const NoticeCapability notice{bought};
  ActorStart start = actor;
  start.body = listen;
  if (!start_actor(stage, start) || !buy(stage, Kind::notice, bought) ||
      !stage.done(notice.set(0x50, start.process), "a notice's receiver") ||
      !stage.done(notice.reduce(derived), "reducing a notice") || !keep(stage, derived) ||
      !stage.done(NoticeCapability{derived}.post(), "posting")) {
    return false;
  }
  (void)ask_type(start.entry);  // answered after what was posted before
  return stage.require(row.notices == 0x50, "the notice was not heard") &&
         sell(stage, bought, "notice") && sell(stage, start.process.at, "process") &&
         sell(stage, start.endpoint.at, "endpoint") && sell(stage, start.activity, "activity") &&
         all_is_gone(stage, bought, "notice");
}

bool show_schedule(Stage& stage) {
  const ScheduleCapability schedule{bought};
  ActorStart start = actor;
  start.schedule = schedule;
  start.argument = 3;
  if (!buy(stage, Kind::schedule, bought) ||
      !stage.require(is_refused(schedule.set({.priority = priority_max}), Result::limit_reached),
                     "what a bank sells may be of any priority") ||
      !stage.done(schedule.set({.priority = 3, .slice_ns = 1'000'000}), "a schedule's settings") ||
      !start_actor(stage, start) || !host_says(stage, start.entry, 3)) {
    return false;
  }
  const auto settings = schedule.get();
  return stage.require(settings && settings->priority == 3, "a schedule forgets") &&
         sell(stage, start.process.at, "process") && sell(stage, start.endpoint.at, "endpoint") &&
         sell(stage, start.activity, "activity") && sell(stage, bought, "schedule") &&
         all_is_gone(stage, bought, "schedule");
}

// One of each kind again, and nothing given back by itself.
bool close_shop(Stage& stage) {
  constexpr Kind kinds[] = {Kind::page,   Kind::capability_page, Kind::process,
                            Kind::node,   Kind::wrapper,         Kind::endpoint,
                            Kind::notice, Kind::schedule,        Kind::activity};
  uint64_t before = 0;
  for (unsigned i = 0; i < std::size(kinds); ++i) {
    if (!stage.done(shop.allocate(kinds[i], work_register(6 + i)), "buying a ", info(kinds[i]).name)) {
      return false;
    }
  }
  if (!stage.used_by(own_bank, before) || !stage.done(shop.destroy(), "destroying the bank")) {
    return false;
  }
  for (unsigned i = 0; i < std::size(kinds); ++i) {
    if (!stage.require_void(work_register(6 + i), info(kinds[i]).name)) return false;
  }
  constexpr uint64_t of_a_bank = 2;
  return stage.require_void(album.at, "the album") && stage.require_void(shop.at, "the bank") &&
         stage.require_used(own_bank, before - row.used - std::size(kinds) - of_a_bank,
                            "after the bank is gone") &&
         stage.say("one of each kind, and the bank destroyed: all void, all returned");
}

constexpr Step steps[] = {open_shop,    show_page,   show_capability_page, show_node,    show_process,
                          show_wrapper, show_notice, show_schedule,        close_shop};

}  // namespace

Steps steps_of_objects_bought() { return steps; }

}  // namespace perdure
