// SPDX-License-Identifier: MIT
//
// Messages: what a call, a send and an answer carry, and which caller is served when. Breaks what the fast path and
// the general path do alike: words, capabilities and moves; what is told of the entry; the order of waiting callers.
#include "test/guest/actor.hpp"
#include "test/guest/servers.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure::guest {
namespace {

constexpr uint64_t page_words[] = {11, 12, 13, 14, 15, 16};

void words_there_and_back(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  for (uint64_t round = 0; round < 20; ++round) {
    Message message;
    for (unsigned i = 0; i < message_word_count; ++i) message.words[i] = page_words[i] * (round + 1);
    call(entry, message);
    expect(message.delivery, Delivery::reply);
    for (unsigned i = 0; i < message_word_count; ++i) expect(message.words[i], page_words[i] * (round + 1) + 1);
  }
}

void words_through_the_general_path(uint64_t) {
  Caller caller(my_entry(), {.words = {21, 22, 23, 24, 25, 26}});
  caller.start();
  const Message request = receive();
  expect(request.delivery, Delivery::call);
  for (unsigned i = 0; i < message_word_count; ++i) expect(request.words[i], 21 + i);
  results(answer({.words = {31, 32, 33, 34, 35, 36}}), Result::ok);
  caller.finish();
  for (unsigned i = 0; i < message_word_count; ++i) expect(caller.message.words[i], 31 + i);
}

// Four numbers of which each can be told from the others: entries with different payloads.
void make_four(CapabilityRegister (&four)[message_capability_count]) {
  for (unsigned i = 0; i < message_capability_count; ++i) four[i] = my_entry(100 + i);
}

void capabilities_there_and_back(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  CapabilityRegister four[message_capability_count];
  make_four(four);
  for (unsigned round = 0; round < 4; ++round) {
    Message message;
    for (unsigned i = 0; i < message_capability_count; ++i) {
      message.sent[i] = four[(i + round) % message_capability_count];
      message.received[i] = arrived[i];
    }
    call(entry, message);
    for (unsigned i = 0; i < message_capability_count; ++i) {
      holds(is_same(arrived[i], four[(i + round) % message_capability_count]));
    }
  }
}

void void_arrives_as_void(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  const CapabilityRegister page = new_page().at;
  Message message{.sent = {page, nothing, page, nothing}, .received = {arrived[0], arrived[1], arrived[2], arrived[3]}};
  for (const CapabilityRegister at : arrived) done(my_endpoint.entry(1, at));
  call(entry, message);
  holds(is_same(arrived[0], page) && is_same(arrived[2], page));
  expect(type_in(arrived[1]), CapabilityType::void_capability);
  expect(type_in(arrived[3]), CapabilityType::void_capability);
}

void unwanted_is_dropped(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  const CapabilityRegister page = new_page().at;
  for (const CapabilityRegister at : arrived) clear(at);
  Message message{.sent = {page, page, page, page}, .received = {nothing, arrived[1], nothing, nothing}};
  call(entry, message);
  holds(is_same(arrived[1], page));
  for (const unsigned i : {0, 2, 3}) expect(type_in(arrived[i]), CapabilityType::void_capability);
  expect(type_in(nothing), CapabilityType::void_capability);
}

// --- moves ----------------------------------------------------------------------------------------

void moved_is_gone(uint64_t row) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  Message first;
  call(entry, first);  // now all is at hand, and the next goes the fast path
  CapabilityRegister four[message_capability_count];
  make_four(four);
  Message message{.moved = static_cast<uint8_t>(1 << row)};
  for (unsigned i = 0; i < message_capability_count; ++i) message.sent[i] = four[i], message.received[i] = arrived[i];
  call(entry, message);
  for (unsigned i = 0; i < message_capability_count; ++i) {
    expect(type_in(four[i]), i == row ? CapabilityType::void_capability : CapabilityType::entry);
    expect(type_in(arrived[i]), CapabilityType::entry);
  }
  expect(value_of(my_endpoint.identify(arrived[row])).entry_payload, 100 + row);
}

struct Named {
  std::string_view name;
};
constexpr Named places[] = {{"first"}, {"second"}, {"third"}, {"fourth"}};

void moved_into_itself(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  const CapabilityRegister page = new_page().at;
  Message message{.sent = {page}, .moved = 1, .received = {page}};
  call(entry, message);
  expect(type_in(page), CapabilityType::page);
}

void refused_moves_nothing(uint64_t) {
  const CapabilityRegister page = new_page().at;
  Message message{.sent = {page}, .moved = 1};
  results(call(nothing, message), Result::void_capability);
  message = {.words = {1}, .sent = {page}, .moved = 1};
  results(call(discriminator.at, message), Result::unknown_method);
  expect(type_in(page), CapabilityType::page);
}

