// SPDX-License-Identifier: MIT
//
// Tries to make the bank server believe what it should not, invoke what a client gave, lose an
// asker, or answer the wrong one. The server runs against a model of the kernel's objects.
#include <catch2/catch.hpp>
#include <optional>
#include <set>

#include "spacebank/bank_server.hpp"
#include "spacebank/genesis.hpp"
#include "spacebank/verify_books.hpp"
#include "test/unit/spacebank/bank_fixture.hpp"
#include "test/unit/spacebank/kernel_model.hpp"
#include "userland/runtime/interface.hpp"

namespace perdure {
namespace {

KernelModel* running = nullptr;

}  // namespace

extern "C" void perdure_invoke(RawInvocation* raw) { running->invoke(*raw); }

namespace bank {
namespace {

constexpr uint64_t store_frames = 2000;

struct Answered {
  std::optional<Result> result;  // nothing: the caller still waits
  uint64_t words[message_word_count] = {};
  Capability capabilities[message_capability_count];
  std::string bytes;
};

// A store with a bank server that has begun. Clients call through the capabilities they hold.
class ServedStore {
 public:
  ServedStore() : kernel(store_frames), memory(store_frames), server((found(), arena())) {
    REQUIRE(server.begin(0x1000, 0x2000));
  }
  ~ServedStore() { running = nullptr; }

  Arena arena() { return *Arena::open(memory.bytes()); }

  // What the kernel delivers for a call of `target`, following its wrappers.
  Answered call(const Capability& target, uint64_t method, uint64_t word1 = 0, uint64_t word2 = 0,
                const Capability& given = {}) {
    return deliver(Delivery::call, target, {method, word1, word2, 0, 0, 0}, given);
  }

  Answered deliver(Delivery delivery, Capability target, std::array<uint64_t, 6> words,
                   const Capability& given = {}) {
    Message message;
    message.delivery = delivery;
    std::copy(words.begin(), words.end(), message.words);
    while (target.type == CapabilityType::wrapped) {
      if (kernel.range.is_void(target)) return {.result = Result::void_capability};
      const Wrapper& wrapper =
          *row_object<Wrapper>(kernel.range.bytes(target.object.frame()), target.object.index());
      message.has_wrapper_payload = true;  // of the innermost: the last one on the way
      message.wrapper_payload = wrapper.payload;
      target = wrapper.target;
    }
    REQUIRE(target.type == CapabilityType::entry);
    message.entry_payload = target.payload;
    kernel.registers[28] = given;
    const bool is_call = delivery == Delivery::call;
    kernel.registers[resume_register] =
        is_call ? Capability{.type = CapabilityType::resume, .payload = ++callers} : Capability{};
    return answered(server.serve(message), message);
  }

  Answered call_of_sweeper() { return call(kernel.entry(sweeper_entry_payload), 0); }

  Capability root() { return wrapped(root_place); }
  Capability wrapped(Place place) {
    Capability capability = kernel.range.capability(frame_number(place.frame), place.index);
    capability.type = CapabilityType::wrapped;
    return capability;
  }
  Capability new_bank(const Capability& parent, uint64_t limit = bank_unlimited) {
    const Answered made = call(parent, method::bank_create_sub_bank, limit);
    REQUIRE(made.result == Result::ok);
    return made.capabilities[0];
  }
  Capability buy(const Capability& bank, Kind kind) {
    const Answered made = call(bank, method::bank_allocate, static_cast<uint64_t>(kind), 1);
    REQUIRE(made.result == Result::ok);
    return made.capabilities[0];
  }
  uint64_t used(const Capability& bank) { return call(bank, method::bank_status).words[1]; }
  std::string problem() {
    const auto found = verify_books(arena());
    return found ? std::string(found->what) : "";
  }

  KernelModel kernel;
  ArenaMemory memory;
  Place root_place;
  uint64_t callers = 0;
  BankServer server;

 private:
  void found() {
    running = &kernel;
    auto genesis = Genesis::begin(memory.bytes(), store_frames, kernel.range);
    REQUIRE(genesis);
    root_place = genesis->root().facet.place;
    Wrapper& wrapper = *row_object<Wrapper>(
        kernel.range.bytes(frame_number(root_place.frame)), root_place.index);
    wrapper.target = kernel.entry(bank_entry_payload);
    wrapper.payload = genesis->root().facet.payload;
  }

