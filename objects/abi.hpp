// SPDX-License-Identifier: MIT
//
// The interface between programs and the kernel: one system call, which invokes one capability.
// Programs, kernel, bank and tools include this file. ABI revision: abi_revision.
//
// SYSCALL, register assignment (rcx, r11 are the processor's, rbp and rsp are left alone):
//
//            in                                      out
//   rax      bits 0-7 Invocation, 8-15 register      bits 0-7 Delivery, 8-15 delivery_flag,
//            of the invoked capability               32-63 bytes received
//   rdi rsi rdx r8 r9 r10   words 0-5                words 0-5
//   rbx      bits 0-31 four registers to send from,  unchanged
//            32-63 four registers to receive into;
//            a byte each: bits 0-4 the register, and
//            bit 7, of those to send from: move
//   r12      bits 0-31 bytes to send,                unchanged
//            32-63 size of the receive buffer
//   r13      address of the bytes to send            endpoint id      (deliveries to a receiver)
//   r14      address of the receive buffer           entry payload    (deliveries to a receiver)
//   r15      absolute deadline of a call, ns of      wrapper payload  (deliveries to a receiver)
//            machine time; 0: none
//
// Word 0 of a request is the method code, word 0 of an answer is the Result: the same for
// kernel objects and for programs, so that a client cannot tell one from the other.
//
// Capability registers: 0 is always void, what is received into it is dropped. What is moved rather
// than copied leaves the sender's register void as soon as the message is delivered: a forwarder
// hands on what it was given and is out of it.
// A receiver gets the resume capability of a call in register 1, and, if the innermost wrapper
// says so, that wrapper's control capability in register 2.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace perdure {

inline constexpr uint32_t abi_revision = 2;

enum class Invocation : uint8_t {
  call = 1,            // invoke, wait for the answer
  send = 2,            // invoke, go on; on a resume capability: reply
  reply_and_wait = 3,  // reply (a void capability: no reply), then wait open for a message.
                       // A caller that cannot take the reply now loses it; this never stalls on other programs
};

enum class Delivery : uint8_t {
  none = 0,     // a send is done; word 0 is its Result
  reply = 1,    // the answer to a call
  call = 2,     // a request; its resume capability is in register 1
  send = 3,     // a request without resume capability
  notices = 4,  // word 0: the notice bits that were pending
};

namespace delivery_flag {
inline constexpr uint64_t truncated = 1 << 8;        // the receive buffer was too small, absent or bad
inline constexpr uint64_t wrapper_payload = 1 << 9;  // r15 holds the innermost wrapper's payload
inline constexpr uint64_t handed_over = 1 << 10;     // register 2 holds its control capability
}  // namespace delivery_flag

inline constexpr unsigned message_word_count = 6;
inline constexpr unsigned message_capability_count = 4;
inline constexpr size_t message_bytes_max = 65536;  // more is refused as Result::too_large
inline constexpr uint8_t move_bit = 1 << 7;  // in a byte that names a register to send from
inline constexpr unsigned resume_register = 1;
inline constexpr unsigned handed_over_register = 2;

// One error vocabulary for kernel and programs. When several apply, the lowest number of the
// first five is answered. The numbers are ABI.
enum class Result : uint64_t {
  ok = 0,
  malformed = 1,          // the invocation itself: bad register number, bad kind, bad length
  void_capability = 2,    // destroyed, revoked, or never was one
  wrong_type = 3,         // a capability that was passed is of the wrong type
  missing_right = 4,
  bad_argument = 5,
  unknown_method = 6,
  too_large = 7,          // more bytes than this kernel carries in one message
  limit_reached = 8,      // of a bank, or of one of its ancestors
  exhausted = 9,          // there is none left anywhere
  destroyed = 10,         // the partner was destroyed while the call was with it
  restarted = 11,         // a device capability of an earlier boot
  unreadable = 12,        // the only copy of a frame cannot be read
  dying = 13,             // the bank is being destroyed
  not_found = 14,
  in_use = 15,
  unsupported = 16,
  interrupted = 17,       // the call was given up: the caller was stopped, or process.interrupt
  timed_out = 18,         // the call's deadline passed before it was answered
  // What follows up to own_result_bit is reserved for this vocabulary.
};

