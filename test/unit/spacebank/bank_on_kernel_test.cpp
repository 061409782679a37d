// SPDX-License-Identifier: MIT
//
// The bank server, its clients and the sweeper on the kernel's own logic: tries whether what the
// server takes for granted of range, wrappers, endpoints, resume capabilities and the order of
// callers is what the kernel does. Also under chaos and with the kernel's whole-state checks.
#include <catch2/catch.hpp>

#include "spacebank/server/bank_server.hpp"
#include "spacebank/verify_books.hpp"
#include "test/unit/spacebank/kernel_programs.hpp"
#include "userland/runtime/bank_client.hpp"

namespace perdure {

extern "C" void perdure_invoke(RawInvocation* raw) { ProgramThread::current()->invoke(*raw); }

namespace {

constexpr uint64_t first_frame = 256;  // below: what the world made
constexpr uint64_t bank_frames = 1200;
constexpr unsigned root_register = 20;  // where the founder leaves the root bank
constexpr unsigned bank_process_register = 21;  // clients could stop the bank, and one test does
constexpr uint64_t sweeper_instruction = 0x9000;

class BankOnKernel {
 public:
  explicit BankOnKernel(KernelOptions options = {.interval_ms = 0, .check = true})
      : world(options), memory_(bank::arena_bytes(bank_frames) / 8) {
    server_ = world.new_guest({}, 4);
    world.write(server_.process);
    auto& registers = world.process(server_).capability_registers;
    registers[bank_register::range] = {.type = CapabilityType::range,
                                       .object = ObjectId::of({first_frame}),
                                       .payload = bank_frames};
    registers[bank_register::endpoint] = server_.endpoint;
    registers[bank_register::distinguished] = KernelWorld::entry(server_, bank_entry_payload);
    registers[bank_register::sweeper_schedule] = world.make(Kind::schedule);
    world.object<Schedule>(registers[bank_register::sweeper_schedule]).priority = 2;  // the clients'
    world.object<Schedule>(registers[bank_register::sweeper_schedule]).ceiling = 3;
    registers[bank_register::sold_schedule] = world.make(Kind::schedule);
    registers[bank_register::space] = server_.root;
    run_program(server_, [this] { serve(); });
  }

  // A client holds the root bank in register 3, once there is one.
  Guest add_client(ProgramThread::Body body) {
    const Guest guest = world.new_guest({}, 2);
    world.set_program(guest, [this, guest](Process&) {
      if (!is_open_) return fake_machine().advance(1000);
      world.write(guest.process);
      auto& held = world.process(guest).capability_registers;
      held[3] = world.process(server_).capability_registers[root_register];
      held[bank_process_register] = server_.process;
    });
    waiting_.push_back({guest, std::move(body)});
    return guest;
  }

  // For programs, while they run: another one gets what `from` has in a register of its own.
  void share(const Guest& from, unsigned held, const Guest& to, unsigned into) {
    world.write(to.process);
    world.process(to).capability_registers[into] = world.process(from).capability_registers[held];
  }
  // The process in a register of `owner`, which it bought and started, runs this.
  void run_bought(const Guest& owner, unsigned held, ProgramThread::Body body) {
    Guest bought;
    bought.process = world.process(owner).capability_registers[held];
    run_program(bought, std::move(body));
  }

