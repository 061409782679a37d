// SPDX-License-Identifier: MIT
//
// Runs a server's program on the host: requests go in one after the other, its answers come out.
// The program is linked into the test; it begins anew with each run.
#pragma once

#include "test/support/fake_userland_kernel.hpp"
#include "userland/runtime/marshal.hpp"
#include "userland/runtime/program.hpp"

namespace perdure {

// The message with which a client calls this method.
template <Interface I, const auto& method, typename... Arguments>
Message request_of(const Arguments&... arguments) {
  Message message;
  message.words[0] = code_of<I, method>;
  Packer packer(message);
  (packer.put(arguments), ...);
  return message;
}

// Words only. One answer for each request.
inline std::vector<Message> answers_to(FakeUserlandKernel& kernel,
                                       const std::vector<Message>& requests) {
  std::vector<Message> answers;
  size_t delivered = 0;
  kernel.deliver = [&](Message& message) {
    if (delivered > 0) {
      answers.emplace_back();
      std::copy_n(message.words, message_word_count, answers.back().words);
    }
    if (delivered == requests.size()) throw EndOfScript{};
    std::copy_n(requests[delivered++].words, message_word_count, message.words);
    message.delivery = Delivery::call;
  };
  try {
    program(0);
  } catch (const EndOfScript&) {
  }
  return answers;
}

}  // namespace perdure
