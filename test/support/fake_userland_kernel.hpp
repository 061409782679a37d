// SPDX-License-Identifier: MIT
//
// The world as one program sees it through the system call: kernel objects and a bank, on the
// host, without memory, time or other processes. For tests of the runtime's logic, of keeper and
// shell: which capabilities they store where, what they buy, what they say.
//
// Not a model of the kernel (that has tests of its own): only what userland uses, and strict
// where a mistake of userland would show: void registers, wrong types, guards, limits, frames.
// A message to an endpoint is answered by the test (`answer_entry`).
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure {

struct FakeObject;

struct FakeCapability {
  CapabilityType type = CapabilityType::void_capability;
  FakeObject* object = nullptr;
  uint64_t payload = 0;  // number, guard, entry payload; of a bank: its restrictions
  uint8_t restrictions = 0;
  bool is_bank = false;  // an entry of the bank server

  bool is_void() const;
};

struct FakeObject {
  CapabilityType type = CapabilityType::void_capability;
  bool is_alive = true;
  std::array<std::byte, frame_bytes> bytes{};  // page
  std::vector<FakeCapability> slots;           // capability page, node, process
  uint8_t slot_size = 0;                       // node
  uint8_t flags = 0;
  FakeCapability keeper;                       // node; endpoint: receiver
  Registers registers;                         // process
  ProcessState state = ProcessState::stopped;
  FaultCode fault = FaultCode::none;
  uint64_t fault_address = 0;
  uint64_t fault_detail = 0;
  bool has_activity = false;
  FakeCapability target;                       // wrapper, and the next three
  uint64_t payload = 0;
  bool is_blocked = false;
  bool hands_over = false;
  // bank
  FakeObject* parent = nullptr;
  uint64_t limit = bank_unlimited;
  uint32_t account = 0;
  bool is_dying = false;
  std::vector<FakeObject*> bought;
  std::vector<FakeObject*> banks;
};

// Thrown out of the program under test when its script is at an end.
struct EndOfScript {};

class FakeUserlandKernel {
 public:
  FakeUserlandKernel();
  ~FakeUserlandKernel();

  FakeCapability& at(CapabilityRegister number) { return registers_[number.number]; }
  FakeObject* root_bank() { return root_bank_; }
  FakeCapability make(CapabilityType);
  FakeCapability bank_capability(FakeObject* bank, uint64_t restrictions = 0);
  static FakeCapability number(uint64_t value);
  // Frames used by a bank and all below it.
  static uint64_t used(const FakeObject& bank);

  // The allocation of this number is refused, counted from the first; 0: none.
  void refuse_allocation(unsigned number) { refuse_at_ = number; }
  // What another program does while the bank serves an allocation.
  std::function<void()> meanwhile;
  const std::string& power_requests() const { return power_requests_; }
  unsigned allocations() const { return allocations_; }

  // The console: what is typed (in pieces as they arrive), and what was written.
  std::deque<std::string> typed;
  std::string written;
  // An empty piece stands for a power cut: the console capability is of an earlier boot then.
  static constexpr std::string_view power_cut = "";
  // What begins so is not typed, but written to the console by another program.
  static constexpr std::string_view line_of_another = "\r| ";
  // The power is cut before this write to the console, counted from now.
  void cut_at_write(unsigned number) { cut_at_write_ = number; }

  // Answers a message to an entry, as the server would. The message is as delivered.
  std::function<void(const FakeObject& endpoint, Message&)> answer_entry;
  // What becomes of a call that waits at a blocked wrapper. ok: it looks at the wrapper again.
  std::function<Result()> while_blocked;
  // What becomes of a call by which a bank is destroyed. ok: it is.
  std::function<Result()> while_destroying;
  bool is_call_waiting = false;  // then process.interrupt says that it has ended it,
  unsigned stalls_of_call = 0;   // but not so often: the call waits for the disk
  // What an open wait delivers next; gets the reply in. Throws EndOfScript when done.
  std::function<void(Message&)> deliver;
  SystemStatus status;

  void invoke(RawInvocation&);

 private:
  std::deque<FakeObject> objects_;  // all there ever were
  std::array<FakeCapability, 32> registers_;
  FakeObject* root_bank_ = nullptr;
  unsigned allocations_ = 0;
  std::string power_requests_;
  unsigned refuse_at_ = 0;
  unsigned cut_at_write_ = 0;
  uint64_t writes_ = 0;
  uint64_t boot_epoch_ = 1;
  uint64_t now_ns_ = 0;

  Result call(const FakeCapability& target, Message&);
  Result call_memory(const FakeCapability& target, Message&);
  Result call_node(FakeObject&, Message&);
  Result call_process(FakeObject&, Message&);
  Result call_endpoint(const FakeCapability& target, Message&);
  Result call_system(const FakeCapability& target, Message&);
  Result call_console(const FakeCapability& target, Message&);
  Result call_bank(const FakeCapability& target, Message&);
  Result allocate(FakeObject& bank, Message&);
  Result create_sub_bank(FakeObject* bank, Message&);
  Result list(FakeObject* bank, Message&);
  Result wait(const std::function<Result()>& meanwhile_called);
  Result call_wrapped(const FakeCapability& target, Message&);
  Result call_wrapper_control(FakeObject&, Message&);
  // `through`: the innermost wrapper, if any.
  void call_server(const FakeCapability& entry, FakeObject* through, Message&);
  void receive(const Message&, unsigned index, FakeCapability);
  FakeCapability sent(const Message& message, unsigned index) {
    return registers_[message.sent[index].number];
  }
  FakeObject* new_bank(FakeObject* parent, uint64_t limit);
};

// The page that a space has at an address, found by the kernel's rule for guards; void: none.
FakeCapability page_at(const FakeCapability& space, uint64_t address);

}  // namespace perdure
