// SPDX-License-Identifier: MIT
#include "userland/runtime/kernel_objects.hpp"

#include "userland/runtime/requests.hpp"

namespace perdure {

Answer<AnyCapability::Description> AnyCapability::type() const {
  WordMessage message = request(method::type);
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Description{.type = message.words[1], .restrictions = message.words[2]};
}

Answer<uint64_t> NumberCapability::get() const {
  return call_for_word(at, request(method::number_get));
}

// --- memory -------------------------------------------------------------------------------

Answer<> MemoryCapability::reduce(uint8_t restrictions, uint64_t guard,
                                  CapabilityRegister into) const {
  return call_for_capability(at, request(method::memory_reduce, restrictions, guard), into);
}

Answer<> PageCapability::copy_from(PageCapability source) const {
  return call_with_capability(at, request(method::page_copy_from), source.at);
}

Answer<> CapabilityPageCapability::fetch(unsigned slot, CapabilityRegister into) const {
  return call_for_capability(at, request(method::fetch, slot), into);
}

Answer<> CapabilityPageCapability::store(unsigned slot, CapabilityRegister from) const {
  return call_with_capability(at, request(method::store, slot), from);
}

Answer<> NodeCapability::set(Settings settings) const {
  return call_for_nothing(at, request(method::node_set, settings.slot_size, settings.flags));
}

Answer<NodeCapability::Settings> NodeCapability::get(CapabilityRegister keeper_into) const {
  WordMessage message = request(method::node_get);
  message.received[0] = keeper_into;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Settings{.slot_size = static_cast<uint8_t>(message.words[1]),
                  .flags = static_cast<uint8_t>(message.words[2])};
}

Answer<> NodeCapability::fetch(unsigned slot, CapabilityRegister into) const {
  return call_for_capability(at, request(method::fetch, slot), into);
}

Answer<> NodeCapability::store(unsigned slot, CapabilityRegister from) const {
  return call_with_capability(at, request(method::store, slot), from);
}

Answer<> NodeCapability::set_keeper(CapabilityRegister entry) const {
  return call_with_capability(at, request(method::node_set_keeper), entry);
}

// --- process --------------------------------------------------------------------------------

Answer<> ProcessCapability::start(CapabilityRegister activity) const {
  return call_with_capability(at, request(method::process_start), activity);
}

Answer<> ProcessCapability::stop() const {
  return call_for_nothing(at, request(method::process_stop));
}

Answer<bool> ProcessCapability::interrupt() const {
  const auto ended = call_for_word(at, request(method::process_interrupt));
  if (!ended) return std::unexpected(ended.error());
  return *ended != 0;
}

Answer<ProcessCapability::Status> ProcessCapability::status() const {
  WordMessage message = request(method::process_status);
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Status{.state = static_cast<ProcessState>(message.words[1]),
                .fault = static_cast<FaultCode>(message.words[2]),
                .fault_address = message.words[3],
                .fault_detail = message.words[4],
                .instruction_pointer = message.words[5]};
}

Answer<Registers> ProcessCapability::get_registers() const {
  Registers registers;
  Message message = request(method::process_get_registers);
  message.buffer = std::as_writable_bytes(std::span(&registers, 1));
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return registers;
}

Answer<> ProcessCapability::set_registers(const Registers& registers) const {
  Message message = request(method::process_set_registers);
  message.bytes = std::as_bytes(std::span(&registers, 1));
  return checked(call(at, message));
}

Answer<> ProcessCapability::fetch(unsigned slot, CapabilityRegister into) const {
  return call_for_capability(at, request(method::fetch, slot), into);
}

Answer<> ProcessCapability::store(unsigned slot, CapabilityRegister from) const {
  return call_with_capability(at, request(method::store, slot), from);
}

// --- endpoint, wrapper, notice ----------------------------------------------------------------

Answer<> EndpointCapability::set_receiver(ProcessCapability process) const {
  return call_with_capability(at, request(method::endpoint_set_receiver), process.at);
}

Answer<> EndpointCapability::set_id(uint64_t id) const {
  return call_for_nothing(at, request(method::endpoint_set_id, id));
}

Answer<> EndpointCapability::entry(uint64_t payload, CapabilityRegister into) const {
  return call_for_capability(at, request(method::endpoint_entry, payload), into);
}

Answer<EndpointCapability::Identification> EndpointCapability::identify(
    CapabilityRegister asked) const {
  WordMessage message = request(method::endpoint_identify);
  message.sent[0] = asked;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Identification{.how = static_cast<Identified>(message.words[1]),
                        .entry_payload = message.words[2],
                        .wrapper_object = message.words[3],
                        .wrapper_payload = message.words[4],
                        .wrapper_version = message.words[5]};
}

Answer<> WrapperCapability::client(CapabilityRegister into) const {
  return call_for_capability(at, request(method::wrapper_client), into);
}

Answer<WrapperCapability::Settings> WrapperCapability::get(CapabilityRegister target_into) const {
  WordMessage message = request(method::wrapper_get);
  message.received[0] = target_into;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Settings{.payload = message.words[1], .flags = message.words[2]};
}

Answer<> WrapperCapability::set_target(CapabilityRegister target) const {
  return call_with_capability(at, request(method::wrapper_set_target), target);
}

Answer<> WrapperCapability::set_payload(uint64_t payload) const {
  return call_for_nothing(at, request(method::wrapper_set_payload, payload));
}

Answer<> WrapperCapability::set_hand_over(bool hand_over) const {
  return call_for_nothing(at, request(method::wrapper_set_hand_over, hand_over ? 1 : 0));
}

Answer<> WrapperCapability::block() const {
  return call_for_nothing(at, request(method::wrapper_block));
}

Answer<> WrapperCapability::unblock() const {
  return call_for_nothing(at, request(method::wrapper_unblock));
}

Answer<> NoticeCapability::set(uint64_t bits, ProcessCapability receiver) const {
  return call_with_capability(at, request(method::notice_set, bits), receiver.at);
}

Answer<> NoticeCapability::reduce(CapabilityRegister into) const {
  return call_for_capability(at, request(method::notice_reduce), into);
}

Answer<> NoticeCapability::post() const {
  return call_for_nothing(at, request(method::notice_post));
}

// --- schedule, range, discriminator -----------------------------------------------------------

Answer<ScheduleCapability::Settings> ScheduleCapability::get() const {
  WordMessage message = request(method::schedule_get);
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Settings{.priority = message.words[1], .slice_ns = message.words[2], .ceiling = message.words[3]};
}

Answer<> ScheduleCapability::set(Settings settings) const {
  return call_for_nothing(at, request(method::schedule_set, settings.priority, settings.slice_ns));
}

Answer<uint64_t> ScheduleCapability::derive(ScheduleCapability other, uint64_t ceiling) const {
  WordMessage message = request(method::schedule_derive, ceiling);
  message.sent[0] = other.at;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return message.words[1];
}

Answer<uint64_t> RangeCapability::size() const {
  return call_for_word(at, request(method::range_size));
}

Answer<> RangeCapability::sub(uint64_t first, uint64_t count, CapabilityRegister into) const {
  return call_for_capability(at, request(method::range_sub, first, count), into);
}

Answer<> RangeCapability::make(uint64_t frame, Kind kind, uint32_t account, unsigned index,
                               CapabilityRegister into) const {
  return call_for_capability(
      at, request(method::range_make, frame, static_cast<uint64_t>(kind), account, index), into);
}

Answer<> RangeCapability::recap(uint64_t frame, unsigned index, CapabilityRegister into) const {
  return call_for_capability(at, request(method::range_recap, frame, index), into);
}

Answer<uint64_t> RangeCapability::rescind(uint64_t frame, uint64_t count) const {
  return call_for_word(at, request(method::range_rescind, frame, count));
}

Answer<> RangeCapability::rescind_object(uint64_t frame, unsigned index) const {
  return call_for_nothing(at, request(method::range_rescind_object, frame, index));
}

Answer<uint64_t> RangeCapability::set_account(uint64_t frame, uint64_t count, uint32_t account) const {
  return call_for_word(at, request(method::range_set_account, frame, count, account));
}

Answer<RangeCapability::Identification> RangeCapability::identify(CapabilityRegister asked) const {
  WordMessage message = request(method::range_identify);
  message.sent[0] = asked;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Identification{.frame = message.words[1],
                        .index = static_cast<unsigned>(message.words[2]),
                        .kind = static_cast<Kind>(message.words[3]),
                        .version = message.words[4],
                        .type = static_cast<CapabilityType>(message.words[5])};
}

Answer<DiscriminatorCapability::Classification> DiscriminatorCapability::classify(
    CapabilityRegister asked) const {
  WordMessage message = request(method::discriminator_classify);
  message.sent[0] = asked;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return Classification{.type = static_cast<CapabilityType>(message.words[1]),
                        .restrictions = static_cast<uint8_t>(message.words[2])};
}

Answer<bool> DiscriminatorCapability::same(CapabilityRegister a, CapabilityRegister b) const {
  WordMessage message = request(method::discriminator_same);
  message.sent[0] = a;
  message.sent[1] = b;
  if (auto done = checked(call(at, message)); !done) return std::unexpected(done.error());
  return message.words[1] != 0;
}

}  // namespace perdure
