// SPDX-License-Identifier: MIT
//
// Requests on their way to the disk and back: a fixed table, in which a failed read or write is
// made again a few times before its failure is told to anybody. A failed *flush* is never made
// again here: the device may have dropped what it was asked to flush, so a second flush that
// succeeds proves nothing. Whoever asked for it must write again first.
//
// The table never overflows, by construction: fetches are limited to fetches_max, loads of tags
// to TagCache::loads_max (two reads each), and the checkpointer to checkpointer_max.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "checkpoint/disk.hpp"

namespace perdure {

enum class IoPurpose : uint8_t {
  body_read_home,  // argument: cache slot; context: expected checksum
  body_read_log,   // the same; its segment must not be reused meanwhile
  tag_read,        // argument: tag buffer * 2 + copy
  segment_write,   // argument: staging buffer
  log_read,        // of the migration; argument: first entry of its batch
  home_write,
  tag_write,
  root_write,
  root_read,       // argument: copy
  root_flush,
  flush,
};
inline constexpr unsigned io_purpose_count = 11;

struct IoResult {
  IoPurpose purpose;
  bool failed;
  uint32_t argument;
  uint64_t context;
};

class IoQueue {
 public:
  static constexpr unsigned capacity = 64;
  static constexpr unsigned fetches_max = 24;
  static constexpr unsigned checkpointer_max = 24;
  static constexpr unsigned tries_max = 4;

  void open(Disk& disk) { disk_ = &disk; }
  void start(const DiskRequest&, IoPurpose, uint32_t argument = 0, uint64_t context = 0);
  // Hands requests to the disk, and the next finished one to the caller. Never waits.
  std::optional<IoResult> next_result();
  unsigned in_flight(IoPurpose purpose) const { return in_flight_[static_cast<size_t>(purpose)]; }
  uint64_t retries() const { return retries_; }

 private:
  struct Operation {
    enum class State : uint8_t { free, waiting, submitted };
    DiskRequest request;
    uint64_t context = 0;
    uint32_t argument = 0;
    IoPurpose purpose = IoPurpose::flush;
    State state = State::free;
    uint8_t tries = 0;
  };
  void submit_waiting();

  Disk* disk_ = nullptr;
  std::array<Operation, capacity> operations_{};
  std::array<uint16_t, io_purpose_count> in_flight_{};
  unsigned waiting_ = 0;
  uint64_t retries_ = 0;
};

}  // namespace perdure
