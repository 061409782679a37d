// SPDX-License-Identifier: MIT
//
// Tries to make the bank server lose a client that asked for the end of a bank, answer the wrong one,
// or keep others waiting meanwhile.
#include <catch2/catch.hpp>
#include <set>

#include "test/unit/spacebank/served_store.hpp"

namespace perdure::bank {

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

TEST_CASE("server: a third party is answered in the caller's place, when all is done") {
  ServedStore store;
  const uint64_t before = store.used(store.root());
  const Capability small = store.new_bank(store.root());
  store.buy(small, Kind::process);
  const Capability process = store.buy(store.root(), Kind::process);
  const Capability party = resume_of(process, 1001);
  CHECK(store.call(small, method::bank_destroy_and_answer, 0, 0, party).result == Result::ok);
  REQUIRE(store.kernel.replies.size() == 1);
  CHECK(store.kernel.replies[0].caller == 1001);
  CHECK(store.kernel.replies[0].result == Result::ok);

  const Capability large = store.new_bank(store.root());
  for (int i = 0; i < 600; ++i) store.buy(large, Kind::page);
  store.kernel.range.rescind_bound = 4;
  CHECK(store.call(large, method::bank_destroy_and_answer, 0, 0, resume_of(process, 1002)).result ==
        Result::ok);  // the caller does not wait
  CHECK(store.kernel.replies.size() == 1);
  while (store.call_of_sweeper().result == Result::ok) CHECK(store.problem() == "");
  REQUIRE(store.kernel.replies.size() == 2);
  CHECK(store.kernel.replies[1].caller == 1002);
  CHECK(store.kernel.replies[1].result == Result::ok);
  CHECK(store.call(store.root(), method::bank_free, 0, 0, process).result == Result::ok);
  CHECK(store.used(store.root()) == before);
}

TEST_CASE("server: a third party that could keep the bank waiting is refused, and nothing begins") {
  ServedStore store;
  const Capability bank = store.new_bank(store.root());
  const Capability process = store.buy(store.root(), Kind::process);
  const Capability control = store.buy(store.root(), Kind::wrapper);
  Wrapper& wrapper =
      *row_object<Wrapper>(store.kernel.range.bytes(control.object.frame()), control.object.index());
  wrapper.target = resume_of(process, 7);
  Capability wrapped = control;
  wrapped.type = CapabilityType::wrapped;
  const auto refusal = [&](const Capability& party) {
    return store.call(bank, method::bank_destroy_and_answer, 0, 0, party).result;
  };
  for (const Capability& party : {Capability{}, number_capability(1), store.kernel.entry(0), wrapped,
                                  process, bank, store.kernel.entry(bank_entry_payload)}) {
    CHECK(refusal(party) == Result::wrong_type);
  }
  const Capability late = resume_of(process, 8);
  REQUIRE(store.call(store.root(), method::bank_free, 0, 0, process).result == Result::ok);
  CHECK(refusal(late) == Result::void_capability);
  // What was moved here for nothing comes back.
  const Capability living = resume_of(store.buy(store.root(), Kind::process), 9);
  const Answered of_root = store.call(store.root(), method::bank_destroy_and_answer, 0, 0, living);
  CHECK(of_root.result == Result::in_use);
  CHECK(of_root.capabilities[0].payload == 9);
  CHECK(store.kernel.replies.empty());
  CHECK(store.kernel.invocations_of_strangers == 0);
  CHECK(store.call(bank, method::bank_status).result == Result::ok);  // it lives
  const Capability reduced =
      store.call(bank, method::bank_reduce, bank_restriction::may_not_destroy).capabilities[0];
  CHECK(store.call(reduced, method::bank_destroy_and_answer).result == Result::missing_right);
}

TEST_CASE("server: a third party that lives in the bank goes with it, unanswered") {
  ServedStore store;
  const uint64_t before = store.used(store.root());
  const Capability bank = store.new_bank(store.root());
  const Capability party = resume_of(store.buy(bank, Kind::process), 5);
  CHECK(store.call(bank, method::bank_destroy_and_answer, 0, 0, party).result == Result::ok);
  CHECK(store.kernel.replies.empty());
  CHECK(store.used(store.root()) == before);
  CHECK(store.problem() == "");
}

TEST_CASE("server: dissolved, the bank above has all, and the asker is told at the end") {
  ServedStore store;
  const uint64_t before = store.used(store.root());
  const Capability upper = store.new_bank(store.root());
  const uint64_t account = store.call(upper, method::bank_status).words[5];
  const Capability bank = store.new_bank(upper);
  const Capability below = store.new_bank(bank, 5);
  std::vector<Capability> pages;
  for (int i = 0; i < 400; ++i) pages.push_back(store.buy(bank, Kind::page));
  store.kernel.range.rescind_bound = 4;
  CHECK(!store.call(bank, method::bank_dissolve).result);
  const uint64_t asker = store.callers;
  CHECK(store.call(bank, method::bank_status).result == Result::void_capability);
  while (store.call_of_sweeper().result == Result::ok) {
    CHECK(store.problem() == "");
    CHECK(store.call(below, method::bank_status).words[3] == 5);
  }
  REQUIRE(store.kernel.replies.size() == 1);
  CHECK(store.kernel.replies[0].caller == asker);
  CHECK(store.kernel.replies[0].result == Result::ok);
  CHECK(store.used(upper) == 400 + 2);  // and what `below` costs
  for (const Capability& page : pages) {
    CHECK(store.call(store.root(), method::bank_identify, 0, 0, page).words[1] == account);
    CHECK(store.call(upper, method::bank_free, 0, 0, page).result == Result::ok);
  }
  const Capability reduced =
      store.call(upper, method::bank_reduce, bank_restriction::may_not_dissolve).capabilities[0];
  CHECK(store.call(reduced, method::bank_dissolve).result == Result::missing_right);
  CHECK(store.call(store.root(), method::bank_dissolve).result == Result::in_use);
  CHECK(store.call(upper, method::bank_dissolve).result == Result::ok);
  CHECK(store.call(below, method::bank_dissolve).result == Result::ok);
  CHECK(store.used(store.root()) == before);
  CHECK(store.problem() == "");
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

}  // namespace perdure::bank
