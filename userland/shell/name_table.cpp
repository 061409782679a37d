// SPDX-License-Identifier: MIT
#include "userland/shell/name_table.hpp"

namespace perdure {

std::optional<NameTable::Index> NameTable::find(std::string_view name) const {
  for (Index i = 0; i < names_.size(); ++i) {
    if (names_[i].name.view() == name) return i;
  }
  return std::nullopt;
}

std::optional<NameTable::Index> NameTable::find_server(auto is_it) const {
  for (Index i = 0; i < names_.size(); ++i) {
    if (lives(i) && !names_[i].is_alias() && is_it(names_[i])) return i;
  }
  return std::nullopt;
}

std::optional<NameTable::Index> NameTable::find_account(uint32_t account) const {
  return find_server([&](const Named& server) { return server.account == account; });
}

std::optional<NameTable::Index> NameTable::find_start(uint64_t start) const {
  return find_server([&](const Named& server) { return server.start == start; });
}

size_t NameTable::living_count() const {
  size_t count = 0;
  for (Index i = 0; i < names_.size(); ++i) count += lives(i) ? 1 : 0;
  return count;
}

// The same name's place; else a free one; else, when many that are over have gathered, that of the
// oldest.
std::optional<NameTable::Index> NameTable::place_to_reuse(std::string_view name) const {
  std::optional<Index> free;
  std::optional<Index> oldest;
  unsigned over_count = 0;
  for (Index i = 0; i < names_.size(); ++i) {
    const Named& named = names_[i];
    if (named.is_free()) free = i;
    if (named.is_free() || !named.is_over()) continue;
    if (named.name.view() == name) return i;
    ++over_count;
    if (!oldest || named.over_since < names_[*oldest].over_since) oldest = i;
  }
  if (free) return free;
  return over_count > over_kept_max ? oldest : std::nullopt;
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
  if (!names_.reserve(count)) return std::unexpected(Result::exhausted);
  while (page_count_ * places_per_page < count) {
    if (auto done = add_page(); !done) return done;
  }
  return {};
}

Answer<> NameTable::make_room_for(std::string_view name) {
  return place_to_reuse(name) ? Answer<>{} : reserve(names_.size() + 1);
}

Answer<> NameTable::keep_watcher(CapabilityRegister endpoint) {
  if (auto done = go_to_page(0); !done) return done;
  return page_.store(watcher_slot, endpoint);
}

Answer<> NameTable::fetch_watcher(CapabilityRegister into) const {
  if (auto done = go_to_page(0); !done) return done;
  return page_.fetch(watcher_slot, into);
}

// --- places ------------------------------------------------------------------------------------

Answer<> NameTable::store_capabilities(Index index, const NamedCapabilities& from) {
  const auto slot = static_cast<unsigned>(index % places_per_page * slots_per_place);
  Answer<> done = go_to_page(index / places_per_page);
  if (done) done = page_.store(slot + static_cast<unsigned>(Which::bank), from.bank);
  if (done) done = page_.store(slot + static_cast<unsigned>(Which::entry), from.entry);
  if (done) done = page_.store(slot + static_cast<unsigned>(Which::process), from.process);
  if (done) done = page_.store(slot + static_cast<unsigned>(Which::control), from.control);
  return done;
}

Answer<NameTable::Index> NameTable::add(const Named& named, const NamedCapabilities& from) {
  const auto reused = place_to_reuse(named.name.view());
  const Index index = reused.value_or(names_.size());
  if (auto done = store_capabilities(index, from); !done) return std::unexpected(done.error());
  if (reused) {
    names_[index] = named;
  } else if (!names_.append(named)) {
    return std::unexpected(Result::exhausted);
  }
  return index;
}

Answer<> NameTable::forget(Index index) {
  if (auto done = store_capabilities(index, {}); !done) return done;
  names_[index] = {};
  return {};
}

Answer<> NameTable::fetch(Index index, Which which, CapabilityRegister into) const {
  if (auto done = go_to_page(index / places_per_page); !done) return done;
  const auto slot = static_cast<unsigned>(index % places_per_page * slots_per_place);
  return page_.fetch(slot + static_cast<unsigned>(which), into);
}

}  // namespace perdure
