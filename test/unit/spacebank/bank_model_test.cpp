// SPDX-License-Identifier: MIT
//
// Tries to bring the bank's books, the frames and a simple model apart: seeded random requests,
// right and wrong ones, with refusals of the kernel in between and destructions under way. After
// each, every total of every bank is compared, and every list of the books recomputed.
//
// PERDURE_LONG=1 (scripts/test --long): a million operations. PERDURE_BANK_OPERATIONS=N for any
// other number, PERDURE_SEED=N to repeat one.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "test/support/environment.hpp"
#include "test/unit/spacebank/bank_fixture.hpp"
#include "test/unit/spacebank/bank_model.hpp"

namespace perdure::bank {
namespace {

class ModelRun {
 public:
  ModelRun(uint64_t seed, uint64_t frames) : real_(frames), model_(frames), random_(seed) {}

  // → what went wrong; empty: nothing.
  std::string run(uint64_t operations) {
    for (uint64_t i = 0; i < operations && problem_.empty(); ++i) {
      one_operation();
      real_.range.refuses_in = 0;
      compare();
      if (!problem_.empty()) problem_ += " after operation " + std::to_string(i);
    }
    return problem_;
  }

  uint64_t destroyed = 0;
  uint64_t dissolved = 0;
  std::map<Result, uint64_t> answers;

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }
  bool one_in(uint64_t n) { return below(n) == 0; }
  void expect(bool holds, const char* what) {
    if (!holds && problem_.empty()) problem_ = what;
  }
  void expect_answer(Result expected, Result answer, const char* what) {
    ++answers[answer];
    // A refusal that was ordered may come in the place of success only.
    if (was_refused_ && expected == Result::ok) expected = RangeModel::ordered_refusal;
    if (expected == answer || !problem_.empty()) return;
    problem_ = std::string(what) + ": " + std::string(name_of(answer)) + " for " +
               std::string(name_of(expected));
  }

  Bank any_bank() {
    auto at = model_.banks.begin();
    std::advance(at, below(model_.banks.size()));
    return at->first;
  }
  std::optional<ObjectId> any_object() {
    if (model_.objects.empty()) return {};
    const auto at = model_.objects.lower_bound(ObjectId::of({below(model_.frames)}));
    return at == model_.objects.end() ? model_.objects.begin()->first : at->first;
  }
  Kind any_kind() { return every_kind[below(std::size(every_kind))]; }

  void one_operation() {
    was_refused_ = false;
    // Phases of growth and of shrinking, so that both ends are reached.
    if (one_in(2000)) is_growing_ = !is_growing_;
    const uint64_t choice = below(100);
    if (choice < (is_growing_ ? 45u : 20u)) return allocate();
    if (choice < 65) return free();
    if (choice < 72) return create();
    if (choice < 76) return set_limit();
    if (choice < 80) return facet();
    if (choice < (is_growing_ ? 81u : 83u)) return begin_end();
    if (choice < 96) return sweep_step();
    questions();
  }

  // Sometimes the kernel refuses the next thing that it is asked.
  void maybe_refuse() {
    if (one_in(20)) real_.range.refuses_in = 1;
  }
  void note_refusal(uint64_t ordered) { was_refused_ = ordered == 1 && real_.range.refuses_in == 0; }

  void allocate() {
    const Bank bank = any_bank();
    const Kind kind = one_in(50) ? Kind::empty : any_kind();
    if (kind != Kind::empty && one_in(4)) return allocate_several(bank, kind);
    const Result expected =
        kind == Kind::empty ? Result::bad_argument : model_.allocate(bank, kind);
    const bool had_place = model_.has_place(bank, kind);
    const uint64_t frames_before = model_.frames_in_use();
    maybe_refuse();
    const uint64_t ordered = real_.range.refuses_in;
    const auto place = real_.logic.allocate(bank, kind);
    note_refusal(ordered);
    expect_answer(expected, place ? Result::ok : place.error(), "allocate");
    if (!place) return;
    note_bought(bank, kind, *place);
    expect(model_.frames_in_use() == frames_before + !had_place, "a row with a place was passed over");
  }

