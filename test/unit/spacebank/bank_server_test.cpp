// SPDX-License-Identifier: MIT
//
// Tries to make the bank server believe what it should not, or invoke what a client gave. The server
// runs against a model of the kernel's objects.
#include <catch2/catch.hpp>
#include <set>

#include "test/unit/spacebank/served_store.hpp"
#include "userland/runtime/interface.hpp"

namespace perdure {

extern "C" void perdure_invoke(RawInvocation* raw) { bank::running->invoke(*raw); }

namespace bank {

TEST_CASE("server: it begins with a sweeper whose call is kept while there is nothing to do") {
  ServedStore store;
  CHECK(store.kernel.started_processes == 1);
  CHECK(store.used(store.root()) == 4);  // facets; page, activity, process
  CHECK(!store.call_of_sweeper().result);
  CHECK(store.problem() == "");
}

TEST_CASE("server: buys, frees, says what is used and who paid") {
  ServedStore store;
  const Capability bank = store.new_bank(store.root(), 10);
  const Answered three = store.call(bank, method::bank_allocate, static_cast<uint64_t>(Kind::page), 3);
  REQUIRE(three.result == Result::ok);
  std::set<uint64_t> frames;
  for (int i = 0; i < 3; ++i) {
    CHECK(three.capabilities[i].type == CapabilityType::page);
    CHECK(!store.kernel.range.is_void(three.capabilities[i]));
    frames.insert(three.capabilities[i].object.value);
  }
  CHECK(frames.size() == 3);
  CHECK(three.capabilities[3].is_void());

  const Answered status = store.call(bank, method::bank_status);
  CHECK(status.words[1] == 3);
  CHECK(status.words[2] == 10);
  CHECK(status.words[3] == 10);
  CHECK(status.words[4] == 0);
  const uint64_t account = status.words[5];
  CHECK(store.call(bank, method::bank_usage, static_cast<uint64_t>(Kind::page)).words[1] == 3);
  CHECK(store.call(bank, method::bank_usage, kind_count).result == Result::bad_argument);
  CHECK(store.call(bank, method::bank_identify, 0, 0, three.capabilities[0]).words[1] == account);
  CHECK(store.call(store.root(), method::bank_identify, 0, 0, three.capabilities[0]).words[1] == account);

  CHECK(store.call(bank, method::bank_free, 0, 0, three.capabilities[1]).result == Result::ok);
  CHECK(store.kernel.range.is_void(three.capabilities[1]));
  CHECK(store.call(bank, method::bank_free, 0, 0, three.capabilities[1]).result ==
        Result::void_capability);
  CHECK(store.used(bank) == 2);
  CHECK(store.problem() == "");
}

TEST_CASE("server: each schedule that it sells derives from the image's, nothing else does") {
  ServedStore store;
  const Capability bank = store.new_bank(store.root(), 10);
  REQUIRE(store.call(bank, method::bank_allocate, static_cast<uint64_t>(Kind::page), 2).result == Result::ok);
  CHECK(store.kernel.derived.empty());
  const Answered sold = store.call(bank, method::bank_allocate, static_cast<uint64_t>(Kind::schedule), 3);
  REQUIRE(sold.result == Result::ok);
  REQUIRE(store.kernel.derived.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(store.kernel.derived[i].object == sold.capabilities[i].object);
  const Answered page = store.call(bank, method::bank_allocate, static_cast<uint64_t>(Kind::page), 20);
  CHECK(page.result != Result::ok);
  CHECK(store.kernel.derived.size() == 3);
}

// A large bank: more than ends within the asker's call.
TEST_CASE("server: the sweeper hurries, until it rests, but not for what a tenant made") {
  const auto priority_of_sweep = [](std::initializer_list<uint64_t> restrictions_of_makers) {
    ServedStore store;
    store.call_of_sweeper();
    Capability bank = store.root();
    for (const uint64_t restrictions : restrictions_of_makers) {
      const Capability maker = store.call(bank, method::bank_reduce, restrictions).capabilities[0];
      bank = store.new_bank(maker, bank_unlimited);
    }
    for (int i = 0; i < 900; ++i) {
      const Kind kind = i % 2 ? Kind::page : Kind::process;
      REQUIRE(store.call(bank, method::bank_allocate, static_cast<uint64_t>(kind), 1).result == Result::ok);
    }
    CHECK(store.kernel.sweepers_priority == 4);
    CHECK(!store.call(bank, method::bank_destroy).result);
    const uint64_t priority = store.kernel.sweepers_priority;
    while (store.call_of_sweeper().result) {}
    CHECK(store.kernel.sweepers_priority == 4);
    return priority;
  };
  constexpr uint64_t tenant = bank_restriction::may_not_destroy;
  CHECK(priority_of_sweep({0}) == KernelModel::sweepers_ceiling);
  CHECK(priority_of_sweep({0, 0}) == KernelModel::sweepers_ceiling);
  CHECK(priority_of_sweep({tenant}) == 4);
  CHECK(priority_of_sweep({tenant, 0}) == 4);
  CHECK(priority_of_sweep({0, tenant, 0}) == 4);
  CHECK(priority_of_sweep({bank_restriction::may_not_free}) == KernelModel::sweepers_ceiling);
}

// A tenant that has banks swept all the time neither keeps the sweep of other banks from hurrying nor slows it down.
TEST_CASE("server: the sweeper hurries from the middle of a tenant's sweep on, until it rests") {
  ServedStore store;
  store.call_of_sweeper();
  const Capability tenant =
      store.call(store.root(), method::bank_reduce, bank_restriction::may_not_destroy).capabilities[0];
  const auto filled_bank = [&](const Capability& maker) {
    const Capability bank = store.new_bank(maker, bank_unlimited);
    for (int i = 0; i < 300; ++i) {
      const Kind kind = i % 2 ? Kind::page : Kind::process;
      REQUIRE(store.call(bank, method::bank_allocate, static_cast<uint64_t>(kind), 1).result == Result::ok);
    }
    return bank;
  };
  const Capability first = filled_bank(tenant), owners = filled_bank(store.root()), last = filled_bank(tenant);
  CHECK(!store.call(first, method::bank_destroy).result);
  REQUIRE(store.call_of_sweeper().result);  // it is at work
  CHECK(store.kernel.sweepers_priority == 4);
  CHECK(!store.call(owners, method::bank_destroy).result);
  CHECK(store.kernel.sweepers_priority == KernelModel::sweepers_ceiling);
  CHECK(!store.call(last, method::bank_destroy).result);
  while (store.call_of_sweeper().result) CHECK(store.kernel.sweepers_priority == KernelModel::sweepers_ceiling);
  CHECK(store.kernel.sweepers_priority == 4);
  CHECK(store.kernel.sweepers_slice_ns == 7'000'000);
  CHECK(store.problem() == "");
}

TEST_CASE("server: every wrong argument has its refusal") {
  ServedStore store;
  const Capability bank = store.new_bank(store.root(), 5);
  const Capability other = store.new_bank(store.root(), 5);
  const auto result = [&](uint64_t method, uint64_t word1 = 0, uint64_t word2 = 0,
                          const Capability& given = {}) {
    return *store.call(bank, method, word1, word2, given).result;
  };
  CHECK(result(method_code("bank.unheard_of")) == Result::unknown_method);
  CHECK(result(method::bank_allocate, 1, 0) == Result::bad_argument);
  CHECK(result(method::bank_allocate, 1, 4) == Result::bad_argument);
  CHECK(result(method::bank_allocate, 0, 1) == Result::bad_argument);
  CHECK(result(method::bank_allocate, kind_count, 1) == Result::bad_argument);
  CHECK(result(method::bank_allocate, 1 + (uint64_t{1} << 32), 1) == Result::bad_argument);
  CHECK(result(method::bank_create_sub_bank, bank_unlimited + 1) == Result::bad_argument);
  CHECK(result(method::bank_set_limit, ~uint64_t{0}) == Result::bad_argument);
  CHECK(result(method::bank_reduce, 64) == Result::bad_argument);
  CHECK(result(method::bank_free) == Result::not_found);
  CHECK(result(method::bank_free, 0, 0, number_capability(7)) == Result::not_found);
  CHECK(result(method::bank_identify, 0, 0, store.buy(other, Kind::page)) == Result::not_found);
  CHECK(result(method::bank_free, 0, 0, store.buy(other, Kind::page)) == Result::not_found);
  CHECK(result(method::bank_list, ~uint64_t{0}) == Result::not_found);
  CHECK(*store.call(store.root(), method::bank_destroy).result == Result::in_use);
  CHECK(store.problem() == "");
}

TEST_CASE("server: only the strongest capability to an object frees it") {
  ServedStore store;
  const Capability bank = store.root();
  const auto refused = [&](Kind kind, CapabilityType weaker) {
    Capability capability = store.buy(bank, kind);
    capability.type = weaker;
    return store.call(bank, method::bank_free, 0, 0, capability).result == Result::wrong_type;
  };
  CHECK(refused(Kind::endpoint, CapabilityType::entry));
  CHECK(refused(Kind::wrapper, CapabilityType::wrapped));
  CHECK(refused(Kind::process, CapabilityType::resume));
  for (const Kind kind : every_kind) {
    CHECK(store.call(bank, method::bank_free, 0, 0, store.buy(bank, kind)).result == Result::ok);
  }
  // Nor can the bank's own facets be freed, by a holder of one.
  CHECK(store.call(bank, method::bank_free, 0, 0, bank).result == Result::wrong_type);
}

TEST_CASE("server: each restriction forbids its methods, alone and combined, and no others") {
  ServedStore store;
  using namespace bank_restriction;
  struct Row {
    uint64_t method, word1, word2, forbidden_by;
  };
  const Row rows[] = {
      {method::bank_allocate, 1, 1, may_not_allocate},
      {method::bank_create_sub_bank, 1, 0, may_not_allocate},
      {method::bank_free, 0, 0, may_not_free},
      {method::bank_set_limit, 50, 0, may_not_change_limit | may_not_see_limit},
      {method::bank_status, 0, 0, may_not_see_limit},
      {method::bank_usage, 1, 0, may_not_see_limit},
      {method::bank_list, 0, 0, may_not_see_limit},
      {method::bank_verify, 0, 0, 0},
      {method::bank_identify, 0, 0, 0},
      {method::bank_reduce, 0, 0, 0},
      {method::type, 0, 0, 0},
      {method::describe, 0, 0, 0},
  };
  const Capability bank = store.new_bank(store.root(), 200);
  for (uint64_t restrictions = 0; restrictions <= all; ++restrictions) {
    const Capability reduced = store.call(bank, method::bank_reduce, restrictions).capabilities[0];
    REQUIRE(reduced.type == CapabilityType::wrapped);
    for (const Row& row : rows) {
      const Answered answer = store.call(reduced, row.method, row.word1, row.word2);
      const bool is_forbidden = row.forbidden_by & restrictions;
      CHECK((answer.result == Result::missing_right) == is_forbidden);
    }
    if (restrictions & may_not_destroy) {
      CHECK(store.call(reduced, method::bank_destroy).result == Result::missing_right);
    }
    CHECK(store.call(reduced, method::type).words[2] == complete_restrictions(restrictions));
    // What is reduced once more has both, also when it asks for less.
    const Capability twice = store.call(reduced, method::bank_reduce, may_not_free).capabilities[0];
    CHECK(store.call(twice, method::type).words[2] == complete_restrictions(restrictions | may_not_free));
  }
  CHECK(store.call(bank, method::type).words[1] == bank_interface_code);
  CHECK(store.call(bank, method::describe).bytes.starts_with("bank\nallocate "));
  CHECK(store.problem() == "");
}

TEST_CASE("server: it believes its reserved entry payload with a wrapper, and nothing else") {
  ServedStore store;
  const KernelModel& kernel = store.kernel;
  const auto answer = [&](const Capability& target) {
    return store.call(target, method::bank_status).result;
  };
  CHECK(answer(kernel.entry(bank_entry_payload)) == Result::missing_right);  // bare
  CHECK(answer(kernel.entry(0)) == Result::missing_right);
  CHECK(answer(kernel.entry(bank_facet_payload(1, 0))) == Result::missing_right);

  // A client's own wrapper, around an entry, with a payload of its choice; and around a bank.
  const Capability control = store.buy(store.root(), Kind::wrapper);
  Wrapper& own = *row_object<Wrapper>(store.kernel.range.bytes(control.object.frame()), control.object.index());
  Capability client = control;
  client.type = CapabilityType::wrapped;
  const Capability limited = store.new_bank(store.root(), 3);
  for (const uint64_t payload : {uint64_t{0}, ~uint64_t{0}, bank_facet_payload(1, 0)}) {
    own.payload = payload;
    own.target = kernel.entry(0);
    CHECK(answer(client) == Result::missing_right);
    own.target = kernel.entry(sweeper_entry_payload);
    CHECK(answer(client) == Result::missing_right);
    own.target = limited;
    CHECK(store.call(client, method::bank_status).words[2] == 3);  // always the true bank
  }
  CHECK(store.problem() == "");
}

TEST_CASE("server: genuine banks are told from forged ones, which are never invoked") {
  ServedStore store;
  const Capability bank = store.new_bank(store.root(), 5);
  const Capability reduced =
      store.call(bank, method::bank_reduce, bank_restriction::may_not_free).capabilities[0];
  const uint64_t account = store.call(bank, method::bank_status).words[5];
  const auto verify = [&](const Capability& asked) {
    const Answered answer = store.call(store.root(), method::bank_verify, 0, 0, asked);
    REQUIRE(answer.result == Result::ok);
    return answer;
  };
  CHECK(verify(bank).words[1] == 1);
  CHECK(verify(bank).words[2] == 0);
  CHECK(verify(bank).words[3] == account);
  CHECK(verify(reduced).words[2] == bank_restriction::may_not_free);

  const Capability control = store.buy(store.root(), Kind::wrapper);
  Wrapper& own = *row_object<Wrapper>(store.kernel.range.bytes(control.object.frame()), control.object.index());
  Capability client = control;
  client.type = CapabilityType::wrapped;
  own.payload = bank_facet_payload(static_cast<uint32_t>(account), 0);
  for (const Capability& target :
       {Capability{}, bank, store.kernel.entry(0), store.kernel.entry(bank_entry_payload)}) {
    own.target = target;
    CHECK(verify(client).words[1] == 0);
  }
  CHECK(verify({}).words[1] == 0);
  CHECK(verify(number_capability(1)).words[1] == 0);
  CHECK(verify(store.kernel.entry(bank_entry_payload)).words[1] == 0);
  CHECK(verify(store.buy(bank, Kind::process)).words[1] == 0);
  REQUIRE(store.call(bank, method::bank_destroy).result == Result::ok);
  CHECK(verify(bank).words[1] == 0);
  CHECK(store.kernel.invocations_of_strangers == 0);
}

TEST_CASE("server: notices and nonsense deliveries are ignored") {
  ServedStore store;
  Message message;
  message.delivery = Delivery::notices;
  message.words[0] = method::bank_destroy;
  CHECK(store.server.serve(message).is_void());
  message.delivery = static_cast<Delivery>(99);
  CHECK(store.server.serve(message).is_void());
  CHECK(!store.deliver(Delivery::send, store.kernel.entry(sweeper_entry_payload), {}).result);
}

TEST_CASE("server: the tree is walked by account") {
  ServedStore store;
  const Capability upper = store.new_bank(store.root(), 100);
  store.new_bank(upper, 50);
  store.new_bank(store.root(), 30);
  uint64_t at = 0;
  std::vector<uint64_t> limits, depths;
  for (Answered step = store.call(store.root(), method::bank_list, at); step.result == Result::ok;
       step = store.call(store.root(), method::bank_list, at)) {
    at = step.words[1];
    depths.push_back(step.words[2]);
    limits.push_back(step.words[4]);
  }
  CHECK(limits == std::vector<uint64_t>{store_frames - 1, 30, 100, 50});
  CHECK(depths == std::vector<uint64_t>{0, 1, 1, 2});
}

TEST_CASE("server: the strongest capability is issued again to the buyer, and to nobody else") {
  ServedStore store;
  const Capability bank = store.new_bank(store.root());
  const Capability below = store.new_bank(bank);
  const auto weaker = [](Capability capability, CapabilityType type) {
    capability.type = type;
    return capability;
  };
  const auto recap = [&](const Capability& from, const Capability& any) {
    return store.call(from, method::bank_recap, 0, 0, any);
  };
  for (const Kind kind : every_kind) {
    const Capability bought = store.buy(bank, kind);
    Capability held = bought;
    if (kind == Kind::wrapper) held = weaker(bought, CapabilityType::wrapped);
    if (kind == Kind::endpoint) held = weaker(bought, CapabilityType::entry);
    if (bought.is_memory()) held.restrictions = restriction::read_only;
    const Answered again = recap(bank, held);
    CHECK(again.result == Result::ok);
    CHECK(again.capabilities[0].type == bought.type);
    CHECK(again.capabilities[0].restrictions == 0);
    CHECK(again.capabilities[0].object == bought.object);
    CHECK(recap(store.root(), held).result == Result::not_found);
    CHECK(recap(below, held).result == Result::not_found);
    CHECK(store.call(bank, method::bank_free, 0, 0, again.capabilities[0]).result == Result::ok);
    CHECK(recap(bank, held).result == Result::void_capability);
  }
  // A bank's own facets are bought by no bank, nor are an entry, a void capability and a number.
  for (const Capability& from : {store.root(), bank, below}) {
    for (const Capability& facet : {store.root(), bank, below}) {
      CHECK(recap(from, facet).result == Result::not_found);
    }
    CHECK(recap(from, store.kernel.entry(0)).result == Result::not_found);
    CHECK(recap(from, {}).result == Result::not_found);
    CHECK(recap(from, number_capability(3)).result == Result::not_found);
  }
  const Capability reduced =
      store.call(bank, method::bank_reduce, bank_restriction::may_not_free).capabilities[0];
  CHECK(recap(reduced, store.buy(bank, Kind::page)).result == Result::missing_right);
}

TEST_CASE("ancestors: identify returned the type in the place of the id, and free freed another") {
  ServedStore store;
  const Capability first = store.new_bank(store.root());
  const Capability second = store.new_bank(store.root());
  const uint64_t account = store.call(second, method::bank_status).words[5];
  for (const Kind kind : every_kind) {
    std::vector<Capability> objects;
    for (int i = 0; i < 10; ++i) {
      store.buy(first, kind);
      objects.push_back(store.buy(second, kind));
    }
    while (!objects.empty()) {
      const Capability one = objects[objects.size() / 2];
      CHECK(store.call(store.root(), method::bank_identify, 0, 0, one).words[1] == account);
      CHECK(store.call(second, method::bank_free, 0, 0, one).result == Result::ok);
      CHECK(store.kernel.range.is_void(one));
      objects.erase(objects.begin() + static_cast<long>(objects.size() / 2));
      for (const Capability& other : objects) CHECK(!store.kernel.range.is_void(other));
    }
  }
  CHECK(store.used(second) == 0);
  CHECK(store.problem() == "");
}

TEST_CASE("server: a walk counts the frames of one kind, too") {
  ServedStore store;
  const Capability bank = store.new_bank(store.root(), 100);
  for (int i = 0; i < 3; ++i) store.buy(bank, Kind::process);
  store.buy(bank, Kind::page);
  const auto used = [&](Kind kind) {
    return store.call(bank, method::bank_list, 0, static_cast<uint64_t>(kind)).words[3];
  };
  CHECK(used(Kind::empty) == 4);
  CHECK(used(Kind::process) == 3);
  CHECK(used(Kind::node) == 0);
  CHECK(store.call(bank, method::bank_list, 0, kind_count).result == Result::bad_argument);
}

}  // namespace bank
}  // namespace perdure
