// SPDX-License-Identifier: MIT
//
// The server's side of a typed interface. A server is a state and one handler for each method,
// in the order of the interface; that all are there and have the right types is checked at
// compile time:
//
//   Answer<uint64_t> add(CounterState&, const Call&, uint64_t number);
//   Answer<uint64_t> get(CounterState&, const Call&);
//   serve<Counter, add, get>(state);
//
// A server that follows this pattern waits only in reply_and_wait, where no client can hold it up.
// `describe` and `type` are answered for it.
#pragma once

#include <utility>

#include "userland/runtime/describe.hpp"
#include "userland/runtime/marshal.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {

// What the kernel says about a call; a client can forge none of it.
struct Call {
  uint64_t endpoint_id = 0;
  uint64_t entry_payload = 0;
  bool has_wrapper_payload = false;
  uint64_t wrapper_payload = 0;  // to be believed only with an entry payload reserved for it
  bool has_handed_over = false;  // that wrapper's control is in registers::handed_over
  bool is_call = false;          // the caller waits for the answer
};

inline Call call_of(const Message& message) {
  return {.endpoint_id = message.endpoint_id,
          .entry_payload = message.entry_payload,
          .has_wrapper_payload = message.has_wrapper_payload,
          .wrapper_payload = message.wrapper_payload,
          .has_handed_over = message.has_handed_over,
          .is_call = message.delivery == Delivery::call};
}

namespace server_detail {

// Answers `message`, in place, with what `handler` says.
template <const auto& handler, typename State, typename AnswerType, typename... Arguments>
void handle(const Method<AnswerType(Arguments...)>& method, State& state, const Call& call,
            Message& message) {
  static_assert(
      std::is_same_v<Answer<AnswerType>, decltype(handler(state, call,
                                                          std::declval<Arguments>()...))>,
      "the handler's answer is not the one that the interface declares");
  const auto arguments = take_arguments(method, message);
  const auto answer = std::apply(
      [&](const Arguments&... values) { return handler(state, call, values...); }, arguments);
  message = {};
  if (!answer) {
    message.words[0] = static_cast<uint64_t>(answer.error());
  } else if constexpr (!std::is_void_v<AnswerType>) {
    Packer(message).put(*answer);
  }
}

template <Interface I, const auto& method, const auto& handler, typename State>
bool handle_if_meant(State& state, const Call& call, Message& message) {
  if (message.words[0] != code_of<I, method>) return false;
  handle<handler>(method, state, call, message);
  return true;
}

template <Interface I, const auto&... handlers, typename State, const auto&... methods>
bool dispatch(MethodList<methods...>, State& state, const Call& call, Message& message) {
  static_assert(sizeof...(handlers) == sizeof...(methods), "one handler for each method, in order");
  return (handle_if_meant<I, methods, handlers>(state, call, message) || ...);
}

}  // namespace server_detail

// Answers one request in place: afterwards `message` is what to reply. Pure but for the handlers.
template <Interface I, const auto&... handlers, typename State>
void answer_request(State& state, Message& message) {
  const Call call = call_of(message);
  if (message.words[0] == method::describe) {
    message = {};
    message.bytes = std::as_bytes(std::span(description_of<I>()));
  } else if (message.words[0] == method::type) {
    message = {.words = {0, method_code(I::name), 0, 0, 0, 0}};
  } else if (!server_detail::dispatch<I, handlers...>(typename I::Methods{}, state, call,
                                                      message)) {
    message = {.words = {static_cast<uint64_t>(Result::unknown_method)}};
  }
}

// The loop of a server: for ever. `answer_one` answers a message in place; for a server that has
// several interfaces, and chooses by the capability through which the request came.
template <typename AnswerOne>
[[noreturn]] void serve_by(AnswerOne answer_one) {
  Message message;
  CapabilityRegister answer_to = registers::nothing;
  while (true) {
    for (unsigned i = 0; i < message_capability_count; ++i) {
      message.received[i] = registers::argument[i];
    }
    message.buffer = {};
    reply_and_wait(answer_to, message);
    answer_to = message.delivery == Delivery::call ? registers::resume : registers::nothing;
    if (message.delivery == Delivery::call || message.delivery == Delivery::send) {
      answer_one(message);
    }
  }
}

template <Interface I, const auto&... handlers, typename State>
[[noreturn]] void serve(State& state) {
  serve_by([&](Message& message) { answer_request<I, handlers...>(state, message); });
}

}  // namespace perdure
