// SPDX-License-Identifier: MIT
//
// The books of generation 0. The image builder runs the bank's own logic over an arena on the
// host and makes the objects in the image as the logic asks (its FrameMaker); so that books and
// image agree because they come from the same calls.
//
//   1. Genesis::begin(memory, frames, maker)       memory: arena_bytes(frames), all zero
//   2. buy(), create_bank(), facet() as the description wants; the arena's own pages, the bank
//      server's process, node, endpoint ... are bought like everything else (root bank)
//   3. fill each fresh facet's wrapper: target = entry of the bank server's endpoint with
//      payload bank_entry_payload; payload = GenesisFacet::payload. Its client capability is
//      what a holder of the bank gets.
//   4. last, copy `memory` into the pages bought for it.
#pragma once

#include <cstdint>
#include <span>

#include "objects/expected.hpp"
#include "spacebank/bank_logic.hpp"
#include "spacebank/interface.hpp"

namespace perdure::bank {

constexpr ObjectId object_of(Place place) {
  return ObjectId::of(frame_number(place.frame), place.index);
}

struct GenesisFacet {
  Place place;           // of the wrapper
  uint64_t payload = 0;  // to be written into it
  bool is_fresh = false; // it was just made: fill it
};

struct GenesisBank {
  Bank bank = Bank::none;
  GenesisFacet facet;
};

class Genesis {
 public:
  // The root bank (Bank::root, account 1) with all frames as its limit, and its first facet.
  static Expected<Genesis, Result> begin(std::span<std::byte> memory, uint64_t frame_count,
                                         FrameMaker& maker) {
    const auto arena = Arena::initialise(memory, frame_count);
    if (!arena) return std::unexpected(arena.error());
    Genesis genesis(*arena, maker);
    const auto root = genesis.logic_.found_root();
    if (!root) return std::unexpected(root.error());
    genesis.root_facet_ = filled(Bank::root, *root);
    return genesis;
  }

  GenesisBank root() const { return {Bank::root, root_facet_}; }

  Expected<Place, Result> buy(Bank payer, Kind kind) { return logic_.allocate(payer, kind); }

  Expected<GenesisBank, Result> create_bank(Bank parent, uint64_t limit = bank_unlimited) {
    const auto made = logic_.create_sub_bank(parent, limit);
    if (!made) return std::unexpected(made.error());
    return GenesisBank{made->bank, filled(made->bank, made->facet)};
  }

  // A capability to the bank with restrictions.
  Expected<GenesisFacet, Result> facet(Bank bank, uint64_t restrictions) {
    const auto made = logic_.facet(bank, restrictions);
    if (!made) return std::unexpected(made.error());
    return filled(bank, *made);
  }

  Expected<void, Result> set_limit(Bank bank, uint64_t limit) {
    return logic_.set_limit(bank, limit);
  }

  Arena arena() const { return logic_.arena(); }

 private:
  Genesis(Arena arena, FrameMaker& maker) : logic_(arena, maker) {}

  static GenesisFacet filled(Bank bank, const Facet& facet) {
    return {facet.place, bank_facet_payload(number(bank), facet.restrictions), facet.is_fresh};
  }

  BankLogic logic_;
  GenesisFacet root_facet_;
};

}  // namespace perdure::bank
