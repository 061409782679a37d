// SPDX-License-Identifier: MIT
//
// Every type of capability, one after the other: what it says that it is, what it does not know, what a weak fetch
// leaves of it, and that it is void for good when its object has gone. Breaks if a type is forgotten in one of the
// kernel's tables, or if an old capability means a new object.
#include "test/guest/servers.hpp"
#include "userland/runtime/requests.hpp"

namespace perdure::guest {
namespace {

struct Type {
  std::string_view name;
  CapabilityType type;
  CapabilityRegister (*make)();
  CapabilityType weak;  // what a fetch through a weak capability yields
};

CapabilityRegister number() {
  const CapabilityRegister into = fresh();
  done(myself.fetch(process_slot::brand, into));
  return into;
}

CapabilityRegister of_this_boot() {
  const CapabilityRegister into = fresh();
  done(devices.console(into));
  return into;
}

constexpr auto none = CapabilityType::void_capability;

// That can be invoked, and are the kernel's.
constexpr Type types[] = {
    {"a number", CapabilityType::number, number, CapabilityType::number},
    {"a page", CapabilityType::page, [] { return buy(Kind::page); }, CapabilityType::page},
    {"a capability page", CapabilityType::capability_page, [] { return buy(Kind::capability_page); },
     CapabilityType::capability_page},
    {"a node", CapabilityType::node, [] { return buy(Kind::node); }, CapabilityType::node},
    {"a process", CapabilityType::process, [] { return buy(Kind::process); }, none},
    {"an endpoint", CapabilityType::endpoint, [] { return buy(Kind::endpoint); }, none},
    {"a wrapper's control", CapabilityType::wrapper_control, [] { return buy(Kind::wrapper); }, none},
    {"a notice", CapabilityType::notice, [] { return buy(Kind::notice); }, none},
    {"a schedule", CapabilityType::schedule, [] { return buy(Kind::schedule); }, none},
    {"an activity", CapabilityType::activity, [] { return buy(Kind::activity); }, none},
    {"the checkpoint control", CapabilityType::checkpoint, [] { return checkpoint.at; }, none},
    {"the devices", CapabilityType::devices, [] { return devices.at; }, none},
    {"a console", CapabilityType::console, of_this_boot, none},
    {"the clock", CapabilityType::clock, [] { return the_clock.at; }, none},
    {"the discriminator", CapabilityType::discriminator, [] { return discriminator.at; }, CapabilityType::discriminator},
};

void tells_its_type(uint64_t row) {
  const Type& type = types[row];
  const AnyCapability capability{type.make()};
  const auto told = value_of(capability.type());
  expect(told.type, type.type);
  expect(told.restrictions, 0);
  const auto classified = value_of(discriminator.classify(capability.at));
  expect(classified.type, type.type);
  expect(classified.restrictions, 0);
  holds(is_same(capability.at, capability.at));
  holds(!is_same(capability.at, my_endpoint.at));
}

void knows_no_other_method(uint64_t row) {
  const CapabilityRegister at = types[row].make();
  for (const uint64_t unknown : {uint64_t{0}, ~uint64_t{0}, method_code("no such method")}) {
    Message message{.words = {unknown, 0, 0, 0, 0, 0}};
    results(call(at, message), Result::unknown_method);
  }
}

// Through a weak capability page, and one behind a wrapper.
void weak_fetch(uint64_t row) {
  const Type& type = types[row];
  const CapabilityPageCapability shelf = new_shelf();
  const CapabilityRegister weak = fresh(), into = fresh();
  done(shelf.store(1, type.make()));
  done(shelf.reduce(restriction::weak, 0, weak));
  done(CapabilityPageCapability{{{weak}}}.fetch(1, into));
  expect(type_in(into), type.weak);
  if (type.weak == none || type.weak == CapabilityType::number || type.weak == CapabilityType::discriminator) return;
  expect(value_of(AnyCapability{into}.type()).restrictions, restriction::weak | restriction::read_only);
}

// --- what invokes programs ----------------------------------------------------------------------------

void weak_fetch_of_authority(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  const CapabilityRegister weak = fresh(), into = fresh();
  Caller caller(my_entry(), {});
  caller.start();
  receive();
  done(shelf.store(0, my_entry()));
  done(shelf.store(1, registers::resume));
  done(shelf.store(2, bank.at));
  answer();
  caller.finish();
  done(shelf.reduce(restriction::weak, 0, weak));
  const CapabilityPageCapability through{{{weak}}};
  done(through.fetch(0, into));
  expect(type_in(into), none);
  done(through.fetch(1, into));
  expect(type_in(into), none);
  done(through.fetch(2, into));
  results(BankCapability{{into}}.status().error(), Result::missing_right);
  refused(through.store(3, into), Result::missing_right);
}

void weak_goes_down(uint64_t) {
  const CapabilityPageCapability inner = new_shelf();
  const NodeCapability middle = new_node();
  const CapabilityRegister page = new_page().at, weak = fresh(), fetched = fresh(), last = fresh();
  done(inner.store(0, page));
  done(middle.store(3, inner.at));
  done(middle.reduce(restriction::weak, 0, weak));
  done(NodeCapability{{{weak}}}.fetch(3, fetched));
  const CapabilityPageCapability seen{{{fetched}}};
  refused(seen.store(1, page), Result::missing_right);
  done(seen.fetch(0, last));
  refused(PageCapability{{{last}}}.copy_from({{{page}}}), Result::missing_right);
}

void restrictions_only_grow(uint64_t) {
  const CapabilityRegister page = new_page().at, first = fresh(), second = fresh();
  done(MemoryCapability{{page}}.reduce(restriction::read_only, 0, first));
  done(MemoryCapability{{first}}.reduce(restriction::no_execute, 0, second));
  expect(value_of(AnyCapability{second}.type()).restrictions, restriction::read_only | restriction::no_execute);
  done(MemoryCapability{{second}}.reduce(0, 0, second));
  expect(value_of(AnyCapability{second}.type()).restrictions, restriction::read_only | restriction::no_execute);
  holds(!is_same(page, first) && !is_same(first, second));
}

void guards_tell_apart(uint64_t) {
  const CapabilityRegister page = new_page().at, first = fresh(), again = fresh();
  done(MemoryCapability{{page}}.reduce(0, 5, first));
  holds(!is_same(page, first));
  done(MemoryCapability{{first}}.reduce(0, 0, again));
  holds(is_same(page, again));
}

void payloads_tell_apart(uint64_t) {
  holds(!is_same(my_entry(1), my_entry(2)));
  holds(is_same(my_entry(3), my_entry(3)));
  holds(!is_same(new_entry(new_endpoint(), 3), my_entry(3)));
}

void number_is_what_it_was(uint64_t) {
  const NumberCapability held{{number()}};
  expect(value_of(held.get()), my_brand);
  const CapabilityPageCapability shelf = new_shelf();
  done(shelf.store(0, held.at));
  done(shelf.fetch(0, held.at));
  expect(value_of(held.get()), my_brand);
}

void void_is_void(uint64_t) {
  Message message{.words = {method::type}};
  results(call(nothing, message), Result::void_capability);
  results(send(nothing, message), Result::void_capability);
  const CapabilityRegister cleared = fresh();
  clear(cleared);
  results(AnyCapability{cleared}.type().error(), Result::void_capability);
  holds(is_same(nothing, cleared));
  expect(value_of(discriminator.classify(nothing)).type, none);
}

// --- objects that go ----------------------------------------------------------------------------------

struct Bought {
  std::string_view name;
  Kind kind;
};
constexpr Bought kinds[] = {{"a page", Kind::page}, {"a capability page", Kind::capability_page}, {"a process", Kind::process},
                            {"a node", Kind::node}, {"a wrapper", Kind::wrapper}, {"an endpoint", Kind::endpoint},
                            {"a notice", Kind::notice}, {"a schedule", Kind::schedule}, {"an activity", Kind::activity}};

// The next of the kind is bought where the old one was: at once, or soon.
void never_comes_back(uint64_t row) {
  const CapabilityPageCapability shelf = new_shelf();
  const CapabilityRegister old = buy(kinds[row].kind), next = fresh(), copy = fresh();
  done(shelf.store(7, old));
  expect(value_of(AnyCapability{old}.type()).restrictions, 0);
  done(bank.free(old));
  for (unsigned i = 0; i < 20; ++i) {
    done(shelf.fetch(7, copy));
    results(AnyCapability{copy}.type().error(), Result::void_capability);
    results(AnyCapability{old}.type().error(), Result::void_capability);
    expect(type_in(copy), none);
    done(bank.allocate(kinds[row].kind, next));
    holds(!is_same(next, copy));
    done(bank.free(next));
  }
}

void goes_with_its_bank(uint64_t row) {
  const BankCapability sub_bank{{fresh()}};
  done(bank.create_sub_bank(bank_unlimited, sub_bank.at));
  const CapabilityRegister objects[] = {fresh(), fresh(), fresh()};
  done(sub_bank.allocate(kinds[row].kind, objects));
  for (const CapabilityRegister object : objects) done(AnyCapability{object}.type());
  done(sub_bank.destroy());
  for (const CapabilityRegister object : objects) {
    results(AnyCapability{object}.type().error(), Result::void_capability);
    expect(type_in(object), none);
  }
}

// An entry, a wrapped and a resume capability name objects, too.
void facets_go(uint64_t) {
  const EndpointCapability endpoint = new_endpoint();
  const WrapperCapability wrapper = new_wrapper(discriminator.at);
  const CapabilityRegister entry = new_entry(endpoint), client = client_of(wrapper);
  expect(type_in(entry), CapabilityType::entry);
  expect(type_in(client), CapabilityType::wrapped);
  done(bank.free(endpoint.at));
  done(bank.free(wrapper.at));
  expect(type_in(entry), none);
  expect(type_in(client), none);
  Message message;
  results(call(entry, message), Result::void_capability);
  results(call(client, message), Result::void_capability);
}

constexpr Test tests[] = {
    {"of entries, resume capabilities and banks a weak fetch leaves nothing that could be used", weak_fetch_of_authority},
    {"what is fetched through a weak capability is weak itself, at every step", weak_goes_down},
    {"restrictions only grow", restrictions_only_grow},
    {"two guards make two capabilities of one page", guards_tell_apart},
    {"two payloads make two capabilities of one endpoint", payloads_tell_apart},
    {"a number says its number, wherever it has been", number_is_what_it_was},
    {"a void capability can be told, compared, and not invoked", void_is_void},
    {"entries and wrapped capabilities are void when their object goes", facets_go},
};
constexpr auto told = for_each_row("it can be told what it is: ", types, tells_its_type);
constexpr auto unknown = for_each_row("a method that it does not know is refused by ", types, knows_no_other_method);
constexpr auto weakened = for_each_row("a weak fetch yields what it may of ", types, weak_fetch);
constexpr auto freed = for_each_row("it never comes to life again once it was freed: ", kinds, never_comes_back);
constexpr auto banks = for_each_row("it goes with its bank: ", kinds, goes_with_its_bank);

}  // namespace

constinit const Suite capabilities{"capabilities", {{tests, told, unknown, weakened, freed, banks}}};

}  // namespace perdure::guest
