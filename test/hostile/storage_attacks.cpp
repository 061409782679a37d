// SPDX-License-Identifier: MIT
//
// Attacks by objects that the attacker buys: wrappers around what it was given, banks that go in
// the middle of a request, banks that are full, storage that another program had before.
#include <cstring>

#include "test/hostile/attack_functions.hpp"
#include "test/hostile/puppet.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure::hostile {
namespace {

constexpr CapabilityRegister own(unsigned number) { return {static_cast<uint8_t>(first_free_register + number)}; }

constexpr WrapperCapability wrapper{{{own(0)}}};
constexpr CapabilityRegister forged = own(1);

Answer<uint64_t> whose(CapabilityRegister at) { return Client<Target>{at}.call<Target::whose>(); }

// `target` behind `wrapper`, with this payload, the control handed over or not.
void wrap(CapabilityRegister target, uint64_t payload, bool hand_over) {
  require(wrapper.set_target(target).has_value() && wrapper.set_payload(payload).has_value());
  require(wrapper.set_hand_over(hand_over).has_value() && wrapper.client(forged).has_value());
}

}  // namespace

void forged_payload() {
  const auto own_account = bank.status();
  require(own_account.has_value());
  require(bank.allocate(Kind::wrapper, wrapper.at).has_value());
  for (const uint64_t payload : {uint64_t{0}, ~uint64_t{0}, judges_object, uint64_t{object_entry_payload},
                                 bank_facet_payload(bank_root_account, 0), uint64_t{bank_entry_payload}}) {
    for (const bool hand_over : {false, true}) {
      wrap(naked_entry, payload, hand_over);
      require(is_refused(whose(forged), Result::missing_right));
      wrap(object, payload, hand_over);
      require(whose(forged) == attackers_object);
      wrap(bank.at, payload, hand_over);
      const auto status = BankCapability{{forged}}.status();
      require(status && status->account == own_account->account);
      require(is_refused(BankCapability{{forged}}.destroy(), Result::missing_right));
      require(!bank.verify(forged)->is_genuine);
      wrap(object, payload, hand_over);
      require(!bank.verify(forged)->is_genuine);
    }
  }
  // One more around it changes nothing: the innermost payload is the true one.
  const WrapperCapability outer{{{own(2)}}};
  require(bank.allocate(Kind::wrapper, outer.at).has_value());
  wrap(object, judges_object, false);
  require(outer.set_target(forged).has_value() && outer.set_payload(judges_object).has_value());
  require(outer.client(own(3)).has_value());
  require(whose(own(3)) == attackers_object);
}

// --- in mid-request -------------------------------------------------------------------------------

namespace {

// A process that has called us is destroyed with its bank, and another is made that does the same, as like as two
// peas: our old resume capability does not answer the new process.
void replace_caller(BankCapability sub_bank) {
  const CapabilityPageCapability page{{{own(1)}}};
  const CapabilityRegister old = own(2);
  require(bank.allocate(Kind::capability_page, page.at).has_value());
  for (const bool is_first : {true, false}) {
    require(bank.create_sub_bank(100, sub_bank.at).has_value());
    Puppet puppet(0);
    puppet.buy(higher_schedule, sub_bank);
    puppet.lead_to_us(own(3));
    puppet.start(call_us, is_first);
    Message message;
    reply_and_wait(registers::nothing, message);
    require(message.delivery == Delivery::call && message.words[1] == is_first);
    if (is_first) {
      require(page.store(0, registers::resume).has_value() && page.fetch(0, old).has_value());
    } else {
      Message answer;
      require(send(old, answer) == Result::void_capability);
      require(send(registers::resume, answer) == Result::ok && ended(puppet.await_fault()));
    }
    require(sub_bank.destroy().has_value());
  }
}

}  // namespace

void bank_destroyed_in_request() {
  const BankCapability sub_bank{{own(0)}};
  replace_caller(sub_bank);
  for (unsigned i = 0; i < 60; ++i) {
    require(bank.create_sub_bank(100, sub_bank.at).has_value());
    Puppet first(0), second(1);
    first.buy(equal_schedule, sub_bank);
    second.buy(equal_schedule, sub_bank);
    first.start(call_target_for_ever, 0);
    second.start(call_target_for_ever, 0);
    burn(i * 2000);
    require(sub_bank.destroy().has_value());
    require(is_refused(first.process().type(), Result::void_capability));
    require(is_refused(second.process().type(), Result::void_capability));
  }
}

// --- nesting ------------------------------------------------------------------------------------

