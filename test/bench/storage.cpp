// SPDX-License-Identifier: MIT
//
// What the space bank costs its clients: to buy, to destroy a bank with all that was bought, to
// start a server in a bank of its own and to destroy it.
//
// Everything is done once before it is measured: a frame's first use ever reads its tag from the
// disk, and waiting is not what is asked here.
#include "test/bench/bench.hpp"
#include "userland/interfaces/counter.hpp"
#include "userland/runtime/client.hpp"
#include "userland/runtime/program_start.hpp"

namespace perdure {
namespace {

constexpr BankCapability bank{{9}};
constexpr CapabilityPageCapability recipes{{10}};
constexpr DiscriminatorCapability discriminator{{11}};
constexpr CapabilityRegister keeper{12};
constexpr CapabilityRegister schedule{13};
constexpr CapabilityRegister bought{14};
constexpr CapabilityPageCapability recipe{{15}};
constexpr BankCapability sub_bank{{3}};
constexpr CapabilityRegister server{4};
constexpr CapabilityRegister process{5};
constexpr uint8_t first_scratch = 16;
static_assert(first_scratch + ProgramStart::scratch_count <= capability_register_count);

constexpr unsigned few = 2048, many = 3 * few;
constexpr unsigned starts = 9;
constexpr uint64_t server_limit = 256;

uint64_t allocate(Kind kind, unsigned count) {
  const uint64_t begin = time_stamp();
  for (unsigned i = 0; i < count; ++i) bench::must(sub_bank.allocate(kind, bought), "allocating");
  return time_stamp() - begin;
}

void create_sub_bank() {
  bench::must(bank.create_sub_bank(bank_unlimited, sub_bank.at), "a new bank");
}

uint64_t destroy_sub_bank(std::string_view row) {
  return bench::instructions_of(row, [] { bench::must(sub_bank.destroy(), "destroying the bank"); });
}

// A new bank, so many objects, the bank destroyed. The mean is told: a run of objects has in it
// what only some of them cost, like the frame of a new row.
uint64_t buy_and_destroy(std::string_view row, Kind kind, unsigned count) {
  create_sub_bank();
  const uint64_t spent = allocate(kind, count);
  if (!row.empty()) bench::tell(row, spent, count);
  return destroy_sub_bank(row.empty() ? "warm_up" : "destroy_bank_per_object");
}

// For the profiler, which needs a loop.
void allocate_for_ever(std::string_view row, Kind kind) {
  bench::instructions_of_batch(row, [=] { (void)sub_bank.allocate(kind, bought); });
}

void measure_buying() {
  buy_and_destroy({}, Kind::page, many);
  const uint64_t destroyed_few = buy_and_destroy({}, Kind::page, few);
  const uint64_t destroyed_many = buy_and_destroy("bank_alloc_page", Kind::page, many);
  bench::tell("destroy_bank_per_object", destroyed_many - destroyed_few, many - few);
  buy_and_destroy({}, Kind::wrapper, many);
  buy_and_destroy("bank_alloc_wrapper", Kind::wrapper, many);
}

uint64_t used_frames() { return bench::must(bank.status(), "the bank's status").used; }

void start_counter() {
  const ProgramStart start{.parent = bank,
                           .limit = server_limit,
                           .recipe = recipe,
                           .discriminator = discriminator,
                           .space_keeper = keeper,
                           .schedule = schedule,
                           .first_scratch = first_scratch,
                           .bank_into = sub_bank.at,
                           .entry_into = server,
                           .process_into = process};
  const auto started = start_program(start);
  if (!started) bench::give_up("starting a counter", started.error().result);
  bench::must(Client<Counter>{server}.call<Counter::get>(), "the counter's first answer");
}

void measure_starting() {
  bench::must(recipes.fetch(0, recipe.at), "the recipe");
  uint64_t created[starts], destroyed[starts];
  uint64_t footprint = 0;
  for (unsigned i = 0; i < starts; ++i) {
    const uint64_t before = used_frames();
    created[i] = bench::instructions_of(i == 0 ? "warm_up" : "create_process", start_counter);
    footprint = used_frames() - before;
    destroyed[i] = destroy_sub_bank(i == 0 ? "warm_up" : "destroy_process");
  }
  bench::tell("create_process", bench::median(created));
  bench::tell("destroy_process", bench::median(destroyed));
  bench::tell("server_footprint_frames", footprint, 1, "frames");
}

}  // namespace

void program(uint64_t) {
  bench::begin();
  measure_buying();
  measure_starting();
  create_sub_bank();
  allocate_for_ever("bank_alloc_page", Kind::page);
  allocate_for_ever("bank_alloc_wrapper", Kind::wrapper);
  bench::finish();
}

}  // namespace perdure