// Results with this bit are programs' own: neither the kernel nor the runtime ever answers one. A client that
// does not know the code knows at least that the program itself has refused.
inline constexpr uint64_t own_result_bit = uint64_t{1} << 63;
constexpr bool is_own(Result result) { return (static_cast<uint64_t>(result) & own_result_bit) != 0; }

constexpr std::string_view name_of(Result result) {
  constexpr std::string_view names[] = {
      "ok", "malformed invocation", "capability is void", "wrong type of capability",
      "missing right", "bad argument", "unknown method", "message too large", "limit reached",
      "exhausted", "destroyed", "restarted", "unreadable", "being destroyed", "not found",
      "in use", "unsupported", "interrupted", "deadline passed"};
  if (is_own(result)) return "an error of the program's own";
  const auto number = static_cast<uint64_t>(result);
  return number < sizeof(names) / sizeof(names[0]) ? names[number] : "unknown result";
}

// A method's code is derived from its name (FNV-1a, 64 bits): no registry is needed, and a code
// never changes while the name does not.
constexpr uint64_t method_code(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char character : name) {
    hash = (hash ^ static_cast<uint8_t>(character)) * 0x100000001b3;
  }
  return hash;
}

// A program's own error has a code that is derived from its name, which begins with that of its interface: an error
// that is passed on is not mistaken for one of the program that passes it on.
constexpr Result own_result(std::string_view name) {
  return static_cast<Result>(method_code(name) | own_result_bit);
}