void moved_to_a_kernel_object(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  const CapabilityRegister page = new_page().at, back = fresh();
  Message message{.words = {method::store, 5}, .sent = {page}, .moved = 1};
  results(call(shelf.at, message), Result::ok);
  expect(type_in(page), CapabilityType::void_capability);
  done(shelf.fetch(5, back));
  expect(type_in(back), CapabilityType::page);
}

void invoked_may_be_moved(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives(44), copy = fresh();
  server.start();
  Message message{.sent = {entry}, .moved = 1, .received = {copy}};
  call(entry, message);
  expect(message.delivery, Delivery::reply);
  expect(type_in(entry), CapabilityType::void_capability);
  expect(type_in(copy), CapabilityType::entry);
}

void moved_by_answer(uint64_t) {
  Caller caller(my_entry(), {.received = {caller_receives[0]}});
  caller.start();
  receive();
  const CapabilityRegister page = new_page().at;
  results(answer({.sent = {page}, .moved = 1}), Result::ok);
  expect(type_in(page), CapabilityType::void_capability);
  caller.finish();
  done(caller.actor.process.fetch(caller_receives[0].number, page));
  expect(type_in(page), CapabilityType::page);
}

// --- what is told of the sender ---------------------------------------------------------------------

struct Payload {
  std::string_view name;
  uint64_t payload;
};
constexpr Payload payloads[] = {{"0", 0}, {"1", 1}, {"of 64 bits", ~uint64_t{0}}, {"with the top bit only", uint64_t{1} << 63}};

void entry_is_told(uint64_t row) {
  Caller caller(my_entry(payloads[row].payload), {.words = {0, 1}});
  caller.start();
  const Message request = receive();
  expect(request.entry_payload, payloads[row].payload);
  expect(request.endpoint_id, my_endpoint_id);
  holds(!request.has_wrapper_payload && !request.has_handed_over);
  answer();
  results(caller.finish(), Result::ok);
}

void two_endpoints_are_told_apart(uint64_t) {
  const EndpointCapability second = new_endpoint();
  done(second.set_receiver(myself));
  done(second.set_id(5));
  Caller one(my_entry(), {.words = {0, 1}}), two(new_entry(second), {.words = {0, 2}});
  for (Caller* caller : {&one, &two}) {
    caller->start();
    const Message request = receive();
    expect(request.endpoint_id, caller == &one ? my_endpoint_id : 5);
    answer();
    results(caller->finish(), Result::ok);
  }
  done(second.set_id(6));
  two.start({.words = {0, 3}});
  expect(receive().endpoint_id, 6);
  answer();
  two.finish();
}

void send_brings_no_resume(uint64_t) {
  Caller sender(my_entry(), {.words = {1, 2, 3}}, ordinary, Invocation::send);
  sender.start();
  const Message request = receive();
  expect(request.delivery, Delivery::send);
  expect(request.words[2], 3);
  expect(type_in(registers::resume), CapabilityType::void_capability);
  results(sender.finish(), Result::ok);
  expect(sender.message.delivery, Delivery::none);
}

void call_brings_resume(uint64_t) {
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  expect(type_in(registers::resume), CapabilityType::resume);
  expect(caller.actor.status().state, ProcessState::waiting);
  answer();
  caller.finish();
}

void send_to_kernel_object(uint64_t) {
  const NoticeCapability notice = new_notice(2);
  Message message{.words = {method::notice_post}};
  results(send(notice.at, message), Result::ok);
  expect(message.delivery, Delivery::none);
  expect(receive().words[0], 2);
  message = {.words = {method::notice_set, 1}, .sent = {nothing}};
  results(send(notice.at, message), Result::ok);
  refused(notice.post(), Result::void_capability);
}

void refused_receives_void(uint64_t) {
  const CapabilityRegister page = new_page().at;
  Message message{.words = {1}, .received = {page}};
  results(call(discriminator.at, message), Result::unknown_method);
  expect(type_in(page), CapabilityType::void_capability);
}

void answer_of_nothing_receives_void(uint64_t) {
  Caller caller(my_entry(), {.received = {caller_receives[0]}});
  caller.actor.hold(caller_receives[0], new_page().at);
  caller.start();
  receive();
  answer();
  caller.finish();
  done(caller.actor.process.fetch(caller_receives[0].number, arrived[0]));
  expect(type_in(arrived[0]), CapabilityType::void_capability);
}

// --- the receiver -------------------------------------------------------------------------------------

void no_call_to_oneself(uint64_t) {
  const CapabilityRegister entry = my_entry();
  Message message;
  results(call(entry, message), Result::in_use);
  results(send(entry, message), Result::in_use);
}

