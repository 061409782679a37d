// SPDX-License-Identifier: MIT
#include "spacebank/bank_logic.hpp"

#include "spacebank/interface.hpp"

namespace perdure::bank {
namespace {

using std::unexpected;

// Free frames of which the disk cannot say what they were: others are tried, each of another group as long as there is
// one. Bounded, for each try may have to wait for the disk; and none is given up, for the trouble may pass.
class PassedOver {
 public:
  explicit PassedOver(const FrameBooks& books) : books_(books) {}
  PassedOver(const PassedOver&) = delete;
  ~PassedOver() {
    while (count_ > 0) books_.give_back(frames_[--count_]);
  }
  void add(Frame frame) {
    books_.put_group_last(frame);
    frames_[count_++] = frame;
  }
  bool may_try() const { return count_ < tries_max; }

 private:
  static constexpr unsigned tries_max = 8;
  const FrameBooks& books_;
  Frame frames_[tries_max] = {};
  unsigned count_ = 0;
};

bool can_be_bought(Kind kind) {
  return kind != Kind::empty && static_cast<unsigned>(kind) < kind_count;
}

}  // namespace

uint64_t complete_restrictions(uint64_t restrictions) {
  const bool is_blind = restrictions & bank_restriction::may_not_see_limit;
  return is_blind ? restrictions | bank_restriction::may_not_change_limit : restrictions;
}

// Four independent bits, and three degrees of what may be done with limits: see and change,
// see, neither.
unsigned facet_index(uint64_t restrictions) {
  unsigned independent = restrictions & 7;
  if (restrictions & bank_restriction::may_not_dissolve) independent |= 8;
  unsigned degree = 0;
  if (restrictions & bank_restriction::may_not_change_limit) degree = 1;
  if (restrictions & bank_restriction::may_not_see_limit) degree = 2;
  return degree * 16 + independent;
}
static_assert(3 * 16 <= info(Kind::wrapper).objects_per_frame);
static_assert((bank_restriction::may_not_allocate | bank_restriction::may_not_free |
               bank_restriction::may_not_destroy) == 7);

Expected<Facet, Result> BankLogic::found_root() {
  if (arena_.at(Bank::root).facets != Frame::none) return unexpected(Result::in_use);
  if (auto paid = tree_.charge_one(Bank::root, Kind::wrapper); !paid) {
    return unexpected(paid.error());
  }
  if (auto done = reserve_facets_row(Bank::root, Bank::root); !done) {
    tree_.discharge_one(Bank::root, Kind::wrapper);
    return unexpected(done.error());
  }
  return facet(Bank::root, 0);
}

// --- buying ------------------------------------------------------------------------------

Expected<Frame, Result> BankLogic::make_in_free_frame(Bank bank, Kind kind) {
  PassedOver passed_over(books_);
  Result made = Result::exhausted;
  for (Frame near = arena_.at(bank).near; passed_over.may_try(); near = Frame::none) {
    const Frame frame = books_.take(near);
    if (frame == Frame::none) break;
    made = maker_.make(frame_number(frame), kind, account_of(bank), 0);
    if (made == Result::ok) return frame;
    passed_over.add(frame);
    if (made != Result::unreadable) break;
  }
  return unexpected(made);
}

Expected<Place, Result> BankLogic::allocate_in_new_frame(Bank bank, Kind kind) {
  if (auto paid = tree_.charge_one(bank, kind); !paid) return unexpected(paid.error());
  const auto frame = make_in_free_frame(bank, kind);
  if (!frame) {
    tree_.discharge_one(bank, kind);
    return unexpected(frame.error());
  }
  books_.enter(*frame, bank, kind);
  if (is_row(kind)) books_.sell_place(*frame, 0);
  return Place{*frame, 0};
}

Expected<Place, Result> BankLogic::allocate_in_row(Bank bank, Frame row) {
  const unsigned index = books_.free_place(row);
  const Kind kind = arena_.at(row).kind;
  const Result made = maker_.make(frame_number(row), kind, account_of(bank), index);
  if (made != Result::ok) return unexpected(made);
  books_.sell_place(row, index);
  return Place{row, index};
}

Expected<Place, Result> BankLogic::allocate(Bank bank, Kind kind) {
  if (!can_be_bought(kind)) return unexpected(Result::bad_argument);
  for (;;) {
    const Frame row = is_row(kind) ? books_.row_with_place(bank, kind) : Frame::none;
    if (row == Frame::none) return allocate_in_new_frame(bank, kind);
    if (tree_.is_ending(bank)) return unexpected(Result::dying);
    const auto place = allocate_in_row(bank, row);
    if (place || place.error() != Result::unreadable) return place;
    books_.close(row);
  }
}

Expected<void, Result> BankLogic::allocate(Bank bank, Kind kind, std::span<Place> places) {
  for (size_t count = 0; count < places.size(); ++count) {
    const auto place = allocate(bank, kind);
    if (place) {
      places[count] = *place;
      continue;
    }
    while (count > 0) (void)free(bank, places[--count], kind);
    return unexpected(place.error());
  }
  return {};
}

// --- giving back -------------------------------------------------------------------------

bool BankLogic::has_sold(Bank bank, Place place, Kind kind) const {
  if (!arena_.has(place.frame) || !can_be_bought(kind)) return false;
  const FrameEntry& entry = arena_.at(place.frame);
  if (entry.use != FrameUse::bought || entry.owner != bank || entry.kind != kind) return false;
  if (place.index >= info(kind).objects_per_frame) return false;
  return !is_row(kind) || books_.is_sold(place.frame, place.index);
}

Expected<void, Result> BankLogic::free_frame(Bank bank, Frame frame) {
  const Kind kind = arena_.at(frame).kind;
  const auto done = maker_.rescind(frame_number(frame), 1);
  if (!done) return unexpected(done.error());
  books_.leave(frame);
  books_.give_back(frame);
  tree_.discharge_one(bank, kind);
  return {};
}

Expected<void, Result> BankLogic::check_sold(Bank bank, Place place, Kind kind) const {
  if (tree_.is_ending(bank)) return unexpected(Result::dying);
  if (!has_sold(bank, place, kind)) return unexpected(Result::not_found);
  return {};
}

Expected<void, Result> BankLogic::free(Bank bank, Place place, Kind kind) {
  if (auto sold = check_sold(bank, place, kind); !sold) return sold;
  const uint64_t this_place = uint64_t{1} << place.index;
  // The last object of a row goes with its frame.
  if (!is_row(kind) || arena_.at(place.frame).allocated == this_place) {
    return free_frame(bank, place.frame);
  }
  const Result gone = maker_.rescind_object(frame_number(place.frame), place.index);
  if (gone != Result::ok) return unexpected(gone);
  books_.return_place(place.frame, place.index);
  return {};
}

// --- banks -------------------------------------------------------------------------------

// The frame is in no ring: it is found through the record. Nothing is made in it yet.
Expected<void, Result> BankLogic::reserve_facets_row(Bank bank, Bank payer) {
  const Frame frame = books_.take(arena_.at(payer).near);
  if (frame == Frame::none) return unexpected(Result::exhausted);
  arena_.at(frame) = {.owner = payer, .kind = Kind::wrapper, .use = FrameUse::facets};
  arena_.at(bank).facets = frame;
  arena_.at(payer).near = frame;
  return {};
}

// The parent has paid. A failure leaves no trace but that.
Expected<NewBank, Result> BankLogic::add_bank(Bank parent, uint32_t limit) {
  const auto bank = tree_.add(parent, limit);
  if (!bank) return unexpected(bank.error());
  PassedOver passed_over(books_);
  Result made = Result::exhausted;
  while (passed_over.may_try()) {
    if (auto reserved = reserve_facets_row(*bank, parent); !reserved) break;
    const auto first = facet(*bank, 0);
    if (first) return NewBank{*bank, *first};
    made = first.error();
    passed_over.add(arena_.at(*bank).facets);
    arena_.at(parent).near = Frame::none;
    if (made != Result::unreadable) break;
  }
  tree_.remove(*bank);
  return unexpected(made);
}

Expected<NewBank, Result> BankLogic::create_sub_bank(Bank parent, uint64_t limit) {
  if (limit > bank_unlimited) return unexpected(Result::bad_argument);
  if (auto paid = tree_.charge(parent, cost_of_a_bank()); !paid) return unexpected(paid.error());
  const auto made = add_bank(parent, static_cast<uint32_t>(limit));
  if (!made) tree_.discharge(parent, cost_of_a_bank());
  return made;
}

Expected<Facet, Result> BankLogic::facet(Bank bank, uint64_t restrictions) {
  if (restrictions & ~bank_restriction::all) return unexpected(Result::bad_argument);
  if (tree_.is_ending(bank)) return unexpected(Result::dying);
  const uint64_t complete = complete_restrictions(restrictions);
  const Frame row = arena_.at(bank).facets;
  const Place place{row, facet_index(complete)};
  FrameEntry& entry = arena_.at(row);
  if (books_.is_sold(row, place.index)) return Facet{place, complete, false};
  if (entry.is_closed) {
    const auto passed = maker_.set_account(frame_number(row), 1, account_of(entry.owner));
    if (!passed) return unexpected(passed.error());
    entry.is_closed = 0;
  }
  const Result made =
      maker_.make(frame_number(row), Kind::wrapper, account_of(entry.owner), place.index);
  if (made != Result::ok) return unexpected(made);
  entry.allocated |= uint64_t{1} << place.index;
  return Facet{place, complete, true};
}

Expected<void, Result> BankLogic::set_limit(Bank bank, uint64_t limit) {
  if (limit > bank_unlimited) return unexpected(Result::bad_argument);
  if (tree_.is_ending(bank)) return unexpected(Result::dying);
  arena_.at(bank).limit = static_cast<uint32_t>(limit);
  return {};
}

// --- questions ---------------------------------------------------------------------------

BankStatus BankLogic::status(Bank bank) const {
  const BankRecord& record = arena_.at(bank);
  return {.used = record.used,
          .limit = record.limit,
          .effective_limit = tree_.effective_limit(bank),
          .banks_below = used_by_kind(bank, Kind::empty)};
}

uint32_t BankLogic::used_by_kind(Bank bank, Kind kind) const {
  return arena_.at(bank).used_by_kind[static_cast<size_t>(kind)];
}

Expected<Bank, Result> BankLogic::payer(Bank top, Frame frame) const {
  if (!arena_.has(frame)) return unexpected(Result::not_found);
  const FrameEntry& entry = arena_.at(frame);
  const bool is_paid = entry.use == FrameUse::bought || entry.use == FrameUse::facets;
  if (!is_paid || !tree_.is_within(top, entry.owner)) return unexpected(Result::not_found);
  return entry.owner;
}

Expected<ListedBank, Result> BankLogic::list(Bank top, Bank at, Kind kind) const {
  Bank bank = top;
  if (at != Bank::none) {
    if (!arena_.has(at) || !tree_.is_within(top, at)) return unexpected(Result::not_found);
    bank = tree_.next_parents_first(top, at);
    if (bank == Bank::none) return unexpected(Result::not_found);
  }
  const BankRecord& record = arena_.at(bank);
  return ListedBank{.bank = bank,
                    .depth = tree_.depth(bank) - tree_.depth(top),
                    .used = kind == Kind::empty ? record.used : used_by_kind(bank, kind),
                    .limit = record.limit,
                    .is_dying = tree_.is_ending(bank)};
}

}  // namespace perdure::bank
