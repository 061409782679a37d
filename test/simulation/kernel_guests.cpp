// SPDX-License-Identifier: MIT
#include "test/simulation/kernel_guests.hpp"

#include <algorithm>
#include <cstring>

namespace perdure {
namespace {

constexpr uint64_t ms = 1'000'000;
constexpr uint64_t serve_method = method_code("test.serve"), forget_method = method_code("test.forget");
// Capability registers of a client: what it is given, ...
constexpr unsigned own_process = 2, clock_register = 3, range_register = 4, server_register = 5, wrapped_server = 6, own_wrapper = 7,
                   own_schedule = 8, checkpoint_register = 9, own_capability_page = 10, own_root = 11, discriminator_register = 12,
                   nobody_register = 13, notice_register = 14, own_page = 15, entry_for_child = 26, child_register = 27,
                   child_activity = 28;
// ... and what it plays with.
constexpr unsigned first_toy = 16, toy_count = 10;
// Of the keeper: the roots and the pages for each client's space.
constexpr unsigned keepers_roots = 5, keepers_pages = 12;
constexpr unsigned server_hats = 16;  // two registers for what comes with calls
constexpr uint64_t child_frame = KernelGuests::frames_per_client - 2, child_activity_frame = child_frame + 1;  // of a client's range
constexpr uint64_t payload_of_child = 100;
constexpr unsigned first_slot_to_map = 2, last_slot_to_map = 6;
constexpr uint64_t is_blocked = 1;    // in gs_base of a client: its wrapper is
constexpr uint64_t one_computed = 2;  // ... above that: how often it has computed
constexpr uint64_t owes_answer = 1;  // in rsp of the server and the keeper
constexpr unsigned stages_of_raising = 6;
constexpr uint64_t status_address = Guest::memory + 512;

Result result_of(const Process& process) { return static_cast<Result>(process.registers.rdi); }
uint64_t word(const Process& process, unsigned i) { return message_word(process.registers, i); }
uint64_t argument_of(const Process& process) { return process.registers.rsp >> 8; }

void call(Process& process, unsigned invoked, std::array<uint64_t, 6> words, uint32_t send = 0, uint32_t receive = 0) {
  KernelWorld::invoke(process, Invocation::call, invoked, words, send, receive);
}

// By the guest that runs: its vector registers are loaded.
uint64_t computed() {
  uint64_t word;
  std::memcpy(&word, fake_machine().fpu_registers + fpu_word_offset, sizeof(word));
  return word;
}

void store_byte(Process& process, uint64_t address, uint64_t value) {
  process.registers.rdi = address;
  process.registers.rax = value;
  process.registers.rip = rip_of_store;
}

}  // namespace

KernelGuests::KernelGuests(KernelWorld& world, Random& random) : world_(world), random_(random) {
  for (uint64_t& weight : weights_) weight = random.one_in(4) ? 0 : 1 + random.below(4);
  weights_[none] = weights_[unblock] = 0;
  weights_[take_checkpoint] = weights_[read_status] = 1;
  ++weights_[read];
  ++weights_[write];
  for (const uint64_t weight : weights_) weight_sum_ += weight;

  nobody_ = world.make(Kind::endpoint);
  notice_ = world.make(Kind::notice);
  server_ = world.new_guest([this](Process& p) { serve(p); }, 2);
  keeper_ = world.new_guest([this](Process& p) { keep_space(p); }, 3);
  world.object<Notice>(notice_) = {.version = notice_.version, .bits = 5, .receiver = server_.process};
  for (unsigned i = 0; i < client_count; ++i) {
    world.open_new_rows();
    clients_[i] = world.new_guest([this, i](Process& p) { act(i, p); }, static_cast<uint8_t>(i % 3));
    equip(i);
    const uint64_t child = first_bought_frame + i * frames_per_client + child_frame;
    world.set_program({.process = {.object = ObjectId::of({child})}}, [this](Process& p) { live(p); });
  }
  for (unsigned i = 0; i < client_count; ++i) {
    const Capability page = world.make(Kind::page);
    world.write(keeper_.process);
    world.process(keeper_).capability_registers[keepers_roots + i] = clients_[i].root;
    world.process(keeper_).capability_registers[keepers_pages + i] = page;
  }
}

void KernelGuests::equip(unsigned client) {
  const Guest& guest = clients_[client];
  const Capability wrapper = world_.make(Kind::wrapper), page = world_.make(Kind::capability_page);
  world_.object<Wrapper>(wrapper).target = KernelWorld::entry(server_, client);
  world_.write(guest.process);
  Process& process = world_.process(guest);
  process.keeper = KernelWorld::entry(keeper_, client);
  Capability* held = process.capability_registers;
  held[own_process] = guest.process;
  held[clock_register] = {.type = CapabilityType::clock};
  held[range_register] = {.type = CapabilityType::range,
                          .object = ObjectId::of({first_bought_frame + client * frames_per_client}),
                          .payload = frames_per_client};
  held[server_register] = KernelWorld::entry(server_, client);
  held[wrapped_server] = KernelWorld::client_of(wrapper);
  held[own_wrapper] = wrapper;
  held[own_schedule] = process.schedule;
  held[checkpoint_register] = {.type = CapabilityType::checkpoint};
  held[own_capability_page] = page;
  held[own_root] = guest.root;
  held[discriminator_register] = {.type = CapabilityType::discriminator};
  Capability nobody = nobody_;
  nobody.type = CapabilityType::entry;
  held[nobody_register] = nobody;
  held[notice_register] = notice_;
  held[own_page] = guest.pages[1];
  process.registers.fs_base = 1;  // of its first call
  held[entry_for_child] = KernelWorld::entry(server_, payload_of_child + client);
}

// --- a client -----------------------------------------------------------------------------------------------

void KernelGuests::act(unsigned client, Process& p) {
  ++operations_;
  acted_ |= 1u << client;
  ended_ &= ~(1u << client);
  const auto operation = static_cast<Operation>(p.registers.rsp & 0xff);
  finish(client, p);
  const uint64_t stage = argument_of(p) + 1;
  if (operation == raise_child && stage < stages_of_raising) return raise(client, p, stage);
  p.registers.rsp = none;
  ++p.registers.rbp;
  if (mode_ == Mode::busy) return begin(client, p);
  if (p.registers.gs_base & is_blocked) return begin(client, p, unblock);
  if (mode_ == Mode::resting) return begin(client, p, sleep);
  ended_ |= 1u << client;
  KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
}

void KernelGuests::finish(unsigned client, Process& p) {
  const Result result = result_of(p);
  const uint64_t argument = argument_of(p), at = p.registers.rbp;
  const auto expect_ok = [&](const char* what) {
    expect(result == Result::ok, std::string(what) + " answers: " + std::string(name_of(result)));
  };
  switch (static_cast<Operation>(p.registers.rsp & 0xff)) {
    case call_server:
    case cross_wrapper:
      expect_ok("the server");
      expect(word(p, 1) == p.registers.fs_base, "the answer to another call");
      ++p.registers.fs_base;
      break;
    case buy: return bought(client, p, argument);
    case destroy:
      if (argument >> 8 != 0) {  // an object of a row: its number plus 1
        expect(result == Result::ok || result == Result::not_found || result == Result::bad_argument, "an object cannot be destroyed");
        if (result == Result::ok) void_all(client, at, argument & 0xff, nullptr, true, static_cast<unsigned>(argument >> 8) - 1);
      } else {
        expect_ok("to destroy a frame");
        if (word(p, 1) == 1) void_all(client, at, argument & 0xff, nullptr, false, 0);
      }
      break;
    case probe:
      expect_ok("the discriminator");
      expect(argument == 0 || word(p, 1) == 0, "P2: a capability to what was destroyed is not void");
      break;
    case take_checkpoint:
      expect_ok("a checkpoint");
      promise(client, at);
      break;
    case read_status:
      expect_ok("the status");
      note_status(client, p);
      break;
    case compute:
      p.registers.gs_base += one_computed;
      expect(computed() == p.registers.gs_base / one_computed, "the vector registers are those of another time");
      break;
    case call_nobody: expect(result == Result::timed_out, "a call that nobody answers does not end with its deadline"); break;
    case raise_child:
      expect_ok("to raise a child");
      if (argument == 0) is_new(client, at, child_frame, p.capability_registers[child_register], false);
      if (argument == 1) is_new(client, at, child_activity_frame, p.capability_registers[child_activity], true);
      break;
    case block:
    case unblock: expect_ok("the wrapper"); break;
    case keep:
    case take_out: expect_ok("a capability page"); break;
    case map: expect_ok("a node"); break;
    case change_priority: expect_ok("a schedule"); break;
    case sleep: expect_ok("the clock"); break;
    case post: expect_ok("a notice"); break;
    default: break;
  }
}

void KernelGuests::begin(unsigned client, Process& p) {
  uint64_t dice = random_.below(weight_sum_);
  unsigned chosen = 0;
  while (dice >= weights_[chosen]) dice -= weights_[chosen++];
  begin(client, p, static_cast<Operation>(chosen));
}

void KernelGuests::begin(unsigned client, Process& p, Operation operation) {
  const bool blocked = p.registers.gs_base & is_blocked;
  if (operation == block && blocked) operation = unblock;
  if (operation == cross_wrapper && blocked) operation = call_server;
  p.registers.rsp = operation;
  const unsigned toy = some(first_toy, toy_count), another = some(first_toy, toy_count);
  const uint64_t machine_time = world_.kernel().time.now_ns();
  const auto slot = [&] { return first_slot_to_map + random_.below(last_slot_to_map - first_slot_to_map + 1); };
  switch (operation) {
    case write: return store_byte(p, Guest::memory + random_.below(2 * frame_bytes), random_.next());
    case read:
      p.registers.rdi = Guest::memory + random_.below(2 * frame_bytes);
      p.registers.rip = rip_of_load;
      return;
    case touch: return store_byte(p, Guest::memory + slot() * frame_bytes + random_.below(frame_bytes), random_.next());
    case map: return call(p, own_root, {method::store, slot()}, random_.one_in(3) ? 0 : toy);
    case call_server: return talk(p, server_register);
    case cross_wrapper: return talk(p, wrapped_server);
    case keep: return call(p, own_capability_page, {method::store, random_.below(capabilities_per_page)}, toy);
    case take_out: return call(p, own_capability_page, {method::fetch, random_.below(capabilities_per_page)}, 0, toy);
    case buy: return buy_something(client, p);
    case destroy: return destroy_something(client, p);
    case probe:
      p.registers.rsp |= uint64_t{is_void(p.capability_registers[toy])} << 8;
      return call(p, discriminator_register, {method::discriminator_classify}, toy);
    case shape: return shape_something(p);
    case compute:
      p.registers.rip = rip_of_fpu;
      return;
    case take_checkpoint: return call(p, checkpoint_register, {method::checkpoint_take});
    case read_status:
      return KernelWorld::invoke(p, Invocation::call, checkpoint_register, {method::checkpoint_status}, 0, 0, 0, 0,
                                 sizeof(SystemStatus), status_address);
    case call_nobody:
      call(p, random_.one_in(2) ? nobody_register : server_register, {forget_method});
      p.registers.r15 = machine_time + 1 + random_.below(6 * ms);
      return;
    case sleep: return call(p, clock_register, {method::clock_wait_until, machine_time + random_.below(4 * ms)});
    case change_priority: return call(p, own_schedule, {method::schedule_set, random_.below(4), random_.below(3) * ms});
    case post: return KernelWorld::invoke(p, Invocation::call, notice_register, {method::notice_post});
    case raise_child: return raise(client, p, 0);
    case end_child: return call(p, child_register, {random_.one_in(2) ? method::process_stop : method::process_interrupt}, another);
    case block:
      p.registers.gs_base |= is_blocked;
      return call(p, own_wrapper, {method::wrapper_block});
    case unblock:
      p.registers.gs_base &= ~is_blocked;
      return call(p, own_wrapper, {method::wrapper_unblock});
    default: return;  // it spins
  }
}

// A call with its number, now and then with bytes, and with a toy, which is copied or moved.
void KernelGuests::talk(Process& p, unsigned through) {
  const uint32_t toy = some(first_toy, toy_count);
  const auto length = [&] { return random_.one_in(3) ? static_cast<uint32_t>(random_.below(6000)) : 0u; };
  const uint32_t sent = length(), room = length();
  KernelWorld::invoke(p, Invocation::call, through, {serve_method, p.registers.fs_base}, toy | (random_.one_in(3) ? move_bit : 0u),
                      some(first_toy, toy_count), sent, Guest::memory + random_.below(2000), room, Guest::memory + random_.below(2000));
}

void KernelGuests::buy_something(unsigned client, Process& p) {
  constexpr Kind kinds[] = {Kind::page, Kind::page, Kind::capability_page, Kind::node, Kind::wrapper, Kind::endpoint, Kind::notice, Kind::schedule};
  const uint64_t frame = random_.below(child_frame), kind = static_cast<uint64_t>(kinds[random_.below(std::size(kinds))]);
  const uint64_t index = is_row(static_cast<Kind>(kind)) ? random_.below(3) : 0, toy = some(first_toy, toy_count);
  p.registers.rsp |= frame << 8 | kind << 16 | index << 24 | toy << 32;
  call(p, range_register, {method::range_make, frame, kind, 1 + client, index}, 0, static_cast<uint32_t>(toy));
}

void KernelGuests::bought(unsigned client, const Process& p, uint64_t argument) {
  expect(result_of(p) == Result::ok, "to buy answers: " + std::string(name_of(result_of(p))));
  const auto kind = static_cast<Kind>(argument >> 8 & 0xff);
  is_new(client, p.registers.rbp, argument & 0xff, p.capability_registers[argument >> 24 & 31], is_row(kind));
}

void KernelGuests::is_new(unsigned client, uint64_t at, uint64_t frame, const Capability& given, bool in_row) {
  void_all(client, at, frame, &given, in_row, given.object.index());
  made_.push_back({given, client});
}

// What was made in this frame is gone: all of it, or what stood in this place or is of another kind than `but`.
void KernelGuests::void_all(unsigned client, uint64_t at, uint64_t frame, const Capability* but, bool same_index_only, unsigned index) {
  const uint64_t number = first_bought_frame + client * frames_per_client + frame;
  std::erase_if(made_, [&](const Made& made) {
    if (made.capability.object.frame().value != number) return false;
    if (but != nullptr && made.capability.version == but->version) return false;
    const bool is_of_another_kind = but != nullptr && made.capability.type != but->type;
    if (same_index_only && !is_of_another_kind && made.capability.object.index() != index) return false;
    destroyed_.push_back({made.capability, client, at});
    return true;
  });
}

void KernelGuests::destroy_something(unsigned, Process& p) {
  const uint64_t frame = random_.below(frames_per_client);
  if (frame < child_frame && random_.one_in(2)) {
    const uint64_t index = random_.below(3);
    p.registers.rsp |= frame << 8 | (index + 1) << 16;
    return call(p, range_register, {method::range_rescind_object, frame, index});
  }
  p.registers.rsp |= frame << 8;
  call(p, range_register, {method::range_rescind, frame, 1});
}

// Whatever the toy is, something is done to it; or it is void by now, and says so.
void KernelGuests::shape_something(Process& p) {
  const unsigned toy = some(first_toy, toy_count), another = some(first_toy, toy_count);
  switch (p.capability_registers[toy].type) {
    case CapabilityType::wrapper_control:
      if (random_.one_in(3)) return call(p, toy, {method::wrapper_client}, 0, another);
      if (random_.one_in(2)) return call(p, toy, {method::wrapper_set_payload, random_.next()});
      return call(p, toy, {method::wrapper_set_target}, random_.one_in(2) ? another : own_page);
    case CapabilityType::node: return call(p, toy, {method::store, random_.below(node_slot_count)}, another);
    case CapabilityType::capability_page: return call(p, toy, {method::store, random_.below(capabilities_per_page)}, another);
    case CapabilityType::page: return call(p, toy, {method::page_copy_from}, own_page);
    case CapabilityType::endpoint: return call(p, toy, {method::endpoint_set_id, random_.next()});
    case CapabilityType::notice: return call(p, toy, {method::notice_set, random_.next()}, own_process);
    case CapabilityType::schedule: return call(p, toy, {method::schedule_set, random_.below(3), ms});
    default: return call(p, discriminator_register, {method::discriminator_same}, toy | another << 8);
  }
}

// A process and its activity are made anew (the process that was there is gone), equipped and started.
void KernelGuests::raise(unsigned client, Process& p, uint64_t stage) {
  p.registers.rsp = raise_child | stage << 8;
  const auto make = [&](uint64_t frame, Kind kind, uint32_t into) {
    call(p, range_register, {method::range_make, frame, static_cast<uint64_t>(kind), 1 + client, 0}, 0, into);
  };
  switch (stage) {
    case 0: return make(child_frame, Kind::process, child_register);
    case 1: return make(child_activity_frame, Kind::activity, child_activity);
    case 2: return call(p, child_register, {method::store, server_register}, entry_for_child);
    case 3: return call(p, child_register, {method::store, clock_register}, clock_register);
    case 4: return call(p, child_register, {method::store, process_slot::schedule}, random_.one_in(2) ? own_schedule : 0);
    default: return call(p, child_register, {method::process_start}, child_activity);
  }
}

// --- promises -------------------------------------------------------------------------------------------------

void KernelGuests::promise(unsigned client, uint64_t at) {
  ++acknowledgements_;
  reached_[client] = std::max(reached_[client], at);
  for (const Destroyed& one : destroyed_) {
    if (one.client == client && one.at <= at) destroyed_for_good_.push_back(one.capability);
  }
  std::erase_if(destroyed_, [&](const Destroyed& one) { return one.client == client && one.at <= at; });
}

void KernelGuests::note_status(unsigned client, Process& p) {
  Store& store = world_.kernel().store;
  const CacheSlot slot = store.find(clients_[client].pages[0].object.frame());
  if (slot == no_slot || p.registers.rax >> 32 != sizeof(SystemStatus)) return;
  SystemStatus status;
  std::memcpy(&status, store.bytes(slot) + (status_address - Guest::memory), sizeof(status));
  told_generation_ = std::max(told_generation_, status.committed_generation);
}

bool KernelGuests::is_void(const Capability& capability) const {
  const auto is_it = [&](const Capability& gone) { return names(gone, capability.object, capability.version); };
  return std::ranges::any_of(destroyed_, is_it, &Destroyed::capability) || std::ranges::any_of(destroyed_for_good_, is_it);
}

bool KernelGuests::has_everybody_acted() const { return acted_ == (1u << client_count) - 1; }

void KernelGuests::forget_turns() { acted_ = ended_ = 0; }

void KernelGuests::went_back_to(const World& world) {
  const auto frame = [&](const Capability& capability) { return world.frame(capability.object.frame().value); };
  std::erase_if(made_, [&](const Made& made) { return !is_alive(frame(made.capability), made.capability); });
  // It has come back, or has never been: then another may get its version.
  std::erase_if(destroyed_, [&](const Destroyed& one) {
    const FrameTruth truth = frame(one.capability);
    return is_alive(truth, one.capability) || one.capability.version.value > truth.identity.source.value;
  });
  forget_turns();
}

void KernelGuests::check(const World& world, uint64_t generation, bool is_after_cut) const {
  expect(generation >= told_generation_, "generation " + std::to_string(generation) + " is older than one that a guest was told of, " +
                                             std::to_string(told_generation_));
  for (unsigned i = 0; i < client_count; ++i) {
    const FrameTruth frame = world.frame(clients_[i].process.object.frame().value);
    expect(frame.body != nullptr, "a client is not there");
    const auto& process = *reinterpret_cast<const Process*>(frame.body->data());
    expect(process.registers.rbp >= reached_[i], "ACKNOWLEDGED: a client was told that " + std::to_string(reached_[i]) +
                                                     " operations are durable, and has done " + std::to_string(process.registers.rbp));
  }
  const auto expect_gone = [&](const Capability& gone) {
    expect(!is_alive(world.frame(gone.object.frame().value), gone),
           "P2: what was destroyed is back, frame " + std::to_string(gone.object.frame().value));
  };
  for (const Capability& gone : destroyed_for_good_) expect_gone(gone);
  if (is_after_cut) return;
  for (const Destroyed& one : destroyed_) expect_gone(one.capability);
}

// --- the others -------------------------------------------------------------------------------------------------

// rbp: the number of the last call of each client, 16 bits each.
void KernelGuests::serve(Process& p) {
  if (p.registers.rsp == owes_answer) return answer(p);
  if ((p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call) && word(p, 0) != forget_method) {
    const uint64_t client = p.registers.r14, number = word(p, 1) & 0xffff;
    if (client < client_count) {
      const uint64_t last = p.registers.rbp >> 16 * client & 0xffff;
      expect(number == ((last + 1) & 0xffff), "ONCE: call " + std::to_string(number) + " of a client comes behind call " + std::to_string(last));
      p.registers.rbp ^= (last ^ number) << 16 * client;
    }
    p.registers.fs_base = word(p, 1);
    p.registers.rsp = owes_answer;
    if (random_.one_in(3)) return store_byte(p, Guest::memory + random_.below(2 * frame_bytes), number);
    return answer(p);
  }
  KernelWorld::invoke(p, Invocation::reply_and_wait, 0, {}, 0, some(server_hats, 2), 0, 0, 2 * frame_bytes, Guest::memory);
}

void KernelGuests::answer(Process& p) {
  p.registers.rsp = none;
  KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {static_cast<uint64_t>(Result::ok), p.registers.fs_base},
                      some(server_hats, 2), some(server_hats, 2), static_cast<uint32_t>(random_.below(5000)), Guest::memory,
                      2 * frame_bytes, Guest::memory);
}