void endpoint_without_receiver_waits(uint64_t) {
  const EndpointCapability endpoint = new_endpoint();
  Caller caller(new_entry(endpoint, 3), {.words = {0, 7}});
  caller.start();
  rest();
  holds(!caller.has_ended());
  done(endpoint.set_receiver(myself));
  const Message request = receive();
  expect(request.words[1], 7);
  expect(request.entry_payload, 3);
  answer();
  results(caller.finish(), Result::ok);
}

void receiver_taken_away(uint64_t) {
  const EndpointCapability endpoint = new_endpoint();
  done(endpoint.set_receiver(myself));
  const CapabilityRegister entry = new_entry(endpoint);
  Caller caller(entry, {});
  caller.start();
  rest();
  done(endpoint.set_receiver({{nothing}}));
  results(caller.finish(), Result::void_capability);
}

void receiver_changes_under_callers(uint64_t) {
  const EndpointCapability endpoint = new_endpoint();
  done(endpoint.set_receiver(myself));
  Caller caller(new_entry(endpoint), {.words = {4}});
  caller.start();
  rest();
  Actor server(echo);
  server.start();
  done(endpoint.set_receiver(server.process));
  results(caller.finish(), static_cast<Result>(5));
}

void receiver_destroyed_under_callers(uint64_t) {
  Actor server(never_listens);
  Caller caller(server.receives(), {});
  caller.start();
  rest();
  done(bank.free(server.process.at));
  results(caller.finish(), Result::void_capability);
}

void endpoint_destroyed_under_callers(uint64_t) {
  const EndpointCapability endpoint = new_endpoint();
  Caller caller(new_entry(endpoint), {});
  caller.start();
  rest();
  done(bank.free(endpoint.at));
  results(caller.finish(), Result::void_capability);
}

void wait_drops_reply_to(uint64_t row) {
  const CapabilityRegister others[] = {new_page().at, my_entry(), discriminator.at, nothing};
  const NoticeCapability notice = new_notice(8);
  done(notice.post());
  Message message;
  reply_and_wait(others[row], message);
  expect(message.delivery, Delivery::notices);
  expect(message.words[0], 8);
}
constexpr Named not_resumes[] = {{"a page"}, {"an entry of its own"}, {"the discriminator"}, {"nothing"}};

void server_outlives_stopped_caller(uint64_t) {
  Actor server(echo);
  const CapabilityRegister entry = server.receives();
  server.start();
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  done(caller.actor.process.stop());
  results(answer(), Result::void_capability);
  Message message{.words = {1}};
  call(entry, message);
  expect(message.words[0], 2);
}

constexpr Test tests[] = {
    {"six words go there and six come back, each in its place", words_there_and_back},
    {"six words arrive at a receiver that was not waiting, and are answered by a send", words_through_the_general_path},
    {"four capabilities go there and come back in their order", capabilities_there_and_back},
    {"what is sent from a void register arrives as void, over what was there", void_arrives_as_void},
    {"what is received into register 0 is dropped", unwanted_is_dropped},
    {"a capability may be moved and received back into the same register", moved_into_itself},
    {"a call that is refused moves nothing", refused_moves_nothing},
    {"what is stored in a capability page can be moved there", moved_to_a_kernel_object},
    {"the capability that is invoked can be moved with its own message", invoked_may_be_moved},
    {"an answer moves what it sends", moved_by_answer},
    {"two endpoints of one receiver are told apart by their ids, also by new ones", two_endpoints_are_told_apart},
    {"a send brings no resume capability, and its sender goes on", send_brings_no_resume},
    {"a call brings a resume capability, and its caller waits", call_brings_resume},
    {"a send to a kernel object does what a call does", send_to_kernel_object},
    {"a refused call leaves void what it was to receive", refused_receives_void},
    {"an answer without capabilities leaves void what was to receive one", answer_of_nothing_receives_void},
    {"a process cannot call or send to itself", no_call_to_oneself},
    {"an endpoint that never had a receiver is waited for", endpoint_without_receiver_waits},
    {"who waits for a receiver that is taken away is answered that the entry is void", receiver_taken_away},
    {"who waits for a receiver is served by the one that takes its place", receiver_changes_under_callers},
    {"who waits for a receiver that is destroyed is answered that the entry is void", receiver_destroyed_under_callers},
    {"who waits at an endpoint that is destroyed is answered that the entry is void", endpoint_destroyed_under_callers},
    {"an answer to a caller that was stopped is refused, and its server serves on", server_outlives_stopped_caller},
};
constexpr auto moves = for_each_row("what is moved is gone, and only that: ", places, moved_is_gone);
constexpr auto told = for_each_row("the receiver is told the entry's payload ", payloads, entry_is_told);
constexpr auto dropped = for_each_row("a reply is dropped by ", not_resumes, wait_drops_reply_to);

}  // namespace

constinit const Suite messages{"messages", {{tests, moves, told, dropped}}};

}  // namespace perdure::guest
