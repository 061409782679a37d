// SPDX-License-Identifier: MIT
//
// Short lives, thousands of them: processes, banks, endpoints and wrappers that come and go, in the middle of what
// they do. Breaks if one leaves something behind, or if a place that is sold again still means the old object.
#include "test/guest/servers.hpp"

namespace perdure::guest {
namespace {

volatile uint64_t lived;

[[noreturn]] void lives_and_leaves(uint64_t) {
  lived = lived + 1;
  wait_for_ever();
}

void processes_come_and_go(uint64_t) {
  constexpr uint64_t lives = 1000;
  lived = 0;
  Registers registers;
  {
    Actor first(lives_and_leaves);
    registers = first.first_registers();
  }
  const ProcessCapability process{{fresh()}};
  for (uint64_t life = 0; life < lives; ++life) {
    if (!done(bank.allocate(Kind::process, process.at))) return;
    done(bank.allocate(Kind::activity, arrived[0]));
    done(process.store(process_slot::space, my_space.at));
    done(process.store(process_slot::schedule, ordinary.at));
    done(process.set_registers(registers));
    done(process.start(arrived[0]));
    while (lived == life) rest();
    expect(lived, life + 1);
    done(bank.free(process.at));
    done(bank.free(arrived[0]));
  }
}

// Each life has a bank of its own, and a server that is called in it.
void banks_come_and_go(uint64_t) {
  Registers registers;
  {
    Actor first(echo);
    registers = first.first_registers();
  }
  const BankCapability own{{fresh()}};
  const ProcessCapability process{{fresh()}};
  const EndpointCapability endpoint{{fresh()}};
  const CapabilityRegister entry = fresh(), activity = fresh();
  for (uint64_t life = 0; life < 300; ++life) {
    if (!done(bank.create_sub_bank(20, own.at))) return;
    done(own.allocate(Kind::process, process.at));
    done(own.allocate(Kind::activity, activity));
    done(own.allocate(Kind::endpoint, endpoint.at));
    done(endpoint.set_receiver(process));
    done(endpoint.entry(life, entry));
    done(process.store(process_slot::space, my_space.at));
    done(process.store(process_slot::schedule, ordinary.at));
    done(process.set_registers(registers));
    done(process.start(activity));
    Message message{.words = {life}};
    call(entry, message);
    expect(message.words[0], life + 1);
    done(own.destroy());
    message = {};
    results(call(entry, message), Result::void_capability);
  }
}

struct Named {
  std::string_view name;
};
constexpr Named moments[] = {{"before it runs"}, {"while it computes"}, {"while it waits for a message"},
                             {"while it waits for an answer"}, {"while it stands in line"}};

[[noreturn]] void computes(uint64_t) {
  while (true) lived = lived + 1;
}

// Ended by its bank at this moment, again and again.
void ended_at(uint64_t row) {
  const BankCapability own{{fresh()}};
  const ProcessCapability process{{fresh()}};
  const CapabilityRegister entry = my_entry(), activity = fresh();
  Message message;
  Actor listener(wait_openly);
  Caller model(entry, {.words = {0, 1}});
  Actor spinner(computes);
  const Registers registers = row == 1 ? spinner.first_registers()
                            : row == 2 ? listener.first_registers() : model.actor.first_registers();
  for (unsigned life = 0; life < 60; ++life) {
    if (!done(bank.create_sub_bank(20, own.at))) return;
    done(own.allocate(Kind::process, process.at));
    done(own.allocate(Kind::activity, activity));
    done(process.store(process_slot::space, my_space.at));
    done(process.store(process_slot::schedule, row == 1 ? idle.at : ordinary.at));
    done(process.store(caller_target.number, entry));
    done(process.set_registers(registers));
    const uint64_t before = lived;
    done(process.start(activity));
    if (row == 1) while (lived == before) rest();
    if (row == 2) while (process.status()->state != ProcessState::receiving) rest();
    if (row == 3) receives_call(1);
    if (row == 4) rest();
    done(own.destroy());
    results(process.type().error(), Result::void_capability);
    if (row == 3) results(answer(), Result::void_capability);
  }
}

void small_objects_come_and_go(uint64_t) {
  const EndpointCapability endpoint{{fresh()}};
  const WrapperCapability wrapper{{fresh()}};
  const NoticeCapability notice{{fresh()}};
  const CapabilityRegister entry = fresh(), client = fresh();
  for (uint64_t life = 0; life < 500; ++life) {
    if (!done(bank.allocate(Kind::endpoint, endpoint.at))) return;
    done(bank.allocate(Kind::wrapper, wrapper.at));
    done(bank.allocate(Kind::notice, notice.at));
    done(endpoint.entry(life, entry));
    done(wrapper.set_target(entry));
    done(wrapper.set_payload(life));
    done(wrapper.client(client));
    const auto found = value_of(endpoint.identify(client));
    expect(found.entry_payload, life);
    expect(found.wrapper_payload, life);
    done(notice.set(1, myself));
    done(notice.post());
    expect(receive().words[0], 1);
    for (const CapabilityRegister at : {endpoint.at, wrapper.at, notice.at}) done(bank.free(at));
  }
}

// Each starts the next, and waits; all end at once.
constexpr unsigned generations = 6;
void a_family_ends_at_once(uint64_t) {
  for (unsigned round = 0; round < 10; ++round) {
    const CapabilityPageCapability shelf{{{arrived[3]}}};
    done(bank.allocate(Kind::capability_page, shelf.at));
    const BankCapability family{{arrived[0]}}, next{{arrived[1]}};
    done(bank.create_sub_bank(bank_unlimited, family.at));
    done(shelf.store(0, family.at));
    for (unsigned i = 1; i < generations; ++i) {
      done(family.create_sub_bank(bank_unlimited, next.at));
      done(next.allocate(Kind::process, arrived[2]));
      done(shelf.store(i, arrived[2]));
      done(shelf.store(i + 20, next.at));
      done(shelf.fetch(i + 20, family.at));
    }
    done(shelf.fetch(0, family.at));
    expect(value_of(family.status()).banks_below, generations - 1);
    done(family.destroy());
    for (unsigned i = 1; i < generations; ++i) {
      done(shelf.fetch(i, arrived[2]));
      expect(type_in(arrived[2]), CapabilityType::void_capability);
    }
    done(bank.free(shelf.at));
  }
}

constexpr Test tests[] = {
    {"a thousand processes live, one after the other, and leave nothing", processes_come_and_go},
    {"three hundred banks, each with a server that answers, leave nothing", banks_come_and_go},
    {"five hundred endpoints, wrappers and notices leave nothing", small_objects_come_and_go},
    {"banks below banks end together with what they sold", a_family_ends_at_once},
};
constexpr auto endings = for_each_row("a process ends with its bank ", moments, ended_at);

}  // namespace

constinit const Suite lives{"lives", {{tests, endings}}};

}  // namespace perdure::guest
