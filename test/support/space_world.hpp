// SPDX-License-Identifier: MIT
//
// Pages and nodes for tests of address spaces: a store on the fake machine, with a cache into which all
// of them fit, and short ways to make, find and destroy objects in it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "checkpoint/store.hpp"
#include "objects/capability.hpp"
#include "objects/rows.hpp"
#include "test/support/fake_machine.hpp"
#include "test/support/memory_disk.hpp"

namespace perdure {

class SpaceWorld final : public StoreClient {
 public:
  SpaceWorld() { start(); }

  // Everything anew: another store without objects on a machine just powered on.
  void start();

  Store& store() { return *store_; }
  std::function<void(CacheSlot)> on_unmap;

  Capability new_page();
  Capability renew_page(CacheSlot);    // in a frame whose page was destroyed
  Capability new_capability_page();
  Capability new_node();
  Capability renew_node(const Capability&);  // in the place of one that was destroyed
  void destroy(const Capability&);
  bool exists(const Capability&);

  CacheSlot slot_of(const Capability&);
  std::byte* bytes(const Capability& capability) { return store().bytes(slot_of(capability)); }
  Node& node(const Capability&);       // of this epoch: made dirty
  void make_dirty(CacheSlot);
  void declare();                      // waits for the generation before it
  void evict(const Capability&);       // its frame; after a checkpoint
  void damage(const Capability&);      // its frame on the disk; what was evicted cannot be read
  void poll() { store().poll(fake_machine().now_ns += 1000); }
  std::vector<std::byte> contents();   // of all frames in use, as they would be stored

  void wake(WaitChannel) override {}
  void unmap(CacheSlot slot) override {
    if (on_unmap) on_unmap(slot);
  }
  void committed(Generation, bool) override {}
  void warning(std::string_view, uint64_t) override {}
  void disk_is_ill(DiskRequest::Operation) override {}
  void disk_is_well(DiskRequest::Operation, uint64_t) override {}
  uint64_t clock_ns() override { return fake_machine().now_ns; }
  void cannot_go_on(std::string_view why) override { throw std::runtime_error(std::string(why)); }
  void bug(std::string_view, FrameNumber) override;

 private:
  CacheSlot take_frame();
  Capability make_in(CacheSlot, Kind);
  CacheSlot resident(FrameNumber);

  Geometry geometry_;
  std::unique_ptr<MemoryDisk> disk_;
  std::unique_ptr<Store> store_;
  uint64_t next_frame_ = 0;
  CacheSlot node_row_ = no_slot;
  unsigned nodes_in_row_ = 0;
};

}  // namespace perdure
