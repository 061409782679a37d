// SPDX-License-Identifier: MIT
//
// An attempt that could not be committed: its frames go back, and a root withdraws it.
#include "checkpoint/checkpointer.hpp"

#include <algorithm>

#include "objects/assertion.hpp"

namespace perdure {

void Checkpointer::fail(StoreParts&) {
  ++failed_commits_;
  log_.abandon();
  phase_ = Phase::returning;
}

// Bounded; ends when nothing of the attempt is in flight or in memory any more.
bool Checkpointer::returning_step(StoreParts& parts) {
  for (unsigned i = 0; i < 32; ++i) {
    if (frozen_.count > 0) {
      make_dirty_again(parts, frozen_);
    } else if (staged_.count > 0) {
      make_dirty_again(parts, staged_);
    } else if (!copies_.is_empty()) {
      copies_.drop_first();  // the live frame is dirty
    } else {
      break;
    }
  }
  const bool forgotten = parts.directory.forget_step(32);
  if (frozen_.count > 0 || staged_.count > 0 || !copies_.is_empty() || !forgotten) return true;
  if (log_.is_writing(parts.io)) return false;
  const Generation failed = pending_;
  pending_ = {};
  flush_failed_ = false;
  failed_now_ = true;
  if (copy_wanted_) {
    copy_wanted_ = false;
    parts.client->wake(WaitChannel::of(WaitChannel::Reason::copy_buffer));
  }
  parts.client->committed(failed, true);
  start_withdrawing(parts);
  return true;
}

void Checkpointer::make_dirty_again(StoreParts& parts, FrameList& list) {
  const CacheSlot slot = list.first;
  list.remove(parts.cache, slot);
  parts.cache[slot].state = FrameState::dirty;
  parts.cache[slot].epoch = parts.epoch;
  dirty_.append(parts.cache, slot);
}

// The durable root once more, with a higher sequence: whatever the failed attempt may have left
// in the other slot is overwritten or outbid by it.
void Checkpointer::start_withdrawing(StoreParts& parts) {
  Root root = parts.roots.current();
  root.clean = 0;
  root.log_need = LogNeed::nothing;  // the last generation was at home before this one began
  root.next_generation = next_generation_;
  parts.roots.start(parts.io, root);
  phase_ = Phase::withdrawing;
}

void Checkpointer::pause_before_retry(uint64_t now_ns) {
  retry_at_ns_ = now_ns + retry_ns_;
  retry_ns_ = std::min(2 * retry_ns_, retry_max_ns);
}

bool Checkpointer::withdrawing_step(StoreParts& parts, uint64_t now_ns) {
  if (failed_now_) pause_before_retry(now_ns);
  failed_now_ = false;
  if (phase_ == Phase::pausing) {
    if (now_ns < retry_at_ns_) return false;
    start_withdrawing(parts);
    return true;
  }
  if (parts.roots.is_busy()) return false;
  if (parts.roots.state() == RootWriter::State::failed) {
    parts.client->warning("the root cannot be written", parts.roots.current().sequence);
    pause_before_retry(now_ns);
    phase_ = Phase::pausing;
  } else {
    phase_ = Phase::idle;
  }
  return true;
}

}  // namespace perdure
