// SPDX-License-Identifier: MIT
//
// A store over a simulated disk, for the tests that attack it: no oracle, and every wake, commit,
// warning and bug that the store reports is written down.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "checkpoint/store.hpp"
#include "test/simulation/simulated_machine.hpp"
#include "test/support/fresh_image.hpp"
#include "test/support/simulated_disk.hpp"

namespace perdure {

class SmallMachine final : public StoreClient {
 public:
  static constexpr uint64_t store_id = 0x5a11;

  explicit SmallMachine(Geometry geometry, uint64_t frontier = 1, size_t memory_bytes = 4 << 20)
      : SmallMachine(fresh_image(geometry, frontier, store_id), memory_bytes) {}
  explicit SmallMachine(Medium medium, size_t memory_bytes = 4 << 20)
      : disk(std::move(medium), 1), memory_(memory_bytes) {
    opened = store->open(disk, memory_.all(), *this, {.boot_identity = ++boots}, 1);
  }
  // Four segments of 16 blocks; four tag frames, or as many as are asked for.
  static Geometry geometry(uint64_t tag_frames = 4) {
    return *Geometry::plan(log_start.value + 4 * 16 + tag_frames * (tags_per_frame + 2), 4, 16);
  }

  void poll() { store->poll(now_ns += 1'000'000); }
  // False: never.
  template <typename Condition>
  bool poll_until(Condition condition) {
    for (unsigned i = 0; i < 100'000; ++i) {
      if (condition()) return true;
      poll();
    }
    return false;
  }
  bool run_to_idle() {
    return poll_until([this] { return store->can_declare(); });
  }
  Generation declare() { return store->declare(now_ns, 1); }
  bool checkpoint() {
    const Generation generation = declare();
    return run_to_idle() && store->committed_generation() == generation;
  }

  // no_slot: unreadable (or it never comes).
  CacheSlot obtain(uint64_t number, bool identity_only = false) {
    CacheSlot found = no_slot;
    poll_until([&] {
      const auto slot = identity_only ? store->obtain_identity({number}) : store->obtain({number});
      if (slot) found = *slot;
      return slot || slot.error().why != Absent::Why::stall;
    });
    return found;
  }
  // Makes or changes a page. False: it stalls.
  bool write_page(uint64_t number, char fill) {
    const CacheSlot slot = obtain(number);
    if (slot == no_slot || !store->make_dirty(slot, Need::reserve)) return false;
    FrameIdentity& identity = store->descriptor(slot).identity;
    if (identity.kind == Kind::empty) make_whole(identity, Kind::page, {3});
    std::memset(store->bytes(slot), fill, frame_bytes);
    return true;
  }
  // 0: unreadable.
  char read_page(uint64_t number) {
    const CacheSlot slot = obtain(number);
    return slot == no_slot ? '\0' : static_cast<char>(store->bytes(slot)[100]);
  }
  bool was_woken(WaitChannel channel) const {
    return std::ranges::find(wakes, channel) != wakes.end();
  }

  void wake(WaitChannel channel) override { wakes.push_back(channel); }
  void unmap(CacheSlot) override {}
  void committed(Generation, bool failed) override { failed_commits += failed; }
  void warning(std::string_view what, uint64_t) override { warnings.emplace_back(what); }
  void disk_is_ill(DiskRequest::Operation) override { ++ill; }
  void disk_is_well(DiskRequest::Operation, uint64_t) override { ++well; }
  uint64_t clock_ns() override { return now_ns += 100'000; }
  void cannot_go_on(std::string_view why) override {
    if (stopped.empty()) stopped = why;
    if (!opened) throw MachineStopped(stopped);
  }
  void bug(std::string_view what, FrameNumber) override { bugs.emplace_back(what); }

  std::unique_ptr<Store> store = std::make_unique<Store>();
  SimulatedDisk disk;
  Expected<void, OpenFailure> opened = std::unexpected(OpenFailure{});
  std::string stopped;  // why; empty: it runs
  uint64_t now_ns = 0;
  std::vector<WaitChannel> wakes;
  std::vector<std::string> warnings, bugs;
  unsigned failed_commits = 0;
  unsigned ill = 0, well = 0;  // how often it was told that the disk is

 private:
  static inline uint64_t boots = 0;  // of all machines: no two have the same identity
  MachineMemory memory_;
};

}  // namespace perdure
