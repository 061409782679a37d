// SPDX-License-Identifier: MIT
//
// Writes the last report of an assertion to the disk. Nothing of the store can be trusted any more,
// so it leans on the disk alone, and on memory that nothing else uses: a read that is under way when
// the bug strikes still lands where it was asked to, and must not land in the report.
//
// The requests that are under way are ended first, for half of the patience: a device that is busy with
// them would keep the report waiting anyway. A read that never ends does not cost the report.
// An error may pass (a path that fails over): the report is written again while patience lasts.
#pragma once

#include <cstdint>
#include <span>

#include "checkpoint/disk.hpp"
#include "checkpoint/geometry.hpp"
#include "objects/ids.hpp"

namespace perdure {

struct Report {
  std::span<const std::byte> text;  // cut to report_bytes_max
  uint64_t boot_epoch = 0;
  Generation generation;            // the last committed
};

class ReportWriter {
 public:
  // Time since boot, ns. The disk may be what is broken, so it is waited for by the clock.
  using Clock = uint64_t (*)();
  static constexpr size_t memory_bytes = report_blocks * block_bytes;
  static constexpr uint64_t patience_ns = 60'000'000'000;

  void open(Disk& disk, std::byte* memory) {
    disk_ = &disk;
    memory_ = memory;
  }
  // `in_flight`: requests that the disk has taken and not ended. True: the report is durable.
  bool write(const Report&, unsigned in_flight, Clock);

 private:
  void end_requests(unsigned in_flight, Clock, uint64_t until_ns);
  bool carry_out(const DiskRequest&, Clock, uint64_t until_ns);

  Disk* disk_ = nullptr;
  std::byte* memory_ = nullptr;
};

}  // namespace perdure
