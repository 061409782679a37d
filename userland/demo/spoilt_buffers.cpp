// SPDX-License-Identifier: MIT
//
// D3: neither side of a message learns the other's addresses; and altering, destroying or losing a
// buffer in the middle of a transfer harms no other process.
//
// A *storm*, of higher priority than all others and woken by the clock at random moments, so also
// in the middle of transfers, exchanges the buffer, takes it away for a while, or destroys a page
// of it. What arrives all the same is whole: a transfer that was disturbed begins anew. It goes on until it has struck
// often, and often in the middle of one.
#include <algorithm>

#include "userland/demo/bulk.hpp"
#include "userland/demo/rows.hpp"
#include "userland/runtime/heap.hpp"
#include "userland/runtime/program.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure {

namespace {

constexpr BankCapability home{work_register(0)};
constexpr ActorStart bulk = actor_in(1, home, play_bulk);
constexpr CapabilityRegister healer{work_register(5)};
constexpr CapabilityRegister storms_schedule{work_register(6)};
constexpr NodeCapability nodes[] = {{work_register(7)}, {work_register(8)}};
constexpr ProcessCapability sender{work_register(9)};
constexpr ActorStart host = actor_in(10, home, play_host, 9);
constexpr unsigned scratch_registers = lasting_register_count;

constexpr unsigned shown_place = 1, hidden_place = 2;
constexpr size_t window_bytes = node_slot_count * frame_bytes;
constexpr size_t length = std::min(message_bytes_max, window_bytes);
constexpr unsigned pages_used = length / frame_bytes;
constexpr unsigned rounds = 300, rounds_max = 10'000;
constexpr uint64_t in_midst_min = 20;

struct {
  BulkNotes notes;
  std::byte* own = nullptr;  // memory that no storm touches
  uint64_t seed = 0;
  volatile uint64_t storms_over = 0;
  volatile uint64_t strikes = 0;   // of the last storm
  volatile uint64_t in_midst = 0;  // of these: when a part of a message was there
  volatile uint64_t sent = 0;    // by the sender: calls that were answered `ok`
  volatile uint64_t failed = 0;  // others
  volatile uint64_t stop = 0;
  RawInvocation seen_by_caller, seen_by_receiver;
} row;

void fill(std::byte* memory, uint64_t word) {
  std::fill_n(reinterpret_cast<uint64_t*>(memory), length / sizeof(word), word);
}

// --- actors -----------------------------------------------------------------------------------------

// The storm's registers.
constexpr BankCapability its_bank{CapabilityRegister{8}};
constexpr NodeCapability its_space{CapabilityRegister{9}};
constexpr NodeCapability its_nodes[] = {{CapabilityRegister{10}}, {CapabilityRegister{11}}};
constexpr CapabilityRegister its_page{12};
constexpr ClockCapability its_clock{CapabilityRegister{13}};

void sleep(ClockCapability clock, uint64_t nanoseconds) {
  const auto now = clock.now();
  if (!now) return;
  (void)clock.wait_until(now->machine_ns + nanoseconds);
}

class Storm {
 public:
  explicit Storm(uint64_t seed) : dice_(seed) {}

  void rest() { sleep(its_clock, dice_.below(longest_rest_ns)); }

  // Another buffer in its place, all at once. It is filled before the reader sees it.
  void exchange() {
    const unsigned hidden = 1 - shown_;
    (void)its_space.store(window_slot(hidden_place), its_nodes[hidden].at);
    words_[hidden] = ++last_word_;
    fill(window(hidden_place), words_[hidden]);
    (void)its_space.store(window_slot(hidden_place), registers::nothing);
    shown_ = hidden;
    show();
  }

  void lose() {
    (void)its_space.store(window_slot(shown_place), registers::nothing);
    rest();
    show();
  }

  // A page is destroyed; some time later there is a new one with the same contents.
  void destroy_page() {
    const auto slot = static_cast<unsigned>(dice_.below(pages_used));
    (void)its_nodes[shown_].fetch(slot, its_page);
    (void)its_bank.free(its_page);
    rest();
    (void)its_bank.allocate(Kind::page, its_page);
    (void)its_space.store(window_slot(hidden_place), its_page);
    std::fill_n(reinterpret_cast<uint64_t*>(window(hidden_place)), frame_bytes / 8, words_[shown_]);
    (void)its_space.store(window_slot(hidden_place), registers::nothing);
    (void)its_nodes[shown_].store(slot, its_page);
  }

  void strike() {
    switch (dice_.below(3)) {
      case 0: return exchange();
      case 1: return lose();
      default: return destroy_page();
    }
  }

 private:
  static constexpr uint64_t longest_rest_ns = 150'000;
  Dice dice_;
  unsigned shown_ = 0;
  uint64_t last_word_ = 0;
  uint64_t words_[2] = {};

