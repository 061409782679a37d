// SPDX-License-Identifier: MIT
//
// Destroying a wrapper: the kernel's own operation, with one copy of its client capability
// outstanding and with 100,000, in capability pages. Afterwards every one of them has to be void.
//
// The range is that of the bank; a wrapper that is destroyed past the bank's books is made again
// in the same place, so that they remain true.
#include "test/bench/bench.hpp"
#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/fast_call.hpp"

namespace perdure {
namespace {

constexpr BankCapability bank{{9}};
constexpr RangeCapability range{{10}};
constexpr CapabilityRegister number{11};
constexpr WrapperCapability wrapper{{12}};
constexpr CapabilityRegister client{13};
constexpr CapabilityPageCapability holder{{14}};
constexpr CapabilityRegister copy{15};
constexpr CapabilityPageCapability copies{{16}};

constexpr unsigned many_copies = 100'000;
constexpr unsigned copies_per_page = 128;
constexpr unsigned page_count = (many_copies + copies_per_page - 1) / copies_per_page;
constexpr unsigned holder_count = (page_count + copies_per_page - 1) / copies_per_page;
constexpr unsigned first_holder = 17;
static_assert(first_holder + holder_count <= capability_register_count);

CapabilityPageCapability holder_at(unsigned i) {
  return {{{static_cast<uint8_t>(first_holder + i)}}};
}

void buy(Kind kind, CapabilityRegister into) { bench::must(bank.allocate(kind, into), "buying"); }

void make_wrapper() {
  bench::must(wrapper.set_target(number), "the wrapper's target");
  bench::must(wrapper.client(client), "the wrapper's client capability");
}

// Calls `action` with each place of a copy, the page that it is in being in `copies`.
template <typename Action>
void for_each_copy(const Action& action) {
  for (unsigned i = 0; i < many_copies; ++i) {
    const unsigned page = i / copies_per_page;
    if (i % copies_per_page == 0) {
      bench::must(holder_at(page / copies_per_page).fetch(page % copies_per_page, copies.at), "a page");
    }
    action(i % copies_per_page);
  }
}

void buy_places() {
  for (unsigned i = 0; i < holder_count; ++i) buy(Kind::capability_page, holder_at(i).at);
  for (unsigned page = 0; page < page_count; ++page) {
    buy(Kind::capability_page, copies.at);
    bench::must(holder_at(page / copies_per_page).store(page % copies_per_page, copies.at), "a page");
  }
}

void refuse_unless(bool condition, std::string_view what) {
  if (!condition) bench::give_up(what, Result::ok);
}

// Instructions of the kernel's operation, the caller's stub included.
uint64_t revoke(std::string_view row, const RangeCapability::Identification& place) {
  FastWords answer;
  const uint64_t spent = bench::instructions_of(row, [&] {
    answer = fast_call(range.at, {method::range_rescind_object, place.frame, place.index});
  });
  bench::must(checked(static_cast<Result>(answer.word0)), "destroying the wrapper");
  const auto type = NumberCapability{{client}}.get();
  refuse_unless(!type && type.error() == Result::void_capability, "the client capability lives on");
  return spent;
}

void make_again(const RangeCapability::Identification& place, uint32_t account) {
  bench::must(range.make(place.frame, Kind::wrapper, account, place.index, wrapper.at), "it again");
  make_wrapper();
}

}  // namespace

void program(uint64_t) {
  bench::begin();
  const uint32_t account = bench::must(bank.status(), "the bank's account").account;
  buy_places();
  buy(Kind::wrapper, copy);  // keeps its row: the other's frame is not emptied
  buy(Kind::wrapper, wrapper.at);
  const auto place = bench::must(range.identify(wrapper.at), "the wrapper's place");
  make_wrapper();
  (void)revoke("warm_up", place);

  make_again(place, account);
  const uint64_t one = revoke("revoke", place);
  make_again(place, account);
  for_each_copy([](unsigned slot) { bench::must(copies.store(slot, client), "a copy"); });
  const uint64_t all = revoke("revoke_copies_ratio", place);
  for_each_copy([](unsigned slot) {
    bench::must(copies.fetch(slot, copy), "a copy");
    refuse_unless(fast_call(copy, {method::number_get}).word0 ==
                      static_cast<uint64_t>(Result::void_capability), "a copy lives on");
  });
  bench::tell("revoke", one);
  bench::tell("revoke_copies_ratio", all, one, "ratio");
  bench::finish();
}

}  // namespace perdure
