// SPDX-License-Identifier: MIT
//
// Wrappers at every depth: what is told of them, what waits at them, and what is left when one goes. Breaks if the
// payload of a client's own wrapper is told the server, or if access that was taken back can still be used.
#include "test/guest/servers.hpp"

namespace perdure::guest {
namespace {

constexpr unsigned deepest = 8;

struct Depth {
  std::string_view name;
};
constexpr Depth depths[deepest] = {{"1"}, {"2"}, {"3"}, {"4"}, {"5"}, {"6"}, {"7"}, {"8"}};

// Wrappers around each other, in three registers and a capability page: number 0 is the innermost.
class Nest {
 public:
  explicit Nest(CapabilityRegister core, unsigned depth) : shelf_(new_shelf()), control_{{fresh()}}, client_(fresh()) {
    for (unsigned i = 0; i < depth; ++i) {
      done(bank.allocate(Kind::wrapper, control_.at));
      done(control_.set_target(i == 0 ? core : client_));
      done(control_.set_payload(500 + i));
      done(control_.client(client_));
      done(shelf_.store(i, control_.at));
    }
  }
  CapabilityRegister outermost() const { return client_; }
  WrapperCapability control(unsigned number) const {
    done(shelf_.fetch(number, control_.at));
    return control_;
  }

