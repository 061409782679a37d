// SPDX-License-Identifier: MIT
//
// Writing a root: two copies in the slot that does not hold the newest durable root, a flush, and
// both copies read back and compared. A try that fails is made again with the next sequence
// number, in the same slot: the other one is never touched before a newer root is known to stand.
//
// One place may be bad: after the last try, one copy that was read back is enough, if both were written
// and flushed and the disk does not give the other. (A copy that reads as something else is not
// tolerated: it may be an older root, which would be believed if the good copy rotted.)
//
//   idle --start--> writing --> flushing --> reading back --> done (current() is the new one)
//                      ^------------------------| a few times, then: failed
//
// Invariant ROOT-SEQUENCE: no two root writes of an image have the same sequence, failed ones
// included, and the newest durable root is never overwritten.
#pragma once

#include <cstdint>

#include "checkpoint/io_queue.hpp"
#include "checkpoint/layout.hpp"

namespace perdure {

class RootWriter {
 public:
  enum class State : uint8_t { idle, writing, flushing, reading, done, failed };
  static constexpr unsigned tries_max = 3;
  static constexpr uint64_t sequences_skipped_at_boot = 1000;
  static constexpr size_t memory_bytes = 3 * block_bytes;

  void open(std::byte* memory) { memory_ = memory; }
  // What recovery found: the newest root, and the slot in which it stands.
  void adopt(const Root& root, unsigned slot);

  const Root& current() const { return current_; }  // durable
  State state() const { return state_; }
  bool stands_once() const { return state_ == State::done && not_given_ > 0; }
  bool is_busy() const {
    return state_ == State::writing || state_ == State::flushing || state_ == State::reading;
  }

  // Sequence and checksum are filled in. Not while busy. `tries`: one only, if the flush is to cover more
  // than the root: a flush that failed may have dropped it, and the next one would say nothing of it.
  void start(IoQueue&, const Root&, unsigned tries = tries_max);
  // A root_write, root_flush or root_read has ended.
  void ended(IoQueue&, const IoResult&);

 private:
  void write(IoQueue&);
  void read_back(IoQueue&);
  void try_again(IoQueue&);

  std::byte* memory_ = nullptr;  // the block to write, and the two read back
  Root current_;
  Root next_;
  uint64_t last_sequence_ = 0;   // that was ever given to a write
  unsigned slot_ = 0;            // of current_
  unsigned tries_left_ = 0;
  unsigned left_ = 0;            // operations of this state still running
  bool trouble_ = false;         // one of them failed
  unsigned not_given_ = 0;       // copies that could not be read back
  State state_ = State::idle;
};

}  // namespace perdure
