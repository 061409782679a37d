// SPDX-License-Identifier: MIT
//
// What each operation of each kernel object refuses, and with which word: a row for each. Breaks if a check is left
// out. Each row ends with the operation allowed, where there is one: so it is that check which refuses.
#include "test/guest/servers.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure::guest {
namespace {

struct Refusal {
  std::string_view name;
  Result expected;
  Result (*attempt)();
};

Result result_of(const Answer<>& answer) { return answer ? Result::ok : answer.error(); }
template <typename Value>
Result result_of(const Answer<Value>& answer) {
  return answer ? Result::ok : answer.error();
}

// The same memory with a restriction.
template <typename Memory>
Memory reduced(Memory memory, uint8_t restrictions) {
  Memory less;
  less.at = fresh();
  done(memory.reduce(restrictions, 0, less.at));
  return less;
}

Result raw(CapabilityRegister at, uint64_t method, uint64_t word1 = 0, uint64_t word2 = 0, CapabilityRegister sent = {}) {
  Message message{.words = {method, word1, word2}, .sent = {sent}};
  return call(at, message);
}

// --- missing_right ----------------------------------------------------------------------------------

constexpr Refusal rights[] = {
    {"to fetch from an opaque capability page", Result::missing_right,
     [] { return result_of(reduced(new_shelf(), restriction::opaque).fetch(0, arrived[0])); }},
    {"to store into an opaque capability page", Result::missing_right,
     [] { return result_of(reduced(new_shelf(), restriction::opaque).store(0, nothing)); }},
    {"to store into a capability page that is read-only", Result::missing_right,
     [] { return result_of(reduced(new_shelf(), restriction::read_only).store(0, nothing)); }},
    {"to store into a weak capability page", Result::missing_right,
     [] { return result_of(reduced(new_shelf(), restriction::weak).store(0, nothing)); }},
    {"to fetch from an opaque node", Result::missing_right,
     [] { return result_of(reduced(new_node(), restriction::opaque).fetch(0, arrived[0])); }},
    {"to store into an opaque node", Result::missing_right,
     [] { return result_of(reduced(new_node(), restriction::opaque).store(0, nothing)); }},
    {"to store into a node that is read-only", Result::missing_right,
     [] { return result_of(reduced(new_node(), restriction::read_only).store(0, nothing)); }},
    {"to store into a weak node", Result::missing_right,
     [] { return result_of(reduced(new_node(), restriction::weak).store(0, nothing)); }},
    {"to look at an opaque node", Result::missing_right,
     [] { return result_of(reduced(new_node(), restriction::opaque).get()); }},
    {"to change the slot size of a node that is read-only", Result::missing_right,
     [] { return result_of(reduced(new_node(), restriction::read_only).set({})); }},
    {"to give a keeper to a weak node", Result::missing_right,
     [] { return result_of(reduced(new_node(), restriction::weak).set_keeper(nothing)); }},
    {"to copy into a page that is read-only", Result::missing_right,
     [] { return result_of(reduced(new_page(), restriction::read_only).copy_from(new_page())); }},
    {"to copy into a weak page", Result::missing_right,
     [] { return result_of(reduced(new_page(), restriction::weak).copy_from(new_page())); }},
    {"to fetch the schedule of a process", Result::missing_right,
     [] { return result_of(myself.fetch(process_slot::schedule, arrived[0])); }},
    {"to destroy a bank by what may not", Result::missing_right, [] {
       const BankCapability less{{fresh()}};
       done(bank.reduce(bank_restriction::may_not_destroy, less.at));
       return result_of(less.destroy());
     }},
    {"to buy from a bank by what may not", Result::missing_right, [] {
       const BankCapability less{{fresh()}};
       done(bank.reduce(bank_restriction::may_not_allocate, less.at));
       return result_of(less.allocate(Kind::page, arrived[0]));
     }},
    {"to make a bank by what may not buy", Result::missing_right, [] {
       const BankCapability less{{fresh()}};
       done(bank.reduce(bank_restriction::may_not_allocate, less.at));
       return result_of(less.create_sub_bank(1, arrived[0]));
     }},
    {"to free by what may not", Result::missing_right, [] {
       const BankCapability less{{fresh()}};
       done(bank.reduce(bank_restriction::may_not_free, less.at));
       return result_of(less.free(new_page().at));
     }},
    {"to see a limit by what may not", Result::missing_right, [] {
       const BankCapability less{{fresh()}};
       done(bank.reduce(bank_restriction::may_not_see_limit, less.at));
       return result_of(less.status());
     }},
    {"to change a limit by what may not", Result::missing_right, [] {
       const BankCapability less{{fresh()}};
       done(bank.reduce(bank_restriction::may_not_change_limit, less.at));
       return result_of(less.set_limit(5));
     }},
    {"to dissolve a bank by what may not", Result::missing_right, [] {
       const BankCapability less{{fresh()}};
       done(bank.reduce(bank_restriction::may_not_dissolve, less.at));
       return result_of(less.dissolve());
     }},
};

// --- wrong_type, and void ------------------------------------------------------------------------------

constexpr Refusal wrong_types[] = {
    {"a node copied into a page", Result::wrong_type,
     [] { return result_of(new_page().copy_from({{{new_node().at}}})); }},
    {"nothing copied into a page", Result::void_capability, [] { return result_of(new_page().copy_from({{{nothing}}})); }},
    {"a page as the keeper of a node", Result::wrong_type,
     [] { return result_of(new_node().set_keeper(new_page().at)); }},
    {"an endpoint as the receiver of an endpoint", Result::wrong_type,
     [] { return result_of(new_endpoint().set_receiver({{my_endpoint.at}})); }},
    {"a page as the receiver of a notice", Result::wrong_type,
     [] { return result_of(NoticeCapability{{buy(Kind::notice)}}.set(1, {{new_page().at}})); }},
    {"a page as what derives from a schedule", Result::wrong_type,
     [] { return result_of(ordinary.derive({{new_page().at}})); }},
    {"nothing as what derives from a schedule", Result::void_capability, [] { return result_of(ordinary.derive({{nothing}})); }},
    {"a schedule as the activity of a process", Result::wrong_type,
     [] { return result_of(ProcessCapability{{buy(Kind::process)}}.start(ordinary.at)); }},
    {"nothing as the activity of a new process", Result::void_capability,
     [] { return result_of(ProcessCapability{{buy(Kind::process)}}.start(nothing)); }},
    {"a process as the space of a process", Result::wrong_type,
     [] { return result_of(ProcessCapability{{buy(Kind::process)}}.store(process_slot::space, myself.at)); }},
    {"a page as the keeper of a process", Result::wrong_type,
     [] { return result_of(ProcessCapability{{buy(Kind::process)}}.store(process_slot::keeper, new_page().at)); }},
    {"a node as the schedule of a process", Result::wrong_type,
     [] { return result_of(ProcessCapability{{buy(Kind::process)}}.store(process_slot::schedule, my_space.at)); }},
};

// --- bad_argument ----------------------------------------------------------------------------------------

constexpr Refusal arguments[] = {
    {"slot 128 of a capability page", Result::bad_argument, [] { return result_of(new_shelf().fetch(128, arrived[0])); }},
    {"a store into slot 128 of a capability page", Result::bad_argument,
     [] { return result_of(new_shelf().store(128, nothing)); }},
    {"slot 16 of a node", Result::bad_argument, [] { return result_of(new_node().fetch(16, arrived[0])); }},
    {"a store into slot 16 of a node", Result::bad_argument, [] { return result_of(new_node().store(16, nothing)); }},
    {"slot 36 of a process", Result::bad_argument, [] { return result_of(myself.fetch(36, arrived[0])); }},
    {"a store into register 0 of a process", Result::bad_argument,
     [] { return result_of(ProcessCapability{{buy(Kind::process)}}.store(0, ordinary.at)); }},
    {"a slot size of 33", Result::bad_argument, [] { return result_of(new_node().set({.slot_size = 33})); }},
    {"a slot size of 2^32", Result::bad_argument, [] { return raw(new_node().at, method::node_set, uint64_t{1} << 32); }},
    {"a flag of a node that does not exist", Result::bad_argument,
     [] { return raw(new_node().at, method::node_set, 0, ~uint64_t{Node::flag_pocket}); }},
    {"a restriction that does not exist", Result::bad_argument,
     [] { return raw(new_page().at, method::memory_reduce, 0x20); }},
    {"a priority of 16", Result::bad_argument, [] { return result_of(lower.set({.priority = 16})); }},
    {"a slice of more than a second", Result::bad_argument,
     [] { return result_of(lower.set({.priority = 3, .slice_ns = slice_ns_max + 1})); }},
    {"a priority above the ceiling", Result::limit_reached, [] { return result_of(idle.set({.priority = 1})); }},
    {"a ceiling of 16", Result::bad_argument, [] { return result_of(ordinary.derive(lower, 16)); }},
    {"a wrapper that hands over twice", Result::bad_argument,
     [] { return raw(buy(Kind::wrapper), method::wrapper_set_hand_over, 2); }},
    {"registers of a wrong length", Result::bad_argument, [] {
       const std::byte some[8] = {};
       Message message{.words = {method::process_set_registers}, .bytes = some};
       return call(buy(Kind::process), message);
     }},
    {"a flag of power-off that does not exist", Result::bad_argument,
     [] { return raw(checkpoint.at, method::checkpoint_power_off, 2, 0); }},
    {"a power-off that was meant for another boot", Result::restarted,
     [] { return raw(checkpoint.at, method::checkpoint_power_off, 0, ~uint64_t{0}); }},
    {"a reboot that was meant for another boot", Result::restarted,
     [] { return raw(checkpoint.at, method::checkpoint_reboot, 0, ~uint64_t{0}); }},
    {"a purchase of nothing", Result::bad_argument, [] { return result_of(bank.allocate(Kind::empty, arrived[0])); }},
    {"a purchase of no kind", Result::bad_argument,
     [] { return result_of(bank.allocate(static_cast<Kind>(kind_count), arrived[0])); }},
};

// --- malformed -------------------------------------------------------------------------------------------

struct Field {
  std::string_view name;
  unsigned byte;
};
constexpr Field fields[] = {{"first capability that is sent", 0},     {"second capability that is sent", 1},
                            {"third capability that is sent", 2},     {"fourth capability that is sent", 3},
                            {"first capability to be received", 4},  {"second capability to be received", 5},
                            {"third capability to be received", 6},  {"fourth capability to be received", 7}};

Result invoke(RawInvocation attempt) {
  perdure_invoke(&attempt);
  return static_cast<Result>(attempt.words[0]);
}

constexpr uint64_t call_of(CapabilityRegister at) { return static_cast<uint64_t>(Invocation::call) | uint64_t{at.number} << 8; }

void is_no_register(uint64_t row) {
  const uint64_t shift = 8 * fields[row].byte;
  for (const uint64_t number : {32, 64, 96}) {
    results(invoke({.rax = call_of(discriminator.at), .words = {method::type}, .rbx = number << shift}), Result::malformed);
  }
  // What is received is not moved.
  const Result expected = fields[row].byte < 4 ? Result::ok : Result::malformed;
  results(invoke({.rax = call_of(discriminator.at), .words = {method::type}, .rbx = uint64_t{move_bit} << shift}), expected);
  results(invoke({.rax = call_of(discriminator.at), .words = {method::type}, .rbx = uint64_t{arrived[0].number} << shift}), Result::ok);
}

constexpr Refusal malformed[] = {
    {"an invocation of no kind", Result::malformed, [] { return invoke({.rax = uint64_t{discriminator.at.number} << 8}); }},
    {"an invocation of a fourth kind", Result::malformed, [] { return invoke({.rax = 4 | uint64_t{discriminator.at.number} << 8}); }},
    {"an invocation of register 32", Result::malformed, [] { return invoke({.rax = call_of({32})}); }},
    {"an invocation of register 255", Result::malformed, [] { return invoke({.rax = call_of({255})}); }},
    {"a message of more than 64 KiB", Result::too_large,
     [] { return invoke({.rax = call_of(discriminator.at), .r12 = message_bytes_max + 1}); }},
    {"register 32 of a void capability", Result::malformed, [] { return invoke({.rax = call_of(nothing), .rbx = 32}); }},
};

template <const auto& rows>
void refuse(uint64_t row) {
  results(rows[row].attempt(), rows[row].expected);
}

// None of the restrictions above is in the way of what they do not name.
void restricted_and_allowed(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  done(shelf.store(127, my_endpoint.at));
  done(reduced(shelf, restriction::read_only).fetch(127, arrived[0]));
  expect(type_in(arrived[0]), CapabilityType::endpoint);
  const NodeCapability node = new_node(4);
  done(node.set_keeper(my_entry()));
  expect(value_of(reduced(node, restriction::read_only).get(arrived[1])).slot_size, 4);
  expect(type_in(arrived[1]), CapabilityType::entry);
  expect(value_of(reduced(node, restriction::weak).get(arrived[1])).slot_size, 4);
  expect(type_in(arrived[1]), CapabilityType::void_capability);
  const BankCapability less{{fresh()}};
  done(bank.reduce(bank_restriction::all & ~(bank_restriction::may_not_allocate | bank_restriction::may_not_free), less.at));
  done(less.allocate(Kind::page, arrived[0]));
  done(less.free(arrived[0]));
}

void lowest_number_first(uint64_t) {
  const NodeCapability node = new_node();
  const NodeCapability weak = reduced(node, restriction::weak);
  // Wrong type and missing right; missing right and bad argument; void and all else.
  results(raw(weak.at, method::node_set_keeper, 0, 0, new_page().at), Result::wrong_type);
  results(raw(weak.at, method::store, 3, 0, nothing), Result::missing_right);
  done(bank.free(node.at));
  results(raw(weak.at, method::node_set, 99), Result::void_capability);
}

constexpr Test tests[] = {
    {"what a restriction does not name is allowed", restricted_and_allowed},
    {"when several apply the refusal with the lowest number is answered", lowest_number_first},
};
constexpr auto without_right = for_each_row("the right is missing ", rights, refuse<rights>);
constexpr auto of_wrong_type = for_each_row("it is refused: ", wrong_types, refuse<wrong_types>);
constexpr auto bad_arguments = for_each_row("it is a bad argument: ", arguments, refuse<arguments>);
constexpr auto no_registers = for_each_row("a number that is no register is malformed as the ", fields, is_no_register);
constexpr auto ill_formed = for_each_row("it is refused before all else: ", malformed, refuse<malformed>);

}  // namespace

constinit const Suite refusals{"refusals",
                               {{tests, without_right, of_wrong_type, bad_arguments, no_registers, ill_formed}}};

}  // namespace perdure::guest
