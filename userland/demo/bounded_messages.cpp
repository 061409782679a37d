// SPDX-License-Identifier: MIT
//
// D2: the kernel never buffers an unbounded message, and a long transfer holds up only the owner of
// the memory that is missing. The largest message is sent out of, answered into, and awaited in memory
// with a keeper that never answers. Each time only the owner of that memory waits; all other processes
// go on. Then the buffer of a receiver is taken away while it waits: the message is cut short, the
// receiver is told so, and the sender has noticed nothing.
//
// Nor does a process that is more important wait for a whole message: a *watch*, which the clock wakes, runs
// between two pages of one, and sees that.
#include <algorithm>

#include "userland/demo/bulk.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/heap.hpp"
#include "userland/runtime/program.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(0)};
constexpr ActorStart host = actor_in(1, home, play_host, 8);
constexpr CapabilityRegister spare = host.activity;      // which is needed no more
constexpr ActorStart bulk = actor_in(5, home, play_bulk);
constexpr CapabilityRegister idler{work_register(9)};
constexpr BankCapability mutes_bank{work_register(10)};
constexpr ProcessCapability stuck[] = {{work_register(11)}, {work_register(12)}, {work_register(13)}};
constexpr CapabilityRegister listeners_entry = bulk.activity;
constexpr ScheduleCapability watchs_schedule{host.endpoint.at};  // which is needed no more
constexpr unsigned scratch_registers = lasting_register_count;

// 16 pages at a window: without a page, and with a keeper that never answers.
constexpr unsigned silent_place = 1, real_place = 2;
constexpr size_t window_bytes = node_slot_count * frame_bytes;
constexpr size_t length = std::min(message_bytes_max, window_bytes);

constexpr uint64_t seen_in_midst_min = 20;
constexpr uint64_t messages_watched_max = 20'000;  // tens of times what it takes

struct {
  BulkNotes notes;
  std::byte* sent = nullptr;
  volatile uint64_t wakes = 0;          // of the watch
  volatile uint64_t seen_in_midst = 0;  // by it: messages of which a part was there
  volatile uint64_t longest_wait_ns = 0;  // from the time at which it wanted to run
  volatile uint64_t watched = 0;        // enough
} row;

std::span<std::byte> silent_memory() { return {window(silent_place), length}; }

// --- the watch ------------------------------------------------------------------------------------

constexpr ClockCapability watchs_clock{CapabilityRegister{8}};
constexpr uint64_t rest_ns = 1'000'000;  // less than between two ticks

uint64_t machine_ns() {
  const auto now = watchs_clock.now();
  return now ? now->machine_ns : 0;
}

[[noreturn]] void watch(uint64_t) {
  while (row.watched == 0) {
    const uint64_t wanted_ns = machine_ns() + rest_ns;
    (void)watchs_clock.wait_until(wanted_ns);
    row.wakes = row.wakes + 1;
    row.seen_in_midst = row.seen_in_midst + is_half_filled(row.notes.buffer);
    row.longest_wait_ns = std::max(uint64_t{row.longest_wait_ns}, machine_ns() - wanted_ns);
  }
  wait_for_ever();
}

// --- the processes that get stuck -----------------------------------------------------------------

constexpr CapabilityRegister their_partner{8};

constexpr CapabilityPageCapability mutes_page{CapabilityRegister{8}};

// Takes every fault, keeps the right to answer it, and never does.
[[noreturn]] void mute(uint64_t) {
  for (unsigned slot = 0;; slot = (slot + 1) % capabilities_per_page) {
    Message message;
    reply_and_wait(registers::nothing, message);
    (void)mutes_page.store(slot, registers::resume);
  }
}

[[noreturn]] void send_from_silence(uint64_t) {
  Message message;
  message.bytes = silent_memory();
  (void)call(their_partner, message);
  wait_for_ever();
}

[[noreturn]] void be_answered_into_silence(uint64_t) {
  Message message;
  message.buffer = silent_memory();
  (void)call(their_partner, message);
  wait_for_ever();
}

[[noreturn]] void listen_in_silence(uint64_t) {
  Message message;
  message.buffer = silent_memory();
  reply_and_wait(registers::nothing, message);
  wait_for_ever();
}