  void note_bought(Bank bank, Kind kind, Place place) {
    const ObjectId id = ObjectId::of(frame_number(place.frame), place.index);
    expect(place.frame != Frame::none, "frame 0 was sold");
    expect(!model_.objects.contains(id), "sold twice");
    const Capability capability = real_.range.capability(id.frame(), id.index());
    expect(!capability.is_void(), "sold and not made");
    model_.objects[id] = {bank, kind, capability};
  }

  // All or nothing: with the refusal at any of them.
  void allocate_several(Bank bank, Kind kind) {
    Place places[bank_allocate_count_max];
    const uint64_t count = 2 + below(bank_allocate_count_max - 1);
    if (one_in(5)) real_.range.refuses_make_in = 1 + below(count);
    const bool may_be_refused = real_.range.refuses_make_in != 0;
    const auto done = real_.logic.allocate(bank, kind, std::span(places, count));
    real_.range.refuses_make_in = 0;
    if (done) {
      for (uint64_t i = 0; i < count; ++i) note_bought(bank, kind, places[i]);
      ++answers[Result::ok];
      return;
    }
    ++answers[done.error()];
    if (may_be_refused && done.error() == RangeModel::ordered_refusal) return;
    if (done.error() == Result::dying) return expect(model_.is_dying(bank), "dying without reason");
    Result expected = Result::ok;  // of the first that did not fit
    const uint64_t most = is_row(kind) ? 1 : count;
    for (uint64_t n = 1; n <= most && expected == Result::ok; ++n) {
      expected = model_.can_charge(bank, n, n);
    }
    expect(done.error() == expected, "allocate several: refused wrongly");
  }

  void free() {
    const auto id = any_object();
    if (!id) return;
    ModelObject object = model_.objects.at(*id);
    Bank bank = object.payer;
    ObjectId wanted = *id;
    if (one_in(8)) bank = any_bank();
    if (one_in(8)) object.kind = any_kind();
    if (one_in(8)) wanted = ObjectId::of({below(model_.frames + 3)}, static_cast<unsigned>(below(64)));
    const Result expected = model_.free(bank, wanted, object.kind);
    maybe_refuse();
    const uint64_t ordered = real_.range.refuses_in;
    const Place place{Frame{static_cast<uint32_t>(wanted.frame().value)}, wanted.index()};
    const auto done = real_.logic.free(bank, place, object.kind);
    note_refusal(ordered);
    expect_answer(expected, done ? Result::ok : done.error(), "free");
    if (!done) return;
    note_gone(wanted);
    const auto again = real_.logic.free(bank, place, object.kind);
    expect(!again && again.error() == Result::not_found, "freed twice");
  }

  void note_gone(ObjectId id) {
    const Capability capability = model_.objects.at(id).capability;
    expect(real_.range.is_void(capability), "freed and not void");
    if (dead_.size() < 4096) dead_.push_back(capability);
    else dead_[below(dead_.size())] = capability;
    model_.objects.erase(id);
  }

  void create() {
    const Bank parent = any_bank();
    const uint64_t limit = one_in(3) ? bank_unlimited : below(model_.frames / 2);
    const Result expected = model_.create(parent);
    maybe_refuse();
    const uint64_t ordered = real_.range.refuses_in;
    const auto made = real_.logic.create_sub_bank(parent, limit);
    note_refusal(ordered);
    expect_answer(expected, made ? Result::ok : made.error(), "create");
    if (!made) return;
    expect(!model_.banks.contains(made->bank), "a bank's number is in use twice");
    model_.banks[made->bank] = {parent, limit};
  }

  void set_limit() {
    const Bank bank = one_in(4) ? Bank::root : any_bank();
    uint64_t limit = one_in(2) ? below(model_.frames) : bank_unlimited;
    if (bank == Bank::root) limit = std::max(limit, model_.frames / 2);
    if (one_in(10)) limit = bank_unlimited + 1 + below(1u << 30);
    const Result expected = limit > bank_unlimited      ? Result::bad_argument
                            : model_.is_dying(bank) ? Result::dying
                                                        : Result::ok;
    const auto done = real_.logic.set_limit(bank, limit);
    expect_answer(expected, done ? Result::ok : done.error(), "set limit");
    if (done) model_.banks[bank].limit = limit;
  }

