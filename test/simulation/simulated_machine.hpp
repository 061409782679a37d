// SPDX-License-Identifier: MIT
//
// A machine without a processor: the real store over a simulated disk, and random operations on
// frames, each of which is also told to the oracle.
#pragma once

#include <cstdlib>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#include "checkpoint/store.hpp"
#include "test/simulation/oracle.hpp"
#include "test/support/simulated_disk.hpp"

namespace perdure {

struct SimulationFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The store has told the machine to stop.
struct MachineStopped : SimulationFailure {
  using SimulationFailure::SimulationFailure;
};

inline void expect(bool holds, const std::string& what) {
  if (!holds) throw SimulationFailure(what);
}

// The memory of a machine, 4096-aligned, and full of rubbish.
class MachineMemory {
 public:
  explicit MachineMemory(size_t bytes);
  std::span<std::byte> all() { return {memory_.get(), bytes_}; }

 private:
  struct Free { void operator()(std::byte* memory) const { std::free(memory); } };
  size_t bytes_;
  std::unique_ptr<std::byte, Free> memory_;
};

// For a store of this geometry with about so many slots in its cache.
size_t memory_for(const Geometry&, size_t slots);

class SimulatedMachine final : public StoreClient {
 public:
  SimulatedMachine(SimulatedDisk& disk, std::span<std::byte> memory, Oracle* oracle)
      : disk_(disk), memory_(memory), oracle_(oracle) {}

  Expected<void, OpenFailure> open(const StoreSettings& settings) {
    return store->open(disk_, memory_, *this, settings, 1'700'000'000);
  }

  // One random thing, mostly to one of a few frames, or to any. Needs an oracle.
  void act(Random&, bool anywhere);
  // Writes to one frame after the other, until so many have had to wait: for the log, for copies, for the cache.
  void flood(Random&, unsigned stalls_wanted);
  // On a disk that is well: every operation that was told to wait is woken. Takes the checkpoints that this needs.
  void expect_everybody_woken();
  // Until nothing is pending and everything is at home.
  void run_to_idle();
  void poll(uint64_t ns);
  void declare();
  // Every frame is what `world` says; `unreadable_allowed`: or is reported unreadable.
  // → those that were.
  std::set<uint64_t> compare_with(const World& world, bool unreadable_allowed = false);
  // Every frame as it is read. → those that cannot be.
  std::set<uint64_t> read_everything(World& seen);
  // Both copies of each tag frame verify, and say the same: so it must be whenever everything is at home
  // and the disk has neither lost nor damaged anything. (EITHER-TAG-COPY is more than what is read.)
  void expect_pairs_of_tags() const;

  std::unique_ptr<Store> store = std::make_unique<Store>();
  uint64_t now_ns = 0;
  unsigned warnings = 0;
  unsigned ill = 0, well = 0;  // how often it was told that the disk is
  unsigned failed_commits = 0;
  unsigned stalls = 0;
  unsigned operations = 0;
  WaitChannel last_wake;
  bool is_ghost = false;        // what it reads is not its own any more: nothing is compared
  bool reads_may_fail = false;  // the disk was told so

  void wake(WaitChannel channel) override {
    last_wake = channel;
    parked_.erase(channel);
  }
  void unmap(CacheSlot) override {}
  void committed(Generation, bool failed) override;
  void warning(std::string_view, uint64_t) override { ++warnings; }
  void disk_is_ill(DiskRequest::Operation) override { ++ill; }
  void disk_is_well(DiskRequest::Operation, uint64_t) override { ++well; }
  uint64_t clock_ns() override { return now_ns += 100'000; }
  void cannot_go_on(std::string_view why) override { throw MachineStopped(std::string(why)); }
  void bug(std::string_view what, FrameNumber) override { throw SimulationFailure("bug: " + std::string(what)); }

 private:
  void park(const Stall&);
  CacheSlot obtain(FrameNumber);  // no_slot: stalled, or unreadable
  CacheSlot obtain_waiting(FrameNumber, bool* unreadable);
  bool make_dirty(CacheSlot, Random&);
  void remember(FrameNumber, CacheSlot);
  void write(FrameNumber, Random&);
  void make_anew(FrameNumber, Random&);
  void refresh_hints(FrameNumber, Random&);
  void compare(FrameNumber, CacheSlot, const FrameTruth&);

  SimulatedDisk& disk_;
  std::span<std::byte> memory_;
  Oracle* oracle_;
  std::set<WaitChannel> parked_;  // on which an actor waits
  bool withdrawing_ = false;
  bool hints_refreshed_ = false;  // then what stands in the cache is compared without hints
};

}  // namespace perdure