  Answered answered(CapabilityRegister to, const Message& message) {
    if (to.is_void()) return {};
    REQUIRE(to == registers::resume);
    Answered answer{.result = message.result()};
    std::copy(std::begin(message.words), std::end(message.words), answer.words);
    for (unsigned i = 0; i < message_capability_count; ++i) {
      answer.capabilities[i] = kernel.registers[message.sent[i].number];
    }
    answer.bytes.assign(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());
    return answer;
  }
};

}  // namespace

TEST_CASE("server: it begins with a sweeper whose call is kept while there is nothing to do") {
  ServedStore store;
  CHECK(store.kernel.started_processes == 1);
  CHECK(store.kernel.priority_set == 4);
  CHECK(store.used(store.root()) == 5);  // facets; page, activity, process, schedule
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
  // Nor can the bank's own facets be freed, by whoever holds one.
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

TEST_CASE("server: a small bank is gone before the asker's call returns") {
  ServedStore store;
  const uint64_t before = store.used(store.root());
  const Capability bank = store.new_bank(store.root());
  const Capability page = store.buy(bank, Kind::page);
  CHECK(store.call(bank, method::bank_destroy).result == Result::ok);
  CHECK(store.used(store.root()) == before);
  CHECK(store.kernel.range.is_void(page));
  CHECK(store.call(bank, method::bank_status).result == Result::void_capability);
  CHECK(store.problem() == "");
}

TEST_CASE("server: a large bank is swept between the calls of others, its asker answered last") {
  ServedStore store;
  const uint64_t before = store.used(store.root());
  const Capability large = store.new_bank(store.root());
  for (int i = 0; i < 600; ++i) store.buy(large, Kind::page);
  store.kernel.range.rescind_bound = 4;
  CHECK(!store.call_of_sweeper().result);
  const uint64_t sweeper = store.callers;

  CHECK(!store.call(large, method::bank_destroy).result);  // it waits
  const uint64_t asker = store.callers;
  REQUIRE(store.kernel.replies.size() == 1);  // the sweeper was set to work
  CHECK(store.kernel.replies[0].caller == sweeper);
  CHECK(store.call(large, method::bank_status).result == Result::void_capability);
  // A second destruction meanwhile does not answer the sweeper's old call again.
  (void)store.deliver(Delivery::send, store.new_bank(store.root()), {method::bank_destroy, 0, 0, 0, 0, 0});
  CHECK(store.kernel.replies.size() == 1);

  unsigned steps = 0;
  while (store.call_of_sweeper().result == Result::ok) {
    CHECK(store.problem() == "");
    store.buy(store.root(), Kind::endpoint);
    ++steps;
  }
  CHECK(steps > 50);
  REQUIRE(store.kernel.replies.size() == 2);
  CHECK(store.kernel.replies[1].caller == asker);
  CHECK(store.kernel.replies[1].result == Result::ok);  // and not `destroyed`, with its page
  CHECK(store.used(store.root()) == before + (steps + 62) / 63);
  CHECK(store.problem() == "");
}

TEST_CASE("server: more destructions than any table would hold, each asker answered once") {
  ServedStore store;
  store.kernel.range.rescind_bound = 1;
  const uint64_t before = store.used(store.root());
  std::vector<Capability> banks;
  for (int i = 0; i < 200; ++i) {
    banks.push_back(store.new_bank(store.root()));
    for (int j = 0; j < 6; ++j) store.buy(banks.back(), Kind::page);
  }
  const Capability large = store.new_bank(store.root());
  for (int i = 0; i < 300; ++i) store.buy(large, Kind::page);
  std::set<uint64_t> askers;
  unsigned answered_at_once = 0;
  CHECK(!store.call(large, method::bank_destroy).result);
  askers.insert(store.callers);
  // The large one is first in line: those behind it wait, too.
  for (const Capability& bank : banks) {
    const Answered answer = store.call(bank, method::bank_destroy);
    if (answer.result) {
      CHECK(answer.result == Result::ok);
      ++answered_at_once;
    } else {
      askers.insert(store.callers);
    }
  }
  while (store.call_of_sweeper().result == Result::ok) {
  }
  CHECK(askers.size() + answered_at_once == 201);
  CHECK(store.kernel.replies.size() == askers.size());
  for (const KernelModel::Reply& reply : store.kernel.replies) {
    CHECK(reply.result == Result::ok);
    CHECK(askers.erase(reply.caller) == 1);
  }
  CHECK(store.used(store.root()) == before);
  CHECK(store.problem() == "");
}

TEST_CASE("server: a request that was sent is done, and answered to nobody") {
  ServedStore store;
  const uint64_t before = store.used(store.root());
  const Capability bank = store.new_bank(store.root());
  const Answered sent = store.deliver(Delivery::send, bank, {method::bank_destroy, 0, 0, 0, 0, 0});
  CHECK(!sent.result);
  CHECK(store.used(store.root()) == before);
  CHECK(store.kernel.replies.empty());

  const Capability large = store.new_bank(store.root());
  for (int i = 0; i < 600; ++i) store.buy(large, Kind::page);
  store.kernel.range.rescind_bound = 4;
  (void)store.deliver(Delivery::send, large, {method::bank_destroy, 0, 0, 0, 0, 0});
  while (store.call_of_sweeper().result == Result::ok) {
  }
  CHECK(store.used(store.root()) == before);
  CHECK(store.kernel.replies.empty());
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

TEST_CASE("server: what the kernel cannot read now is swept at the next destruction") {
  ServedStore store;
  const uint64_t before = store.used(store.root());
  const Capability bank = store.new_bank(store.root());
  store.buy(bank, Kind::process);
  store.kernel.range.refuses_in = 1;
  CHECK(!store.call(bank, method::bank_destroy).result);
  const uint64_t asker = store.callers;
  CHECK(store.problem() == "");
  const Capability another = store.new_bank(store.root());
  CHECK(store.call(another, method::bank_destroy).result == Result::ok);
  REQUIRE(store.kernel.replies.size() == 1);
  CHECK(store.kernel.replies[0].caller == asker);
  CHECK(store.kernel.replies[0].result == Result::ok);
  CHECK(store.used(store.root()) == before);
}

}  // namespace bank
}  // namespace perdure
