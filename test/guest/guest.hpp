// SPDX-License-Identifier: MIT
//
// The guest suite: named tests of what the kernel's objects mean, made by a program in the machine through
// the public ABI. A test is a sentence that promises something, and a function that tries it:
//
//   constexpr Test tests[] = {
//       {"an entry tells its payload", [](uint64_t) {
//         Caller caller(my_entry(31), {});
//         ...
//         expect(request.entry_payload, 31);
//       }},
//
// Each has a bank of its own, which is destroyed when it is over: nothing of it is left, and that is a check,
// too. All that a test knows lies in the memory of its programs. So the plug may be pulled at any moment: the
// suite goes on.
//
// No test waits for time, and none that a mode of the machine (chaos, a restart) makes slower says something
// else: a test waits for a state (Actor::await, Caller::finish, receive), and lets others run meanwhile (rest).
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <type_traits>

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/kernel_objects.hpp"
#include "userland/runtime/system_objects.hpp"

namespace perdure::guest {

struct Test {
  std::string_view name;            // a sentence
  void (*run)(uint64_t row);
  std::string_view row_name = {};   // of a test that is made once for each row of a table
  uint64_t row = 0;
};

// One test for each row of a table; a row has a `name`.
template <typename Row, size_t count>
consteval std::array<Test, count> for_each_row(std::string_view name, const Row (&rows)[count],
                                               void (*run)(uint64_t row)) {
  std::array<Test, count> tests{};
  for (size_t i = 0; i < count; ++i) tests[i] = {name, run, rows[i].name, i};
  return tests;
}

// The tests of one file, in one or several tables.
struct Suite {
  std::string_view name;
  std::array<std::span<const Test>, 6> tables;
};

extern const Suite messages, resume, deadlines, notices, wrappers, capabilities, refusals, storage,
    address_spaces, restrictions, faults, processes, schedules, transfer, lives, computing;

// --- checks -----------------------------------------------------------------------------------------

struct Place {
  std::string_view file;
  uint64_t line;
};
// Counts; what does not hold is told with its place, and the test goes on.
bool check_equal(uint64_t came, uint64_t expected, Place);
bool check_result(Result came, Result expected, Place);

template <typename Came, typename Expected>
bool expect(Came came, Expected expected, std::string_view file = __builtin_FILE(), uint64_t line = __builtin_LINE()) {
  return check_equal(static_cast<uint64_t>(came), static_cast<uint64_t>(expected), {file, line});
}
inline bool holds(bool condition, std::string_view file = __builtin_FILE(), uint64_t line = __builtin_LINE()) {
  return check_equal(condition, true, {file, line});
}
inline bool results(Result came, Result expected, std::string_view file = __builtin_FILE(), uint64_t line = __builtin_LINE()) {
  return check_result(came, expected, {file, line});
}
// The answer is `ok`, or is the refusal that is expected.
template <typename Value>
bool done(const Answer<Value>& answer, std::string_view file = __builtin_FILE(), uint64_t line = __builtin_LINE()) {
  return check_result(answer ? Result::ok : answer.error(), Result::ok, {file, line});
}
template <typename Value>
bool refused(const Answer<Value>& answer, Result expected, std::string_view file = __builtin_FILE(),
             uint64_t line = __builtin_LINE()) {
  return check_result(answer ? Result::ok : answer.error(), expected, {file, line});
}
// As `done`, and what was answered; a zero if nothing was.
template <typename Value>
Value value_of(const Answer<Value>& answer, std::string_view file = __builtin_FILE(), uint64_t line = __builtin_LINE()) {
  return done(answer, file, line) ? *answer : Value{};
}

// --- what the tester holds (guest.description) --------------------------------------------------------

inline constexpr EndpointCapability my_endpoint{{4}};
inline constexpr uint64_t my_endpoint_id = 77;
inline constexpr CapabilityRegister idler{5};
inline constexpr ClockCapability the_clock{{6}};
inline constexpr NodeCapability my_space{{{7}}};
inline constexpr DiscriminatorCapability discriminator{{8}};
inline constexpr CheckpointCapability checkpoint{{9}};
inline constexpr DevicesCapability devices{{10}};
inline constexpr ConsoleCapability console{{11}};  // of the boot in which the last line was told
inline constexpr ScheduleCapability lower{{12}}, ordinary{{13}}, higher{{14}};  // by which the tester runs: ordinary
inline constexpr ScheduleCapability idle{{27}};  // the lowest, and never lent more
inline constexpr uint64_t ordinary_priority = 4;
inline constexpr uint64_t sold_ceiling = 7;
inline constexpr ProcessCapability myself{{15}};
inline constexpr uint64_t my_brand = 20261130;   // a number, in the tester's slot for it
inline constexpr BankCapability bank{{16}};      // of this test; goes with all that it bought
inline constexpr unsigned first_fresh = 17, fresh_end = 27;
inline constexpr CapabilityRegister arrived[message_capability_count] = {{28}, {29}, {30}, {31}};

// The next register that this test has not used.
CapabilityRegister fresh();
void clear(CapabilityRegister);
// A void capability, as any other.
inline constexpr CapabilityRegister nothing = registers::nothing;

CapabilityRegister buy(Kind, std::string_view file = __builtin_FILE(), uint64_t line = __builtin_LINE());
PageCapability new_page();
CapabilityPageCapability new_shelf();
NodeCapability new_node(uint8_t slot_size = 0);
EndpointCapability new_endpoint();
WrapperCapability new_wrapper(CapabilityRegister target, uint64_t payload = 0);
NoticeCapability new_notice(uint64_t bits, ProcessCapability receiver = myself);
ScheduleCapability new_schedule(uint64_t priority);  // its ceiling: sold_ceiling
CapabilityRegister new_entry(EndpointCapability, uint64_t payload = 0);
inline CapabilityRegister my_entry(uint64_t payload = 0) { return new_entry(my_endpoint, payload); }
CapabilityRegister client_of(WrapperCapability);
// What a register holds, told by the discriminator, which invokes nothing.
CapabilityType type_in(CapabilityRegister);
bool is_same(CapabilityRegister, CapabilityRegister);

// Lets every program run that is ready and more important than the idler.
void rest();

}  // namespace perdure::guest
