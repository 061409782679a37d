// SPDX-License-Identifier: MIT
//
// Puppets that put anything into their registers and make a system call, for ever: on what they
// hold, of every type, with methods that exist and arguments that hardly do. One that stops, or
// waits for what never comes, is started again.
#include <iterator>

#include "test/hostile/attack_functions.hpp"
#include "test/hostile/puppet.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure::hostile {
namespace {

constexpr uint64_t methods[] = {
    method::type, method::memory_reduce, method::page_copy_from, method::fetch, method::store,
    method::node_set, method::node_get, method::node_set_keeper, method::process_start,
    method::process_stop, method::process_status, method::process_get_registers,
    method::process_set_registers, method::endpoint_set_receiver, method::endpoint_set_id,
    method::endpoint_entry, method::endpoint_identify, method::wrapper_client, method::wrapper_get,
    method::wrapper_set_target, method::wrapper_set_payload, method::wrapper_set_hand_over,
    method::wrapper_block, method::wrapper_unblock, method::notice_set, method::notice_post,
    method::discriminator_classify, method::discriminator_same, method::bank_allocate,
    method::bank_free, method::bank_create_sub_bank, method::bank_status, method::bank_usage,
    method::bank_destroy, method::bank_destroy_and_answer, method::bank_dissolve, method::bank_recap,
    method::bank_verify, method::bank_identify, method::bank_reduce, method::bank_list,
    method::describe, code_of<Target, Target::whose>, code_of<Target, Target::add>};

constexpr Kind stocked[] = {Kind::page, Kind::capability_page, Kind::process, Kind::node, Kind::wrapper,
                            Kind::endpoint, Kind::notice, Kind::activity};
constexpr unsigned first_stocked = 20;  // its register, of a puppet

class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 0x9e37'79b9'7f4a'7c15 + 1) {}
  uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  uint64_t below(uint64_t bound) { return next() % bound; }
  uint64_t number() {
    switch (below(5)) {
      case 0: return below(4);
      case 1: return below(64);
      case 2: return ~uint64_t{0} - below(2);
      case 3: return layout::heap_start + below(4096);
      default: return next() >> below(64);
    }
  }

 private:
  uint64_t state_;
};

// Registers 3 to 31 are what may be used and overwritten: all of them are the puppet's own.
void call_anything(uint64_t seed) {
  Dice dice(seed);
  while (true) {
    RawInvocation raw;
    // Often one of its own objects: most of what it holds otherwise is nothing.
    const uint64_t invoked = dice.below(2) == 0 ? first_stocked + dice.below(std::size(stocked)) : dice.below(32);
    raw.rax = (1 + dice.below(2)) | invoked << 8;
    raw.words[0] = methods[dice.below(std::size(methods))];
    for (unsigned i = 1; i < message_word_count; ++i) raw.words[i] = dice.number();
    for (unsigned i = 0; i < message_capability_count; ++i) raw.rbx |= dice.below(32) << (8 * i);
    // Seldom: what is received takes the place of what it holds.
    if (dice.below(16) == 0) raw.rbx |= dice.below(32) << (32 + 8 * dice.below(message_capability_count));
    // Seldom: most addresses are the end of the puppet.
    raw.r12 = dice.below(64) == 0 ? dice.below(300) | dice.below(300) << 32 : 0;
    raw.r13 = dice.number();
    raw.r14 = dice.number();
    perdure_invoke(&raw);
  }
}

constexpr CapabilityPageCapability stock{{{first_free_register + 1}}};

// Something of each kind, all its own, and the ways to the target and the bank. What it had of that has been overwritten
// meanwhile, or sold: then there is something new.
void equip(Puppet& puppet, unsigned number) {
  puppet.give(bank.at);
  puppet.give(object);
  puppet.give(registers::discriminator);
  const ProcessCapability bought{{first_free_register}};
  for (unsigned i = 0; i < std::size(stocked); ++i) {
    const unsigned place = number * static_cast<unsigned>(std::size(stocked)) + i;
    require(stock.fetch(place, bought.at).has_value());
    if (is_refused(bought.type(), Result::void_capability)) {
      if (!bank.allocate(stocked[i], bought.at)) continue;  // they have bought all that there is
      require(stock.store(place, bought.at).has_value());
    }
    require(puppet.process().store(first_stocked + i, bought.at).has_value());
  }
}

}  // namespace

void random_calls() {
  Puppet puppets[] = {Puppet(0), Puppet(1), Puppet(2)};
  uint64_t seed = 1;
  require(bank.allocate(Kind::capability_page, stock.at).has_value());
  for (Puppet& puppet : puppets) puppet.buy(equal_schedule);
  while (true) {
    for (unsigned i = 0; i < std::size(puppets); ++i) {
      require(puppets[i].process().stop().has_value());
      equip(puppets[i], i);
      puppets[i].start(call_anything, seed++);
      burn(100'000);
    }
  }
}

}  // namespace perdure::hostile