  void facet() {
    const Bank bank = any_bank();
    const uint64_t restrictions = below(bank_restriction::all + 3);
    const Result expected = restrictions > bank_restriction::all ? Result::bad_argument
                            : model_.is_dying(bank)              ? Result::dying
                                                                 : Result::ok;
    const auto facet = real_.logic.facet(bank, restrictions);
    expect_answer(expected, facet ? Result::ok : facet.error(), "facet");
    if (!facet) return;
    expect((facet->restrictions & restrictions) == restrictions, "restriction lost");
    const Version version = real_.range.version(frame_number(facet->place.frame), facet->place.index);
    expect(!version.is_none(), "no wrapper was made");
  }

  // With the caller to be told at the end, or a third party in its place (both are kept in a capability
  // page), or with no process to be told.
  void begin_end() {
    const Bank bank = any_bank();
    const bool dissolves = one_in(3);
    const Result expected = bank == Bank::root       ? Result::in_use
                            : model_.is_dying(bank) ? Result::dying
                                                    : Result::ok;
    if (dissolves) maybe_refuse();
    const uint64_t ordered = real_.range.refuses_in;
    const auto done = dissolves ? real_.sweep.begin_dissolving(bank) : real_.sweep.begin(bank);
    note_refusal(ordered);
    real_.range.refuses_in = 0;
    expect_answer(expected, done ? Result::ok : done.error(), dissolves ? "dissolve" : "destroy");
    if (!done) return;
    (dissolves ? model_.banks[bank].is_dissolving : model_.banks[bank].is_asked_to_die) = true;
    if (one_in(2)) expect(real_.sweep.keep_asker(bank).has_value(), "the asker is not kept");
  }

  void sweep_step() {
    real_.range.rescind_bound = one_in(3) ? 1 + below(10) : ~uint64_t{0};
    maybe_refuse();
    const auto done = real_.sweep.step();
    real_.range.refuses_in = 0;
    if (!done) return note_swept();
    if (done->state == SweepResult::State::idle) {
      for (const auto& [bank, entry] : model_.banks) {
        expect(!entry.is_asked_to_die && !entry.is_dissolving, "idle too early");
      }
    }
    note_swept();
    if (done->state == SweepResult::State::empty) finish(done->bank);
  }

  // What the step took: frames only of banks that are dying, processes before all others.
  void note_swept() {
    std::vector<ObjectId> gone;
    bool others_gone = false;
    for (const auto& [id, object] : model_.objects) {
      if (!real_.range.is_void(object.capability)) continue;
      expect(model_.is_dying(object.payer), "the sweep took from a living bank");
      others_gone |= object.kind != Kind::process;
      gone.push_back(id);
    }
    for (const ObjectId id : gone) note_gone(id);
    const Bank swept = real_.arena().header().first_dying;
    for (const auto& [id, object] : model_.objects) {
      if (!others_gone || object.kind != Kind::process || swept == Bank::none) continue;
      expect(!model_.is_within(swept, object.payer), "swept before the processes");
    }
    std::erase_if(model_.banks, [&](const auto& bank) {
      return bank.first != Bank::root && !real_.arena().has(bank.first);
    });
    if (problem_.empty()) note_passed();
  }

  // What the step passed from a bank that is dissolved to the one above it: by the frames' own
  // accounts, and by the records of the banks below.
  void note_passed() {
    for (auto& [id, object] : model_.objects) {
      const Bank payer{real_.range.identity(id.frame().value).account.value};
      if (payer == object.payer) continue;
      expect(model_.banks.at(object.payer).is_dissolving, "another pays for a living bank's object");
      expect(payer == model_.banks.at(object.payer).parent, "passed to the wrong bank");
      object.payer = payer;
    }
    for (auto& [bank, entry] : model_.banks) {
      const Bank parent = real_.arena().at(bank).parent;
      if (parent == entry.parent) continue;
      const ModelBank& before = model_.banks.at(entry.parent);
      expect(before.is_dissolving && parent == before.parent, "moved to the wrong bank");
      entry.parent = parent;
    }
  }

