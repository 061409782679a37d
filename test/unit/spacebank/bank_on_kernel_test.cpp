// SPDX-License-Identifier: MIT
//
// The bank server, its clients and the sweeper on the kernel's own logic: tries whether what the
// server takes for granted of range, wrappers, endpoints, resume capabilities and the order of
// callers is what the kernel does. Also under chaos and with the kernel's whole-state checks.
#include <catch2/catch.hpp>

#include "spacebank/bank_server.hpp"
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
    registers[bank_register::schedule] = world.process(server_).schedule;
    registers[bank_register::space] = server_.root;
    run_program(server_, [this] { serve(); });
  }

  // A client holds the root bank in register 3, once there is one.
  void add_client(ProgramThread::Body body) {
    const Guest guest = world.new_guest({}, 2);
    world.set_program(guest, [this, guest](Process&) {
      if (!is_open_) return fake_machine().advance(1000);
      world.write(guest.process);
      auto& held = world.process(guest).capability_registers;
      held[3] = world.process(server_).capability_registers[root_register];
      held[bank_process_register] = server_.process;
    });
    waiting_.push_back({guest, std::move(body)});
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

  std::string problem() {
    const auto found = bank::verify_books(arena());
    return found ? std::string(found->what) : "";
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

  // What the image builder does beforehand, then what spacebank/server.cpp does.
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

TEST_CASE("on the kernel: others are served while a large bank is swept") {
  Wrongs wrongs;
  BankOnKernel system;
  bool is_destroying = false, is_done = false;
  unsigned served = 0;
  system.add_client([&] {
    wrongs.expect(root_bank.create_sub_bank(bank_unlimited, sub_bank.at).has_value(), "sub-bank");
    for (int i = 0; i < 900; ++i) {
      wrongs.expect(sub_bank.allocate(i % 2 ? Kind::page : Kind::process, scratch).has_value(), "allocate");
    }
    is_destroying = true;
    wrongs.expect(result_of(sub_bank.destroy()) == Result::ok, "destroy");
    is_done = true;
  });
  system.add_client([&] {
    while (!is_done) {
      ProgramThread::current()->spin();
      if (!is_destroying) continue;
      wrongs.expect(root_bank.allocate(Kind::page, scratch).has_value(), "not served");
      wrongs.expect(root_bank.free(scratch).has_value(), "not served");
      ++served;
    }
  });
  system.run_to_the_end();
  report(wrongs);
  CHECK(served > 10);
  CHECK(system.problem() == "");
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
