// SPDX-License-Identifier: MIT
//
// As much of the kernel as the bank server calls, behind the runtime's perdure_invoke: one
// process with capability registers, a range over real frames, wrappers, capability pages, one
// endpoint. Any other invocation, above all one of a capability that a client gave, is counted.
#pragma once

#include <array>
#include <cstring>
#include <vector>

#include "objects/process.hpp"
#include "spacebank/interface.hpp"
#include "test/support/range_model.hpp"
#include "userland/runtime/invoke.hpp"

namespace perdure {

class KernelModel {
 public:
  struct Reply {
    uint64_t caller;  // payload of its resume capability
    Result result;
  };

  explicit KernelModel(uint64_t frames) : range(frames) {
    range.make({endpoint_frame}, Kind::endpoint, {1}, 0);
    endpoint = range.capability({endpoint_frame}, 0);
    registers[bank_register::range] = {.type = CapabilityType::range, .payload = frames};
    registers[bank_register::endpoint] = endpoint;
    registers[bank_register::distinguished] = entry(bank_entry_payload);
    registers[bank_register::sweeper_schedule] = {.type = CapabilityType::schedule, .payload = sweepers_mark};
    registers[bank_register::sold_schedule] = {.type = CapabilityType::schedule, .payload = sold_mark};
    registers[bank_register::space] = number_capability(2);
  }

  static constexpr uint64_t sold_mark = 0x736f6c64, sweepers_mark = 0x73776570;
  static constexpr uint64_t sweepers_ceiling = 5;

  // Outside of what the tests' arenas sell: set aside by the test that founds the bank.
  static constexpr uint64_t endpoint_frame = 0;

  Capability entry(uint64_t payload) const {
    Capability entry = endpoint;
    entry.type = CapabilityType::entry;
    entry.payload = payload;
    return entry;
  }

  void invoke(RawInvocation& raw) {
    const auto target = static_cast<unsigned>(raw.rax >> 8 & 0xff);
    const Capability invoked = registers.at(target);
    for (unsigned i = 0; i < 4; ++i) sent_[i] = registers.at(raw.rbx >> (8 * i) & 0xff);
    into_ = static_cast<unsigned>(raw.rbx >> 32 & 0xff);
    raw_ = &raw;
    words_ = {};
    passed_ = {};
    const Result result = perform(invoked);
    raw.rax = static_cast<uint64_t>(Delivery::reply);
    raw.words[0] = static_cast<uint64_t>(result);
    for (unsigned i = 1; i < message_word_count; ++i) raw.words[i] = words_[i];
    if (result == Result::ok && into_ != 0) registers.at(into_) = passed_;
  }

  RangeModel range;
  Capability endpoint;
  std::array<Capability, capability_register_count> registers{};
  std::vector<Reply> replies;
  unsigned invocations_of_strangers = 0;
  unsigned started_processes = 0;
  std::vector<Capability> derived;  // from the schedule for what is sold
  uint64_t sweepers_priority = 4;
  uint64_t sweepers_slice_ns = 7'000'000;

 private:
  uint64_t word(unsigned i) const { return raw_->words[i]; }

  Result perform(const Capability& invoked) {
    if (invoked.type == CapabilityType::schedule) return perform_schedule(invoked);
    if (names_object(invoked.type) && invoked.type != CapabilityType::resume && range.is_void(invoked)) {
      return Result::void_capability;
    }
    switch (invoked.type) {
      case CapabilityType::void_capability: return Result::void_capability;
      case CapabilityType::range: return perform_range();
      case CapabilityType::wrapper_control: return perform_wrapper(invoked);
      case CapabilityType::capability_page: return perform_slots(invoked, capabilities_per_page, 0);
      case CapabilityType::process: return perform_process(invoked);
      case CapabilityType::endpoint: return perform_endpoint();
      case CapabilityType::resume:
        // Those of the tests' callers name no process; one that does is void with it.
        if (invoked.object.value != 0 && range.is_void(invoked)) return Result::void_capability;
        replies.push_back({invoked.payload, static_cast<Result>(word(0))});
        return Result::ok;
      default: ++invocations_of_strangers; return Result::unknown_method;
    }
  }

