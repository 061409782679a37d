// SPDX-License-Identifier: MIT
#include "userland/shell/name_table.hpp"

namespace perdure {

std::optional<NameTable::Index> NameTable::find(std::string_view name) const {
  for (Index i = 0; i < servers_.size(); ++i) {
    if (servers_[i].name.view() == name) return i;
  }
  return std::nullopt;
}

std::optional<NameTable::Index> NameTable::find_account(uint32_t account) const {
  for (Index i = 0; i < servers_.size(); ++i) {
    if (servers_[i].account == account && !servers_[i].is_destroyed()) return i;
  }
  return std::nullopt;
}

size_t NameTable::living_count() const {
  size_t count = 0;
  for (const NamedServer& server : servers_) count += server.is_destroyed() ? 0 : 1;
  return count;
}

// The same name's place; else, when many destroyed ones have gathered, that of the oldest.
std::optional<NameTable::Index> NameTable::place_to_reuse(std::string_view name) const {
  std::optional<Index> oldest;
  unsigned destroyed = 0;
  for (Index i = 0; i < servers_.size(); ++i) {
    if (!servers_[i].is_destroyed()) continue;
    if (servers_[i].name.view() == name) return i;
    ++destroyed;
    if (!oldest || servers_[i].destroyed_at < servers_[*oldest].destroyed_at) oldest = i;
  }
  return destroyed > destroyed_kept_max ? oldest : std::nullopt;
}

// --- pages -------------------------------------------------------------------------------------

Answer<> NameTable::go_to_page(size_t number) const {
  if (auto done = page_.fetch(first_page_slot, page_.at); !done) return done;
  for (size_t i = 0; i < number; ++i) {
    if (auto done = page_.fetch(next_page_slot, page_.at); !done) return done;
  }
  return {};
}

Answer<> NameTable::add_page() {
  Answer<> done = bank_.allocate(Kind::capability_page, scratch_.at);
  if (!done) return done;
  if (page_count_ == 0) {
    done = scratch_.store(first_page_slot, scratch_.at);
    if (done) done = scratch_.fetch(first_page_slot, page_.at);
  } else {
    done = go_to_page(page_count_ - 1);
    if (done) done = page_.store(next_page_slot, scratch_.at);
    if (done) done = page_.fetch(first_page_slot, page_.at);
    if (done) done = scratch_.store(first_page_slot, page_.at);
  }
  if (done) ++page_count_;
  return done;
}

Answer<> NameTable::reserve(size_t count) {
  if (!servers_.reserve(count)) return std::unexpected(Result::exhausted);
  while (page_count_ * places_per_page < count) {
    if (auto done = add_page(); !done) return done;
  }
  return {};
}

Answer<> NameTable::make_room_for(std::string_view name) {
  return place_to_reuse(name) ? Answer<>{} : reserve(servers_.size() + 1);
}

// --- places ------------------------------------------------------------------------------------

Answer<NameTable::Index> NameTable::add(const NamedServer& server, CapabilityRegister bank,
                                        CapabilityRegister entry, CapabilityRegister process) {
  const auto reused = place_to_reuse(server.name.view());
  const Index index = reused.value_or(servers_.size());
  const auto slot = static_cast<unsigned>(index % places_per_page * slots_per_place);
  Answer<> done = go_to_page(index / places_per_page);
  if (done) done = page_.store(slot + static_cast<unsigned>(Which::bank), bank);
  if (done) done = page_.store(slot + static_cast<unsigned>(Which::entry), entry);
  if (done) done = page_.store(slot + static_cast<unsigned>(Which::process), process);
  if (!done) return std::unexpected(done.error());
  if (reused) {
    servers_[index] = server;
  } else if (!servers_.append(server)) {
    return std::unexpected(Result::exhausted);
  }
  return index;
}

Answer<> NameTable::fetch(Index index, Which which, CapabilityRegister into) const {
  if (auto done = go_to_page(index / places_per_page); !done) return done;
  const auto slot = static_cast<unsigned>(index % places_per_page * slots_per_place);
  return page_.fetch(slot + static_cast<unsigned>(which), into);
}

}  // namespace perdure
