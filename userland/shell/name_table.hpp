// SPDX-License-Identifier: MIT
//
// The names that a person has given to servers, and the capabilities behind them. The names are
// in the heap; the capabilities in capability pages, which are bought as the table grows. There
// is no largest number of names.
//
//   capability page: 31 places of 4 slots (bank, entry, process, spare);
//                    slot 126: the first page, slot 127: the next one
//
// A destroyed server's name stays for a while, with its capabilities: whoever calls it hears from
// the kernel that the capability is void. The place is taken over by the same name, or by another
// when many have gathered.
#pragma once

#include <optional>
#include <string_view>

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/growing_array.hpp"
#include "userland/runtime/interface.hpp"

namespace perdure {

struct NamedServer {
  Word name;
  Word program;
  uint32_t account = 0;  // of its bank
  uint64_t limit = 0;    // frames
  uint64_t destroyed_at = 0;  // order of destruction; 0: it lives
  bool is_destroyed() const { return destroyed_at != 0; }
};

class NameTable {
 public:
  enum class Which : unsigned { bank = 0, entry = 1, process = 2 };
  using Index = size_t;

  // `page`: a register that is the table's alone; `scratch`: one that it may use.
  NameTable(Heap& heap, BankCapability bank, CapabilityPageCapability page,
            CapabilityPageCapability scratch)
      : servers_(heap), bank_(bank), page_(page), scratch_(scratch) {}

  std::optional<Index> find(std::string_view name) const;
  std::optional<Index> find_account(uint32_t account) const;
  const NamedServer& at(Index index) const { return servers_[index]; }
  size_t size() const { return servers_.size(); }  // destroyed ones included
  size_t living_count() const;

  // Makes sure that there are so many places in all: buys what it needs.
  Answer<> reserve(size_t count);
  // Makes sure that this name has a place.
  Answer<> make_room_for(std::string_view name);
  // After make_room_for() the name. The capabilities are copied from the registers given.
  Answer<Index> add(const NamedServer&, CapabilityRegister bank, CapabilityRegister entry,
                    CapabilityRegister process);
  Answer<> fetch(Index, Which, CapabilityRegister into) const;
  void note_destroyed(Index index) { servers_[index].destroyed_at = ++destroyed_count_; }

 private:
  static constexpr unsigned slots_per_place = 4;
  static constexpr unsigned next_page_slot = capabilities_per_page - 1;
  static constexpr unsigned first_page_slot = next_page_slot - 1;
  static constexpr unsigned places_per_page = first_page_slot / slots_per_place;
  static constexpr unsigned destroyed_kept_max = 64;

  GrowingArray<NamedServer> servers_;
  BankCapability bank_;
  CapabilityPageCapability page_;  // some page of the table, once there is one
  CapabilityPageCapability scratch_;
  size_t page_count_ = 0;
  uint64_t destroyed_count_ = 0;

  Answer<> go_to_page(size_t number) const;
  Answer<> add_page();
  std::optional<Index> place_to_reuse(std::string_view name) const;
};

}  // namespace perdure
