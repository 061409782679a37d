// SPDX-License-Identifier: MIT
#include "userland/runtime/bank_client.hpp"

#include "userland/runtime/requests.hpp"

namespace perdure {

Answer<> BankCapability::allocate(Kind kind, CapabilityRegister into) const {
  return allocate(kind, std::span(&into, 1));
}

Answer<> BankCapability::allocate(Kind kind, std::span<const CapabilityRegister> into) const {
  if (into.empty() || into.size() > bank_allocate_count_max) {
    return std::unexpected(Result::bad_argument);
  }
  WordMessage message = request(method::bank_allocate, static_cast<uint64_t>(kind), into.size());
  for (size_t i = 0; i < into.size(); ++i) message.received[i] = into[i];
  return checked(call(at, message));
}

Answer<> BankCapability::free(CapabilityRegister object) const {
  return call_with_capability(at, request(method::bank_free), object);
}

Answer<uint32_t> BankCapability::create_sub_bank(uint64_t limit, CapabilityRegister into) const {
  WordMessage message = request(method::bank_create_sub_bank, limit);
  message.received[0] = into;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return static_cast<uint32_t>(message.words[1]);
}

Answer<> BankCapability::set_limit(uint64_t limit) const {
  return call_for_nothing(at, request(method::bank_set_limit, limit));
}

Answer<BankCapability::Status> BankCapability::status() const {
  WordMessage message = request(method::bank_status);
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Status{.used = message.words[1],
                .limit = message.words[2],
                .effective_limit = message.words[3],
                .banks_below = message.words[4],
                .account = static_cast<uint32_t>(message.words[5])};
}

Answer<uint64_t> BankCapability::usage(Kind kind) const {
  return call_for_word(at, request(method::bank_usage, static_cast<uint64_t>(kind)));
}

Answer<> BankCapability::destroy() const {
  return call_for_nothing(at, request(method::bank_destroy));
}

Answer<> BankCapability::destroy_and_answer(CapabilityRegister whom) const {
  Message message = request(method::bank_destroy_and_answer);
  message.sent[0] = message.received[0] = whom;
  message.moved = 1;
  return checked(call(at, message));
}

Answer<> BankCapability::dissolve() const {
  return call_for_nothing(at, request(method::bank_dissolve));
}

Answer<> BankCapability::recap(CapabilityRegister any, CapabilityRegister into) const {
  WordMessage message = request(method::bank_recap);
  message.sent[0] = any;
  return call_for_capability(at, message, into);
}

Answer<BankCapability::Verification> BankCapability::verify(CapabilityRegister asked) const {
  WordMessage message = request(method::bank_verify);
  message.sent[0] = asked;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Verification{.is_genuine = message.words[1] != 0,
                      .restrictions = message.words[2],
                      .account = static_cast<uint32_t>(message.words[3])};
}

Answer<uint32_t> BankCapability::identify(CapabilityRegister object) const {
  WordMessage message = request(method::bank_identify);
  message.sent[0] = object;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return static_cast<uint32_t>(message.words[1]);
}

Answer<> BankCapability::reduce(uint64_t restrictions, CapabilityRegister into) const {
  return call_for_capability(at, request(method::bank_reduce, restrictions), into);
}

Answer<BankCapability::ListStep> BankCapability::list(uint32_t after, Kind kind) const {
  WordMessage message = request(method::bank_list, after, static_cast<uint64_t>(kind));
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return ListStep{.account = static_cast<uint32_t>(message.words[1]),
                  .depth = message.words[2],
                  .used = message.words[3],
                  .limit = message.words[4],
                  .is_dying = message.words[5] != 0};
}

}  // namespace perdure