// --- the row ----------------------------------------------------------------------------------------

bool map_silence(Stage& stage) {
  const NodeCapability node{work_register(scratch_registers)};  // once the actor is there
  ActorStart keeper = actor_in(scratch_registers, mutes_bank, mute);
  const Given given[] = {{mutes_page.at, stuck[0].at}};
  keeper.given = given;
  if (!stage.done(own_bank.create_sub_bank(32, mutes_bank.at), "a bank for the keeper") ||
      !stage.done(mutes_bank.allocate(Kind::capability_page, stuck[0].at), "a page for the keeper") ||
      !start_actor(stage, keeper)) {
    return false;
  }
  return stage.done(home.allocate(Kind::node, node.at), "a node") &&
         stage.done(node.set_keeper(keeper.entry), "its keeper") && stage.map(node.at, silent_place);
}

bool map_pages(Stage& stage) {
  const NodeCapability node{work_register(scratch_registers)};
  const CapabilityRegister page{work_register(scratch_registers + 1)};
  if (!stage.done(home.allocate(Kind::node, node.at), "a node")) return false;
  for (unsigned i = 0; i < node_slot_count; ++i) {
    if (!stage.done(home.allocate(Kind::page, page), "a page") ||
        !stage.done(node.store(i, page), "mapping")) {
      return false;
    }
  }
  return stage.map(node.at, real_place);
}

bool set_up(Stage& stage) {
  row.sent = static_cast<std::byte*>(program_heap().allocate(length));
  auto* const buffer = static_cast<std::byte*>(program_heap().allocate(length));
  if (!stage.require(row.sent != nullptr && buffer != nullptr, "no memory for a message")) return false;
  row.notes.buffer = {buffer, length};
  ActorStart new_bulk = bulk;
  new_bulk.argument = reinterpret_cast<uint64_t>(&row.notes);
  return stage.done(own_bank.create_sub_bank(bank_unlimited, home.at), "a bank") &&
         start_actor(stage, host) && start_actor(stage, new_bulk) &&
         hire_idler(stage, home, work_register(13), idler) && map_silence(stage) && map_pages(stage) &&
         stage.say("two servers, memory whose keeper never answers, and messages of ", uint64_t{length},
                   " bytes");
}

bool send_long_message(Stage& stage, uint64_t word) {
  const uint64_t before = row.notes.received;
  Message message;
  std::fill_n(reinterpret_cast<uint64_t*>(row.sent), length / sizeof(word), word);
  message.bytes = {row.sent, length};
  return stage.done(checked(call(bulk.entry, message)), "a long message") &&
         stage.require(row.notes.received == before + 1 && row.notes.last_length == length,
                       "a long message was lost");
}

// However long the messages: the watch is seen to run in their midst, and they arrive whole.
bool give_way(Stage& stage) {
  const Given given[] = {{watchs_clock.at, demo_register::clock.at}};
  ActorStart start = actor_in(scratch_registers, home, watch);
  start.given = given;
  start.schedule = watchs_schedule;
  if (!buy_urgent_schedule(stage, home, watchs_schedule) || !start_actor(stage, start)) return false;
  uint64_t messages = 0;
  for (; row.seen_in_midst < seen_in_midst_min && messages < messages_watched_max; ++messages) {
    if (!send_long_message(stage, messages + 1)) return false;
  }
  row.watched = 1;
  return stage.require(row.seen_in_midst >= seen_in_midst_min, "of ", messages, " long messages ", uint64_t{row.seen_in_midst},
                       " gave way to a process that is more important") &&
         stage.require(row.notes.truncated == 0 && row.notes.torn == 0, "a long message was damaged") &&
         stage.say("of ", messages, " messages ", uint64_t{row.seen_in_midst},
                   " gave way to a process that is more important; of ", uint64_t{row.wakes}, " times it ran at most ",
                   row.longest_wait_ns / 1000, " us after its time");
}

// Messages of the largest size are delivered, calls are answered, and no process spins.
bool everybody_else_goes_on(Stage& stage) {
  for (unsigned i = 0; i < 3; ++i) {
    if (!send_long_message(stage, i) || !host_says(stage, host.entry, 8)) return false;
  }
  return stage.require(row.notes.truncated == 0 && row.notes.torn == 0, "a long message was damaged") &&
         nobody_spins(stage, idler);
}

