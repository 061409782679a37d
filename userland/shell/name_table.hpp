// SPDX-License-Identifier: MIT
//
// The names that a person has given to servers and aliases, and the capabilities behind them: one
// name space. The names are in the heap; the capabilities in capability pages, which are bought as
// the table grows. There is no largest number of names.
//
//   capability page: 31 places of 4 slots (bank, entry, process, control; void what a name has not);
//                    slot 126: the first page, slot 127: the next one;
//                    slot 125 of the first page: the endpoint of the fault watcher
//
// The name of a destroyed server or a revoked alias stays for a while, with its capabilities: the
// kernel answers a call of it that the capability is void. Its place is taken over by the same
// name, or by another when many have gathered. A forgotten name's place is free at once.
#pragma once

#include <optional>
#include <string_view>

#include "userland/runtime/bank_client.hpp"
#include "userland/runtime/growing_array.hpp"
#include "userland/runtime/interface.hpp"

namespace perdure {

// A server, in a bank of its own, or an alias: a wrapper in front of a server's or another alias's
// entry.
struct Named {
  Word name;                // empty: a free place
  Word origin;              // a server: its program. An alias: what it was made of, or the server that answered it
  uint32_t account = 0;     // a server's bank; given to another when it is gone
  uint64_t start = 0;       // a server's, by its number; of an alias: that of the server that it leads to
  unsigned wrapper_count = 0;  // an alias: in a row up to the server, as far as is known here
  bool is_answer = false;   // an alias: of a capability that its origin answered
  bool is_blocked = false;  // an alias
  uint64_t over_since = 0;  // order of destructions and revocations; 0: it lives

  bool is_alias() const { return wrapper_count != 0; }
  bool is_over() const { return over_since != 0; }
  bool is_free() const { return name.view().empty(); }
};

// Where to take the capabilities of a new name from.
struct NamedCapabilities {
  CapabilityRegister bank;
  CapabilityRegister entry;
  CapabilityRegister process;
  CapabilityRegister control;
};

class NameTable {
 public:
  enum class Which : unsigned { bank = 0, entry = 1, process = 2, control = 3 };
  using Index = size_t;

  // `page`: a register that is the table's alone; `scratch`: one that it may use.
  NameTable(Heap& heap, BankCapability bank, CapabilityPageCapability page,
            CapabilityPageCapability scratch)
      : names_(heap), bank_(bank), page_(page), scratch_(scratch) {}

  std::optional<Index> find(std::string_view name) const;
  std::optional<Index> find_account(uint32_t account) const;
  std::optional<Index> find_start(uint64_t start) const;
  const Named& at(Index index) const { return names_[index]; }
  size_t size() const { return names_.size(); }  // with those that are over, and free places
  bool lives(Index index) const { return !names_[index].is_free() && !names_[index].is_over(); }
  size_t living_count() const;

  // From 1, and never the same again.
  uint64_t new_start() { return ++start_count_; }
  // Makes sure that there are so many places in all: buys what it needs.
  Answer<> reserve(size_t count);
  // Makes sure that this name has a place.
  Answer<> make_room_for(std::string_view name);
  // After make_room_for() the name. The capabilities are copied from the registers given.
  Answer<Index> add(const Named&, const NamedCapabilities&);
  Answer<> fetch(Index, Which, CapabilityRegister into) const;
  // After reserve().
  Answer<> keep_watcher(CapabilityRegister endpoint);
  Answer<> fetch_watcher(CapabilityRegister into) const;
  void note_over(Index index) { names_[index].over_since = ++over_count_; }
  void note_blocked(Index index, bool is_blocked) { names_[index].is_blocked = is_blocked; }
  // The name is unknown from now on, and its capabilities are kept no longer.
  Answer<> forget(Index);

 private:
  static constexpr unsigned slots_per_place = 4;
  static constexpr unsigned next_page_slot = capabilities_per_page - 1;
  static constexpr unsigned first_page_slot = next_page_slot - 1;
  static constexpr unsigned watcher_slot = first_page_slot - 1;
  static constexpr unsigned places_per_page = watcher_slot / slots_per_place;
  static constexpr unsigned over_kept_max = 64;

  GrowingArray<Named> names_;
  BankCapability bank_;
  CapabilityPageCapability page_;  // some page of the table, once there is one
  CapabilityPageCapability scratch_;
  size_t page_count_ = 0;
  uint64_t over_count_ = 0;
  uint64_t start_count_ = 0;

  Answer<> go_to_page(size_t number) const;
  Answer<> add_page();
  Answer<> store_capabilities(Index, const NamedCapabilities&);
  std::optional<Index> find_server(auto is_it) const;
  std::optional<Index> place_to_reuse(std::string_view name) const;
};

}  // namespace perdure