  void show() { (void)its_space.store(window_slot(shown_place), its_nodes[shown_].at); }
};

template <typename Strike>
[[noreturn]] void rage(Strike strike) {
  Storm storm(row.seed);
  row.strikes = 0;
  row.in_midst = 0;
  for (unsigned i = 0; i < rounds_max && (i < rounds || row.in_midst < in_midst_min); ++i) {
    storm.rest();
    row.in_midst = row.in_midst + is_half_filled(row.notes.buffer);
    strike(storm);
    row.strikes = row.strikes + 1;
  }
  row.storms_over = row.storms_over + 1;
  wait_for_ever();
}

[[noreturn]] void play_storm(uint64_t) {
  rage([](Storm& storm) { storm.strike(); });
}

// The same, but pages are only lost, not exchanged: a receiver's buffer with exchanged contents is not
// what was sent any more, and that is the receiver's own doing.
[[noreturn]] void play_mild_storm(uint64_t) {
  rage([](Storm& storm) { storm.lose(); });
}

// Keeper of the processes that own the buffers: lets them try again, after a while.
[[noreturn]] void heal(uint64_t) {
  Message message;
  bool asked = false;
  while (true) {
    message = {};
    reply_and_wait(asked ? registers::resume : registers::nothing, message);
    asked = message.delivery == Delivery::call;
    sleep(its_clock, 20'000);
  }
}

constexpr CapabilityRegister senders_partner{8};

[[noreturn]] void play_sender(uint64_t) {
  while (row.stop == 0) {
    Message message;
    message.bytes = {window(shown_place), length};
    if (call(senders_partner, message) == Result::ok) {
      row.sent = row.sent + 1;
    } else {
      row.failed = row.failed + 1;
    }
  }
  wait_for_ever();
}

// --- set up -------------------------------------------------------------------------------------------

bool make_buffer(Stage& stage, NodeCapability node) {
  const CapabilityRegister page{work_register(scratch_registers)};
  if (!stage.done(home.allocate(Kind::node, node.at), "a node")) return false;
  for (unsigned i = 0; i < pages_used; ++i) {
    if (!stage.done(home.allocate(Kind::page, page), "a page") ||
        !stage.done(node.store(i, page), "mapping")) {
      return false;
    }
  }
  return true;
}

bool hire_healer(Stage& stage) {
  const Given given[] = {{its_clock.at, demo_register::clock.at}};
  ActorStart start = actor_in(scratch_registers, home, heal);
  start.given = given;
  start.entry = healer;
  return start_actor(stage, start);
}

bool set_up(Stage& stage) {
  row.own = static_cast<std::byte*>(program_heap().allocate(length));
  auto* const buffer = static_cast<std::byte*>(program_heap().allocate(length));
  const auto now = demo_register::clock.now();
  if (!stage.require(row.own != nullptr && buffer != nullptr, "no memory for a message") ||
      !stage.done(now, "asking the time")) {
    return false;
  }
  row.seed = now->machine_ns;
  row.notes.buffer = {buffer, length};
  ActorStart new_bulk = bulk;
  new_bulk.argument = reinterpret_cast<uint64_t>(&row.notes);
  const ScheduleCapability schedule{storms_schedule};
  return stage.done(own_bank.create_sub_bank(bank_unlimited, home.at), "a bank") &&
         start_actor(stage, new_bulk) && start_actor(stage, host) && hire_healer(stage) &&
         buy_urgent_schedule(stage, home, schedule) && make_buffer(stage, nodes[0]) &&
         make_buffer(stage, nodes[1]) && stage.map(nodes[0].at, shown_place) &&
         stage.say("messages of ", uint64_t{length}, " bytes; the storm's seed is ", row.seed);
}

// --- addresses ----------------------------------------------------------------------------------------

[[noreturn]] void observe(uint64_t) {
  Message message;
  message.buffer = {window(hidden_place), 64};
  row.seen_by_receiver = encode(Invocation::reply_and_wait, registers::nothing, message);
  perdure_invoke(&row.seen_by_receiver);
  message = {.words = {0, 1, 2, 3, 4, 5}};
  message.bytes = {window(hidden_place), 64};
  (void)send(registers::resume, message);
  wait_for_ever();
}

bool names_place(const RawInvocation& raw, unsigned place) {
  const auto start = reinterpret_cast<uint64_t>(window(place));
  const auto lies_there = [&](uint64_t word) { return word >= start && word < start + layout::slot_bytes; };
  const uint64_t others[] = {raw.rax, raw.rbx, raw.r12, raw.r13, raw.r14, raw.r15};
  return std::ranges::any_of(raw.words, lies_there) || std::ranges::any_of(others, lies_there);
}

bool look_at_addresses(Stage& stage) {
  const ActorStart observer = actor_in(scratch_registers, home, observe);
  if (!stage.map(nodes[1].at, hidden_place) || !start_actor(stage, observer)) return false;
  Message message = request(7, 1, 2, 3, 4);
  message.bytes = {window(shown_place), 64};
  message.buffer = {window(shown_place) + 64, 64};
  row.seen_by_caller = encode(Invocation::call, observer.entry, message);
  perdure_invoke(&row.seen_by_caller);
  return stage.require(row.seen_by_caller.words[5] == 5, "the message was not answered") &&
         stage.require(!names_place(row.seen_by_receiver, shown_place),
                       "the receiver is told where the sender's bytes lie") &&
         stage.require(!names_place(row.seen_by_caller, hidden_place),
                       "the sender is told where the receiver's buffer lies") &&
         stage.map(registers::nothing, hidden_place) &&
         stage.say("neither finds an address of the other in any register");
}

// --- storms -------------------------------------------------------------------------------------------

bool let_loose(Stage& stage, void (*body)(uint64_t)) {
  const Given given[] = {{its_bank.at, home.at},       {its_space.at, own_space.at},
                         {its_nodes[0].at, nodes[0].at}, {its_nodes[1].at, nodes[1].at},
                         {its_clock.at, demo_register::clock.at}};
  ActorStart storm = actor_in(scratch_registers, home, body);
  storm.schedule = {storms_schedule};
  storm.given = given;
  return start_actor(stage, storm);
}

// Messages of the row's own, out of memory that no storm touches, and calls to a third party.
bool others_until_storm_is_over(Stage& stage, uint64_t storms, uint64_t& messages) {
  for (messages = 0; row.storms_over < storms; ++messages) {
    fill(row.own, ~messages);
    Message message;
    message.bytes = {row.own, length};
    if (!stage.done(checked(call(bulk.entry, message)), "another's message") ||
        !host_says(stage, host.entry, 9)) {
      return false;
    }
  }
  return true;
}

bool struck_in_midst(Stage& stage) {
  return stage.require(row.in_midst >= in_midst_min, "of ", uint64_t{row.strikes}, " strikes ", uint64_t{row.in_midst},
                       " came in the middle of a message");
}

// Its last message may still be under way.
bool stop_sender(Stage& stage) {
  row.stop = 1;
  while (true) {
    const auto status = sender.status();
    if (!stage.done(status, "looking at the sender")) return false;
    if (status->state == ProcessState::receiving) return true;
  }
}

bool storm_over_sender(Stage& stage) {
  const Given given[] = {{senders_partner, bulk.entry}};
  ActorStart start = actor_in(scratch_registers, home, play_sender);
  start.given = given;
  start.process = sender;
  start.keeper = healer;
  uint64_t messages = 0;
  if (!start_actor(stage, start) || !let_loose(stage, play_storm) ||
      !others_until_storm_is_over(stage, 1, messages)) {
    return false;
  }
  if (!stop_sender(stage) || !struck_in_midst(stage)) return false;
  const BulkNotes& notes = row.notes;
  const uint64_t sent = row.sent, failed = row.failed;
  return stage.require(failed == 0, failed, " messages of the sender were refused") &&
         stage.require(notes.torn == 0 && notes.truncated == 0, notes.torn, " messages were torn, ",
                       notes.truncated,
                       " cut short") &&
         stage.require(notes.received >= sent + messages, "messages were lost") &&
         stage.say(uint64_t{row.strikes}, " strikes at the sender's buffer, ", uint64_t{row.in_midst},
                   " in the middle of a message: ", sent, " messages out of it arrived whole, ", messages,
                   " of others undisturbed");
}

// Now it is the receiver's buffer that comes and goes.
bool storm_over_receiver(Stage& stage) {
  std::byte* const good = row.notes.buffer.data();
  if (!stage.map(nodes[0].at, shown_place) ||  // the storm begins with this one
      !stage.done(bulk.process.store(process_slot::keeper, healer), "a keeper for the receiver")) {
    return false;
  }
  row.notes.buffer = {window(shown_place), length};
  uint64_t messages = 0;
  const uint64_t before = row.notes.received;
  if (!let_loose(stage, play_mild_storm) || !others_until_storm_is_over(stage, 2, messages)) return false;
  row.notes.buffer = {good, length};
  const BulkNotes& notes = row.notes;
  return struck_in_midst(stage) && stage.require(notes.received >= before + messages, "messages were lost") &&
         stage.require(notes.torn == 0, notes.torn, " messages were torn") &&
         stage.say(uint64_t{row.strikes}, " strikes at the receiver's buffer, ", uint64_t{row.in_midst},
                   " in the middle of a message: ", messages, " messages, ",
                   notes.truncated,
                   " of them cut short, and the receiver was told; no sender waited for its memory");
}

constexpr Step steps[] = {set_up, look_at_addresses, storm_over_sender, storm_over_receiver};

}  // namespace

Steps steps_of_spoilt_buffers() { return steps; }

}  // namespace perdure
