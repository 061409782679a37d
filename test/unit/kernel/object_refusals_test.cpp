// SPDX-License-Identifier: MIT
//
// What each kind of kernel object refuses, and next to it what it does not: arguments out of bounds,
// capabilities of a wrong type (the kernel later takes what stands in an object for what it has to be),
// and what a restricted capability does not give.
#include <catch2/catch.hpp>

#include <array>
#include <string_view>

#include "test/unit/kernel/trial.hpp"

using namespace perdure;

namespace {

using Maker = std::function<Capability(Trial&)>;

struct Case {
  std::string_view what;
  Maker invoked;
  std::array<uint64_t, 6> words;
  Maker sent;
  Result told;
};

Maker of_kind(Kind kind, uint8_t restrictions = 0) {
  return [=](Trial& trial) {
    Capability made = trial.world.make(kind);
    made.restrictions = restrictions;
    return made;
  };
}
Capability of_ceiling_3(Trial& trial) {
  const Capability made = trial.world.make(Kind::schedule);
  trial.world.object<Schedule>(made).ceiling = 3;
  return made;
}
Capability itself(Trial& trial) { return trial.guest.process; }
Capability own_activity(Trial& trial) { return trial.guest.activity; }
Capability own_entry(Trial& trial) { return KernelWorld::entry(trial.guest); }
Capability wrapped_entry(Trial& trial) {
  const Capability control = trial.world.make(Kind::wrapper);
  trial.world.object<Wrapper>(control).target = own_entry(trial);
  return KernelWorld::client_of(control);
}
Capability gone_activity(Trial& trial) {
  Capability gone = trial.world.make(Kind::activity);
  ++gone.version.value;
  return gone;
}
Capability own_resume(Trial& trial) {
  Capability resume = trial.guest.process;
  resume.type = CapabilityType::resume;
  return resume;
}
Capability number(Trial&) { return number_capability(1); }
Capability nothing(Trial&) { return {}; }
Capability console(Trial& trial) { return {.type = CapabilityType::console, .payload = trial.world.kernel().time.boot_epoch()}; }
Capability old_console(Trial& trial) {
  Capability old = console(trial);
  --old.payload;
  return old;
}
Capability devices(Trial&) { return {.type = CapabilityType::devices}; }
Capability checkpoint(Trial&) { return {.type = CapabilityType::checkpoint}; }

const Maker endpoint = of_kind(Kind::endpoint), notice = of_kind(Kind::notice), page = of_kind(Kind::page),
            node = of_kind(Kind::node), slots = of_kind(Kind::capability_page), process = of_kind(Kind::process),
            activity = of_kind(Kind::activity), schedule = of_kind(Kind::schedule);
constexpr uint8_t post_only = 1;  // as notice.reduce restricts it
constexpr Result ok = Result::ok, bad = Result::bad_argument, wrong = Result::wrong_type,
                 no_right = Result::missing_right;

const Case cases[] = {
    {"a page as a receiver", endpoint, {method::endpoint_set_receiver}, page, wrong},
    {"nobody as a receiver", endpoint, {method::endpoint_set_receiver}, nothing, ok},
    {"a process as a receiver", endpoint, {method::endpoint_set_receiver}, process, ok},

    {"a page to be noticed", notice, {method::notice_set, 1}, page, wrong},
    {"a process to be noticed", notice, {method::notice_set, 1}, process, ok},
    {"a notice that can only be posted, set", of_kind(Kind::notice, post_only),
     {method::notice_set, 1}, process, no_right},

    {"a page copied from a node", page, {method::page_copy_from}, node, wrong},
    {"a page copied from nothing", page, {method::page_copy_from}, nothing, Result::void_capability},
    {"a page copied", page, {method::page_copy_from}, page, ok},
    {"a page copied to where one may only read", of_kind(Kind::page, restriction::read_only),
     {method::page_copy_from}, page, no_right},
    {"a page copied to where one is weak", of_kind(Kind::page, restriction::weak),
     {method::page_copy_from}, page, no_right},
    {"a restriction that there is not", page, {method::memory_reduce, restriction::all + 1}, nothing, bad},
    {"a restriction above a byte", page, {method::memory_reduce, 256}, nothing, bad},
    {"all restrictions", page, {method::memory_reduce, restriction::all}, nothing, ok},

    {"slots of the greatest size", node, {method::node_set, node_slot_size_max}, nothing, ok},
    {"slots of a greater size", node, {method::node_set, node_slot_size_max + 1}, nothing, bad},
    {"a flag that there is not", node, {method::node_set, 0, 2}, nothing, bad},
    {"a page as a keeper", node, {method::node_set_keeper}, page, wrong},
    {"an entry as a keeper", node, {method::node_set_keeper}, own_entry, ok},
    {"a wrapped entry as a keeper", node, {method::node_set_keeper}, wrapped_entry, ok},
    {"no keeper", node, {method::node_set_keeper}, nothing, ok},
    {"the last slot of a node", node, {method::store, node_slot_count - 1}, page, ok},
    {"a slot behind it, stored", node, {method::store, node_slot_count}, page, bad},
    {"a slot behind it, fetched", node, {method::fetch, node_slot_count}, nothing, bad},
    {"an opaque node, fetched from", of_kind(Kind::node, restriction::opaque),
     {method::fetch, 0}, nothing, no_right},
    {"an opaque node, stored to", of_kind(Kind::node, restriction::opaque), {method::store, 0}, page, no_right},
    {"an opaque node, asked", of_kind(Kind::node, restriction::opaque), {method::node_get}, nothing, no_right},
    {"a read-only node, stored to", of_kind(Kind::node, restriction::read_only),
     {method::store, 0}, page, no_right},
    {"a read-only node, fetched from", of_kind(Kind::node, restriction::read_only),
     {method::fetch, 0}, nothing, ok},
    {"a read-only node, set", of_kind(Kind::node, restriction::read_only),
     {method::node_set, 0}, nothing, no_right},
    {"a read-only node's keeper", of_kind(Kind::node, restriction::read_only),
     {method::node_set_keeper}, nothing, no_right},
    {"a weak node, stored to", of_kind(Kind::node, restriction::weak), {method::store, 0}, page, no_right},

    {"the last slot of a page", slots, {method::store, capabilities_per_page - 1}, page, ok},
    {"a slot behind it of a page, stored", slots, {method::store, capabilities_per_page}, page, bad},
    {"a slot behind it of a page, fetched", slots, {method::fetch, capabilities_per_page}, nothing, bad},
    {"an opaque capability page, fetched from", of_kind(Kind::capability_page, restriction::opaque),
     {method::fetch, 0}, nothing, no_right},
    {"a read-only capability page, stored to", of_kind(Kind::capability_page, restriction::read_only),
     {method::store, 0}, page, no_right},
    {"a weak capability page, stored to", of_kind(Kind::capability_page, restriction::weak),
     {method::store, 0}, page, no_right},

    {"a number as a space", process, {method::store, process_slot::space}, number, wrong},
    {"a page as a space", process, {method::store, process_slot::space}, page, ok},
    {"no space", process, {method::store, process_slot::space}, nothing, ok},
    {"a page as a schedule", process, {method::store, process_slot::schedule}, page, wrong},
    {"a schedule as a schedule", process, {method::store, process_slot::schedule}, schedule, ok},
    {"an entry as a process's keeper", process, {method::store, process_slot::keeper}, own_entry, ok},
    {"a wrapped entry as a process's keeper", process, {method::store, process_slot::keeper}, wrapped_entry, ok},
    {"no schedule", process, {method::store, process_slot::schedule}, nothing, ok},
    {"the schedule that a process runs by, fetched", process, {method::fetch, process_slot::schedule}, nothing, no_right},
    {"the space that a process runs in, fetched", process, {method::fetch, process_slot::space}, nothing, ok},
    {"the brand of a process, fetched", process, {method::fetch, process_slot::brand}, nothing, ok},
    {"the keeper of a process, fetched", process, {method::fetch, process_slot::keeper}, nothing, ok},
    {"a page as a process's keeper", process, {method::store, process_slot::keeper}, page, wrong},
    {"a register that is always void", process, {method::store, 0}, page, bad},
    {"the last register", process, {method::store, capability_register_count - 1}, page, ok},
    {"a slot that a process does not have, stored", process, {method::store, 1000}, page, bad},
    {"a slot that a process does not have, fetched", process, {method::fetch, 1000}, nothing, bad},
    {"a page as an activity", process, {method::process_start}, page, wrong},
    {"nothing as an activity", process, {method::process_start}, nothing, Result::void_capability},
    {"an activity that is gone", process, {method::process_start}, gone_activity, Result::void_capability},
    {"another process's activity", process, {method::process_start}, own_activity, Result::in_use},
    {"who runs, started", itself, {method::process_start}, activity, Result::in_use},
    {"a start", process, {method::process_start}, activity, ok},
    {"registers that are not all", process, {method::process_set_registers}, nothing, bad},

    {"the highest priority", schedule, {method::schedule_set, priority_max, 1'000'000'000}, nothing, ok},
    {"a higher one", schedule, {method::schedule_set, priority_max + 1, 0}, nothing, bad},
    {"the highest that a low one allows", of_ceiling_3, {method::schedule_set, 3, 0}, nothing, ok},
    {"a higher one than that", of_ceiling_3, {method::schedule_set, 4, 0}, nothing, Result::limit_reached},
    {"a page, derived", schedule, {method::schedule_derive, 1}, page, wrong},
    {"nothing, derived", schedule, {method::schedule_derive, 1}, nothing, Result::void_capability},
    {"a schedule, derived", schedule, {method::schedule_derive, priority_max}, schedule, ok},
    {"a schedule, derived higher than there is", schedule, {method::schedule_derive, priority_max + 1}, schedule, bad},
    {"a longer slice than a second", schedule, {method::schedule_set, 0, 1'000'000'001}, nothing, bad},

    {"an unknown method of a console", console, {1}, nothing, Result::unknown_method},
    {"a console of another boot", old_console, {method::console_read, 1}, nothing, Result::restarted},
    {"an unknown method of a number", number, {method::fetch}, nothing, Result::unknown_method},
    {"an unknown method of the devices", devices, {1}, nothing, Result::unknown_method},
    {"an unknown method of a capability page", slots, {1}, nothing, Result::unknown_method},
    {"a capability page, reduced", slots, {method::memory_reduce, restriction::read_only}, nothing, ok},
    {"a power-off with a flag that there is not", checkpoint, {method::checkpoint_power_off, 0x80}, nothing, bad},

    {"a call to who waits for an answer", own_resume, {0}, nothing, bad},
};

}  // namespace

TEST_CASE("objects refuse what they cannot take, and take what they can") {
  for (const Case& one : cases) {
    CAPTURE(one.what);
    Trial trial;
    trial.held(tried) = one.invoked(trial);
    trial.held(kept + 1) = one.sent(trial);
    CHECK(trial.result_of(call(tried, one.words, kept + 1)) == one.told);
  }
}

TEST_CASE("registers are set of who is stopped, and of nobody else; from memory that is there, and to it") {
  constexpr uint64_t there = Guest::memory, not_there = 0;
  struct Asked {
    Maker invoked;
    uint64_t method, address;
    Result told;  // or a fault: then it is not told
    bool faults = false;
  };
  const Asked table[] = {
      {process, method::process_set_registers, there, ok},
      {itself, method::process_set_registers, there, Result::in_use},
      {process, method::process_set_registers, not_there, ok, true},
      {process, method::process_get_registers, there, ok},
      {process, method::process_get_registers, not_there, ok, true},
  };
  for (const Asked& asked : table) {
    CAPTURE(asked.method, asked.address);
    Trial trial;
    trial.held(tried) = asked.invoked(trial);
    trial.world.write(trial.guest.pages[0]);
    trial.world.bytes(trial.guest.pages[0])[0] = std::byte{1};  // what is set differs from what was
    const bool sets = asked.method == method::process_set_registers;
    const auto thing = [&](Process& process) {
      KernelWorld::invoke(process, Invocation::call, tried, {asked.method}, 0, 0, sets ? sizeof(Registers) : 0,
                          asked.address, sets ? 0 : sizeof(Registers), asked.address);
    };
    if (asked.faults) CHECK(trial.faults(thing));
    else CHECK(trial.result_of(thing) == asked.told);
  }
}

TEST_CASE("what is fetched through a weak capability is weak") {
  for (const Kind kind : {Kind::node, Kind::capability_page}) {
    for (const unsigned index : {0u, 1u}) {
      Trial trial;
      const Capability held = trial.world.make(kind);
      trial.world.write(held);
      Capability* slots_of_it = kind == Kind::node
                                    ? row_object<Node>(trial.world.bytes(held), held.object.index())->slots
                                    : reinterpret_cast<Capability*>(trial.world.bytes(held));
      slots_of_it[0] = trial.guest.pages[0];
      slots_of_it[1] = trial.guest.endpoint;
      trial.held(tried) = held;
      trial.held(tried).restrictions = restriction::weak;
      CHECK(trial.result_of(call(tried, {method::fetch, index}, 0, kept)) == Result::ok);
      const Capability fetched = trial.held(kept);
      CHECK(fetched.is_void() == (index == 1));
      if (index == 0) CHECK(fetched.restrictions == (restriction::weak | restriction::read_only));
    }
  }
}

TEST_CASE("a wrapper that is blocked stays so, whether or not it hands over") {
  for (const uint64_t hands_over : {1, 0}) {
    Trial trial;
    const Capability control = trial.world.make(Kind::wrapper);
    trial.world.object<Wrapper>(control).flags = Wrapper::flag_blocked | (hands_over ? 0 : Wrapper::flag_hand_over);
    trial.held(tried) = control;
    CHECK(trial.result_of(call(tried, {method::wrapper_set_hand_over, hands_over})) == Result::ok);
    CHECK(trial.world.object<Wrapper>(control).flags == (Wrapper::flag_blocked | (hands_over ? Wrapper::flag_hand_over : 0)));
  }
}

TEST_CASE("a wrapper hands over or does not") {
  Trial trial;
  const Capability control = trial.world.make(Kind::wrapper);
  trial.held(tried) = control;
  CHECK(trial.result_of(call(tried, {method::wrapper_set_hand_over, 2})) == Result::bad_argument);
  CHECK(trial.world.object<Wrapper>(control).flags == 0);
}

// A server believes what its endpoint says of a capability that a client has given back to it.
TEST_CASE("an endpoint takes for its own only its entry, and one wrapper around it") {
  constexpr uint64_t payload = 123, wrapper_payload = 456;
  struct Shown {
    std::string_view what;
    Maker make;
    Identified told;
  };
  const Maker entry = [](Trial& trial) { return KernelWorld::entry(trial.guest, payload); };
  const auto wrapped = [](const Maker& target, uint8_t restrictions = 0) -> Maker {
    return [=](Trial& trial) {
      const Capability control = trial.world.make(Kind::wrapper);
      Wrapper& wrapper = trial.world.object<Wrapper>(control);
      wrapper.target = target(trial);
      wrapper.payload = wrapper_payload;
      Capability client = KernelWorld::client_of(control);
      client.restrictions = restrictions;
      return client;
    };
  };
  const auto older = [](const Maker& maker) -> Maker {
    return [=](Trial& trial) {
      Capability made = maker(trial);
      --made.version.value;
      return made;
    };
  };
  const auto of_type = [](const Maker& maker, CapabilityType type) -> Maker {
    return [=](Trial& trial) {
      Capability made = maker(trial);
      made.type = type;
      return made;
    };
  };
  const Maker of_another = [](Trial& trial) {
    trial.world.open_new_rows();
    const Capability other = trial.world.make(Kind::endpoint);
    REQUIRE(other.version == trial.guest.endpoint.version);  // only the place tells
    return Capability{.type = CapabilityType::entry, .version = other.version, .object = other.object, .payload = payload};
  };
  const Shown table[] = {
      {"the entry", entry, Identified::direct},
      {"a wrapper around it", wrapped(entry), Identified::through_one_wrapper},
      {"two wrappers around it", wrapped(wrapped(entry)), Identified::not_mine},
      {"a weak wrapper", wrapped(entry, restriction::weak), Identified::not_mine},
      {"the entry of another", of_another, Identified::not_mine},
      {"a wrapper around that", wrapped(of_another), Identified::not_mine},
      {"an entry of who was here before", older(entry), Identified::not_mine},
      {"a wrapper around that", wrapped(older(entry)), Identified::not_mine},
      {"a wrapper that is gone", older(wrapped(entry)), Identified::not_mine},
      {"the endpoint itself", of_type(entry, CapabilityType::endpoint), Identified::not_mine},
      {"a wrapper around the endpoint itself", wrapped(of_type(entry, CapabilityType::endpoint)), Identified::not_mine},
      {"the control of a wrapper around it", of_type(wrapped(entry), CapabilityType::wrapper_control),
       Identified::not_mine},
      {"a page", page, Identified::not_mine},
      {"nothing", nothing, Identified::not_mine},
  };
  for (const Shown& shown : table) {
    CAPTURE(shown.what);
    Trial trial;
    trial.held(tried) = trial.guest.endpoint;
    trial.held(kept + 1) = shown.make(trial);
    CHECK(trial.result_of(call(tried, {method::endpoint_identify}, kept + 1)) == Result::ok);
    CHECK(trial.word(1) == static_cast<uint64_t>(shown.told));
    CHECK(trial.word(2) == (shown.told == Identified::not_mine ? 0 : payload));
    CHECK(trial.word(4) == (shown.told == Identified::through_one_wrapper ? wrapper_payload : 0));
  }
}
