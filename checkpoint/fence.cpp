// SPDX-License-Identifier: MIT
#include "checkpoint/fence.hpp"

#include <algorithm>
#include <cstring>

namespace perdure {

void Fence::open(Disk& disk, StoreClient& client, std::byte* memory, const Root& adopted, uint64_t boot_identity) {
  *this = {};
  disk_ = &disk;
  client_ = &client;
  memory_ = memory;
  store_id_ = adopted.store_id;
  boot_identity_ = boot_identity;
  adopted_ = given_ = adopted.sequence;
}

bool Fence::submit(const DiskRequest& request) {
  if (stopped_) return false;
  if (request.operation != DiskRequest::Operation::write) {
    // The held writes, and the reads that they wait for, come first: else each place that becomes free in a full
    // queue would go to another read.
    look();
    let_through();
    return give(request);
  }
  if (taken_ - given_out_ == held_max) return false;
  for (const auto& slot : root_blocks) {
    if (slot[0].value != request.block && slot[1].value != request.block) continue;
    Root root;
    std::memcpy(static_cast<void*>(&root), request.memory, sizeof(root));
    given_ = std::max(given_, root.sequence);
  }
  held_[taken_++ % held_max] = request;
  look();
  return true;
}

bool Fence::give(const DiskRequest& request) {
  const bool taken = disk_->submit(request);
  with_disk_ += taken;
  return taken;
}

// Begins to read the roots, if a write waits for that and no reading is under way. Gives the disk the reads that
// it did not take before.
void Fence::look() {
  constexpr unsigned both = (1u << root_slots) - 1;
  if (reading_ == 0 && checked_ < taken_) {
    copy_ = slots_seen_ = 0;
    newest_seen_ = 0;
    all_whole_ = true;
    to_read_ = both;
    reading_ = root_slots;
  }
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    if (!(to_read_ >> slot & 1)) continue;
    if (!give({DiskRequest::Operation::read, root_blocks[slot][copy_].value, 1, memory_ + slot * block_bytes, own_token | slot})) return;
    to_read_ &= ~(1u << slot);
  }
}

std::optional<DiskCompletion> Fence::poll() {
  has_looked_ = false;
  if (stopped_) return {};
  look();
  if (given_out_ < std::min(checked_, refused_)) return DiskCompletion{held_[given_out_++ % held_max].token, true, true};
  let_through();
  const auto completion = disk_->poll();
  if (!completion) return {};
  --with_disk_;
  if (!(completion->token & own_token)) return completion;
  has_looked_ = true;
  has_read(static_cast<unsigned>(completion->token & ~own_token), completion->failed);
  let_through();  // at once: between the reading and the writes there is nothing
  return {};
}

void Fence::let_through() {
  while (!stopped_ && given_out_ < checked_ && given_out_ >= refused_ && give(held_[given_out_ % held_max])) ++given_out_;
}

void Fence::has_read(unsigned slot, bool failed) {
  Root root;
  std::memcpy(static_cast<void*>(&root), memory_ + slot * block_bytes, sizeof(root));
  const bool whole = !failed && verify(root);
  all_whole_ = all_whole_ && whole;
  if (!failed) slots_seen_ |= 1u << slot;
  if (whole && is_strangers(root)) return stop("another machine has written to this disk");
  if (whole) newest_seen_ = std::max(newest_seen_, root.sequence);
  if (--reading_ == 0) judge();
}

bool Fence::is_strangers(const Root& root) const {
  return root.store_id != store_id_ || root.sequence > given_ || (root.sequence > adopted_ && root.boot_identity != boot_identity_);
}

void Fence::judge() {
  const bool as_it_should_be = all_whole_ && newest_seen_ >= durable_;
  if (!as_it_should_be && copy_ == 0) {
    copy_ = 1;
    to_read_ = (1u << root_slots) - 1;
    reading_ = root_slots;
    return look();
  }
  if (all_whole_ && newest_seen_ < durable_) return stop("the disk is older than this machine's memory");
  if (slots_seen_ != (1u << root_slots) - 1) refused_ = taken_;
  checked_ = taken_;
}

void Fence::stop(std::string_view why) {
  stopped_ = true;
  client_->cannot_go_on(why);
}

}  // namespace perdure
