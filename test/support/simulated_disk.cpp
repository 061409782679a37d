// SPDX-License-Identifier: MIT
#include "test/support/simulated_disk.hpp"

#include <algorithm>
#include <cstring>

namespace perdure {
namespace {

constexpr unsigned sectors_per_block = block_bytes / sector_bytes;
static_assert(sectors_per_block == 8);

const Block& zeroes() {
  static const Block block(block_bytes);
  return block;
}
const Block& bytes_of(const SharedBlock& block) { return block ? *block : zeroes(); }

}  // namespace

SharedBlock SimulatedDisk::merge(const SharedBlock& old, const SharedBlock& fresh, uint8_t sectors) {
  if (sectors == 0xff) return fresh;
  if (sectors == 0) return old;
  Block merged = bytes_of(old);
  for (unsigned sector = 0; sector < sectors_per_block; ++sector) {
    if (!(sectors >> sector & 1)) continue;
    std::memcpy(merged.data() + sector * sector_bytes, bytes_of(fresh).data() + sector * sector_bytes,
                sector_bytes);
  }
  return std::make_shared<const Block>(std::move(merged));
}

SharedBlock SimulatedDisk::current(uint64_t block) const {
  const auto found = newest_.find(block);
  return found == newest_.end() ? durable_[block] : found->second;
}

bool SimulatedDisk::submit(const DiskRequest& request) {
  if (waiting_.size() >= queue_max) return false;
  const bool is_read = request.operation == DiskRequest::Operation::read;
  waiting_.push_back({request, ++time_, is_read && random_.one_in(100)});
  return true;
}

bool SimulatedDisk::fails(const DiskRequest& request, uint64_t one_in) {
  const size_t kind = size_t(request.operation);
  unsigned& burst = burst_[kind];
  const auto first_bad = bad_.lower_bound(request.block);
  const bool is_bad = request.operation == DiskRequest::Operation::read && first_bad != bad_.end() &&
                      *first_bad < request.block + request.block_count;
  const bool failed = burst > 0 || outage_[kind] || is_bad || random_.one_in(one_in);
  if (burst > 0) --burst;
  if (failed) ++counts_.errors;
  return failed;
}

std::optional<DiskCompletion> SimulatedDisk::poll() {
  if (waiting_.empty()) return {};
  if (random_.one_in(4)) return {};  // the disk takes its time
  const size_t chosen = random_.below(waiting_.size());
  const Waiting waiting = waiting_[chosen];
  if (waiting.held || (waiting.slow && !random_.one_in(100))) return {};
  waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(chosen));
  ++time_;
  bool failed = false;
  switch (waiting.request.operation) {
    case DiskRequest::Operation::read:
      failed = fails(waiting.request, faults_.read_error_one_in);
      carry_out_read(waiting.request, failed);
      if (after_read) after_read();
      break;
    case DiskRequest::Operation::write:
      failed = fails(waiting.request, faults_.write_error_one_in);
      if (waiting.written_before) failed = false;
      else if (writes_to_lose_ > 0) --writes_to_lose_;
      else if (blocks_to_lose_.erase(waiting.request.block) == 0) carry_out_write(waiting.request, failed);
      if (after_write) after_write();
      break;
    case DiskRequest::Operation::flush:
      failed = fails(waiting.request, faults_.flush_error_one_in);
      carry_out_flush(waiting, failed);
      if (after_write) after_write();
      break;
  }
  return DiskCompletion{waiting.request.token, failed};
}

void SimulatedDisk::hold_waiting() {
  for (Waiting& waiting : waiting_) waiting.held = true;
}

void SimulatedDisk::release_held() {
  for (Waiting& waiting : waiting_) waiting.held = false;
}

void SimulatedDisk::carry_out_read(const DiskRequest& request, bool failed) {
  ++counts_.reads;
  if (failed && random_.one_in(2)) return;
  for (uint32_t i = 0; i < request.block_count; ++i) {
    std::byte* to = request.memory + size_t{i} * block_bytes;
    const uint64_t block = request.block + i;
    if (failed || block >= durable_.size()) {
      std::memset(to, 0xe5, block_bytes);
      continue;
    }
    SharedBlock seen = current(block);
    for (const Waiting& other : waiting_) {  // being written at this moment
      if (other.request.operation != DiskRequest::Operation::write) continue;
      if (block < other.request.block || block >= other.request.block + other.request.block_count) continue;
      const std::byte* from = other.request.memory + (block - other.request.block) * block_bytes;
      seen = merge(seen, std::make_shared<const Block>(from, from + block_bytes),
                   static_cast<uint8_t>(random_.next()));
    }
    std::memcpy(to, bytes_of(seen).data(), block_bytes);
  }
}

