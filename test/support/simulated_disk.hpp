// SPDX-License-Identifier: MIT
//
// A disk that keeps the contract of checkpoint/disk.hpp and not one thing more. Driven by one
// seed; the same seed is the same disk, bit for bit.
//
// The fault model, in words:
//  - a request waits in the queue; at each poll a random one of the waiting is carried out. So
//    requests complete in any order, however they were submitted; a few are much slower than
//    the others;
//  - a read sees the newest completed write. A read of a block that is being written sees each
//    of its 512-byte sectors as it was or as it will be;
//  - a completed write is *volatile* until a flush that was submitted after the write completed
//    itself completes with success;
//  - a power cut keeps of the volatile writes, of those not yet completed, and of those that
//    failed and were not overtaken by a durable write of the same block, any subset; each one whole, or any of its sectors; in any order where they overlap;
//  - a failed read fills the memory with rubbish, or leaves it as it was. A failed write leaves any of its sectors
//    written. A failed flush may have made durable any of the volatile writes, and may have
//    *dropped* any of them: the old contents come back at once, and no later flush brings the
//    write back;
//  - errors come with a given probability per request, in a burst that was asked for, to all requests of a
//    kind while an outage lasts, or to each read of a place that is bad;
//  - a write is acknowledged and never made only where the test says so (lose_next_writes, lose_write_of);
//  - bits rot only where the test says so (damage()).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "checkpoint/disk.hpp"

namespace perdure {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 0x1234567) {}
  uint64_t next() {  // splitmix64
    uint64_t z = (state_ += 0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t limit) { return next() % limit; }
  bool one_in(uint64_t n) { return n > 0 && below(n) == 0; }

 private:
  uint64_t state_;
};

using Block = std::vector<std::byte>;               // block_bytes
using SharedBlock = std::shared_ptr<const Block>;   // null: all zero

// What stands on the medium. Copied cheaply.
using Medium = std::vector<SharedBlock>;

class SimulatedDisk final : public Disk {
 public:
  struct Faults {
    uint64_t read_error_one_in = 0;   // 0: never
    uint64_t write_error_one_in = 0;
    uint64_t flush_error_one_in = 0;
  };

  SimulatedDisk(Medium medium, uint64_t seed) : durable_(std::move(medium)), random_(seed) {}

  uint64_t size_blocks() const override { return durable_.size(); }
  bool submit(const DiskRequest&) override;
  std::optional<DiskCompletion> poll() override;

  void set_faults(const Faults& faults) { faults_ = faults; }
  void fail_next(DiskRequest::Operation operation, unsigned count) { burst_[size_t(operation)] = count; }
  void end_bursts() { burst_[0] = burst_[1] = burst_[2] = 0; }
  // All of a kind fail until it is over.
  void set_outage(DiskRequest::Operation operation, bool is_on) { outage_[size_t(operation)] = is_on; }
  void end_outages() { outage_[0] = outage_[1] = outage_[2] = false; }
  // Each read of it fails.
  void set_bad(uint64_t block, bool is_bad = true) { if (is_bad) bad_.insert(block); else bad_.erase(block); }
  void lose_next_writes(unsigned count) { writes_to_lose_ = count; }
  void lose_write_of(uint64_t block) { blocks_to_lose_.insert(block); }  // the next one that begins there
  // Requests that wait now stay where they are, until they are released.
  void hold_waiting();
  void release_held();
  // Called after each write, and each flush, has been carried out: the crash points.
  std::function<void()> after_write;

  // Called after each read.
  std::function<void()> after_read;

  // What a power cut now may leave on the medium.
  Medium cut(Random&) const;
  // The same with everything kept, as if power stayed.
  Medium keep_everything() const;
  // The same with all that waits written as well: as when a machine is stopped, its memory kept, and its requests ended.
  Medium drained() const;
  // Of these places.
  template <typename Places>
  unsigned reads_waiting(const Places& slots) const {
    unsigned count = 0;
    for (const Waiting& waiting : waiting_) {
      for (const auto& slot : slots) {
        for (const auto place : slot) {
          count += waiting.request.operation == DiskRequest::Operation::read && waiting.request.block == place.value;
        }
      }
    }
    return count;
  }
  // Another machine has had the disk meanwhile. What waits to be written was written before that; what waits to
  // be read is read from what stands there now. (That a request had ended before the memory was kept, and its
  // completion is seen after, is not modelled.)
  void becomes(Medium medium);
  void damage(uint64_t block, uint64_t byte, uint8_t bits);
  void restore(uint64_t block, SharedBlock contents) { durable_[block] = std::move(contents); }
  SharedBlock durable_block(uint64_t block) const { return durable_[block]; }

  struct Counts { uint64_t reads = 0, writes = 0, flushes = 0, blocks_written = 0, errors = 0; };
  const Counts& counts() const { return counts_; }
  bool is_idle() const { return waiting_.empty(); }
  // Blocks that were ever written, of the given range.
  uint64_t distinct_blocks_written(uint64_t first, uint64_t count) const;

 private:
  struct VolatileWrite {
    uint64_t block;
    SharedBlock contents;
    uint8_t sectors = 0xff;  // which of them
    uint64_t completed = 0;  // at what time; 0 means it never did
  };
  struct Waiting {
    DiskRequest request;
    uint64_t submitted;
    bool slow;
    bool held = false;
    bool written_before = false;
  };
  bool fails(const DiskRequest&, uint64_t one_in);
  void carry_out_read(const DiskRequest&, bool failed);
  void carry_out_write(const DiskRequest&, bool failed);
  void carry_out_flush(const Waiting&, bool failed);
  SharedBlock current(uint64_t block) const;
  static SharedBlock merge(const SharedBlock& old, const SharedBlock& fresh, uint8_t sectors);

  static constexpr size_t queue_max = 32;
  Medium durable_;
  std::vector<VolatileWrite> volatile_;  // in the order of completion
  std::map<uint64_t, SharedBlock> newest_;  // what a read sees, where it is not the durable one
  std::vector<Waiting> waiting_;
  uint64_t time_ = 1;
  Random random_;
  Faults faults_;
  unsigned burst_[3] = {};
  bool outage_[3] = {};
  std::set<uint64_t> bad_;
  unsigned writes_to_lose_ = 0;
  std::set<uint64_t> blocks_to_lose_;
  Counts counts_;
  std::vector<bool> ever_written_ = std::vector<bool>(durable_.size());
};

}  // namespace perdure
