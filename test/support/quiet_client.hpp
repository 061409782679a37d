// SPDX-License-Identifier: MIT
//
// A client of the store, for tests of its parts, that does nothing and counts what it is told.
#pragma once

#include "checkpoint/store_client.hpp"

namespace perdure {

class QuietClient final : public StoreClient {
 public:
  void wake(WaitChannel) override {}
  void unmap(CacheSlot) override {}
  void committed(Generation, bool) override {}
  void warning(std::string_view, uint64_t) override { ++warnings; }
  void disk_is_ill(DiskRequest::Operation) override { ++ill; }
  void disk_is_well(DiskRequest::Operation, uint64_t after_ns) override {
    ++well;
    ill_for_ns = after_ns;
  }
  uint64_t clock_ns() override { return now_ns; }
  void cannot_go_on(std::string_view why) override { stopped = why; }
  void bug(std::string_view, FrameNumber) override { ++bugs; }

  uint64_t now_ns = 1;
  unsigned warnings = 0, ill = 0, well = 0, bugs = 0;
  uint64_t ill_for_ns = 0;
  std::string_view stopped;
};

}  // namespace perdure