  Result perform_range() {
    const FrameNumber frame{word(1)};
    if (word(0) == method::range_size) return words_[1] = range.frame_count(), Result::ok;
    if (word(0) == method::range_identify) return identify();
    if (frame.value >= range.frame_count()) return Result::bad_argument;
    const auto index = static_cast<unsigned>(word(word(0) == method::range_make ? 4 : 2));
    if (word(0) == method::range_make) {
      const Account account{static_cast<uint32_t>(word(3))};
      const Result made = range.make(frame, static_cast<Kind>(word(2)), account, index);
      passed_ = range.capability(frame, index);
      return made;
    }
    if (word(0) == method::range_recap) {
      passed_ = range.capability(frame, index);
      return passed_.is_void() ? Result::not_found : Result::ok;
    }
    if (word(0) == method::range_set_account) {
      const auto done = range.set_account(frame, word(2), {static_cast<uint32_t>(word(3))});
      if (!done) return done.error();
      return words_[1] = *done, Result::ok;
    }
    if (word(0) == method::range_rescind_object) return range.rescind_object(frame, index);
    if (word(0) != method::range_rescind) return Result::unknown_method;
    answer_all_destroyed(frame);
    const auto done = range.rescind(frame, word(2));
    if (!done) return done.error();
    words_[1] = *done;
    return Result::ok;
  }

  // What the kernel does when a capability page goes: no caller may hang for a resume capability kept there.
  void answer_all_destroyed(FrameNumber frame) {
    if (range.identity(frame.value).kind != Kind::capability_page) return;
    const auto* slots = reinterpret_cast<const Capability*>(range.bytes(frame));
    for (size_t i = 0; i < capabilities_per_page; ++i) {
      if (slots[i].type == CapabilityType::resume) replies.push_back({slots[i].payload, Result::destroyed});
    }
  }

  Result identify() {
    if (!names_object(sent_[0].type)) return Result::not_found;
    if (range.is_void(sent_[0])) return Result::void_capability;
    words_ = {0, sent_[0].object.frame().value, sent_[0].object.index(),
              static_cast<uint64_t>(info(sent_[0].type).object_kind), sent_[0].version.value,
              static_cast<uint64_t>(sent_[0].type)};
    return Result::ok;
  }

  Wrapper& wrapper(const Capability& capability) {
    return *row_object<Wrapper>(range.bytes(capability.object.frame()), capability.object.index());
  }

  Result perform_wrapper(const Capability& invoked) {
    if (word(0) == method::wrapper_set_target) return wrapper(invoked).target = sent_[0], Result::ok;
    if (word(0) == method::wrapper_set_payload) return wrapper(invoked).payload = word(1), Result::ok;
    if (word(0) != method::wrapper_client) return Result::unknown_method;
    passed_ = invoked;
    passed_.type = CapabilityType::wrapped;
    return Result::ok;
  }

  Result perform_slots(const Capability& invoked, size_t count, size_t offset) {
    if (word(1) >= count) return Result::bad_argument;
    Capability* slots = reinterpret_cast<Capability*>(range.bytes(invoked.object.frame()) + offset);
    if (word(0) == method::store) return slots[word(1)] = sent_[0], Result::ok;
    if (word(0) != method::fetch) return Result::unknown_method;
    passed_ = slots[word(1)];
    return Result::ok;
  }

  Result perform_process(const Capability& invoked) {
    if (word(0) == method::process_set_registers) return Result::ok;
    if (word(0) == method::process_start) return ++started_processes, Result::ok;
    if (word(1) >= capability_register_count) return Result::ok;  // space, keeper, schedule, brand
    return perform_slots(invoked, capability_register_count, offsetof(Process, capability_registers));
  }

  Result perform_schedule(const Capability& invoked) {
    if (word(0) == method::schedule_derive && invoked.payload == sold_mark) {
      return derived.push_back(sent_[0]), Result::ok;
    }
    if (invoked.payload != sweepers_mark) return Result::unknown_method;
    if (word(0) == method::schedule_get) return words_ = {0, sweepers_priority, sweepers_slice_ns, sweepers_ceiling, 0, 0}, Result::ok;
    if (word(0) == method::schedule_set) {
      sweepers_priority = word(1);
      sweepers_slice_ns = word(2);
      return Result::ok;
    }
    return Result::unknown_method;
  }

  Result perform_endpoint() {
    if (word(0) == method::endpoint_entry) return passed_ = entry(word(1)), Result::ok;
    if (word(0) != method::endpoint_identify) return Result::unknown_method;
    Capability asked = sent_[0];
    words_ = {};
    uint64_t how = static_cast<uint64_t>(Identified::direct);
    if (asked.type == CapabilityType::wrapped && !range.is_void(asked)) {
      const Wrapper& around = wrapper(asked);
      words_ = {0, 0, 0, asked.object.value, around.payload, asked.version.value};
      asked = around.target;
      how = static_cast<uint64_t>(Identified::through_one_wrapper);
    }
    const bool is_own = asked.type == CapabilityType::entry && asked.object == endpoint.object;
    words_[1] = is_own ? how : static_cast<uint64_t>(Identified::not_mine);
    words_[2] = is_own ? asked.payload : 0;
    return Result::ok;
  }

  RawInvocation* raw_ = nullptr;
  unsigned into_ = 0;
  std::array<Capability, message_capability_count> sent_{};
  std::array<uint64_t, message_word_count> words_{};
  Capability passed_;
};

}  // namespace perdure
