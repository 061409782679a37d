// SPDX-License-Identifier: MIT
//
// Storage: pages, capability pages, nodes, and the bank that sells them. Breaks if what was bought is not empty, if
// a slot holds another capability than was put there, or if the bank's books do not close.
#include <cstring>

#include "test/guest/servers.hpp"
#include "userland/runtime/layout.hpp"

namespace perdure::guest {
namespace {

uint64_t* const window = reinterpret_cast<uint64_t*>(layout::window_start);
constexpr size_t words_per_page = layout::page_bytes / sizeof(uint64_t);

// Shows a page in the tester's own space.
volatile uint64_t* show(PageCapability page) {
  done(my_space.store(layout::window_slot, page.at));
  return window;
}
void hide() { done(my_space.store(layout::window_slot, nothing)); }

void pages_are_empty(uint64_t) {
  for (unsigned round = 0; round < 8; ++round) {
    const PageCapability page{{{arrived[0]}}};
    done(bank.allocate(Kind::page, page.at));
    volatile uint64_t* words = show(page);
    uint64_t found = 0;
    for (size_t i = 0; i < words_per_page; ++i) {
      found |= words[i];
      words[i] = ~uint64_t{0};
    }
    expect(found, 0);
    hide();
    done(bank.free(page.at));
  }
}

void shelves_are_empty(uint64_t) {
  for (unsigned round = 0; round < 4; ++round) {
    const CapabilityPageCapability shelf{{{arrived[0]}}};
    done(bank.allocate(Kind::capability_page, shelf.at));
    for (const unsigned slot : {0, 1, 64, 127}) {
      done(shelf.fetch(slot, arrived[1]));
      expect(type_in(arrived[1]), CapabilityType::void_capability);
      done(shelf.store(slot, discriminator.at));
    }
    done(bank.free(shelf.at));
  }
}

void nodes_are_empty(uint64_t) {
  for (unsigned round = 0; round < 10; ++round) {
    const NodeCapability node{{{arrived[0]}}};
    done(bank.allocate(Kind::node, node.at));
    const auto settings = value_of(node.get(arrived[1]));
    expect(settings.slot_size, 0);
    expect(settings.flags, 0);
    expect(type_in(arrived[1]), CapabilityType::void_capability);
    for (unsigned slot = 0; slot < node_slot_count; ++slot) {
      done(node.fetch(slot, arrived[1]));
      expect(type_in(arrived[1]), CapabilityType::void_capability);
      done(node.store(slot, discriminator.at));
    }
    done(node.set({.slot_size = 12, .flags = Node::flag_pocket}));
    done(bank.free(node.at));
  }
}

void small_objects_are_empty(uint64_t) {
  const auto settings = value_of(WrapperCapability{{buy(Kind::wrapper)}}.get(arrived[0]));
  expect(settings.payload, 0);
  expect(settings.flags, 0);
  expect(type_in(arrived[0]), CapabilityType::void_capability);
  expect(value_of(ScheduleCapability{{buy(Kind::schedule)}}.get()).priority, 0);
  const ProcessCapability process{{buy(Kind::process)}};
  const auto registers = value_of(process.get_registers());
  const std::byte zero[sizeof(Registers)] = {};
  holds(std::memcmp(&registers, zero, sizeof(zero)) == 0);
  expect(value_of(process.status()).state, ProcessState::stopped);
  for (const unsigned slot : {1, 16, 31}) {
    done(process.fetch(slot, arrived[0]));
    expect(type_in(arrived[0]), CapabilityType::void_capability);
  }
}

void every_slot_of_a_shelf(uint64_t) {
  const CapabilityPageCapability shelf = new_shelf();
  const CapabilityRegister at = fresh();
  for (unsigned slot = 0; slot < 128; ++slot) {
    done(my_endpoint.entry(slot, at));
    done(shelf.store(slot, at));
  }
  for (unsigned slot = 0; slot < 128; ++slot) {
    done(shelf.fetch(slot, at));
    expect(value_of(my_endpoint.identify(at)).entry_payload, slot);
  }
  done(shelf.store(77, nothing));
  done(shelf.fetch(77, at));
  expect(type_in(at), CapabilityType::void_capability);
}

void every_slot_of_a_node(uint64_t) {
  const NodeCapability node = new_node();
  const CapabilityRegister at = fresh();
  for (unsigned slot = 0; slot < node_slot_count; ++slot) {
    done(my_endpoint.entry(slot, at));
    done(node.store(slot, at));
  }
  for (unsigned slot = 0; slot < node_slot_count; ++slot) {
    done(node.fetch(slot, at));
    expect(value_of(my_endpoint.identify(at)).entry_payload, slot);
  }
}

// Seven of them lie in one frame.
void nodes_of_a_row_are_apart(uint64_t) {
  NodeCapability all[7];
  for (uint8_t i = 0; i < 7; ++i) all[i] = new_node(i);
  for (uint8_t i = 0; i < 7; ++i) expect(value_of(all[i].get()).slot_size, i);
  done(bank.free(all[3].at));
  for (const unsigned i : {0, 1, 2, 4, 5, 6}) expect(value_of(all[i].get()).slot_size, i);
}

void settings_of_a_node(uint64_t) {
  const NodeCapability node = new_node();
  for (const uint8_t size : {uint8_t{0}, uint8_t{4}, uint8_t{12}, uint8_t{32}}) {
    for (const uint8_t flags : {uint8_t{0}, Node::flag_pocket}) {
      done(node.set({.slot_size = size, .flags = flags}));
      const auto settings = value_of(node.get());
      expect(settings.slot_size, size);
      expect(settings.flags, flags);
    }
  }
  const CapabilityRegister keeper = my_entry(5);
  done(node.set_keeper(keeper));
  done(node.get(arrived[0]));
  holds(is_same(arrived[0], keeper));
  done(node.set_keeper(nothing));
  done(node.get(arrived[0]));
  expect(type_in(arrived[0]), CapabilityType::void_capability);
}

void copies_a_page(uint64_t) {
  const PageCapability from = new_page(), to = new_page();
  volatile uint64_t* words = show(from);
  for (size_t i = 0; i < words_per_page; ++i) words[i] = i * 0x9e37'79b9'7f4a'7c15;
  done(to.copy_from(from));
  words[0] = 1;  // a copy of then, and not of now
  show(to);
  uint64_t differing = 0;
  for (size_t i = 0; i < words_per_page; ++i) differing += words[i] != i * 0x9e37'79b9'7f4a'7c15;
  expect(differing, 0);
  done(to.copy_from(to));
  expect(words[1], 0x9e37'79b9'7f4a'7c15);
  done(bank.allocate(Kind::page, from.at));
  done(to.copy_from(from));  // one that was never touched
  expect(words[1], 0);
  hide();
}

void one_page_in_two_places(uint64_t) {
  const PageCapability page = new_page();
  const NodeCapability node = new_node();
  done(node.store(0, page.at));
  done(node.store(1, page.at));
  done(my_space.store(layout::window_slot, node.at));
  volatile uint64_t* first = window;
  volatile uint64_t* second = window + words_per_page;
  first[3] = 44;
  expect(second[3], 44);
  second[4] = 45;
  expect(first[4], 45);
  hide();
}

// --- the bank -----------------------------------------------------------------------------------------

uint64_t used() { return value_of(bank.status()).used; }

void books_close(uint64_t) {
  const CapabilityRegister three[] = {arrived[0], arrived[1], arrived[2]};
  const uint64_t before = used();
  for (unsigned kind = 1; kind < kind_count; ++kind) {
    const uint64_t of_kind = value_of(bank.usage(static_cast<Kind>(kind)));
    done(bank.allocate(static_cast<Kind>(kind), three));
    holds(value_of(bank.usage(static_cast<Kind>(kind))) > of_kind);
    for (const CapabilityRegister one : three) done(bank.free(one));
    expect(value_of(bank.usage(static_cast<Kind>(kind))), of_kind);
    expect(used(), before);
  }
}

void limit_is_kept(uint64_t) {
  const BankCapability small{{fresh()}};
  done(bank.create_sub_bank(4, small.at));
  unsigned bought = 0;
  while (small.allocate(Kind::page, fresh())) ++bought;
  holds(bought > 0 && bought <= 4);
  refused(small.allocate(Kind::page, arrived[0]), Result::limit_reached);
  refused(small.allocate(Kind::node, arrived[0]), Result::limit_reached);
  done(small.set_limit(6));
  done(small.allocate(Kind::page, arrived[0]));
  done(small.free(arrived[0]));
}

void all_or_nothing(uint64_t) {
  const BankCapability small{{fresh()}};
  done(bank.create_sub_bank(3, small.at));
  const CapabilityRegister three[] = {arrived[0], arrived[1], arrived[2]};
  done(small.allocate(Kind::page, three[0]));
  const uint64_t before = value_of(small.status()).used;
  refused(small.allocate(Kind::page, three), Result::limit_reached);
  expect(value_of(small.status()).used, before);
}

void frees_only_its_own(uint64_t) {
  const BankCapability other{{fresh()}};
  done(bank.create_sub_bank(bank_unlimited, other.at));
  const CapabilityRegister page = new_page().at, entry = new_entry(new_endpoint());
  refused(other.free(page), Result::not_found);
  refused(bank.free(entry), Result::wrong_type);
  refused(bank.free(my_endpoint.at), Result::not_found);
  done(bank.free(page));
  holds(!bank.free(page));
  expect(value_of(bank.identify(entry)), value_of(bank.status()).account);
}

void recap_gives_the_whole(uint64_t) {
  const CapabilityRegister page = new_page().at, less = fresh(), whole = fresh();
  done(MemoryCapability{{page}}.reduce(restriction::read_only, 3, less));
  done(bank.recap(less, whole));
  holds(is_same(whole, page));
  const EndpointCapability endpoint = new_endpoint();
  done(bank.recap(new_entry(endpoint, 8), whole));
  holds(is_same(whole, endpoint.at));
}

void genuine_banks(uint64_t) {
  const auto told = value_of(bank.verify(bank.at));
  holds(told.is_genuine);
  expect(told.account, value_of(bank.status()).account);
  const WrapperCapability wrapper = new_wrapper(bank.at);
  for (const CapabilityRegister other : {new_page().at, my_entry(bank_entry_payload), client_of(wrapper), nothing}) {
    holds(!value_of(bank.verify(other)).is_genuine);
  }
}

void dissolved_into_the_one_above(uint64_t) {
  const BankCapability sub_bank{{fresh()}};
  done(bank.create_sub_bank(bank_unlimited, sub_bank.at));
  const CapabilityRegister page = fresh();
  done(sub_bank.allocate(Kind::page, page));
  refused(bank.free(page), Result::not_found);
  done(sub_bank.dissolve());
  done(AnyCapability{page}.type());
  results(sub_bank.status().error(), Result::void_capability);
  done(bank.free(page));
}

void banks_go_with_the_one_above(uint64_t) {
  const BankCapability outer{{fresh()}}, inner{{fresh()}};
  done(bank.create_sub_bank(bank_unlimited, outer.at));
  done(outer.create_sub_bank(bank_unlimited, inner.at));
  const CapabilityRegister page = fresh();
  done(inner.allocate(Kind::page, page));
  expect(value_of(bank.status()).banks_below, 2);
  done(outer.destroy());
  expect(value_of(bank.status()).banks_below, 0);
  results(inner.status().error(), Result::void_capability);
  expect(type_in(page), CapabilityType::void_capability);
}

constexpr Test tests[] = {
    {"a page that is bought is empty, whatever was in it", pages_are_empty},
    {"a capability page that is bought is empty", shelves_are_empty},
    {"a node that is bought is empty", nodes_are_empty},
    {"wrappers, schedules and processes that are bought are empty", small_objects_are_empty},
    {"each slot of a capability page holds what was put there", every_slot_of_a_shelf},
    {"each slot of a node holds what was put there", every_slot_of_a_node},
    {"nodes that lie in one frame know nothing of each other", nodes_of_a_row_are_apart},
    {"a node keeps its settings and its keeper", settings_of_a_node},
    {"a page is copied as it is at that moment", copies_a_page},
    {"one page is seen in two places", one_page_in_two_places},
    {"the bank's books close over every kind", books_close},
    {"a bank sells no more than its limit", limit_is_kept},
    {"a purchase of several is all or nothing", all_or_nothing},
    {"a bank frees only what it has sold itself", frees_only_its_own},
    {"a bank gives its buyer the strongest capability again", recap_gives_the_whole},
    {"a bank is told from everything that pretends to be one", genuine_banks},
    {"what a dissolved bank sold passes to the bank above it", dissolved_into_the_one_above},
    {"a bank takes the banks below with it", banks_go_with_the_one_above},
};

}  // namespace

constinit const Suite storage{"storage", {{tests}}};

}  // namespace perdure::guest
