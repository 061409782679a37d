// SPDX-License-Identifier: MIT
//
// The bank server on a model of the kernel's objects, and clients that call it.
#pragma once

#include <catch2/catch.hpp>
#include <optional>

#include "spacebank/server/bank_server.hpp"
#include "spacebank/genesis.hpp"
#include "spacebank/verify_books.hpp"
#include "test/unit/spacebank/bank_fixture.hpp"
#include "test/unit/spacebank/kernel_model.hpp"

namespace perdure::bank {

inline constexpr uint64_t store_frames = 2000;

// With which the process, which called, is answered.
inline Capability resume_of(const Capability& process, uint64_t caller) {
  Capability resume = process;
  resume.type = CapabilityType::resume;
  resume.payload = caller;
  return resume;
}

struct Answered {
  std::optional<Result> result;  // nothing: the caller still waits
  uint64_t words[message_word_count] = {};
  Capability capabilities[message_capability_count];
  std::string bytes;
};

// Of the store that lives: what the server invokes goes there (`perdure_invoke`).
inline KernelModel* running = nullptr;

// A store with a bank server that has begun. Clients call through the capabilities they hold.
class ServedStore {
 public:
  ServedStore() : kernel(store_frames), memory(store_frames), server((found(), arena())) {
    REQUIRE(server.begin(0x1000, 0x2000));
  }
  ~ServedStore() { running = nullptr; }

  Arena arena() { return *Arena::open(memory.bytes()); }

  // What the kernel delivers for a call of `target`, following its wrappers.
  Answered call(const Capability& target, uint64_t method, uint64_t word1 = 0, uint64_t word2 = 0,
                const Capability& given = {}) {
    return deliver(Delivery::call, target, {method, word1, word2, 0, 0, 0}, given);
  }

  Answered deliver(Delivery delivery, Capability target, std::array<uint64_t, 6> words,
                   const Capability& given = {}) {
    Message message;
    message.delivery = delivery;
    std::copy(words.begin(), words.end(), message.words);
    while (target.type == CapabilityType::wrapped) {
      if (kernel.range.is_void(target)) return {.result = Result::void_capability};
      const Wrapper& wrapper =
          *row_object<Wrapper>(kernel.range.bytes(target.object.frame()), target.object.index());
      message.has_wrapper_payload = true;  // of the innermost: the last one on the way
      message.wrapper_payload = wrapper.payload;
      target = wrapper.target;
    }
    REQUIRE(target.type == CapabilityType::entry);
    message.entry_payload = target.payload;
    kernel.registers[28] = given;
    const bool is_call = delivery == Delivery::call;
    kernel.registers[resume_register] =
        is_call ? Capability{.type = CapabilityType::resume, .payload = ++callers} : Capability{};
    return answered(server.serve(message), message);
  }

  Answered call_of_sweeper() { return call(kernel.entry(sweeper_entry_payload), 0); }

  Capability root() { return wrapped(root_place); }
  Capability wrapped(Place place) {
    Capability capability = kernel.range.capability(frame_number(place.frame), place.index);
    capability.type = CapabilityType::wrapped;
    return capability;
  }
  Capability new_bank(const Capability& parent, uint64_t limit = bank_unlimited) {
    const Answered made = call(parent, method::bank_create_sub_bank, limit);
    REQUIRE(made.result == Result::ok);
    return made.capabilities[0];
  }
  Capability buy(const Capability& bank, Kind kind) {
    const Answered made = call(bank, method::bank_allocate, static_cast<uint64_t>(kind), 1);
    REQUIRE(made.result == Result::ok);
    return made.capabilities[0];
  }
  uint64_t used(const Capability& bank) { return call(bank, method::bank_status).words[1]; }
  std::string problem() {
    const auto found = verify_books(arena());
    return found ? std::string(found->what) : "";
  }

  KernelModel kernel;
  ArenaMemory memory;
  Place root_place;
  uint64_t callers = 0;
  BankServer server;

 private:
  void found() {
    running = &kernel;
    auto genesis = Genesis::begin(memory.bytes(), store_frames, kernel.range);
    REQUIRE(genesis);
    root_place = genesis->root().facet.place;
    Wrapper& wrapper = *row_object<Wrapper>(
        kernel.range.bytes(frame_number(root_place.frame)), root_place.index);
    wrapper.target = kernel.entry(bank_entry_payload);
    wrapper.payload = genesis->root().facet.payload;
  }

  Answered answered(CapabilityRegister to, const Message& message) {
    if (to.is_void()) return {};
    REQUIRE(to == registers::resume);
    Answered answer{.result = message.result()};
    std::copy(std::begin(message.words), std::end(message.words), answer.words);
    for (unsigned i = 0; i < message_capability_count; ++i) {
      answer.capabilities[i] = kernel.registers[message.sent[i].number];
    }
    answer.bytes.assign(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());
    return answer;
  }
};

}  // namespace perdure::bank