 private:
  CapabilityPageCapability shelf_;
  WrapperCapability control_;
  CapabilityRegister client_;
};

void tells_the_innermost(uint64_t row) {
  const Nest nest(my_entry(3), static_cast<unsigned>(row) + 1);
  Caller caller(nest.outermost(), {.words = {0, 1}});
  caller.start();
  const Message request = receive();
  expect(request.words[1], 1);
  expect(request.entry_payload, 3);
  holds(request.has_wrapper_payload);
  expect(request.wrapper_payload, 500);
  answer(2);
  results(caller.finish(), Result::ok);
}

void waits_where_blocked(uint64_t row) {
  const Nest nest(my_entry(), deepest);
  done(nest.control(static_cast<unsigned>(row)).block());
  Caller caller(nest.outermost(), {.words = {0, 1}});
  caller.start();
  rest();
  holds(!caller.has_ended());
  expect(caller.actor.status().state, ProcessState::running);
  done(nest.control(static_cast<unsigned>(row)).unblock());
  receives_call(1);
  answer();
  results(caller.finish(), Result::ok);
}

void void_where_destroyed(uint64_t row) {
  Actor server(echo);
  const Nest nest(server.receives(), deepest);
  server.start();
  Message message{.words = {1}};
  call(nest.outermost(), message);
  expect(message.words[0], 2);
  done(bank.free(nest.control(static_cast<unsigned>(row)).at));
  message = {.words = {1}};
  results(call(nest.outermost(), message), Result::void_capability);
}

void too_deep(uint64_t) {
  Actor server(echo);
  const Nest nest(server.receives(), deepest + 1);
  server.start();
  Message message{.words = {1}};
  results(call(nest.outermost(), message), Result::malformed);
}

void around_itself(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(nothing);
  const CapabilityRegister client = client_of(wrapper);
  done(wrapper.set_target(client));
  Message message;
  results(call(client, message), Result::malformed);
}

void around_nothing(uint64_t) {
  Message message;
  results(call(client_of(new_wrapper(nothing)), message), Result::void_capability);
}

// --- changes ------------------------------------------------------------------------------------------

void payload_is_as_now(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(my_entry(), 1);
  Caller caller(client_of(wrapper), {});
  for (const uint64_t payload : {uint64_t{1}, uint64_t{0}, ~uint64_t{0}}) {
    done(wrapper.set_payload(payload));
    caller.start({});
    const Message request = receive();
    holds(request.has_wrapper_payload);
    expect(request.wrapper_payload, payload);
    answer();
    caller.finish();
  }
}

void target_is_as_now(uint64_t) {
  Actor server(echo);
  const WrapperCapability wrapper = new_wrapper(my_entry());
  const CapabilityRegister client = client_of(wrapper);
  Message message;
  results(call(client, message), Result::in_use);
  done(wrapper.set_target(server.receives()));
  server.start();
  message = {.words = {1}};
  call(client, message);
  expect(message.words[0], 2);
  done(wrapper.set_target(discriminator.at));
  expect(value_of(AnyCapability{client}.type()).type, CapabilityType::discriminator);
}

void control_tells(uint64_t) {
  const CapabilityRegister target = my_entry(6), into = fresh();
  const WrapperCapability wrapper = new_wrapper(target, 17);
  auto settings = value_of(wrapper.get(into));
  expect(settings.payload, 17);
  expect(settings.flags, 0);
  holds(is_same(into, target));
  done(wrapper.block());
  done(wrapper.set_hand_over(true));
  expect(value_of(wrapper.get()).flags, Wrapper::flag_blocked | Wrapper::flag_hand_over);
  done(wrapper.unblock());
  expect(value_of(wrapper.get()).flags, Wrapper::flag_hand_over);
  done(wrapper.set_hand_over(false));
  expect(value_of(wrapper.get()).flags, 0);
}

void destroyed_under_who_waits(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(my_entry());
  done(wrapper.block());
  Caller caller(client_of(wrapper), {});
  caller.start();
  rest();
  done(bank.free(wrapper.at));
  results(caller.finish(), Result::void_capability);
}

void interrupted_while_blocked(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(my_entry());
  done(wrapper.block());
  Caller caller(client_of(wrapper), {});
  caller.start();
  while (!value_of(caller.actor.process.interrupt())) rest();
  results(caller.finish(), Result::interrupted);
}

void many_wait(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(my_entry());
  done(wrapper.block());
  const CapabilityRegister client = client_of(wrapper);
  Caller first(client, {.words = {0, 1}}), second(client, {.words = {0, 2}}), third(client, {.words = {0, 4}});
  for (Caller* caller : {&first, &second, &third}) caller->start();
  rest();
  done(wrapper.unblock());
  uint64_t came = 0;
  for (unsigned i = 0; i < 3; ++i) {
    came |= receive().words[1];
    answer();
  }
  expect(came, 7);
  for (Caller* caller : {&first, &second, &third}) results(caller->finish(), Result::ok);
}

void call_under_way_goes_on(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(my_entry());
  Caller caller(client_of(wrapper), {.words = {0, 1}});
  caller.start();
  receives_call(1);
  done(bank.free(wrapper.at));
  results(answer(8), Result::ok);
  results(caller.finish(), Result::ok);
  expect(caller.message.words[1], 8);
}

// --- the control that is handed over ----------------------------------------------------------------

void handed_over(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(my_entry(), 21);
  done(wrapper.set_hand_over(true));
  Caller caller(client_of(wrapper), {});
  caller.start();
  const Message request = receive();
  holds(request.has_handed_over);
  const WrapperCapability handed{{registers::handed_over}};
  holds(is_same(handed.at, wrapper.at));
  expect(value_of(handed.get()).payload, 21);
  done(handed.set_payload(22));
  expect(value_of(wrapper.get()).payload, 22);
  answer();
  caller.finish();
}

// Takes a call by the fast path, and tells in its answer what was handed over.
[[noreturn]] void tells_handed_over(uint64_t) {
  Message message;
  CapabilityRegister answer_to = nothing;
  while (true) {
    reply_and_wait(answer_to, message);
    const bool has = message.has_handed_over;
    message = {.words = {0, has, message.wrapper_payload}};
    if (has) message.sent[0] = registers::handed_over;
    answer_to = registers::resume;
  }
}

void handed_over_to_a_waiting_server(uint64_t) {
  Actor server(tells_handed_over);
  const WrapperCapability wrapper = new_wrapper(server.receives(), 33);
  const CapabilityRegister client = client_of(wrapper), into = fresh();
  server.start();
  for (const bool hand_over : {true, false, true}) {
    done(wrapper.set_hand_over(hand_over));
    Message message{.received = {into}};
    results(call(client, message), Result::ok);
    expect(message.words[1], hand_over);
    expect(message.words[2], 33);
    expect(type_in(into), hand_over ? CapabilityType::wrapper_control : CapabilityType::void_capability);
  }
}

void outer_is_not_handed_over(uint64_t) {
  const Nest nest(my_entry(), 2);
  done(nest.control(1).set_hand_over(true));
  Caller caller(nest.outermost(), {});
  caller.start();
  const Message request = receive();
  holds(!request.has_handed_over);
  expect(request.wrapper_payload, 500);
  answer();
  caller.finish();
}

// --- recognition ----------------------------------------------------------------------------------------

void recognized(uint64_t) {
  const CapabilityRegister entry = my_entry(41);
  auto found = value_of(my_endpoint.identify(entry));
  expect(found.how, Identified::direct);
  expect(found.entry_payload, 41);
  const WrapperCapability wrapper = new_wrapper(entry, 42);
  const CapabilityRegister client = client_of(wrapper);
  found = value_of(my_endpoint.identify(client));
  expect(found.how, Identified::through_one_wrapper);
  expect(found.entry_payload, 41);
  expect(found.wrapper_payload, 42);
  holds(found.wrapper_version != 0);
  done(wrapper.block());  // it is looked at, not invoked
  expect(value_of(my_endpoint.identify(client)).how, Identified::through_one_wrapper);
}

void not_recognized(uint64_t) {
  const EndpointCapability other = new_endpoint();
  const Nest nest(my_entry(), 2);
  for (const CapabilityRegister asked : {new_entry(other), nest.outermost(), my_endpoint.at, discriminator.at, nothing,
                                         client_of(new_wrapper(new_page().at))}) {
    expect(value_of(my_endpoint.identify(asked)).how, Identified::not_mine);
  }
}

void not_recognized_when_gone(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(my_entry());
  const CapabilityRegister client = client_of(wrapper);
  done(bank.free(wrapper.at));
  expect(value_of(my_endpoint.identify(client)).how, Identified::not_mine);
}

// --- around the kernel's objects ------------------------------------------------------------------------

void acts_as_the_target(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  const CapabilityPageCapability wrapped{{{client_of(new_wrapper(shelf.at))}}};
  const CapabilityRegister page = new_page().at, back = fresh();
  expect(value_of(wrapped.type()).type, CapabilityType::capability_page);
  done(wrapped.store(9, page));
  done(shelf.fetch(9, back));
  holds(is_same(page, back));
  expect(type_in(wrapped.at), CapabilityType::wrapped);
}

void reduced_is_taken_back_too(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(new_shelf().at);
  const CapabilityRegister reduced = fresh(), into = fresh();
  done(MemoryCapability{{client_of(wrapper)}}.reduce(restriction::read_only, 0, reduced));
  const CapabilityPageCapability seen{{{reduced}}};
  expect(type_in(reduced), CapabilityType::wrapped);
  done(seen.fetch(0, into));
  refused(seen.store(0, into), Result::missing_right);
  done(bank.free(wrapper.at));
  refused(seen.fetch(0, into), Result::void_capability);
}

void restrictions_add_up(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  const CapabilityRegister opaque = fresh(), both = fresh(), into = fresh();
  done(shelf.reduce(restriction::opaque, 0, opaque));
  done(MemoryCapability{{client_of(new_wrapper(opaque))}}.reduce(restriction::read_only, 0, both));
  expect(value_of(AnyCapability{both}.type()).restrictions, restriction::opaque | restriction::read_only);
  refused(CapabilityPageCapability{{{both}}}.fetch(0, into), Result::missing_right);
}

void weak_stands_for_memory_only(uint64_t) {
  const WrapperCapability wrapper = new_wrapper(new_shelf().at);
  const CapabilityRegister weak = fresh();
  done(MemoryCapability{{client_of(wrapper)}}.reduce(restriction::weak, 0, weak));
  expect(value_of(AnyCapability{weak}.type()).type, CapabilityType::capability_page);
  Actor server(echo);
  done(wrapper.set_target(server.receives()));
  server.start();
  Message message{.words = {1}};
  results(call(weak, message), Result::missing_right);
  done(wrapper.set_target(discriminator.at));
  results(call(weak, message), Result::missing_right);
}

constexpr Test tests[] = {
    {"nine wrappers are too many", too_deep},
    {"a wrapper around itself is malformed", around_itself},
    {"a wrapper without target acts as void", around_nothing},
    {"the payload is what it is now", payload_is_as_now},
    {"the target is what it is now", target_is_as_now},
    {"the control tells payload, flags and target", control_tells},
    {"who waits at a blocked wrapper is answered when that is destroyed", destroyed_under_who_waits},
    {"who waits at a blocked wrapper can be interrupted", interrupted_while_blocked},
    {"all who wait at a blocked wrapper go on when it is not blocked any more", many_wait},
    {"a call that is under way outlives its wrapper", call_under_way_goes_on},
    {"a wrapper that hands over gives its receiver the control", handed_over},
    {"a waiting server is handed the control, and only if the wrapper says so", handed_over_to_a_waiting_server},
    {"an outer wrapper hands over nothing", outer_is_not_handed_over},
    {"an endpoint recognizes its entries, directly and through one wrapper", recognized},
    {"an endpoint does not recognize what is not its own, nor two wrappers", not_recognized},
    {"an endpoint does not recognize a wrapper that is gone", not_recognized_when_gone},
    {"a wrapper acts as the kernel object behind it", acts_as_the_target},
    {"what is reduced through a wrapper goes with the wrapper", reduced_is_taken_back_too},
    {"restrictions of wrapper and target add up", restrictions_add_up},
    {"a weak wrapped capability stands for memory only", weak_stands_for_memory_only},
};
constexpr auto told = for_each_row("the innermost payload is told, and no other, by wrappers in number ", depths, tells_the_innermost);
constexpr auto blocked = for_each_row("a call waits at a blocked wrapper in depth ", depths, waits_where_blocked);
constexpr auto gone = for_each_row("all is void behind a destroyed wrapper in depth ", depths, void_where_destroyed);

}  // namespace

constinit const Suite wrappers{"wrappers", {{tests, told, blocked, gone}}};

}  // namespace perdure::guest
