// SPDX-License-Identifier: MIT
#include "test/powercut/holdings.hpp"

#include "userland/runtime/revocable.hpp"

namespace perdure {

namespace world = world_register;

// --- memory --------------------------------------------------------------------------------------

void WorldMemory::go_to(uint64_t step) {
  for (unsigned i = 0; i < page_count; ++i) {
    pages_[i].step = step;
    pages_[i].words[place_in(i, step)] = mixed(step, i);
  }
}

bool WorldMemory::is_of(uint64_t step) const {
  for (unsigned i = 0; i < page_count; ++i) {
    if (pages_[i].step != step) return false;
    for (uint64_t written = step; written > 0 && written + 2 > step; --written) {
      if (pages_[i].words[place_in(i, written)] != mixed(written, i)) return false;
    }
  }
  return true;
}

// --- capabilities in capability pages --------------------------------------------------------------

Answer<> WorldCapabilities::begin() {
  Answer<> done = world::bank.allocate(Kind::capability_page, world::index.at);
  for (unsigned i = 0; done && i < page_count; ++i) {
    done = world::bank.allocate(Kind::capability_page, world::page.at);
    if (done) done = world::index.store(i, world::page.at);
  }
  return done ? go_to(0) : done;
}

Answer<> WorldCapabilities::go_to(uint64_t step) {
  Answer<> done;
  for (unsigned i = 0; done && i < page_count; ++i) {
    done = world::index.fetch(i, world::page.at);
    for (unsigned slot = 0; done && slot < capabilities_per_page; ++slot) {
      done = world::endpoint.entry(mixed(step, i * capabilities_per_page + slot), world::scratch);
      if (done) done = world::page.store(slot, world::scratch);
    }
  }
  return done;
}

bool WorldCapabilities::is_of(uint64_t step) const {
  for (unsigned i = 0; i < page_count; ++i) {
    if (!world::index.fetch(i, world::page.at)) return false;
    for (unsigned slot = 0; slot < capabilities_per_page; ++slot) {
      if (!world::page.fetch(slot, world::scratch)) return false;
      const auto found = world::endpoint.identify(world::scratch);
      if (!found || found->how != Identified::direct) return false;
      if (found->entry_payload != mixed(step, i * capabilities_per_page + slot)) return false;
    }
  }
  return true;
}

Answer<> WorldCapabilities::spoil(uint64_t step) {
  Answer<> done = world::index.fetch(page_count - 1, world::page.at);
  if (done) done = world::endpoint.entry(mixed(step + 1, 0), world::scratch);
  return done ? world::page.store(capabilities_per_page - 1, world::scratch) : done;
}

// --- grants ----------------------------------------------------------------------------------------

Answer<> WorldGrants::begin() {
  Answer<> done = world::bank.allocate(Kind::capability_page, world::clients.at);
  if (done) done = world::bank.allocate(Kind::capability_page, world::controls.at);
  for (uint64_t number = 0; done && number < known; ++number) done = make(number);
  for (uint64_t number = 0; done && number < known - good; ++number) done = revoke(number);
  return done;
}

Answer<> WorldGrants::make(uint64_t number) {
  const auto made = hand_out(world::bank, world::own_entry, {.control = world::scratch, .client = world::other, .payload = number});
  if (!made) return std::unexpected(made.error());
  const auto slot = static_cast<unsigned>(number % known);
  const Answer<> done = world::controls.store(slot, world::scratch);
  return done ? world::clients.store(slot, world::other) : done;
}

Answer<> WorldGrants::revoke(uint64_t number) {
  const Answer<> done = world::controls.fetch(static_cast<unsigned>(number % known), world::scratch);
  return done ? world::bank.free(world::scratch) : done;
}

Answer<> WorldGrants::go_to(uint64_t step) {
  Answer<> done;
  for (uint64_t number = made_until(step - 1); done && number < made_until(step); ++number) {
    done = revoke(number - good);
    if (done) done = make(number);
  }
  return done;
}

Answer<> WorldGrants::check(uint64_t step) const {
  for (uint64_t number = made_until(step) - known; number < made_until(step); ++number) {
    if (auto done = world::clients.fetch(static_cast<unsigned>(number % known), world::scratch); !done) return done;
    const auto found = world::endpoint.identify(world::scratch);
    if (!found) return std::unexpected(found.error());
    const bool is_good = found->how == Identified::through_one_wrapper && found->wrapper_payload == number;
    const auto classified = world::discriminator.classify(world::scratch);
    const bool is_void = classified && classified->type == CapabilityType::void_capability;
    if (number + good >= made_until(step)) {
      if (!is_good) return std::unexpected(World::grant_lost);
    } else if (!is_void) {
      return std::unexpected(World::grant_revived);
    }
  }
  return {};
}

Answer<> WorldGrants::lose_one(uint64_t step) { return revoke(made_until(step) - good / 2); }

Answer<> WorldGrants::revive_one(uint64_t step) { return make(made_until(step) - known); }

}  // namespace perdure
