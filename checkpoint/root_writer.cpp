// SPDX-License-Identifier: MIT
#include "checkpoint/root_writer.hpp"

#include <cstring>

#include "objects/assertion.hpp"

namespace perdure {

void RootWriter::adopt(const Root& root, unsigned slot) {
  current_ = root;
  slot_ = slot;
  // A write of the last boot may have had a higher number and left no trace: skip such numbers.
  last_sequence_ = root.sequence + sequences_skipped_at_boot;
  state_ = State::idle;
}

void RootWriter::start(IoQueue& io, const Root& root, unsigned tries) {
  assert_that(!is_busy(), "one root write at a time");
  next_ = root;
  tries_left_ = tries;
  write(io);
}

void RootWriter::write(IoQueue& io) {
  next_.sequence = ++last_sequence_;
  seal(next_);
  std::memset(memory_, 0, block_bytes);
  std::memcpy(memory_, &next_, sizeof(next_));
  state_ = State::writing;
  trouble_ = false;
  not_given_ = 0;
  left_ = root_copies;
  --tries_left_;
  for (const BlockIndex place : root_blocks[slot_ ^ 1]) {
    io.start({.operation = DiskRequest::Operation::write,
              .block = place.value,
              .block_count = 1,
              .memory = memory_},
             IoPurpose::root_write);
  }
}

void RootWriter::read_back(IoQueue& io) {
  state_ = State::reading;
  left_ = root_copies;
  for (unsigned copy = 0; copy < root_copies; ++copy) {
    io.start({.operation = DiskRequest::Operation::read,
              .block = root_blocks[slot_ ^ 1][copy].value,
              .block_count = 1,
              .memory = memory_ + (1 + copy) * block_bytes},
             IoPurpose::root_read, copy);
  }
}

void RootWriter::try_again(IoQueue& io) {
  if (tries_left_ > 0) {
    write(io);
  } else {
    state_ = State::failed;
  }
}

void RootWriter::ended(IoQueue& io, const IoResult& result) {
  if (state_ == State::reading && result.failed) ++not_given_;
  else trouble_ = trouble_ || result.failed;
  if (!trouble_ && !result.failed && state_ == State::reading) {
    const std::byte* copy = memory_ + (1 + result.argument) * block_bytes;
    trouble_ = std::memcmp(copy, memory_, block_bytes) != 0;
  }
  if (--left_ > 0) return;
  const unsigned tolerated = tries_left_ > 0 ? 0 : root_copies - 1;
  if (trouble_ || not_given_ > tolerated) return try_again(io);
  if (state_ == State::writing) {
    // The root becomes durable here; all that it names was made durable by an earlier flush.
    state_ = State::flushing;
    left_ = 1;
    io.start({.operation = DiskRequest::Operation::flush}, IoPurpose::root_flush);
  } else if (state_ == State::flushing) {
    read_back(io);
  } else {
    current_ = next_;
    slot_ ^= 1;
    state_ = State::done;
  }
}

}  // namespace perdure
