// SPDX-License-Identifier: MIT
#include "checkpoint/io_queue.hpp"

#include "checkpoint/require.hpp"

namespace perdure {

void IoQueue::start(const DiskRequest& request, IoPurpose purpose, uint32_t argument,
                    uint64_t context) {
  for (unsigned i = 0; i < capacity; ++i) {
    Operation& operation = operations_[i];
    if (operation.state != Operation::State::free) continue;
    operation = {request, context, argument, purpose, Operation::State::waiting, 0};
    operation.request.token = i;
    ++in_flight_[static_cast<size_t>(purpose)];
    ++waiting_;
    submit_waiting();
    return;
  }
  require(false, "the table of disk operations never overflows");
}

void IoQueue::submit_waiting() {
  for (Operation& operation : operations_) {
    if (waiting_ == 0) return;
    if (operation.state != Operation::State::waiting) continue;
    if (!disk_->submit(operation.request)) return;
    operation.state = Operation::State::submitted;
    ++operation.tries;
    --waiting_;
  }
}

std::optional<IoResult> IoQueue::next_result() {
  if (waiting_ > 0) submit_waiting();
  while (const auto completion = disk_->poll()) {
    require(completion->token < capacity, "the disk returns the tokens that it was given");
    Operation& operation = operations_[completion->token];
    const bool is_flush = operation.request.operation == DiskRequest::Operation::flush;
    if (completion->failed && !is_flush && operation.tries < tries_max) {
      operation.state = Operation::State::waiting;
      ++waiting_;
      ++retries_;
      submit_waiting();
      continue;
    }
    operation.state = Operation::State::free;
    --in_flight_[static_cast<size_t>(operation.purpose)];
    return IoResult{operation.purpose, completion->failed, operation.argument, operation.context};
  }
  return {};
}

}  // namespace perdure
