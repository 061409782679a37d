// SPDX-License-Identifier: MIT
#include "test/guest/spaces.hpp"

#include "userland/runtime/layout.hpp"

namespace perdure::guest {

NodeCapability new_space() {
  const NodeCapability root = new_node(layout::root_slot_size);
  for (const unsigned slot : {layout::text_slot, layout::data_slot, layout::stack_slot}) {
    done(my_space.fetch(slot, arrived[0]));
    done(root.store(slot, arrived[0]));
  }
  return root;
}

void fill(PageCapability page, uint64_t value) {
  done(my_space.store(layout::window_slot, page.at));
  auto* words = reinterpret_cast<volatile uint64_t*>(layout::window_start);
  for (size_t i = 0; i < layout::page_bytes / sizeof(uint64_t); ++i) words[i] = value;
  done(my_space.store(layout::window_slot, nothing));
}

void reads(Prober& prober) { prober.value = *prober.address; }
void writes(Prober& prober) { *prober.address = prober.rounds; }
void jumps(Prober& prober) { reinterpret_cast<void (*)()>(const_cast<uint64_t*>(prober.address))(); }

Prober::Prober(NodeCapability space, uint64_t at, Probe probe)
    : address(reinterpret_cast<uint64_t*>(at)), probe_(probe), actor(run, reinterpret_cast<uint64_t>(this), idle) {
  actor.live_in(space.at);
  done(my_endpoint.entry(keeper_payload, arrived[0]));
  actor.tell_faults_to(arrived[0]);
}

void Prober::run(uint64_t at) {
  auto& prober = *reinterpret_cast<Prober*>(at);
  while (true) {
    prober.probe_(prober);
    prober.rounds = prober.rounds + 1;
  }
}

void Prober::await_rounds() {
  const uint64_t before = rounds;
  while (rounds < before + 2) rest();
}

Prober::Fault Prober::hear_fault(std::string_view file, uint64_t line) {
  const Message told = receive();
  expect(told.delivery, Delivery::call, file, line);
  expect(told.words[0], method::keeper_fault, file, line);
  expect(told.entry_payload, keeper_payload, file, line);
  return {static_cast<FaultCode>(told.words[1]), told.words[2], told.words[3]};
}

void Prober::hears(FaultCode code, uint64_t at, uint64_t detail, std::string_view file, uint64_t line) {
  const Fault fault = hear_fault(file, line);
  expect(fault.code, code, file, line);
  expect(fault.address, at, file, line);
  expect(fault.detail, detail, file, line);
}

}  // namespace perdure::guest