// What a process does once it no longer runs: it may have to run a little to get there.
bool comes_to(Stage& stage, ProcessCapability process, ProcessState state, std::string_view what) {
  while (true) {
    const auto status = process.status();
    if (!stage.done(status, "looking at a process")) return false;
    if (status->state == ProcessState::running) continue;
    return stage.require(status->state == state && status->fault == FaultCode::no_memory, what);
  }
}

// It waits with its own keeper, and with no other process.
bool waits_with_keeper(Stage& stage, ProcessCapability process) {
  return comes_to(stage, process, ProcessState::waiting, "it does not wait with its keeper");
}

bool bring_on(Stage& stage, unsigned which, void (*body)(uint64_t), CapabilityRegister entry) {
  ActorStart start = actor_in(scratch_registers, home, body);
  const Given given[] = {{their_partner, bulk.entry}};
  start.given = given;
  start.process = stuck[which];
  start.entry = entry;
  return start_actor(stage, start) && waits_with_keeper(stage, stuck[which]);
}

bool silent_source(Stage& stage) {
  const uint64_t before = row.notes.received;
  return bring_on(stage, 0, send_from_silence, spare) &&
         stage.require(row.notes.received == before, "a message arrived that could not be read") &&
         everybody_else_goes_on(stage) &&
         stage.say("sent out of it: the sender waits, everybody else goes on");
}

bool silent_answer(Stage& stage) {
  const uint64_t before = row.notes.received;
  return bring_on(stage, 1, be_answered_into_silence, spare) &&
         stage.require(row.notes.received == before, "a call was delivered that cannot be answered") &&
         everybody_else_goes_on(stage) &&
         stage.say("answered into it: the caller waits, before it has called");
}

bool silent_receiver(Stage& stage) {
  const auto now = demo_register::clock.now();
  Message message;
  if (!stage.done(now, "asking the time") ||
      !bring_on(stage, 2, listen_in_silence, listeners_entry)) {
    return false;
  }
  message.bytes = {row.sent, length};
  message.deadline_ns = now->machine_ns + 5'000'000;
  return stage.refused(call(listeners_entry, message), Result::timed_out, "a call to who never listens") &&
         everybody_else_goes_on(stage) &&
         stage.say("awaited in it: the receiver waits, who calls it gives up at a deadline, ",
                   "everybody else goes on");
}

bool lose_receivers_buffer(Stage& stage) {
  std::byte* const good = row.notes.buffer.data();
  row.notes.buffer = {window(real_place), length};
  if (!everybody_else_goes_on(stage)) return false;  // from now on it waits with the new buffer
  row.notes.buffer = {good, length};  // after the next message
  const uint64_t before = row.notes.received;
  Message message;
  message.bytes = {row.sent, length};
  if (!stage.map(registers::nothing, real_place) ||
      !stage.done(checked(call(bulk.entry, message)), "a message into a buffer that is gone")) {
    return false;
  }
  if (!stage.require(row.notes.received == before + 1 && row.notes.truncated == 1,
                     "the receiver was not told that its buffer is gone")) {
    return false;
  }
  row.notes.truncated = 0;
  return everybody_else_goes_on(stage) &&
         stage.say("a waiting receiver's buffer taken away: it is told, the sender notices nothing");
}

bool end_keeper(Stage& stage) {
  if (!stage.done(mutes_bank.destroy(), "destroying the keeper")) return false;
  for (const ProcessCapability& one : stuck) {
    if (!comes_to(stage, one, ProcessState::stopped,
                  "who waited for the keeper is not stopped by its fault")) {
      return false;
    }
  }
  return everybody_else_goes_on(stage) && stage.map(registers::nothing, silent_place) &&
         stage.say("the keeper destroyed: those three are stopped by their fault, everybody else goes on");
}

constexpr Step steps[] = {set_up,          give_way,              silent_source, silent_answer,
                          silent_receiver, lose_receivers_buffer, end_keeper};

}  // namespace

Steps steps_of_bounded_messages() { return steps; }

}  // namespace perdure
