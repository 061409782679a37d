// SPDX-License-Identifier: MIT
//
// The bank's logic: what each request means for the books, and what is asked of the kernel.
// Pure. The books change together with the frames: a request is refused with nothing changed,
// or done in both. Every Bank that is passed in must exist (Arena::has).
//
// Order of a sale: charge the bank (dying, limits), take a frame, make the object, enter it. Order of a
// return: first the kernel, then the books; so no place is sold in which an object still lives.
#pragma once

#include <cstdint>
#include <span>

#include "objects/expected.hpp"
#include "spacebank/bank_tree.hpp"
#include "spacebank/frame_books.hpp"
#include "spacebank/frame_maker.hpp"

namespace perdure::bank {

// Where an object is: what its buyer gets a capability to.
struct Place {
  Frame frame = Frame::none;
  unsigned index = 0;
  bool operator==(const Place&) const = default;
};

// A wrapper in a bank's facets row. One that is fresh was just made: all zero, so its target and
// its payload, bank_facet_payload(bank, restrictions), must be set.
struct Facet {
  Place place;
  uint64_t restrictions = 0;
  bool is_fresh = false;
};

struct NewBank {
  Bank bank = Bank::none;
  Facet facet;  // fresh, without restrictions
};

struct BankStatus {
  uint32_t used = 0;
  uint32_t limit = 0;
  uint32_t effective_limit = 0;
  uint32_t banks_below = 0;
};

struct ListedBank {
  Bank bank = Bank::none;
  uint32_t depth = 0;  // below the asked one
  uint32_t used = 0;
  uint32_t limit = 0;
  bool is_dying = false;  // or is being dissolved
};

// Restrictions as they are in force: those that others imply are added.
uint64_t complete_restrictions(uint64_t);
// The place of the facet with these restrictions in the bank's row. There are 48.
unsigned facet_index(uint64_t complete_restrictions);

class BankLogic {
 public:
  BankLogic(Arena arena, FrameMaker& maker)
      : arena_(arena), books_(arena), tree_(arena), maker_(maker) {}

  // Once in the life of an arena: the root bank buys the row of its facets, and has the first.
  Expected<Facet, Result> found_root();

  // One object of the kind; as many as there are places to fill, all or nothing. Objects made
  // before one that fails are rescinded again.
  Expected<Place, Result> allocate(Bank, Kind);
  Expected<void, Result> allocate(Bank, Kind, std::span<Place>);
  // not_found: not a sold object of this kind, or another bank sold it.
  Expected<void, Result> free(Bank, Place, Kind);

  Expected<NewBank, Result> create_sub_bank(Bank parent, uint64_t limit);
  Expected<Facet, Result> facet(Bank, uint64_t restrictions);

  Expected<void, Result> set_limit(Bank, uint64_t limit);
  BankStatus status(Bank) const;
  uint32_t used_by_kind(Bank, Kind) const;
  // Which bank, `top` or one below it, paid for what is in the frame?
  Expected<Bank, Result> payer(Bank top, Frame) const;
  // Is that an object of this kind that exactly this bank sold? not_found, or dying.
  Expected<void, Result> check_sold(Bank, Place, Kind) const;
  // The bank after `at` (none: the first) in a walk of `top` and all below it. used: of this
  // kind, or (empty) of all.
  Expected<ListedBank, Result> list(Bank top, Bank at, Kind = Kind::empty) const;

  Arena arena() const { return arena_; }

 private:
  Expected<Frame, Result> make_in_free_frame(Bank, Kind);
  Expected<Place, Result> allocate_in_new_frame(Bank, Kind);
  Expected<Place, Result> allocate_in_row(Bank, Frame row);
  Expected<void, Result> free_frame(Bank, Frame);
  Expected<void, Result> reserve_facets_row(Bank, Bank payer);
  Expected<NewBank, Result> add_bank(Bank parent, uint32_t limit);
  bool has_sold(Bank, Place, Kind) const;

  Arena arena_;
  FrameBooks books_;
  BankTree tree_;
  FrameMaker& maker_;
};

}  // namespace perdure::bank