// Maps a page where a client has touched what is not there, or not memory; then the access is made again.
void KernelGuests::keep_space(Process& p) {
  const bool is_fault = (p.registers.rax & 0xff) == static_cast<uint64_t>(Delivery::call) && word(p, 0) == method::keeper_fault;
  if (p.registers.rsp == owes_answer) {
    p.registers.rsp = none;
    expect(result_of(p) == Result::ok, "the keeper cannot map");
    return KernelWorld::invoke(p, Invocation::reply_and_wait, resume_register, {static_cast<uint64_t>(Result::ok)});
  }
  if (!is_fault) return KernelWorld::invoke(p, Invocation::reply_and_wait, 0);
  const uint64_t slot = (word(p, 2) - Guest::memory) / frame_bytes;
  const unsigned client = static_cast<unsigned>(p.registers.r14);
  expect(client < client_count && slot >= first_slot_to_map && slot <= last_slot_to_map,
         "a fault where nobody accesses anything: slot " + std::to_string(slot) + ", code " + std::to_string(word(p, 1)));
  p.registers.rsp = owes_answer;
  call(p, keepers_roots + client, {method::store, slot}, keepers_pages + client);
}

// A child. Its parent may be about to destroy it at any time.
void KernelGuests::live(Process& p) {
  ++p.registers.rbp;
  if (mode_ != Mode::busy || random_.one_in(3)) {
    return call(p, clock_register, {method::clock_wait_until, world_.kernel().time.now_ns() + 5 * ms});
  }
  call(p, server_register, {serve_method, p.registers.rbp});
}

}  // namespace perdure