namespace {

constexpr unsigned wrappers_deep = 8;  // kernel/invocation.cpp: wrapper_depth_max

// The target behind 1, 2, ... wrappers. The image's own around the object is one of them.
void nest_wrappers() {
  require(bank.allocate(Kind::wrapper, wrapper.at).has_value());
  wrap(object, 1, false);
  for (unsigned depth = 2; depth < 20; ++depth) {
    if (depth <= wrappers_deep) require(whose(forged) == attackers_object);
    else require(is_refused(whose(forged), Result::malformed));
    const CapabilityRegister inner = own(2);
    require(bank.allocate(Kind::wrapper, own(3)).has_value());
    const WrapperCapability next{{{own(3)}}};
    require(next.set_target(forged).has_value() && next.client(inner).has_value());
    require(next.client(forged).has_value());
  }
  // A wrapper around itself, and two around each other.
  require(wrapper.client(forged).has_value() && wrapper.set_target(forged).has_value());
  require(is_refused(whose(forged), Result::malformed));
  const WrapperCapability other{{{own(3)}}};
  require(bank.allocate(Kind::wrapper, other.at).has_value() && other.client(own(2)).has_value());
  require(wrapper.set_target(own(2)).has_value() && other.set_target(forged).has_value());
  require(is_refused(whose(own(2)), Result::malformed));
}

// Every memory access of the puppet runs into a node that contains itself.
void nest_nodes(Puppet& puppet) {
  const NodeCapability node{{{own(4)}}};
  require(bank.allocate(Kind::node, node.at).has_value());
  for (const uint8_t slot_size : {uint8_t{0}, uint8_t{4}, uint8_t{12}, uint8_t{32}}) {
    require(node.set({.slot_size = slot_size}).has_value());
    for (unsigned slot = 0; slot < node_slot_count; ++slot) require(node.store(slot, node.at).has_value());
    require(puppet.process().store(process_slot::space, node.at).has_value());
    Registers registers;
    registers.rip = 0x1000;
    const auto status = puppet.run(registers);
    require(status.fault == FaultCode::malformed_space || status.fault == FaultCode::no_memory);
  }
}

}  // namespace

void deep_nesting() {
  nest_wrappers();
  Puppet puppet(0);
  puppet.buy(higher_schedule);
  nest_nodes(puppet);
}

// --- banks ----------------------------------------------------------------------------------------

namespace {

alignas(4096) volatile uint8_t never_touched[4096 * 4];

void touch(uint64_t) {
  for (size_t i = 0; i < sizeof(never_touched); i += 4096) never_touched[i] = 1;
  end_puppet();
}

}  // namespace

void full_bank() {
  Puppet puppet(0);
  puppet.buy(higher_schedule);
  require(ended(puppet.run([](uint64_t) { end_puppet(); })));  // its stack is there
  const BankCapability sub_bank{{own(0)}};
  require(bank.create_sub_bank(bank_unlimited, sub_bank.at).has_value());
  require(sub_bank.allocate(Kind::page, own(3)).has_value());
  Answer<> done;
  while ((done = sub_bank.allocate(Kind::page, own(1)))) {
  }
  require(is_refused(done, Result::limit_reached));
  const auto status = bank.status();
  require(status && status->used == status->effective_limit);
  for (unsigned i = 0; i < 300; ++i) {
    for (unsigned kind = 1; kind < kind_count; ++kind) {
      require(is_refused(sub_bank.allocate(static_cast<Kind>(kind), own(2)), Result::limit_reached));
    }
    require(is_refused(bank.create_sub_bank(1, own(2)), Result::limit_reached));
  }
  // A program that needs a page for its memory now does not get it from the keeper that all programs share.
  require(puppet.run(touch).fault == FaultCode::no_memory);
  require(sub_bank.free(own(3)).has_value() && sub_bank.allocate(Kind::page, own(3)).has_value());
  require(bank.status()->used == status->used);
  require(sub_bank.destroy().has_value());
  require(ended(puppet.run(touch)));
}

// Bought storage reads as zero, whatever was in it: also what we wrote and gave back.
void residue() {
  const CapabilityRegister page = own(0);
  auto* words = reinterpret_cast<volatile uint64_t*>(layout::window_start);
  for (unsigned round = 0; round < 3; ++round) {
    const BankCapability sub_bank{{own(1)}};
    require(bank.create_sub_bank(bank_unlimited, sub_bank.at).has_value());
    for (unsigned i = 0; i < 150; ++i) {
      require(sub_bank.allocate(i % 3 == 2 ? Kind::process : Kind::page, page).has_value());
      if (i % 3 == 2) continue;
      require(space.store(layout::window_slot, page).has_value());
      for (size_t n = 0; n < layout::page_bytes / 8; ++n) {
        require(words[n] == 0);
        words[n] = ~uint64_t{0};
      }
    }
    require(sub_bank.destroy().has_value());
  }
}

}  // namespace perdure::hostile