void SimulatedDisk::carry_out_write(const DiskRequest& request, bool failed) {
  ++counts_.writes;
  for (uint32_t i = 0; i < request.block_count; ++i) {
    const std::byte* from = request.memory + size_t{i} * block_bytes;
    const uint64_t block = request.block + i;
    auto contents = std::make_shared<const Block>(from, from + block_bytes);
    const auto sectors = failed ? static_cast<uint8_t>(random_.next()) : uint8_t{0xff};
    newest_[block] = merge(current(block), contents, sectors);
    // A write that failed is not covered by any flush: it may or may not ever arrive.
    volatile_.push_back({block, std::move(contents), sectors, failed ? 0 : time_});
    ever_written_[block] = true;
    ++counts_.blocks_written;
  }
}

void SimulatedDisk::carry_out_flush(const Waiting& flush, bool failed) {
  ++counts_.flushes;
  std::vector<VolatileWrite> left;
  for (VolatileWrite& write : volatile_) {
    const bool covered = write.completed != 0 && write.completed < flush.submitted;
    const bool dropped = failed && random_.one_in(3);
    if (dropped) continue;
    if (!failed ? covered : random_.one_in(3)) {
      durable_[write.block] = merge(durable_[write.block], write.contents, write.sectors);
      // What failed there earlier is overtaken.
      std::erase_if(left, [&](const VolatileWrite& old) { return old.block == write.block; });
    } else {
      left.push_back(std::move(write));
    }
  }
  volatile_ = std::move(left);
  newest_.clear();
  for (const VolatileWrite& write : volatile_) {
    newest_[write.block] = merge(current(write.block), write.contents, write.sectors);
  }
}

Medium SimulatedDisk::cut(Random& random) const {
  Medium medium = durable_;
  std::vector<VolatileWrite> candidates = volatile_;
  for (const Waiting& waiting : waiting_) {
    if (waiting.request.operation != DiskRequest::Operation::write) continue;
    for (uint32_t i = 0; i < waiting.request.block_count; ++i) {
      const std::byte* from = waiting.request.memory + size_t{i} * block_bytes;
      candidates.push_back({waiting.request.block + i, std::make_shared<const Block>(from, from + block_bytes)});
    }
  }
  // How a disk loses: none, all, few, many, only torn; and sometimes out of order.
  const uint64_t style = random.below(5);
  if (style != 1 && random.one_in(2)) {
    for (size_t i = candidates.size(); i > 1; --i) std::swap(candidates[i - 1], candidates[random.below(i)]);
  }
  for (const VolatileWrite& write : candidates) {
    const bool kept = style == 1 || (style == 2 && random.one_in(4)) || (style >= 3 && !random.one_in(4));
    if (!kept) continue;
    const bool torn = style == 4 || (style == 3 && random.one_in(8));
    const auto sectors = torn ? static_cast<uint8_t>(write.sectors & random.next()) : write.sectors;
    medium[write.block] = merge(medium[write.block], write.contents, sectors);
  }
  return medium;
}

Medium SimulatedDisk::keep_everything() const {
  Medium medium = durable_;
  for (const auto& [block, contents] : newest_) medium[block] = contents;
  return medium;
}

Medium SimulatedDisk::drained() const {
  Medium medium = keep_everything();
  for (const Waiting& waiting : waiting_) {
    if (waiting.request.operation != DiskRequest::Operation::write) continue;
    for (uint32_t i = 0; i < waiting.request.block_count; ++i) {
      const std::byte* from = waiting.request.memory + size_t{i} * block_bytes;
      medium[waiting.request.block + i] = std::make_shared<const Block>(from, from + block_bytes);
    }
  }
  return medium;
}

void SimulatedDisk::becomes(Medium medium) {
  durable_ = std::move(medium);
  volatile_.clear();
  newest_.clear();
  for (Waiting& waiting : waiting_) waiting.written_before = waiting.request.operation == DiskRequest::Operation::write;
}

void SimulatedDisk::damage(uint64_t block, uint64_t byte, uint8_t bits) {
  Block changed = bytes_of(current(block));
  changed[byte] ^= std::byte{bits};
  const auto contents = std::make_shared<const Block>(std::move(changed));
  durable_[block] = contents;
  newest_.erase(block);
}

uint64_t SimulatedDisk::distinct_blocks_written(uint64_t first, uint64_t count) const {
  const auto begin = ever_written_.begin() + static_cast<std::ptrdiff_t>(first);
  return static_cast<uint64_t>(std::count(begin, begin + static_cast<std::ptrdiff_t>(count), true));
}

}  // namespace perdure
