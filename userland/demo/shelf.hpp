// SPDX-License-Identifier: MIT
//
// Many capabilities in few registers: capability pages, named by one more, the index. A shelf has
// place for 16,384; its pages are bought when they are first needed.
#pragma once

#include "userland/demo/stage.hpp"

namespace perdure {

class Shelf {
 public:
  static constexpr uint64_t place_count = capabilities_per_page * capabilities_per_page;

  // `index` and `page`: registers that are the shelf's alone.
  Shelf(BankCapability bank, CapabilityPageCapability index, CapabilityPageCapability page)
      : bank_(bank), index_(index), page_(page) {}

  bool set_up(Stage&);
  bool put(Stage&, uint64_t place, CapabilityRegister from);
  bool take(Stage&, uint64_t place, CapabilityRegister into);
  // Something else was put into the page's register.
  void forget_page() { page_number_ = none; }
  uint64_t frames() const { return page_count_ + 1; }

 private:
  static constexpr uint64_t none = ~uint64_t{0};

  BankCapability bank_;
  CapabilityPageCapability index_;
  CapabilityPageCapability page_;
  uint64_t page_count_ = 0;       // they are filled in order
  uint64_t page_number_ = none;   // which one is in the register

  bool go_to(Stage&, uint64_t page_number);
};

}  // namespace perdure
