// SPDX-License-Identifier: MIT
//
// What tests buy and look at.
#include "test/guest/guest.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure::guest {

// A kernel object that answers no capability leaves void what was to receive one.
void clear(CapabilityRegister at) {
  WordMessage message = request(method::type);
  message.received[0] = at;
  (void)call(discriminator.at, message);
}

CapabilityRegister buy(Kind kind, std::string_view file, uint64_t line) {
  const CapabilityRegister into = fresh();
  done(bank.allocate(kind, into), file, line);
  return into;
}

PageCapability new_page() { return {{{buy(Kind::page)}}}; }
CapabilityPageCapability new_shelf() { return {{{buy(Kind::capability_page)}}}; }
EndpointCapability new_endpoint() { return {{buy(Kind::endpoint)}}; }

NodeCapability new_node(uint8_t slot_size) {
  const NodeCapability node{{{buy(Kind::node)}}};
  done(node.set({.slot_size = slot_size}));
  return node;
}

WrapperCapability new_wrapper(CapabilityRegister target, uint64_t payload) {
  const WrapperCapability wrapper{{buy(Kind::wrapper)}};
  done(wrapper.set_target(target));
  done(wrapper.set_payload(payload));
  return wrapper;
}

NoticeCapability new_notice(uint64_t bits, ProcessCapability receiver) {
  const NoticeCapability notice{{buy(Kind::notice)}};
  done(notice.set(bits, receiver));
  return notice;
}

ScheduleCapability new_schedule(uint64_t priority) {
  const ScheduleCapability schedule{{buy(Kind::schedule)}};
  done(schedule.set({.priority = priority}));
  return schedule;
}

CapabilityRegister new_entry(EndpointCapability endpoint, uint64_t payload) {
  const CapabilityRegister into = fresh();
  done(endpoint.entry(payload, into));
  return into;
}

CapabilityRegister client_of(WrapperCapability wrapper) {
  const CapabilityRegister into = fresh();
  done(wrapper.client(into));
  return into;
}

CapabilityType type_in(CapabilityRegister at) {
  const auto classified = discriminator.classify(at);
  return classified ? classified->type : CapabilityType::void_capability;
}

bool is_same(CapabilityRegister a, CapabilityRegister b) { return discriminator.same(a, b).value_or(false); }

}  // namespace perdure::guest
