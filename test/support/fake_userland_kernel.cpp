// SPDX-License-Identifier: MIT
#include "test/support/fake_userland_kernel.hpp"

#include <algorithm>
#include <cstring>
#include <map>

namespace perdure {

namespace {

FakeUserlandKernel* the_kernel = nullptr;

size_t slot_count_of(CapabilityType type) {
  switch (type) {
    case CapabilityType::capability_page: return capabilities_per_page;
    case CapabilityType::node: return node_slot_count;
    case CapabilityType::process: return process_slot::count;
    default: return 0;
  }
}

CapabilityType control_of(Kind kind) {
  switch (kind) {
    case Kind::page: return CapabilityType::page;
    case Kind::capability_page: return CapabilityType::capability_page;
    case Kind::process: return CapabilityType::process;
    case Kind::node: return CapabilityType::node;
    case Kind::wrapper: return CapabilityType::wrapper_control;
    case Kind::endpoint: return CapabilityType::endpoint;
    case Kind::notice: return CapabilityType::notice;
    case Kind::schedule: return CapabilityType::schedule;
    case Kind::activity: return CapabilityType::activity;
    case Kind::empty: break;
  }
  return CapabilityType::void_capability;
}

Message message_of(const RawInvocation& raw) {
  Message message;
  std::copy_n(raw.words, message_word_count, message.words);
  for (unsigned i = 0; i < message_capability_count; ++i) {
    message.sent[i] = {static_cast<uint8_t>(raw.rbx >> (8 * i))};
    message.received[i] = {static_cast<uint8_t>(raw.rbx >> (32 + 8 * i))};
  }
  message.bytes = {reinterpret_cast<const std::byte*>(raw.r13), raw.r12 & 0xffff'ffff};
  message.buffer = {reinterpret_cast<std::byte*>(raw.r14), raw.r12 >> 32};
  return message;
}

void give_bytes(Message& message, const void* bytes, size_t length) {
  message.byte_count = static_cast<uint32_t>(std::min(length, message.buffer.size()));
  if (message.byte_count != 0) std::memcpy(message.buffer.data(), bytes, message.byte_count);
}

bool has_account(const FakeObject& bank, uint32_t account) {
  return bank.account == account || std::ranges::any_of(bank.banks, [&](const FakeObject* below) { return has_account(*below, account); });
}

void destroy_all(FakeObject& bank) {
  for (FakeObject* below : bank.banks) destroy_all(*below);
  for (FakeObject* object : bank.bought) object->is_alive = false;
  bank.banks.clear();
  bank.bought.clear();
  bank.is_alive = false;
}

}  // namespace

bool FakeCapability::is_void() const {
  return type == CapabilityType::void_capability || (object && !object->is_alive);
}

FakeUserlandKernel::FakeUserlandKernel() {
  the_kernel = this;
  root_bank_ = new_bank(nullptr, 100'000);
}

FakeUserlandKernel::~FakeUserlandKernel() { the_kernel = nullptr; }

FakeCapability FakeUserlandKernel::make(CapabilityType type) {
  FakeObject* object = &objects_.emplace_back();
  object->type = type;
  object->slots.resize(slot_count_of(type));
  return {.type = type, .object = object};
}

FakeCapability FakeUserlandKernel::number(uint64_t value) {
  return {.type = CapabilityType::number, .payload = value};
}

FakeCapability FakeUserlandKernel::bank_capability(FakeObject* bank,
                                                   uint64_t restrictions) {
  return {.type = CapabilityType::wrapped, .object = bank, .payload = restrictions, .is_bank = true};
}

FakeObject* FakeUserlandKernel::new_bank(FakeObject* parent,
                                                         uint64_t limit) {
  FakeObject* bank = &objects_.emplace_back();
  bank->parent = parent;
  bank->limit = limit;
  bank->account = bank_root_account;  // those of banks that are gone are given again
  while (root_bank_ && has_account(*root_bank_, bank->account)) ++bank->account;
  if (parent) parent->banks.push_back(bank);
  return bank;
}

uint64_t FakeUserlandKernel::used(const FakeObject& bank) {
  std::map<CapabilityType, uint64_t> counts;
  for (const FakeObject* object : bank.bought) ++counts[object->type];
  uint64_t frames = 0;
  for (const auto& [type, count] : counts) {
    const uint64_t in_a_frame = info(info(type).object_kind).objects_per_frame;
    frames += (count + in_a_frame - 1) / in_a_frame;
  }
  for (const FakeObject* below : bank.banks) frames += 2 + used(*below);
  return frames;
}

// --- the system call ------------------------------------------------------------------------

void FakeUserlandKernel::invoke(RawInvocation& raw) {
  Message message = message_of(raw);
  if (static_cast<Invocation>(raw.rax & 0xff) == Invocation::reply_and_wait) {
    if (!deliver) throw EndOfScript{};
    deliver(message);
  } else {
    const FakeCapability target = registers_[raw.rax >> 8 & 31];
    const Result result = target.is_void() ? Result::void_capability : call(target, message);
    message.words[0] = static_cast<uint64_t>(result);
    message.delivery = Delivery::reply;
  }
  std::copy_n(message.words, message_word_count, raw.words);
  raw.rax = static_cast<uint64_t>(message.delivery) | uint64_t{message.byte_count} << 32;
}

void FakeUserlandKernel::receive(const Message& message, unsigned index, FakeCapability value) {
  if (!message.received[index].is_void()) registers_[message.received[index].number] = value;
}

Result FakeUserlandKernel::call(const FakeCapability& target, Message& message) {
  if (target.is_bank) return call_bank(target, message);
  switch (target.type) {
    case CapabilityType::number:
      message.words[1] = target.payload;
      return Result::ok;
    case CapabilityType::page:
    case CapabilityType::capability_page:
    case CapabilityType::node: return call_memory(target, message);
    case CapabilityType::process: return call_process(*target.object, message);
    case CapabilityType::endpoint: return call_endpoint(target, message);
    case CapabilityType::entry: call_server(target, nullptr, message); return message.result();
    case CapabilityType::wrapped: return call_wrapped(target, message);
    case CapabilityType::wrapper_control: return call_wrapper_control(*target.object, message);
    default: return call_system(target, message);
  }
}

Result FakeUserlandKernel::call_memory(const FakeCapability& target, Message& message) {
  FakeObject& object = *target.object;
  const uint64_t code = message.words[0];
  const bool may_write = (target.restrictions & restriction::read_only) == 0;
  if (code == method::memory_reduce) {
    FakeCapability reduced = target;
    reduced.restrictions |= static_cast<uint8_t>(message.words[1]);
    reduced.payload = message.words[2];
    receive(message, 0, reduced);
    return Result::ok;
  }
  if (code == method::page_copy_from && target.type == CapabilityType::page) {
    if (sent(message, 0).type != CapabilityType::page) return Result::wrong_type;
    if (!may_write) return Result::missing_right;
    object.bytes = sent(message, 0).object->bytes;
    return Result::ok;
  }
  if (code == method::fetch || code == method::store) {
    if (message.words[1] >= object.slots.size()) return Result::bad_argument;
    FakeCapability& slot = object.slots[message.words[1]];
    if (code == method::fetch) {
      receive(message, 0, slot.is_void() ? FakeCapability{} : slot);
      return Result::ok;
    }
    if (!may_write) return Result::missing_right;
    slot = sent(message, 0);
    return Result::ok;
  }
  return target.type == CapabilityType::node ? call_node(object, message) : Result::unknown_method;
}

Result FakeUserlandKernel::call_node(FakeObject& node, Message& message) {
  switch (message.words[0]) {
    case method::node_set:
      node.slot_size = static_cast<uint8_t>(message.words[1]);
      node.flags = static_cast<uint8_t>(message.words[2]);
      return Result::ok;
    case method::node_get:
      message.words[1] = node.slot_size;
      message.words[2] = node.flags;
      return Result::ok;
    case method::node_set_keeper:
      node.keeper = sent(message, 0);
      return Result::ok;
    default: return Result::unknown_method;
  }
}

Result FakeUserlandKernel::call_process(FakeObject& process, Message& message) {
  switch (message.words[0]) {
    case method::process_set_registers:
      if (message.bytes.size() != sizeof(Registers)) return Result::bad_argument;
      std::memcpy(static_cast<void*>(&process.registers), message.bytes.data(), sizeof(Registers));
      return Result::ok;
    case method::store:
      if (message.words[1] >= process.slots.size()) return Result::bad_argument;
      process.slots[message.words[1]] = sent(message, 0);
      return Result::ok;
    case method::process_start:
      if (sent(message, 0).type != CapabilityType::activity) return Result::wrong_type;
      process.has_activity = true;
      process.state = ProcessState::receiving;
      return Result::ok;
    case method::process_interrupt:
      message.words[1] = is_call_waiting && stalls_of_call == 0;
      if (stalls_of_call > 0) --stalls_of_call;
      return Result::ok;
    case method::process_status:
      message.words[1] = static_cast<uint64_t>(process.state);
      message.words[2] = static_cast<uint64_t>(process.fault);
      message.words[3] = process.fault_address;
      message.words[4] = process.fault_detail;
      message.words[5] = process.registers.rip;
      return Result::ok;
    default: return Result::unknown_method;
  }
}

Result FakeUserlandKernel::call_endpoint(const FakeCapability& target, Message& message) {
  if (message.words[0] == method::endpoint_set_receiver) {
    if (sent(message, 0).type != CapabilityType::process) return Result::wrong_type;
    target.object->keeper = sent(message, 0);
    return Result::ok;
  }
  if (message.words[0] == method::endpoint_entry) {
    receive(message, 0, {.type = CapabilityType::entry, .object = target.object,
                         .payload = message.words[1]});
    return Result::ok;
  }
  return Result::unknown_method;
}

Result FakeUserlandKernel::wait(const std::function<Result()>& meanwhile_called) {
  is_call_waiting = true;
  const Result result = meanwhile_called();
  is_call_waiting = false;
  return result;
}

// As the kernel follows wrappers: of several, the innermost one's payload and hand-over count.
Result FakeUserlandKernel::call_wrapped(const FakeCapability& target, Message& message) {
  constexpr unsigned depth_max = 8;
  FakeCapability at = target;
  FakeObject* innermost = nullptr;
  for (unsigned depth = 0; at.type == CapabilityType::wrapped && !at.is_bank; ++depth) {
    if (depth == depth_max) return Result::malformed;
    if (at.is_void()) return Result::void_capability;
    innermost = at.object;
    while (innermost->is_alive && innermost->is_blocked) {
      const Result waited = wait(while_blocked);
      if (waited != Result::ok) return waited;
    }
    if (!innermost->is_alive) return Result::void_capability;
    at = innermost->target;
  }
  if (at.is_void()) return Result::void_capability;
  if (at.type != CapabilityType::entry) return call(at, message);
  call_server(at, innermost, message);
  return message.result();
}

Result FakeUserlandKernel::call_wrapper_control(FakeObject& wrapper, Message& message) {
  switch (message.words[0]) {
    case method::wrapper_client:
      receive(message, 0, {.type = CapabilityType::wrapped, .object = &wrapper});
      return Result::ok;
    case method::wrapper_get:
      message.words[1] = wrapper.payload;
      message.words[2] = 0;
      receive(message, 0, wrapper.target.is_void() ? FakeCapability{} : wrapper.target);
      return Result::ok;
    case method::wrapper_set_target: wrapper.target = sent(message, 0); return Result::ok;
    case method::wrapper_set_payload: wrapper.payload = message.words[1]; return Result::ok;
    case method::wrapper_set_hand_over: wrapper.hands_over = message.words[1] != 0; return Result::ok;
    case method::wrapper_block: wrapper.is_blocked = true; return Result::ok;
    case method::wrapper_unblock: wrapper.is_blocked = false; return Result::ok;
    default: return Result::unknown_method;
  }
}

// The server's answer comes back as the kernel would carry it.
void FakeUserlandKernel::call_server(const FakeCapability& entry, FakeObject* through,
                                     Message& message) {
  Message delivered;
  std::copy_n(message.words, message_word_count, delivered.words);
  delivered.delivery = Delivery::call;
  delivered.entry_payload = entry.payload;
  delivered.has_wrapper_payload = through != nullptr;
  delivered.wrapper_payload = through != nullptr ? through->payload : 0;
  delivered.has_handed_over = through != nullptr && through->hands_over;
  if (delivered.has_handed_over) {
    at(registers::handed_over) = {.type = CapabilityType::wrapper_control, .object = through};
  }
  answer_entry(*entry.object, delivered);
  std::copy_n(delivered.words, message_word_count, message.words);
  for (unsigned i = 0; i < message_capability_count; ++i) receive(message, i, sent(delivered, i));
  give_bytes(message, delivered.bytes.data(), delivered.bytes.size());
}

Result FakeUserlandKernel::call_system(const FakeCapability& target, Message& message) {
  switch (message.words[0]) {
    case method::discriminator_classify: {
      const FakeCapability asked = sent(message, 0);
      message.words[1] = asked.is_void() ? 0 : static_cast<uint64_t>(asked.type);
      message.words[2] = asked.restrictions;
      return Result::ok;
    }
    case method::discriminator_same: {
      const FakeCapability one = sent(message, 0), other = sent(message, 1);
      message.words[1] = one.type == other.type && one.object == other.object && one.payload == other.payload;
      return Result::ok;
    }
    case method::devices_console:
      receive(message, 0, {.type = CapabilityType::console, .payload = boot_epoch_});
      return Result::ok;
    case method::schedule_get:
      message.words[1] = 4;
      message.words[2] = 0;
      return Result::ok;
    case method::schedule_set: return Result::ok;
    case method::schedule_derive: message.words[1] = 7; return Result::ok;
    case method::clock_now:
      message.words[1] = now_ns_ += 1'000'000;
      message.words[2] = 0;
      message.words[3] = boot_epoch_;
      return Result::ok;
    case method::checkpoint_status:
      status.boot_epoch = boot_epoch_;
      give_bytes(message, &status, sizeof(status));
      return Result::ok;
    case method::checkpoint_reboot:
    case method::checkpoint_power_off:
      if (message.words[2] != boot_epoch_) return Result::restarted;
      power_requests_ += message.words[0] == method::checkpoint_reboot ? "reboot " : "poweroff ";
      return Result::ok;
    case method::clock_wait_restart:
      if (message.words[1] == boot_epoch_) ++boot_epoch_;
      message.words[1] = boot_epoch_;
      return Result::ok;
    case method::checkpoint_take:
      status.committed_generation += 2;  // numbers of attempts that failed are left out
      return Result::ok;
    default:
      return target.type == CapabilityType::console ? call_console(target, message)
                                                    : Result::unknown_method;
  }
}

Result FakeUserlandKernel::call_console(const FakeCapability& target, Message& message) {
  const bool is_write = message.words[0] == method::console_write;
  if (is_write && cut_at_write_ != 0 && --cut_at_write_ == 0) ++boot_epoch_;
  if (target.payload != boot_epoch_) return Result::restarted;
  if (is_write) {
    if (message.bytes.size() > message_bytes_max) return Result::too_large;
    written.append(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());
    message.words[1] = ++writes_;
    return Result::ok;
  }
  if (message.words[0] != method::console_read) return Result::unknown_method;
  if (typed.empty()) throw EndOfScript{};
  std::string& piece = typed.front();
  if (piece.empty()) {
    typed.pop_front();
    ++boot_epoch_;
    return Result::restarted;
  }
  if (piece.starts_with(line_of_another)) {
    written += piece;
    typed.pop_front();
    ++writes_;
  }
  message.words[3] = writes_;
  if (message.words[1] != 0 && message.words[1] != writes_) {
    message.words[1] = 0;
    return Result::ok;
  }
  const size_t count = std::min<size_t>(piece.size(), 8);
  message.words[1] = count;
  std::memcpy(&message.words[2], piece.data(), count);
  piece.erase(0, count);
  if (piece.empty()) typed.pop_front();
  return Result::ok;
}

// --- the bank -------------------------------------------------------------------------------

Result FakeUserlandKernel::call_bank(const FakeCapability& target, Message& message) {
  FakeObject& bank = *target.object;
  const auto forbids = [&](uint64_t restriction) { return (target.payload & restriction) != 0; };
  switch (message.words[0]) {
    case method::bank_allocate:
      return forbids(bank_restriction::may_not_allocate) ? Result::missing_right
                                                         : allocate(bank, message);
    case method::bank_create_sub_bank:
      return forbids(bank_restriction::may_not_allocate) ? Result::missing_right
                                                         : create_sub_bank(target.object, message);
    case method::bank_free: {
      if (forbids(bank_restriction::may_not_free)) return Result::missing_right;
      if (sent(message, 0).is_void()) return Result::void_capability;
      if (sent(message, 0).type == CapabilityType::wrapped) return Result::wrong_type;
      const auto found = std::ranges::find(bank.bought, sent(message, 0).object);
      if (found == bank.bought.end()) return Result::not_found;
      (*found)->is_alive = false;
      bank.bought.erase(found);
      return Result::ok;
    }
    case method::bank_reduce:
      receive(message, 0, bank_capability(target.object, target.payload | message.words[1]));
      return Result::ok;
    case method::bank_verify:
      message.words[1] = sent(message, 0).is_bank && !sent(message, 0).is_void() ? 1 : 0;
      return Result::ok;
    case method::bank_status:
      message.words[1] = used(bank);
      message.words[2] = message.words[3] = bank.limit;
      message.words[5] = bank.account;
      return Result::ok;
    case method::bank_list: return list(target.object, message);
    case method::bank_destroy:
      if (forbids(bank_restriction::may_not_destroy)) return Result::missing_right;
      if (const Result waited = while_destroying ? wait(while_destroying) : Result::ok; waited != Result::ok) return waited;
      std::erase(bank.parent->banks, target.object);
      destroy_all(bank);
      return Result::ok;
    default: return Result::unknown_method;
  }
}

Result FakeUserlandKernel::allocate(FakeObject& bank, Message& message) {
  if (++allocations_ == refuse_at_) return Result::limit_reached;
  if (meanwhile) meanwhile();
  const CapabilityType type = control_of(static_cast<Kind>(message.words[1]));
  const uint64_t count = message.words[2];
  if (count == 0 || count > bank_allocate_count_max) return Result::bad_argument;
  std::vector<FakeCapability> made;
  for (uint64_t i = 0; i < count; ++i) {
    made.push_back(make(type));
    bank.bought.push_back(made.back().object);
  }
  for (const FakeObject* above = &bank; above != nullptr; above = above->parent) {
    if (used(*above) > above->limit) {
      bank.bought.resize(bank.bought.size() - count);
      return Result::limit_reached;
    }
  }
  for (unsigned i = 0; i < count; ++i) receive(message, i, made[i]);
  return Result::ok;
}

Result FakeUserlandKernel::create_sub_bank(FakeObject* bank, Message& message) {
  if (used(*bank) + 2 > bank->limit) return Result::limit_reached;
  FakeObject* const made = new_bank(bank, message.words[1]);
  receive(message, 0, bank_capability(made));
  message.words[1] = made->account;
  return Result::ok;
}

Result FakeUserlandKernel::list(FakeObject* bank, Message& message) {
  std::vector<std::pair<FakeObject*, uint64_t>> all;
  const std::function<void(FakeObject&, uint64_t)> gather = [&](FakeObject& one, uint64_t depth) {
    all.emplace_back(&one, depth);
    for (FakeObject* below : one.banks) gather(*below, depth + 1);
  };
  gather(*bank, 0);
  size_t next = 0;
  if (message.words[1] != 0) {
    while (next < all.size() && all[next].first->account != message.words[1]) ++next;
    ++next;
  }
  if (next >= all.size()) return Result::not_found;
  message.words[1] = all[next].first->account;
  message.words[2] = all[next].second;
  message.words[3] = used(*all[next].first);
  message.words[4] = all[next].first->limit;
  message.words[5] = all[next].first->is_dying;
  return Result::ok;
}

FakeCapability page_at(const FakeCapability& space, uint64_t address) {
  FakeCapability memory = space;
  uint64_t page = address / frame_bytes;
  if (page >> (space.object->slot_size + 4) != 0) return {};
  while (memory.type == CapabilityType::node && !memory.is_void()) {
    const FakeObject& node = *memory.object;
    const uint64_t slot = page >> node.slot_size;
    const uint64_t offset = page & ((uint64_t{1} << node.slot_size) - 1);
    if (slot == node_pocket_slot && (node.flags & Node::flag_pocket) != 0) return {};
    memory = node.slots[slot];
    if (memory.is_void()) return {};
    const unsigned size =
        memory.type == CapabilityType::node ? memory.object->slot_size + node_slot_bits : 0u;
    if (offset >> size != memory.payload) return {};
    page = offset & ((uint64_t{1} << size) - 1);
  }
  return memory;
}

}  // namespace perdure

extern "C" void perdure_invoke(perdure::RawInvocation* raw) { perdure::the_kernel->invoke(*raw); }

namespace perdure {
// What the start-up code gives a program on the bare machine.
void wait_for_ever() { throw EndOfScript{}; }
}  // namespace perdure