// The methods of kernel objects. wN: word N; cN: capability N; all answers have w0 = Result.
namespace method {
// every capability, except those that invoke a program (which should answer it, too)
inline constexpr uint64_t type = method_code("type");  // → w1 CapabilityType, w2 restrictions
// number
inline constexpr uint64_t number_get = method_code("number.get");  // → w1
// page, capability page, node: a capability with more restrictions and another guard
inline constexpr uint64_t memory_reduce = method_code("memory.reduce");  // w1 restrictions, w2 guard → c0
// page
inline constexpr uint64_t page_copy_from = method_code("page.copy_from");  // c0 page: all 4096 bytes
// capability page (w1 0-127), node (w1 0-15), process (w1 0-31 registers, then process_slot)
inline constexpr uint64_t fetch = method_code("fetch");  // w1 index → c0. Not a process's schedule
inline constexpr uint64_t store = method_code("store");  // w1 index, c0
// node
inline constexpr uint64_t node_set = method_code("node.set");  // w1 slot size, w2 flags
inline constexpr uint64_t node_get = method_code("node.get");  // → w1 slot size, w2 flags, c0 keeper
inline constexpr uint64_t node_set_keeper = method_code("node.set_keeper");  // c0 entry or void
// process
inline constexpr uint64_t process_start = method_code("process.start");  // c0 activity, unless bound
inline constexpr uint64_t process_stop = method_code("process.stop");
inline constexpr uint64_t process_status = method_code("process.status");  // → w1 ProcessState, w2 FaultCode, w3 address, w4 detail, w5 rip
inline constexpr uint64_t process_get_registers = method_code("process.get_registers");  // → bytes: Registers
inline constexpr uint64_t process_set_registers = method_code("process.set_registers");  // bytes: Registers
// Ends the call in which it waits for a program (an answer, a busy receiver, a blocked wrapper, an
// endpoint without receiver), or at a clock or a console: that call answers `interrupted` → w1 1; 0: it waits for none.
inline constexpr uint64_t process_interrupt = method_code("process.interrupt");
// endpoint
inline constexpr uint64_t endpoint_set_receiver = method_code("endpoint.set_receiver");  // c0 process
inline constexpr uint64_t endpoint_set_id = method_code("endpoint.set_id");  // w1
inline constexpr uint64_t endpoint_entry = method_code("endpoint.entry");  // w1 payload → c0
// Was c0 made by this endpoint? → w1 Identified, w2 entry payload, and through one wrapper: w3 its ObjectId, w4
// its payload, w5 its version. Two wrappers or more: not mine. c0 is never invoked.
inline constexpr uint64_t endpoint_identify = method_code("endpoint.identify");
// wrapper
inline constexpr uint64_t wrapper_client = method_code("wrapper.client");  // → c0 wrapped
inline constexpr uint64_t wrapper_get = method_code("wrapper.get");  // → w1 payload, w2 flags, c0 target
inline constexpr uint64_t wrapper_set_target = method_code("wrapper.set_target");  // c0
inline constexpr uint64_t wrapper_set_payload = method_code("wrapper.set_payload");  // w1
inline constexpr uint64_t wrapper_set_hand_over = method_code("wrapper.set_hand_over");  // w1 0 or 1
inline constexpr uint64_t wrapper_block = method_code("wrapper.block");
inline constexpr uint64_t wrapper_unblock = method_code("wrapper.unblock");
// notice
inline constexpr uint64_t notice_set = method_code("notice.set");  // w1 bits, c0 process
inline constexpr uint64_t notice_reduce = method_code("notice.reduce");  // → c0 may only post
inline constexpr uint64_t notice_post = method_code("notice.post");
// schedule. A new one has the ceiling 0
inline constexpr uint64_t schedule_get = method_code("schedule.get");  // → w1 priority, w2 slice in ns, w3 ceiling
// w1 priority, w2 slice in ns. limit_reached: the priority is above the ceiling.
inline constexpr uint64_t schedule_set = method_code("schedule.set");
// Raises the ceiling of the schedule c0 to w1, or to this one's ceiling if that is lower → w1 c0's
// ceiling. It is never lowered.
inline constexpr uint64_t schedule_derive = method_code("schedule.derive");
// range. Frames are counted from the start of the range
inline constexpr uint64_t range_size = method_code("range.size");  // → w1 frames
inline constexpr uint64_t range_sub = method_code("range.sub");  // w1 first, w2 count → c0
// Makes an object, all zero, → c0. A frame of another kind or account is rescinded first; so is
// an object that stands in the place (w4) of a new small one. Neither needs what was in the frame, but for `unreadable`:
// the disk does not say what the frame is, or does not give the row.
inline constexpr uint64_t range_make = method_code("range.make");  // w1 frame, w2 Kind, w3 account, w4 index
inline constexpr uint64_t range_recap = method_code("range.recap");  // w1 frame, w2 index → c0: again what make gave
inline constexpr uint64_t range_rescind = method_code("range.rescind");  // w1 frame, w2 count → w1 frames done (bounded; call again)
inline constexpr uint64_t range_rescind_object = method_code("range.rescind_object");  // w1 frame, w2 index
// Another account pays for these frames; what is in them stays, and every capability to it. Empty
// frames are passed over.
inline constexpr uint64_t range_set_account = method_code("range.set_account");  // w1 frame, w2 count, w3 account → w1 frames done (bounded; call again)
// → w1 frame, w2 index, w3 Kind, w4 version, w5 CapabilityType; not_found if not of this range
inline constexpr uint64_t range_identify = method_code("range.identify");  // c0
// checkpoint control
inline constexpr uint64_t checkpoint_take = method_code("checkpoint.take");  // waits for the commit of all that was done
inline constexpr uint64_t checkpoint_status = method_code("checkpoint.status");  // → bytes: SystemStatus
inline constexpr uint64_t checkpoint_generations = method_code("checkpoint.generations");  // → bytes: GenerationStatus[]
// w1 PowerFlags, w2 boot epoch (0: any). In another boot than w2: `restarted`, and nothing is done.
// So a program that a checkpoint finds just before this call does not make it again at every boot.
inline constexpr uint64_t checkpoint_power_off = method_code("checkpoint.power_off");
inline constexpr uint64_t checkpoint_reboot = method_code("checkpoint.reboot");  // the same
// devices
inline constexpr uint64_t devices_console = method_code("devices.console");  // → c0 console
// console
// bytes → w1 how often this console has been written to in this boot, by any process
inline constexpr uint64_t console_write = method_code("console.write");
// w1 such a number, or 0. Waits for characters, or, if it is given a number, until the console has been written to since
// → w1 count 0-8, w2 the characters, w3 the number now
inline constexpr uint64_t console_read = method_code("console.read");
// Waits until an unread ^C (0x03) stands in the input, and leaves it there.
inline constexpr uint64_t console_wait_interrupt = method_code("console.wait_interrupt");
// Drops all input up to the first unread ^C, that included → w1 1; 0 and nothing dropped: there is none.
inline constexpr uint64_t console_take_interrupt = method_code("console.take_interrupt");
// clock
inline constexpr uint64_t clock_now = method_code("clock.now");  // → w1 machine time ns, w2 wall time s, w3 boot epoch
inline constexpr uint64_t clock_wait_restart = method_code("clock.wait_restart");  // w1 epoch; answers when it is another → w1
// Answers when machine time has reached w1 ns, or in any boot but w2 (0: in any) → w1 machine time ns, w2 boot epoch
inline constexpr uint64_t clock_wait_until = method_code("clock.wait_until");
// discriminator
inline constexpr uint64_t discriminator_classify = method_code("discriminator.classify");  // c0 → w1 CapabilityType, w2 restrictions; `unreadable`
inline constexpr uint64_t discriminator_same = method_code("discriminator.same");  // c0, c1 → w1 0 or 1
// What a keeper is sent, as a call: w1 FaultCode, w2 address, w3 detail (bit 0 write, bit 1 execute). A space's
// keeper: w2 from the start of its node, c0 the node. A process's own: w4 the instruction pointer.
// The answer's words are ignored; ok lets the access be made again, anything else passes the
// fault on to the process's own keeper (from that one: stops the process).
inline constexpr uint64_t keeper_fault = method_code("keeper.fault");
}  // namespace method

