// SPDX-License-Identifier: MIT
#include "spacebank/server/bank_server.hpp"

#include <algorithm>
#include <string_view>

#include "userland/runtime/interface.hpp"

namespace perdure::bank {
namespace {

using std::unexpected;

// The server's own use of its capability registers, besides bank_register.
constexpr CapabilityRegister own_page{8};  // slot 0: the resume capability of the sweeper
constexpr CapabilityRegister sold[bank_allocate_count_max] = {{9}, {10}, {11}};
constexpr CapabilityRegister facet_control{12};
constexpr CapabilityRegister facet_client{13};
constexpr CapabilityRegister asker_page{14};
constexpr CapabilityRegister asker{15};
constexpr unsigned resume_slot = 0;  // of own_page and of asker pages

constexpr RangeCapability range_capability{{{bank_register::range}}};
constexpr ScheduleCapability sweeper_schedule{{{bank_register::sweeper_schedule}}};
constexpr ScheduleCapability sold_schedule{{{bank_register::sold_schedule}}};
constexpr EndpointCapability endpoint_capability{{{bank_register::endpoint}}};
constexpr CapabilityRegister given = registers::argument[0];

// Most steps of a sweep that are made before the asker's call is put aside.
constexpr unsigned steps_at_once = 32;

constexpr std::string_view description =
    "bank\n"
    "allocate kind:number count:number -> capabilities\n"
    "free object:capability -> nothing\n"
    "create_sub_bank limit:number -> capability\n"
    "set_limit limit:number -> nothing\n"
    "status -> words\n"
    "usage kind:number -> number\n"
    "recap object:capability -> capability\n"
    "destroy -> nothing\n"
    "destroy_and_answer whom:capability -> nothing\n"
    "dissolve -> nothing\n"
    "verify bank:capability -> words\n"
    "identify object:capability -> number\n"
    "reduce restrictions:number -> capability\n"
    "list after:number kind:number -> words\n";

// What a buyer of this kind of object gets: the first type that names one.
CapabilityType strongest_type(Kind kind) {
  for (unsigned type = 1; type < capability_type_count; ++type) {
    if (capability_type_table[type].object_kind == kind) return static_cast<CapabilityType>(type);
  }
  return CapabilityType::void_capability;
}

Result result_of(const Expected<void, Result>& done) {
  return done ? Result::ok : done.error();
}

// A refusal here means that the kernel does not keep its word about an object that it has just
// made: our own bug. The process faults, and is there to be looked at.
void must_succeed(const Answer<>& done) {
  if (!done) __builtin_trap();
}

}  // namespace

const BankServer::MethodRow BankServer::methods[] = {
    {method::type, 0, &BankServer::type},
    {method::describe, 0, &BankServer::describe},
    {method::bank_allocate, bank_restriction::may_not_allocate, &BankServer::allocate},
    {method::bank_free, bank_restriction::may_not_free, &BankServer::free},
    {method::bank_create_sub_bank, bank_restriction::may_not_allocate, &BankServer::create_sub_bank},
    {method::bank_set_limit, bank_restriction::may_not_change_limit, &BankServer::set_limit},
    {method::bank_status, bank_restriction::may_not_see_limit, &BankServer::status},
    {method::bank_usage, bank_restriction::may_not_see_limit, &BankServer::usage},
    {method::bank_recap, bank_restriction::may_not_free, &BankServer::recap},
    {method::bank_destroy, bank_restriction::may_not_destroy, &BankServer::destroy},
    {method::bank_destroy_and_answer, bank_restriction::may_not_destroy, &BankServer::destroy_and_answer},
    {method::bank_dissolve, bank_restriction::may_not_dissolve, &BankServer::dissolve},
    {method::bank_verify, 0, &BankServer::verify},
    {method::bank_identify, 0, &BankServer::identify},
    {method::bank_reduce, 0, &BankServer::reduce},
    {method::bank_list, bank_restriction::may_not_see_limit, &BankServer::list},
};

BankServer::BankServer(Arena arena)
    : arena_(arena), range_(range_capability), logic_(arena, range_), sweep_(arena, range_) {}

// --- the loop's two halves -----------------------------------------------------------------

void BankServer::prepare_to_receive(Message& message) {
  std::ranges::copy(registers::argument, message.received);
  message.buffer = {};
}

CapabilityRegister BankServer::serve(Message& message) {
  const bool is_call = message.delivery == Delivery::call;
  if (!is_call && message.delivery != Delivery::send) {
    message = {};
    return registers::nothing;
  }
  // After a refusal the caller gets its resume capability back: a client waits for the answer through it.
  const bool may_come_back = message.words[0] == method::bank_destroy_and_answer;
  const std::optional<Result> result = answer_request(message);
  if (!result || *result != Result::ok) {
    message = {};
    if (may_come_back) message.sent[0] = given;
  }
  message.words[0] = static_cast<uint64_t>(result.value_or(Result::ok));
  return is_call && result ? registers::resume : registers::nothing;
}

// The request becomes the answer, which is empty but for what a method writes into it.
std::optional<Result> BankServer::answer_request(Message& message) {
  const bool is_call = message.delivery == Delivery::call;
  if (message.entry_payload == sweeper_entry_payload && !message.has_wrapper_payload) {
    message = {};
    return serve_sweeper(is_call);
  }
  if (message.entry_payload != bank_entry_payload || !message.has_wrapper_payload) {
    return Result::missing_right;
  }
  BankRequest request{.bank = Bank{static_cast<uint32_t>(message.wrapper_payload)},
                      .restrictions = message.wrapper_payload >> 32,
                      .is_call = is_call};
  std::ranges::copy(message.words, request.words);
  message = {};
  return arena_.has(request.bank) ? dispatch(request, message) : Result::void_capability;
}

std::optional<Result> BankServer::dispatch(const BankRequest& request, Message& answer) {
  for (const MethodRow& method : methods) {
    if (method.code != request.words[0]) continue;
    if (method.forbidden_by & request.restrictions) return Result::missing_right;
    return (this->*method.handler)(request, answer);
  }
  return Result::unknown_method;
}

// --- methods ---------------------------------------------------------------------------------

std::optional<Result> BankServer::type(const BankRequest& request, Message& answer) {
  answer.words[1] = bank_interface_code;
  answer.words[2] = request.restrictions;
  return Result::ok;
}

std::optional<Result> BankServer::describe(const BankRequest&, Message& answer) {
  answer.bytes = std::as_bytes(std::span(description));
  return Result::ok;
}

std::optional<Result> BankServer::allocate(const BankRequest& request, Message& answer) {
  const uint64_t kind = request.words[1];
  const uint64_t count = request.words[2];
  if (kind >= kind_count || count == 0 || count > bank_allocate_count_max) {
    return Result::bad_argument;
  }
  Place places[bank_allocate_count_max];
  range_.deliver_into(sold[0]);
  const auto done =
      logic_.allocate(request.bank, static_cast<Kind>(kind), std::span(places, count));
  if (!done) return done.error();
  std::copy_n(sold, count, answer.sent);
  if (static_cast<Kind>(kind) == Kind::schedule) {
    for (unsigned i = 0; i < count; ++i) (void)sold_schedule.derive({{sold[i]}});
  }
  return Result::ok;
}

// The kernel is asked what the object is; the object is never invoked.
Expected<BankServer::GivenObject, Result> BankServer::given_object(bool any) const {
  const auto object = range_capability.identify(given);
  if (!object) return unexpected(object.error());
  if (!any && object->type != strongest_type(object->kind)) return unexpected(Result::wrong_type);
  const Place place{Frame{static_cast<uint32_t>(object->frame)}, object->index};
  return GivenObject{place, object->kind};
}

std::optional<Result> BankServer::free(const BankRequest& request, Message&) {
  const auto object = given_object(false);
  return object ? result_of(logic_.free(request.bank, object->place, object->kind)) : object.error();
}

std::optional<Result> BankServer::recap(const BankRequest& request, Message& answer) {
  const auto object = given_object(true);
  if (!object) return object.error();
  if (auto bought = logic_.check_sold(request.bank, object->place, object->kind); !bought) {
    return bought.error();
  }
  const auto again =
      range_capability.recap(number(object->place.frame), object->place.index, sold[0]);
  if (again) answer.sent[0] = sold[0];
  return result_of(again);
}

std::optional<Result> BankServer::create_sub_bank(const BankRequest& request, Message& answer) {
  range_.deliver_into(facet_control);
  const auto made = logic_.create_sub_bank(request.bank, request.words[1]);
  if (!made) return made.error();
  const bool is_tenant = request.restrictions & bank_restriction::may_not_destroy;
  if (is_tenant || is_patient(request.bank)) arena_.at(made->bank).flags |= BankRecord::flag_patient;
  answer.words[1] = number(made->bank);
  return pass_facet(made->bank, made->facet, answer);
}

std::optional<Result> BankServer::set_limit(const BankRequest& request, Message&) {
  return result_of(logic_.set_limit(request.bank, request.words[1]));
}

std::optional<Result> BankServer::status(const BankRequest& request, Message& answer) {
  const BankStatus status = logic_.status(request.bank);
  answer.words[1] = status.used;
  answer.words[2] = status.limit;
  answer.words[3] = status.effective_limit;
  answer.words[4] = status.banks_below;
  answer.words[5] = number(request.bank);
  return Result::ok;
}

std::optional<Result> BankServer::usage(const BankRequest& request, Message& answer) {
  if (request.words[1] >= kind_count) return Result::bad_argument;
  answer.words[1] = logic_.used_by_kind(request.bank, static_cast<Kind>(request.words[1]));
  return Result::ok;
}

std::optional<Result> BankServer::verify(const BankRequest&, Message& answer) {
  const auto asked = endpoint_capability.identify(given);
  const bool is_facet = asked && asked->how == Identified::through_one_wrapper &&
                        asked->entry_payload == bank_entry_payload;
  const auto wrapper = range_capability.identify(given);
  // What cannot be read just now may be one of ours.
  if (!asked && asked.error() == Result::unreadable) return Result::unreadable;
  if (!wrapper && wrapper.error() == Result::unreadable) return Result::unreadable;
  if (!is_facet || !wrapper) return Result::ok;
  const Bank bank{static_cast<uint32_t>(asked->wrapper_payload)};
  if (!arena_.has(bank) || number(arena_.at(bank).facets) != wrapper->frame) return Result::ok;
  answer.words[1] = 1;
  answer.words[2] = asked->wrapper_payload >> 32;
  answer.words[3] = number(bank);
  return Result::ok;
}

std::optional<Result> BankServer::identify(const BankRequest& request, Message& answer) {
  const auto object = range_capability.identify(given);
  if (!object) return object.error();
  const auto payer = logic_.payer(request.bank, Frame{static_cast<uint32_t>(object->frame)});
  if (!payer) return payer.error();
  answer.words[1] = number(*payer);
  return Result::ok;
}

std::optional<Result> BankServer::reduce(const BankRequest& request, Message& answer) {
  range_.deliver_into(facet_control);
  const auto facet = logic_.facet(request.bank, request.restrictions | request.words[1]);
  return facet ? pass_facet(request.bank, *facet, answer) : facet.error();
}

std::optional<Result> BankServer::list(const BankRequest& request, Message& answer) {
  if (request.words[2] >= kind_count) return Result::bad_argument;
  if (request.words[1] > bank_unlimited) return Result::not_found;
  const auto next = logic_.list(request.bank, Bank{static_cast<uint32_t>(request.words[1])},
                                static_cast<Kind>(request.words[2]));
  if (!next) return next.error();
  answer.words[1] = number(next->bank);
  answer.words[2] = next->depth;
  answer.words[3] = next->used;
  answer.words[4] = next->limit;
  answer.words[5] = next->is_dying;
  return Result::ok;
}

Result BankServer::pass_facet(Bank bank, const Facet& facet, Message& answer) {
  const WrapperCapability wrapper{{facet_control}};
  if (facet.is_fresh) {
    must_succeed(wrapper.set_payload(bank_facet_payload(number(bank), facet.restrictions)));
    must_succeed(wrapper.set_target({bank_register::distinguished}));
  } else {
    const uint64_t frame = number(facet.place.frame);
    const auto again = range_capability.recap(frame, facet.place.index, facet_control);
    if (!again) return again.error();
  }
  const auto client = wrapper.client(facet_client);
  if (!client) return client.error();
  answer.sent[0] = facet_client;
  return Result::ok;
}

// --- destruction -----------------------------------------------------------------------------

std::optional<Result> BankServer::destroy(const BankRequest& request, Message&) {
  if (auto begun = sweep_.begin(request.bank); !begun) return begun.error();
  return end_and_answer_caller(request);
}

std::optional<Result> BankServer::dissolve(const BankRequest& request, Message&) {
  if (auto begun = sweep_.begin_dissolving(request.bank); !begun) return begun.error();
  return end_and_answer_caller(request);
}

// Only a resume capability is taken for the third party, because a reply never waits: a process that
// cannot take it does not get it. Any other capability could hold up the bank, and all its clients: an
// entry while its receiver is busy or stopped, a wrapped capability while its wrapper is blocked.
std::optional<Result> BankServer::destroy_and_answer(const BankRequest& request, Message&) {
  const auto party = range_capability.identify(given);
  if (!party) return party.error() == Result::not_found ? Result::wrong_type : party.error();
  if (party->type != CapabilityType::resume) return Result::wrong_type;
  if (auto begun = sweep_.begin(request.bank); !begun) return begun.error();
  if (ends_at_once(request.bank)) {
    Message answer;
    (void)send(given, answer);
    return Result::ok;
  }
  const Result kept = keep_asker(request.bank, given);
  wake_sweeper(request.bank);
  return kept;
}

bool BankServer::ends_at_once(Bank bank) {
  for (unsigned i = 0; i < steps_at_once && arena_.has(bank); ++i) {
    if (!sweep_one_step()) break;
  }
  return !arena_.has(bank);
}

// A client that sent (rather than called) waits for no answer.
std::optional<Result> BankServer::end_and_answer_caller(const BankRequest& request) {
  if (ends_at_once(request.bank)) return Result::ok;
  if (!request.is_call) {
    wake_sweeper(request.bank);
    return Result::ok;
  }
  const Result kept = keep_asker(request.bank, registers::resume);
  wake_sweeper(request.bank);
  if (kept != Result::ok) return kept;
  return {};
}

Result BankServer::keep_asker(Bank bank, CapabilityRegister resume) {
  range_.deliver_into(asker_page);
  const auto page = sweep_.keep_asker(bank);
  if (!page) return page.error();
  const auto kept = CapabilityPageCapability{{{asker_page}}}.store(resume_slot, resume);
  return kept ? Result::ok : kept.error();
}

bool BankServer::sweep_one_step() {
  using State = SweepResult::State;
  const auto done = sweep_.step();
  // The disk cannot say what a frame is (both copies of its tag are lost). The bank stays dying, and the
  // sweeper rests until another bank is destroyed: then it begins with this one again.
  if (!done || done->state == State::idle) return false;
  return done->state != State::empty || finish_and_answer(done->bank);
}

// The caller's resume capability is taken out of its page first: when a capability page is rescinded, the
// kernel answers `destroyed` through every resume capability that is still in it. In a damaged page there is none.
bool BankServer::finish_and_answer(Bank bank) {
  const CapabilityPageCapability page{{{asker_page}}};
  const bool has_asker = sweep_.has_asker(bank) &&
                         range_capability.recap(sweep_.asker_page(bank).value, 0, asker_page) &&
                         page.fetch(resume_slot, asker) && page.store(resume_slot, registers::nothing);
  const Result result = result_of(sweep_.finish(bank));
  Message answer{.words = {static_cast<uint64_t>(result)}};
  if (has_asker) (void)send(asker, answer);
  return result == Result::ok;
}

bool BankServer::is_patient(Bank bank) const { return arena_.at(bank).flags & BankRecord::flag_patient; }

void BankServer::set_sweeper_priority(bool hurries) {
  const auto settings = sweeper_schedule.get();
  if (!settings) return;  // it runs without one
  const uint64_t priority = hurries ? settings->ceiling : sweeper_priority_;
  must_succeed(sweeper_schedule.set({.priority = priority, .slice_ns = settings->slice_ns}));
}

void BankServer::wake_sweeper(Bank ending) {
  if (!is_patient(ending)) set_sweeper_priority(true);
  if (!sweeper_is_kept_) return;
  if (!CapabilityPageCapability{{{own_page}}}.fetch(resume_slot, asker)) return;
  sweeper_is_kept_ = false;
  Message answer;
  (void)send(asker, answer);
}

// One step of the sweep for each call. With nothing left to do, the call is kept.
std::optional<Result> BankServer::serve_sweeper(bool is_call) {
  if (!is_call) return {};
  if (sweep_one_step()) return Result::ok;
  set_sweeper_priority(false);
  must_succeed(CapabilityPageCapability{{{own_page}}}.store(resume_slot, registers::resume));
  sweeper_is_kept_ = true;
  return {};
}

// --- start -----------------------------------------------------------------------------------

Answer<> BankServer::buy_for_itself(Kind kind, CapabilityRegister into) {
  range_.deliver_into(into);
  const auto bought = logic_.allocate(Bank::root, kind);
  return bought ? Answer<>{} : unexpected(bought.error());
}

Answer<> BankServer::begin(uint64_t sweeper_instruction, uint64_t sweeper_stack) {
  const CapabilityRegister activity = sold[0];
  const ProcessCapability sweeper{{sold[1]}};
  Registers values;
  values.rip = sweeper_instruction;
  values.rsp = sweeper_stack;

  if (const auto settings = sweeper_schedule.get()) sweeper_priority_ = settings->priority;
  Answer<> done = buy_for_itself(Kind::capability_page, own_page);
  if (done) done = buy_for_itself(Kind::activity, activity);
  if (done) done = buy_for_itself(Kind::process, sweeper.at);
  if (done) done = sweeper.set_registers(values);
  if (done) done = sweeper.store(process_slot::space, {bank_register::space});
  if (done) done = sweeper.store(process_slot::schedule, sweeper_schedule.at);
  if (done) done = endpoint_capability.entry(sweeper_entry_payload, facet_client);
  if (done) done = sweeper.store(sweeper_entry_register.number, facet_client);
  if (done) done = sweeper.start(activity);
  return done;
}

}  // namespace perdure::bank
