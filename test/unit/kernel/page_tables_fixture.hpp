// SPDX-License-Identifier: MIT
//
// Page tables on a real store, and a kernel just large enough to answer page faults: for tests
// that let a space be used through the fake machine's MMU and look at the tables afterwards.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "kernel/memory/page_tables.hpp"
#include "kernel/memory/space_walk.hpp"
#include "test/support/space_world.hpp"

namespace perdure {

inline constexpr Access load_access{};
inline constexpr Access store_access{.write = true};
inline constexpr Access fetch_access{.execute = true};

// How an access ended, and how often the kernel was needed.
struct Touch {
  std::byte* byte = nullptr;
  FaultCode fault = FaultCode::none;
  unsigned page_faults = 0;
  CacheSlot slot = no_slot;
};

struct PageTablesFixture {
  SpaceWorld world;
  PageTables tables;
  unsigned known_writes = 0;  // faults that were answered without a walk

  PageTablesFixture() { start(64); }

  void start(size_t table_count) {
    world.start();
    tables = {};
    REQUIRE(tables.start(fake_machine().take_pages(table_count + table_count / 16 + 1), world.store()));
    REQUIRE(tables.pool().size() >= table_count);
    world.on_unmap = [this](CacheSlot slot) { tables.unmap(slot); };
  }

  Expected<std::byte*, FakePageFault> access(uint64_t address, Access how) {
    if (how.execute) return fake_machine().fetch(address);
    return how.write ? fake_machine().store(address) : fake_machine().load(address);
  }

  // Waits for what is on the disk.
  WalkOutcome walk_now(const Capability& space, uint64_t address, Access how) {
    for (;;) {
      Capability start = space;
      const WalkOutcome outcome = walk(world.store(), start, {address}, how);
      if (!outcome.is_stall()) return outcome;
      world.poll();
    }
  }

  // What the kernel does for a process: loads its space, lets it go on, answers its page faults.
  Touch touch(const Capability& space, uint64_t address, Access how = {}) {
    return touch(space, address, how, [&] { tables.load(space); });
  }
  template <typename Load>
  Touch touch(const Capability& space, uint64_t address, Access how, Load load) {
    Touch result;
    for (; result.page_faults < 4; ++result.page_faults) {
      load();
      if (const auto byte = access(address, how)) {
        result.byte = *byte;
        return result;
      }
      PageReached known;
      if (how.write && tables.allows_write({address}, known)) {
        ++known_writes;
        world.make_dirty(known.slot);
        load();
        tables.map(tables.loaded_root(), {address}, known);
        continue;
      }
      const WalkOutcome outcome = walk_now(space, address, how);
      if (outcome.is_fault()) {
        result.fault = outcome.fault.code;
        return result;
      }
      if (how.write) world.make_dirty(outcome.page.slot);
      load();
      tables.map(tables.loaded_root(), {address}, outcome.page);
    }
    FAIL("the access never gets through");
    return result;
  }

  // A touch that agrees with the walk and with what a checkpoint needs.
  Touch try_out(const Capability& space, uint64_t address, Access how) {
    return try_out(space, address, how, [&] { tables.load(space); });
  }
  template <typename Load>
  Touch try_out(const Capability& space, uint64_t address, Access how, Load load) {
    const Touch result = touch(space, address, how, load);
    const WalkOutcome expected = walk_now(space, address, how);
    if (expected.is_fault()) {
      REQUIRE(result.byte == nullptr);
      REQUIRE(result.fault == expected.fault.code);
      return result;
    }
    REQUIRE(result.byte == world.store().bytes(expected.page.slot) + address % frame_bytes);
    REQUIRE(result.page_faults <= 1);
    if (how.write) REQUIRE(world.store().is_current(expected.page.slot));
    return result;
  }

  void check_all() {
    const auto mismatch = tables.check_tables();
    if (mismatch) {
      CAPTURE(mismatch->what, mismatch->address, mismatch->entry, mismatch->level);
      FAIL("check_tables");
    }
    recount();
    // The processor must have forgotten what the tables no longer say.
    if (!tables.loaded_is_stale()) REQUIRE_FALSE(fake_machine().stale_translation());
  }
  void check_against_walk(const Capability& space) {
    const auto mismatch = tables.check(space);
    if (!mismatch) return;
    CAPTURE(mismatch->what, mismatch->address, mismatch->entry, mismatch->level);
    FAIL("check");
  }

  // MAPPINGS-ARE-COUNTED, each frame by itself.
  void recount() {
    std::map<uint64_t, uint32_t> present;  // by physical address
    for (TableNumber number = 0; number < tables.pool().size(); ++number) {
      const Table& table = tables.pool().at(number);
      if (!table.in_use || table.key.level != 0) continue;
      if (table.mapping_epoch != tables.mapping_epoch()) continue;
      for (unsigned i = 0; i < page_table_entry::entries_per_table; ++i) {
        const uint64_t entry = tables.pool().entries(number)[i];
        if (page_table_entry::is_present(entry)) ++present[page_table_entry::address_of(entry)];
      }
    }
    const uint64_t first_frame = machine::physical_address_of(world.store().bytes(0)).value;
    unsigned wrong = 0;
    for (CacheSlot slot = 0; slot < world.store().slot_count(); ++slot) {
      const FrameDescriptor& descriptor = world.store().descriptor(slot);
      const bool counted = descriptor.mapping_epoch == static_cast<uint32_t>(tables.mapping_epoch());
      const auto found = present.find(first_frame + slot * frame_bytes);
      wrong += (counted ? descriptor.mapping_count : 0) != (found == present.end() ? 0 : found->second);
    }
    REQUIRE(wrong == 0);
  }

  // All entries, without what the processor writes there.
  std::vector<uint64_t> table_contents() {
    std::vector<uint64_t> result;
    for (TableNumber number = 0; number < tables.pool().size(); ++number) {
      for (unsigned i = 0; i < page_table_entry::entries_per_table; ++i) {
        result.push_back(tables.pool().entries(number)[i] & ~(page_table_entry::accessed | page_table_entry::dirty));
      }
    }
    return result;
  }

  Capability node(uint8_t slot_size) {
    const Capability capability = world.new_node();
    world.node(capability).slot_size = slot_size;
    return capability;
  }
  // A space of `count` pages side by side, from address 0; at most 256.
  Capability flat_space(unsigned count) {
    const Capability top = node(4);
    for (unsigned i = 0; i < count; i += 16) {
      const Capability inner = node(0);
      for (unsigned j = i; j < std::min(count, i + 16); ++j) {
        world.node(inner).slots[j - i] = world.new_page();
      }
      world.node(top).slots[i / 16] = inner;
    }
    return top;
  }
  Capability page_of(const Capability& flat, unsigned i) {
    return world.node(world.node(flat).slots[i / 16]).slots[i % 16];
  }
};

inline Capability with(Capability capability, uint8_t restrictions, uint64_t guard = 0) {
  capability.restrictions |= restrictions;
  capability.payload = guard;
  return capability;
}

}  // namespace perdure