namespace process_slot {
inline constexpr uint64_t space = 32;
inline constexpr uint64_t keeper = 33;
inline constexpr uint64_t schedule = 34;
inline constexpr uint64_t brand = 35;
inline constexpr uint64_t count = 36;
}  // namespace process_slot

enum class Identified : uint64_t { not_mine = 0, direct = 1, through_one_wrapper = 2 };

namespace power_flag {
inline constexpr uint64_t cut = 1 << 0;  // without a checkpoint first
}  // namespace power_flag

// Answer of checkpoint_status. All times ns of machine time unless the name says otherwise.
struct SystemStatus {
  uint64_t committed_generation = 0;
  uint64_t committed_at_wall_seconds = 0;
  uint64_t interval_ms = 0;            // 0: never by the clock
  uint64_t boot_epoch = 0;
  uint64_t boots = 0;                  // of this image, this one included
  uint64_t power_cuts = 0;             // boots that found no clean mark
  uint64_t image_age_ns = 0;           // machine time: stands still while off
  uint64_t uptime_ns = 0;              // of this boot
  uint64_t frames_in_store = 0;
  uint64_t frames_in_cache = 0;
  uint64_t frames_resident = 0;
  uint64_t frames_dirty = 0;
  uint64_t log_segments = 0;
  uint64_t log_segments_used = 0;
  uint64_t last_pause_ns = 0;          // nothing ran
  uint64_t last_generation_frames = 0;
  uint64_t store_id = 0;
  uint64_t resumed_generation = 0;     // what this boot continued from
  uint64_t resumed_at_wall_seconds = 0;
  uint64_t failed_commits = 0;         // of this boot
  uint64_t spare[12] = {};
};
static_assert(sizeof(SystemStatus) == 256);

struct GenerationStatus {
  uint64_t generation = 0;
  uint64_t wall_seconds = 0;  // of its commit's declaration
  uint64_t frames = 0;
  uint64_t in_log = 0;        // 1: not yet migrated
};

// Where the kernel half begins; user addresses are below.
inline constexpr uint64_t user_address_end = uint64_t{1} << 47;

// An address as a program gives it, or touches it; bytes. It may be any number.
struct UserAddr {
  uint64_t value = 0;
  auto operator<=>(const UserAddr&) const = default;
  constexpr bool is_in_user_memory() const { return value < user_address_end; }
  constexpr UserAddr operator+(uint64_t bytes) const { return {value + bytes}; }
};

}  // namespace perdure