  void run_to_the_end() {
    world.start();
    for (int i = 0; i < 200 && !is_open_; ++i) world.run(20);
    REQUIRE(is_open_);
    world.run(200);  // each client takes its capabilities
    for (auto& [guest, body] : waiting_) clients_.push_back(run_program(guest, std::move(body)));
    for (int i = 0; i < 20'000 && !all_ended(); ++i) world.run(20);
    REQUIRE(all_ended());
  }

  // What is wrong in the books, or between them and those frames that are in memory.
  std::string problem() {
    if (const auto found = bank::verify_books(arena())) return std::string(found->what);
    Store& store = world.kernel().store;
    for (uint32_t n = 1; n < bank_frames; ++n) {
      const CacheSlot slot = store.find({first_frame + n}, no_slot);
      if (slot == no_slot) continue;
      const FrameIdentity& identity = store.descriptor(slot).identity;
      const bank::BookedFrame booked = bank::booked(arena(), bank::Frame{n});
      if (booked.kind != identity.kind || booked.account != identity.account) {
        return "books and frame disagree: " + std::to_string(n);
      }
    }
    return {};
  }

  KernelWorld world;

 private:
  std::span<std::byte> books() { return std::as_writable_bytes(std::span(memory_)); }
  bank::Arena arena() { return *bank::Arena::open(books()); }

  ProgramThread* run_program(const Guest& guest, ProgramThread::Body body) {
    threads_.push_back(std::make_unique<ProgramThread>(world, guest.pages[0], std::move(body)));
    ProgramThread* thread = threads_.back().get();
    world.set_program(guest, [thread](Process& process) { thread->step(process); });
    return thread;
  }

  bool all_ended() const {
    return std::ranges::all_of(clients_, [](const auto* client) { return client->has_ended(); });
  }

  // What the image builder does beforehand, then what spacebank/server/program.cpp does.
  void serve() {
    const auto arena = bank::Arena::initialise(books(), bank_frames);
    bank::ServerRange range(RangeCapability{{{bank_register::range}}});
    bank::BankLogic logic(*arena, range);
    const WrapperCapability root{{{12}}};
    range.deliver_into(root.at);
    if (!logic.found_root() || !root.set_payload(bank_facet_payload(bank_root_account, 0)) ||
        !root.set_target({bank_register::distinguished}) || !root.client({root_register})) {
      return;
    }
    bank::BankServer server(*arena);
    if (!server.begin(sweeper_instruction, 0)) return;
    start_sweeper_thread();
    is_open_ = true;
    Message message;
    CapabilityRegister answer_to = registers::nothing;
    while (true) {
      bank::BankServer::prepare_to_receive(message);
      reply_and_wait(answer_to, message);
      answer_to = server.serve(message);
    }
  }

  // begin() leaves the sweeper's process in the second register of what is sold.
  void start_sweeper_thread() {
    Guest sweeper;
    sweeper.process = world.process(server_).capability_registers[10];
    run_program(sweeper, [] {
      while (true) {
        Message message;
        (void)call(bank::sweeper_entry_register, message);
        ProgramThread::current()->spin();
      }
    });
  }

  std::vector<uint64_t> memory_;
  Guest server_;
  bool is_open_ = false;
  std::vector<std::pair<Guest, ProgramThread::Body>> waiting_;
  std::vector<ProgramThread*> clients_;
  std::vector<std::unique_ptr<ProgramThread>> threads_;
};

constexpr BankCapability root_bank{{{3}}};
constexpr BankCapability sub_bank{{{8}}};
constexpr CapabilityRegister scratch{9};
constexpr CapabilityRegister kept{10};

// Counts what did not hold; Catch's assertions belong to the test's own thread.
struct Wrongs {
  void expect(bool holds, const char* what) {
    if (!holds) list.push_back(what);
  }
  std::vector<std::string> list;
};

Result result_of(const Answer<>& answer) { return answer ? Result::ok : answer.error(); }

// Each kind of object: bought, known, returned, void.
void buy_one_of_each(Wrongs& wrongs) {
  wrongs.expect(root_bank.create_sub_bank(100, sub_bank.at).has_value(), "sub-bank");
  for (unsigned kind = 1; kind < kind_count; ++kind) {
    wrongs.expect(sub_bank.allocate(static_cast<Kind>(kind), scratch).has_value(), "allocate");
    wrongs.expect(sub_bank.identify(scratch) == sub_bank.status()->account, "identify");
    wrongs.expect(sub_bank.usage(static_cast<Kind>(kind)) == 1u, "usage");
    wrongs.expect(root_bank.free(scratch).error() == Result::not_found, "another bank frees it");
    wrongs.expect(sub_bank.free(scratch).has_value(), "free");
    wrongs.expect(sub_bank.free(scratch).error() == Result::void_capability, "free twice");
  }
  wrongs.expect(sub_bank.status()->used == 0, "something is left");
}

constexpr ProcessCapability server_process{{{14}}};
constexpr CapabilityRegister server_entry{15};
constexpr ProcessCapability client_process{{{16}}};
constexpr CapabilityRegister client_activity{17};

// A process at the clients' priority, to be started with its activity once it has a program.
void buy_process(Wrongs& wrongs, BankCapability bank, ProcessCapability process, CapabilityRegister activity) {
  const ScheduleCapability schedule{{{12}}};
  wrongs.expect(bank.allocate(Kind::process, process.at).has_value(), "process");
  wrongs.expect(bank.allocate(Kind::activity, activity).has_value(), "activity");
  wrongs.expect(bank.allocate(Kind::schedule, schedule.at).has_value(), "schedule");
  wrongs.expect(schedule.set({.priority = 2, .slice_ns = 1'000'000}).has_value(), "priority");
  wrongs.expect(process.store(process_slot::schedule, schedule.at).has_value(), "schedule");
}

// A process that can be called, with that many pages besides; its activity is in `scratch`.
void buy_server(Wrongs& wrongs, BankCapability bank, unsigned pages) {
  const EndpointCapability endpoint{{{11}}};
  for (unsigned i = 0; i < pages; ++i) wrongs.expect(bank.allocate(Kind::page, scratch).has_value(), "page");
  buy_process(wrongs, bank, server_process, scratch);
  wrongs.expect(bank.allocate(Kind::endpoint, endpoint.at).has_value(), "endpoint");
  wrongs.expect(endpoint.set_receiver(server_process).has_value(), "receiver");
  wrongs.expect(endpoint.entry(0, server_entry).has_value(), "entry");
}

void verify_and_reduce(Wrongs& wrongs) {
  const auto genuine = root_bank.verify(sub_bank.at);
  wrongs.expect(genuine && genuine->is_genuine && genuine->restrictions == 0, "not genuine");
  wrongs.expect(sub_bank.reduce(bank_restriction::may_not_free, kept).has_value(), "reduce");
  const auto reduced = root_bank.verify(kept);
  wrongs.expect(reduced && reduced->restrictions == bank_restriction::may_not_free, "not reduced");
  wrongs.expect(BankCapability{{kept}}.free(scratch).error() == Result::missing_right, "freed");
  // A wrapper of one's own around a bank, and around nothing.
  const WrapperCapability own{{{11}}};
  wrongs.expect(sub_bank.allocate(Kind::wrapper, own.at).has_value(), "wrapper");
  wrongs.expect(own.set_payload(bank_facet_payload(bank_root_account, 0)).has_value(), "payload");
  wrongs.expect(own.set_target(sub_bank.at).has_value() && own.client({12}).has_value(), "target");
  wrongs.expect(!root_bank.verify({12})->is_genuine, "a forged bank is believed");
  wrongs.expect(BankCapability{{{12}}}.status()->account == sub_bank.status()->account, "deceived");
  wrongs.expect(own.set_target(registers::nothing).has_value(), "target nothing");
  wrongs.expect(!root_bank.verify({12})->is_genuine, "nothing is believed");
  wrongs.expect(sub_bank.free({12}).error() == Result::wrong_type, "freed by its client facet");
  wrongs.expect(!root_bank.verify(registers::nothing)->is_genuine, "void is believed");
}

void fill_and_destroy(Wrongs& wrongs, unsigned objects) {
  const auto before = root_bank.status();
  wrongs.expect(root_bank.create_sub_bank(bank_unlimited, sub_bank.at).has_value(), "sub-bank");
  wrongs.expect(sub_bank.create_sub_bank(bank_unlimited, {12}).has_value(), "sub-sub-bank");
  for (unsigned i = 0; i < objects; ++i) {
    const BankCapability payer{{i % 3 == 0 ? CapabilityRegister{12} : sub_bank.at}};
    const auto kind = static_cast<Kind>(1 + i % (kind_count - 1));
    wrongs.expect(payer.allocate(kind, scratch).has_value(), "allocate");
  }
  wrongs.expect(sub_bank.allocate(Kind::page, scratch).has_value(), "allocate");
  wrongs.expect(result_of(sub_bank.destroy()) == Result::ok, "destroy");
  wrongs.expect(sub_bank.status().error() == Result::void_capability, "the bank lives");
  wrongs.expect(PageCapability{{{scratch}}}.type().error() == Result::void_capability, "a page lives");
  wrongs.expect(root_bank.status()->used == before->used, "usage is not as before");
}

// What two sides of a test know of a destruction: each participant counts itself as done.
struct Meanwhile {
  bool is_destroying = false;
  unsigned done = 0;
  unsigned served = 0;
};

// Another client has to be served from the beginning of the destruction until all participants are done.
void buy_meanwhile(Wrongs& wrongs, Meanwhile& meanwhile, unsigned participants) {
  while (meanwhile.done < participants) {
    ProgramThread::current()->spin();
    if (!meanwhile.is_destroying) continue;
    wrongs.expect(root_bank.allocate(Kind::page, scratch).has_value(), "not served");
    wrongs.expect(root_bank.free(scratch).has_value(), "not served");
    ++meanwhile.served;
  }
}

void report(const Wrongs& wrongs) {
  for (const std::string& wrong : wrongs.list) UNSCOPED_INFO(wrong);
  CHECK(wrongs.list.empty());
}

}  // namespace

TEST_CASE("on the kernel: one of each kind is bought, known, returned and void") {
  Wrongs wrongs;
  BankOnKernel system;
  system.add_client([&] { buy_one_of_each(wrongs); });
  system.run_to_the_end();
  report(wrongs);
  CHECK(system.problem() == "");
}

TEST_CASE("on the kernel: verified, reduced, wrapped, and never deceived") {
  Wrongs wrongs;
  BankOnKernel system;
  system.add_client([&] {
    wrongs.expect(root_bank.create_sub_bank(100, sub_bank.at).has_value(), "sub-bank");
    verify_and_reduce(wrongs);
  });
  system.run_to_the_end();
  report(wrongs);
}

TEST_CASE("on the kernel: a bank is not called a forged one while the disk does not give its wrapper") {
  Wrongs wrongs;
  BankOnKernel system;
  Guest client;
  client = system.add_client([&] {
    wrongs.expect(root_bank.create_sub_bank(100, sub_bank.at).has_value(), "sub-bank");
    const Capability facet = system.world.process(client).capability_registers[sub_bank.at.number];
    system.world.page_out({facet});
    system.world.disk().spoil_reads(system.world.kernel().store.root().geometry.home_block(facet.object.frame()), body_reads_max);
    const auto unread = root_bank.verify(sub_bank.at);
    wrongs.expect(!unread && unread.error() == Result::unreadable, "called forged");
    fake_machine().advance(uint64_t{1'000} * 1'000'000'000);
    wrongs.expect(root_bank.verify(sub_bank.at)->is_genuine, "not genuine");
  });
  system.run_to_the_end();
  report(wrongs);
}

TEST_CASE("on the kernel: a small and a large bank are destroyed, and nothing is left") {
  Wrongs wrongs;
  BankOnKernel system;
  system.add_client([&] {
    fill_and_destroy(wrongs, 5);
    fill_and_destroy(wrongs, 900);
    fill_and_destroy(wrongs, 900);
  });
  system.run_to_the_end();
  report(wrongs);
  CHECK(system.problem() == "");
}

// → how often another one was served meanwhile.
unsigned served_while_swept(uint64_t restrictions_of_maker) {
  Wrongs wrongs;
  BankOnKernel system;
  Meanwhile meanwhile;
  system.add_client([&] {
    const BankCapability maker{CapabilityRegister{12}};
    wrongs.expect(root_bank.reduce(restrictions_of_maker, maker.at).has_value(), "reduce");
    wrongs.expect(maker.create_sub_bank(bank_unlimited, sub_bank.at).has_value(), "sub-bank");
    for (int i = 0; i < 900; ++i) {
      wrongs.expect(sub_bank.allocate(i % 2 ? Kind::page : Kind::process, scratch).has_value(), "allocate");
    }
    meanwhile.is_destroying = true;
    wrongs.expect(result_of(sub_bank.destroy()) == Result::ok, "destroy");
    ++meanwhile.done;
  });
  system.add_client([&] { buy_meanwhile(wrongs, meanwhile, 1); });
  system.run_to_the_end();
  report(wrongs);
  CHECK(system.problem() == "");
  return meanwhile.served;
}

TEST_CASE("on the kernel: others are served while a tenant's large bank is swept") {
  CHECK(served_while_swept(bank_restriction::may_not_destroy) > 10);
}

TEST_CASE("on the kernel: a large bank of who may destroy the one above it is swept before others go on") {
  CHECK(served_while_swept(0) < 3);
}

TEST_CASE("on the kernel: while the bank is stopped allocations wait and all else runs; then all proceed") {
  constexpr unsigned per_client = 40;
  Wrongs wrongs;
  BankOnKernel system;
  unsigned bought = 0, bought_while_stopped = 0, turns_while_stopped = 0;
  for (int i = 0; i < 3; ++i) {
    system.add_client([&] {
      for (unsigned n = 0; n < per_client; ++n) {
        wrongs.expect(root_bank.allocate(Kind::page, scratch).has_value(), "allocate");
        ++bought;
        ProgramThread::current()->spin();
      }
    });
  }
  system.add_client([&] {
    const ProcessCapability bank{{{bank_process_register}}};
    while (bought < per_client) ProgramThread::current()->spin();
    wrongs.expect(bank.stop().has_value(), "stop");
    const unsigned before = bought;
    for (; turns_while_stopped < 200; ++turns_while_stopped) ProgramThread::current()->spin();
    bought_while_stopped = bought - before;
    wrongs.expect(bank.start(registers::nothing).has_value(), "start");
  });
  system.run_to_the_end();
  report(wrongs);
  CHECK(turns_while_stopped == 200);
  CHECK(bought_while_stopped <= 3);  // what had been answered before it stopped
  CHECK(bought == 3 * per_client);
  CHECK(system.problem() == "");
}

TEST_CASE("on the kernel: a destroyed server's callers wake with an answer, while others are served") {
  Wrongs wrongs;
  BankOnKernel system;
  fake_machine().step_ns = 200'000;  // a step of the sweep takes time: its slice ends, as that of any other
  bool is_ready = false, is_accepted = false;
  Meanwhile meanwhile;
  std::vector<Guest> callers;
  std::vector<Result> answers;
  Guest owner;
  owner = system.add_client([&] {
    wrongs.expect(root_bank.create_sub_bank(bank_unlimited, sub_bank.at).has_value(), "sub-bank");
    buy_server(wrongs, sub_bank, 600);
    system.run_bought(owner, server_process.at.number, [&] {
      Message message;
      (void)reply_and_wait(registers::nothing, message);
      is_accepted = true;
      while (true) ProgramThread::current()->spin();  // and never answers
    });
    wrongs.expect(server_process.start(scratch).has_value(), "start");
    for (const Guest& caller : callers) system.share(owner, server_entry.number, caller, server_entry.number);
    is_ready = true;
    while (!is_accepted) ProgramThread::current()->spin();
    for (int i = 0; i < 50; ++i) ProgramThread::current()->spin();
    meanwhile.is_destroying = true;
    wrongs.expect(result_of(sub_bank.destroy()) == Result::ok, "destroy");
    ++meanwhile.done;
  });
  for (int i = 0; i < 3; ++i) {
    callers.push_back(system.add_client([&] {
      while (!is_ready) ProgramThread::current()->spin();
      Message message;
      answers.push_back(call(server_entry, message));
      wrongs.expect(meanwhile.is_destroying, "answered early");
      ++meanwhile.done;
    }));
  }
  system.add_client([&] { buy_meanwhile(wrongs, meanwhile, 4); });
  system.run_to_the_end();
  report(wrongs);
  CHECK(std::ranges::count(answers, Result::destroyed) == 1);  // the caller that was accepted
  CHECK(std::ranges::count(answers, Result::void_capability) == 2);  // the callers in line
  CHECK(meanwhile.served > 5);
  CHECK(system.problem() == "");
}

TEST_CASE("on the kernel: a server destroys the bank in which it lives, and its client is answered when all is done") {
  for (const unsigned pages : {3u, 600u}) {
    Wrongs wrongs;
    BankOnKernel system;
    bool is_answered = false, has_begun = false;
    Guest owner;
    owner = system.add_client([&] {
      wrongs.expect(root_bank.create_sub_bank(bank_unlimited, sub_bank.at).has_value(), "sub-bank");
      buy_process(wrongs, root_bank, client_process, client_activity);
      const uint64_t used = root_bank.status()->used;
      buy_server(wrongs, sub_bank, pages);
      wrongs.expect(server_process.store(sub_bank.at.number, sub_bank.at).has_value(), "to the server");
      wrongs.expect(server_process.store(root_bank.at.number, root_bank.at).has_value(), "to the server");
      wrongs.expect(client_process.store(root_bank.at.number, root_bank.at).has_value(), "to the client");
      wrongs.expect(client_process.store(server_entry.number, server_entry).has_value(), "to the client");
      system.run_bought(owner, server_process.at.number, [&] {
        Message message;
        (void)reply_and_wait(registers::nothing, message);
        wrongs.expect(root_bank.destroy_and_answer(registers::resume).error() == Result::in_use, "the root");
        has_begun = true;
        (void)sub_bank.destroy_and_answer(registers::resume);  // and it comes back no more than we do
        while (true) ProgramThread::current()->spin();
      });
      system.run_bought(owner, client_process.at.number, [&, used] {
        Message message{.words = {1, 2, 3, 4, 5, 6}};
        wrongs.expect(call(server_entry, message) == Result::ok, "the client is not answered");
        wrongs.expect(root_bank.status()->used == used - 2, "answered before the end");
        is_answered = true;
        while (true) ProgramThread::current()->spin();
      });
      wrongs.expect(server_process.start(scratch).has_value(), "start");
      wrongs.expect(client_process.start(client_activity).has_value(), "start");
      while (!is_answered || !has_begun) ProgramThread::current()->spin();
    });
    system.run_to_the_end();
    report(wrongs);
    CHECK(system.problem() == "");
  }
}

TEST_CASE("on the kernel: a bank is dissolved, what it bought lives, and is the parent's over a checkpoint") {
  Wrongs wrongs;
  BankOnKernel system;
  system.add_client([&] {
    const auto before = root_bank.status();
    wrongs.expect(root_bank.create_sub_bank(bank_unlimited, sub_bank.at).has_value(), "sub-bank");
    wrongs.expect(sub_bank.create_sub_bank(9, {12}).has_value(), "sub-sub-bank");
    const BankCapability below{{{12}}};
    wrongs.expect(below.allocate(Kind::node, {13}).has_value(), "allocate below");
    for (unsigned i = 0; i < 300; ++i) {
      wrongs.expect(sub_bank.allocate(static_cast<Kind>(1 + i % (kind_count - 1)), scratch).has_value(), "allocate");
    }
    wrongs.expect(sub_bank.allocate(Kind::endpoint, scratch).has_value(), "allocate");
    wrongs.expect(EndpointCapability{{{scratch}}}.entry(5, kept).has_value(), "entry");
    const uint64_t frames = sub_bank.status()->used;
    wrongs.expect(result_of(sub_bank.dissolve()) == Result::ok, "dissolve");
    wrongs.expect(sub_bank.status().error() == Result::void_capability, "the bank lives");
    wrongs.expect(root_bank.status()->used == before->used + frames, "usage is not the sum");
    wrongs.expect(below.status()->effective_limit == 9, "the bank below is gone");
    wrongs.expect(root_bank.identify(scratch) == bank_root_account, "not the parent's");
    wrongs.expect(root_bank.recap(kept, {14}).has_value(), "no strongest capability");
    wrongs.expect(EndpointCapability{{{CapabilityRegister{14}}}}.set_id(3).has_value(), "not control");
    wrongs.expect(root_bank.free({14}).has_value(), "the parent cannot free it");
    wrongs.expect(below.free({13}).has_value(), "the bank below cannot free");
    wrongs.expect(result_of(below.dissolve()) == Result::ok, "dissolve below");
  });
  system.run_to_the_end();
  report(wrongs);
  CHECK(system.problem() == "");
  system.world.take_checkpoint();
  CHECK(system.problem() == "");
}

TEST_CASE("on the kernel: all of it under chaos") {
  for (const uint64_t seed : {1, 2, 3}) {
    Wrongs wrongs;
    BankOnKernel system({.interval_ms = 0, .check = true, .chaos_seed = seed});
    system.add_client([&] { buy_one_of_each(wrongs); });
    system.add_client([&] { fill_and_destroy(wrongs, 0); });
    system.run_to_the_end();
    system.world.take_checkpoint();
    // Two clients at once: the usage that one compares is changed by the other.
    std::erase(wrongs.list, "usage is not as before");
    INFO("seed " << seed);
    report(wrongs);
    CHECK(system.problem() == "");
  }
}

}  // namespace perdure
