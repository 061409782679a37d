// SPDX-License-Identifier: MIT
#include "checkpoint/io_queue.hpp"

#include <algorithm>

#include "checkpoint/geometry.hpp"
#include "objects/assertion.hpp"

namespace perdure {
namespace {

bool is_flush(const DiskRequest& request) { return request.operation == DiskRequest::Operation::flush; }
bool is_read(const DiskRequest& request) { return request.operation == DiskRequest::Operation::read; }

}  // namespace

void IoQueue::open(Disk& disk, StoreClient& client, std::byte* memory) {
  *this = {};
  disk_ = &disk;
  memory_ = memory;
  health_.open(client);
}

void IoQueue::start(const DiskRequest& request, IoPurpose purpose, uint32_t argument,
                    uint64_t context) {
  for (unsigned i = 0; i < capacity; ++i) {
    Operation& operation = operations_[i];
    if (operation.state != Operation::State::free) continue;
    operation = {.request = request, .context = context, .argument = argument, .purpose = purpose};
    operation.request.token = i;
    ++in_flight_[static_cast<size_t>(purpose)];
    make_again(operation);
    submit_waiting();
    return;
  }
  assert_that(false, "the table of disk operations never overflows");
}

void IoQueue::make_again(Operation& operation) {
  operation.state = Operation::State::waiting;
  ++waiting_;
}

void IoQueue::submit_waiting() {
  for (unsigned i = 0; i < capacity && waiting_ > 0; ++i) {
    Operation& operation = operations_[next_];
    if (operation.state == Operation::State::waiting) {
      if (!disk_->submit(operation.request)) return;
      operation.state = Operation::State::submitted;
      operation.seen_ns = 0;
      ++operation.tries;
      --waiting_;
    }
    next_ = (next_ + 1) % capacity;
  }
}

void IoQueue::advance(uint64_t now_ns) {
  now_ns_ = now_ns;
  if (health_.look_is_due(now_ns)) {
    for (Operation& operation : operations_) {
      if (operation.state != Operation::State::submitted) continue;
      // When it was submitted is not known: between two calls of this function any time may pass.
      if (operation.seen_ns == 0) operation.seen_ns = now_ns;
      health_.is_pending(operation.request.operation, operation.seen_ns, now_ns);
    }
  }
  if (paused_ == 0) return;
  for (Operation& operation : operations_) {
    if (operation.state != Operation::State::paused || now_ns < operation.paused_until_ns) continue;
    --paused_;
    operation.tries = 0;
    make_again(operation);
  }
}

std::optional<IoResult> IoQueue::next_result() {
  if (waiting_ > 0) submit_waiting();
  while (const auto completion = disk_->poll()) {
    assert_that(completion->token < capacity, "the disk returns the tokens that it was given");
    Operation& operation = operations_[completion->token];
    if (!completion->failed) {
      if (is_read(operation.request)) ++read_successes_;
      health_.succeeded(operation.request.operation, now_ns_);
      // The fence has read the roots before this write.
      if (operation.request.operation == DiskRequest::Operation::write) health_.succeeded(DiskRequest::Operation::read, now_ns_);
    } else if (try_again(operation, completion->by_reading)) {
      ++retries_;
      submit_waiting();
      continue;
    }
    operation.state = Operation::State::free;
    --in_flight_[static_cast<size_t>(operation.purpose)];
    if (operation.purpose == IoPurpose::probe) continue;
    return IoResult{operation.purpose, completion->failed, operation.argument, operation.context};
  }
  return {};
}

// Of an operation that has failed. False: its failure is told.
bool IoQueue::try_again(Operation& operation, bool by_reading) {
  if (is_flush(operation.request) || operation.purpose == IoPurpose::probe) return false;
  if (operation.tries < tries_max) {
    make_again(operation);
    return true;
  }
  health_.failed(by_reading ? DiskRequest::Operation::read : operation.request.operation, now_ns_);
  if (!is_waited_out(operation.purpose)) return false;
  pause(operation);
  if (!is_bad_place(operation)) return true;
  --paused_;
  return false;
}

void IoQueue::pause(Operation& operation) {
  if (operation.rounds == 0) operation.failing_since_ns = now_ns_;
  else if (read_successes_ != operation.successes_seen && operation.rounds_alone < bad_place_rounds) ++operation.rounds_alone;
  operation.successes_seen = read_successes_;
  const unsigned doublings = std::min<unsigned>(operation.rounds, 6);
  operation.paused_until_ns = now_ns_ + std::min(pause_min_ns << doublings, pause_max_ns);
  if (operation.rounds < bad_place_rounds) ++operation.rounds;
  operation.state = Operation::State::paused;
  ++paused_;
  if (is_read(operation.request)) probe();
}

bool IoQueue::is_bad_place(const Operation& operation) const {
  return is_read(operation.request) && operation.rounds_alone >= bad_place_rounds &&
         now_ns_ - operation.failing_since_ns >= bad_place_ns;
}

// Tries whether the disk gives anything at all: reads the places where roots stand, in turn.
void IoQueue::probe() {
  if (in_flight(IoPurpose::probe) > 0) return;
  const BlockIndex place = root_blocks[probes_ % root_slots][probes_ / root_slots % root_copies];
  ++probes_;
  start({.operation = DiskRequest::Operation::read, .block = place.value, .block_count = 1, .memory = memory_},
        IoPurpose::probe);
}

}  // namespace perdure
