// SPDX-License-Identifier: MIT
//
// Requests on their way to the disk and back, and what is done when the disk misbehaves: the one
// place for it. A fixed table.
//
// A read or write that fails is made again at once, a few times. What then still fails is
//  - *told*, if it belongs to a checkpoint in the making (log, roots): the attempt fails, its frames
//    stay in memory, and another attempt has other segments;
//  - *waited out* in all other cases (fetches, tags, the migration): an error is not damage, and a
//    storage that fails over is away for a minute. The request is made again, after growing pauses,
//    for as long as it takes; a process that needs it waits, all others run on.
//
//   waiting --submit--> submitted --success, or told--> free
//      ^                    |
//      +-- at once, or: paused
//
// But one place may be bad on a disk that is otherwise well. A read is *told* to have failed when it has
// failed for half a minute while, again and again between its tries, other reads did not. If there is no
// other read then, the queue makes one: a probe.
//
// A *flush* that failed is never made again here: the device may have dropped what it was asked to
// flush, so a second flush that succeeds proves nothing. The caller must write again first.
//
// The table never overflows, by construction: fetches are limited to fetches_max, loads of tags
// to TagCache::loads_max (two reads each), and the checkpointer to checkpointer_max.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "checkpoint/disk.hpp"
#include "checkpoint/disk_health.hpp"

namespace perdure {

// So often a body is read that arrives and does not verify, before it counts as lost: a disk may give wrongly what
// it holds (docs/decisions/0042-an-error-is-not-damage.md).
inline constexpr unsigned body_reads_max = 4;

enum class IoPurpose : uint8_t {
  body_read_home,  // argument: cache slot, and how often it has come wrong; context: expected checksum
  body_read_log,   // the same; its segment must not be reused meanwhile
  tag_read,        // argument: tag buffer * 2 + copy
  segment_write,   // argument: staging buffer
  log_read,        // of the migration; argument: first item of its batch
  home_write,
  tag_write,
  root_write,
  root_read,       // argument: copy
  root_flush,
  flush,
  probe,           // of this queue itself
};
inline constexpr unsigned io_purpose_count = 12;

// Whether the part of the store that asked for it waits until the disk is well.
constexpr bool is_waited_out(IoPurpose purpose) {
  switch (purpose) {
    case IoPurpose::body_read_home:
    case IoPurpose::body_read_log:
    case IoPurpose::tag_read:
    case IoPurpose::log_read:
    case IoPurpose::home_write:
    case IoPurpose::tag_write: return true;
    default: return false;
  }
}

struct IoResult {
  IoPurpose purpose;
  bool failed;
  uint32_t argument;
  uint64_t context;
};

class IoQueue {
 public:
  static constexpr unsigned capacity = 65;
  static constexpr unsigned fetches_max = 24;
  static constexpr unsigned checkpointer_max = 24;
  static constexpr unsigned tries_max = 4;  // at once
  static constexpr uint64_t pause_min_ns = 50'000'000;
  static constexpr uint64_t pause_max_ns = 2'000'000'000;
  static constexpr uint64_t bad_place_ns = 30'000'000'000;  // since its first failure, at least,
  static constexpr unsigned bad_place_rounds = 8;           // and so many rounds while others succeeded
  static constexpr size_t memory_bytes = block_bytes;

  // `memory`: for probes, one block.
  void open(Disk&, StoreClient&, std::byte* memory);
  // The requests that were paused go on. Called before the requests of a step are made.
  void advance(uint64_t now_ns);
  uint64_t now_ns() const { return now_ns_; }  // of the last advance(): the same within an attempt
  void start(const DiskRequest&, IoPurpose, uint32_t argument = 0, uint64_t context = 0);
  // Hands requests to the disk, and the next finished one to the caller. Never waits.
  std::optional<IoResult> next_result();
  unsigned in_flight(IoPurpose purpose) const { return in_flight_[static_cast<size_t>(purpose)]; }
  uint64_t retries() const { return retries_; }

 private:
  struct Operation {
    enum class State : uint8_t { free, waiting, submitted, paused };
    DiskRequest request;
    uint64_t context = 0;
    uint64_t failing_since_ns = 0;  // if rounds > 0
    uint64_t paused_until_ns = 0;
    uint64_t seen_ns = 0;           // under way, by the first look at it; 0: not looked at since it was submitted
    uint64_t successes_seen = 0;    // of reads, at the end of the last round
    uint32_t argument = 0;
    IoPurpose purpose = IoPurpose::flush;
    State state = State::free;
    uint8_t tries = 0;              // of this round
    uint8_t rounds = 0;             // of tries, all in vain
    uint8_t rounds_alone = 0;       // of these, such in which another read succeeded
  };
  void submit_waiting();
  void make_again(Operation&);
  bool try_again(Operation&, bool by_reading);
  void pause(Operation&);
  bool is_bad_place(const Operation&) const;
  void probe();

  Disk* disk_ = nullptr;
  std::byte* memory_ = nullptr;
  DiskHealth health_;
  std::array<Operation, capacity> operations_{};
  std::array<uint16_t, io_purpose_count> in_flight_{};
  uint64_t now_ns_ = 0;
  uint64_t read_successes_ = 0;
  uint64_t probes_ = 0;
  unsigned waiting_ = 0;
  unsigned paused_ = 0;
  unsigned next_ = 0;  // where the looking for waiting ones goes on: each gets its turn
  uint64_t retries_ = 0;
};

}  // namespace perdure
