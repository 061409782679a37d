// SPDX-License-Identifier: MIT
//
// What the store asks of the kernel, and where each of it goes. The store calls from its own steps, between programs and
// in the middle of an attempt; so what is done here changes queues and caches, never objects (VOLATILE-WAKES).
#pragma once

#include "checkpoint/store_client.hpp"
#include "kernel/memory/page_tables.hpp"
#include "kernel/run/scheduler.hpp"
#include "kernel/trace.hpp"
#include "kernel/upkeep/announcements.hpp"
#include "kernel/upkeep/checkpoints.hpp"

namespace perdure {

class StoreEvents final : public StoreClient {
 public:
  constexpr StoreEvents(Scheduler& scheduler, PageTables& tables, Checkpoints& checkpoints, Announcements& announcements,
                        Trace& trace)
      : scheduler_(scheduler), tables_(tables), checkpoints_(checkpoints), announcements_(announcements), trace_(trace) {}

  void wake(WaitChannel channel) override { scheduler_.wake_all(channel); }
  void unmap(CacheSlot slot) override { tables_.unmap(slot); }
  void committed(Generation generation, bool failed) override { checkpoints_.ended(generation, failed); }
  void warning(std::string_view what, uint64_t number) override { announcements_.warn(what, number); }
  void disk_is_ill(DiskRequest::Operation) override;
  void disk_is_well(DiskRequest::Operation, uint64_t after_ns) override;
  uint64_t clock_ns() override { return machine::now_ns(); }
  void cannot_go_on(std::string_view why) override;
  void bug(std::string_view what, FrameNumber) override;

 private:
  Scheduler& scheduler_;
  PageTables& tables_;
  Checkpoints& checkpoints_;
  Announcements& announcements_;
  Trace& trace_;
};

}  // namespace perdure