  void finish(Bank bank) {
    for (const auto& [id, object] : model_.objects) expect(object.payer != bank, "not empty");
    for (const auto& [other, entry] : model_.banks) expect(entry.parent != bank, "has banks below");
    expect(real_.sweep.finish(bank).has_value(), "not finished");
    expect(!real_.arena().has(bank), "still there");
    ++(model_.banks.at(bank).is_dissolving ? dissolved : destroyed);
    model_.banks.erase(bank);
  }

  void questions() {
    const Bank top = any_bank();
    expect(real_.logic.status(top).effective_limit == model_.effective_limit(top), "effective limit");
    uint64_t walked = 0;
    Bank at = Bank::none;
    while (const auto next = real_.logic.list(top, at)) {
      expect(model_.is_within(top, next->bank), "listed and not below");
      expect(next->is_dying == model_.is_dying(next->bank), "dying");
      at = next->bank;
      ++walked;
    }
    uint64_t expected = 0;
    for (const auto& [bank, entry] : model_.banks) expected += model_.is_within(top, bank);
    expect(walked == expected, "banks are missing in the list");
    if (const auto id = any_object()) {
      const Bank payer = model_.objects.at(*id).payer;
      const auto answer = real_.logic.payer(top, Frame{static_cast<uint32_t>(id->frame().value)});
      expect(answer.has_value() == model_.is_within(top, payer), "payer is told to the wrong one");
      if (answer) expect(*answer == payer, "wrong payer");
    }
  }

  void compare() {
    const auto totals = model_.totals();
    expect(real_.arena().header().bank_count == model_.banks.size(), "count of banks");
    for (const auto& [bank, expected] : totals) {
      if (!real_.arena().has(bank)) return expect(false, "a bank is missing");
      const BankStatus status = real_.logic.status(bank);
      expect(status.used == BankModel::sum(expected), "usage differs");
      expect(status.limit == model_.banks.at(bank).limit, "limit differs");
      for (unsigned kind = 0; kind < kind_count; ++kind) {
        expect(real_.logic.used_by_kind(bank, static_cast<Kind>(kind)) == expected[kind],
               "usage by kind differs");
      }
    }
    const uint64_t free = real_.arena().header().free_frames;
    expect(free == model_.frames - 1 - model_.frames_in_use(), "free frames differ");
    if (problem_.empty()) problem_ = real_.problem();
    for (int i = 0; i < 4 && !dead_.empty(); ++i) {
      expect(real_.range.is_void(dead_[below(dead_.size())]), "a dead capability came to life");
    }
  }

  BankFixture real_;
  BankModel model_;
  std::mt19937_64 random_;
  std::vector<Capability> dead_;
  std::string problem_;
  bool is_growing_ = true;
  bool was_refused_ = false;
};

}  // namespace

TEST_CASE("random requests keep books, frames and model together") {
  const uint64_t usual = number_from_environment("PERDURE_LONG", 0) != 0 ? 1'000'000 : 100'000;
  const uint64_t operations = number_from_environment("PERDURE_BANK_OPERATIONS", usual);
  const uint64_t seed = number_from_environment("PERDURE_SEED", std::random_device{}());
  std::printf("bank model: %llu operations, PERDURE_SEED=%llu\n",
              static_cast<unsigned long long>(operations), static_cast<unsigned long long>(seed));
  std::map<Result, uint64_t> answers;
  uint64_t destroyed = 0;
  uint64_t dissolved = 0;
  constexpr uint64_t sizes[] = {20, 65, 128, 200, 333};
  for (const uint64_t frames : sizes) {
    ModelRun run(seed + frames, frames);
    INFO("seed " << seed << ", frames " << frames);
    REQUIRE(run.run(operations / std::size(sizes)) == "");
    for (const auto& [answer, count] : run.answers) answers[answer] += count;
    destroyed += run.destroyed;
    dissolved += run.dissolved;
  }
  // The run was worth something: every kind of answer came.
  CHECK(destroyed > operations / 1000);
  CHECK(dissolved > operations / 2000);
  for (const Result answer : {Result::ok, Result::limit_reached, Result::exhausted, Result::dying,
                              Result::not_found, Result::in_use, RangeModel::ordered_refusal,
                              Result::bad_argument}) {
    INFO(name_of(answer));
    CHECK(answers[answer] > 0);
  }
}

}  // namespace perdure::bank
