// SPDX-License-Identifier: MIT
#include "userland/demo/shelf.hpp"

namespace perdure {

bool Shelf::set_up(Stage& stage) {
  page_count_ = 0;
  page_number_ = none;
  return stage.done(bank_.allocate(Kind::capability_page, index_.at), "buying a shelf");
}

bool Shelf::go_to(Stage& stage, uint64_t page_number) {
  if (page_number == page_number_) return true;
  if (page_number > page_count_) return stage.fail("a shelf is filled in order");
  page_number_ = none;
  const auto slot = static_cast<unsigned>(page_number);
  if (page_number < page_count_) {
    if (!stage.done(index_.fetch(slot, page_.at), "looking for a shelf's page")) return false;
  } else {
    if (!stage.done(bank_.allocate(Kind::capability_page, page_.at), "buying a shelf's page") ||
        !stage.done(index_.store(slot, page_.at), "adding a page to a shelf")) {
      return false;
    }
    ++page_count_;
  }
  page_number_ = page_number;
  return true;
}

bool Shelf::put(Stage& stage, uint64_t place, CapabilityRegister from) {
  const auto slot = static_cast<unsigned>(place % capabilities_per_page);
  return go_to(stage, place / capabilities_per_page) &&
         stage.done(page_.store(slot, from), "putting on a shelf");
}

bool Shelf::take(Stage& stage, uint64_t place, CapabilityRegister into) {
  const auto slot = static_cast<unsigned>(place % capabilities_per_page);
  return go_to(stage, place / capabilities_per_page) &&
         stage.done(page_.fetch(slot, into), "taking from a shelf");
}

}  // namespace perdure
