// SPDX-License-Identifier: MIT
//
// The store's start, which waits for the disk with requests of its own.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <optional>

#include "checkpoint/recovery.hpp"
#include "checkpoint/store.hpp"
#include "objects/assertion.hpp"

namespace perdure {
namespace {

// Takes pieces from the front of the memory. Everything that is handed out was counted before.
class Carver {
 public:
  explicit Carver(std::span<std::byte> memory) : at_(memory.data()), left_(memory.size()) {
    align(block_bytes);
  }
  void align(size_t to) {
    const size_t over = reinterpret_cast<uintptr_t>(at_) % to;
    if (over != 0) skip(to - over);
  }
  std::byte* take(size_t bytes) {
    std::byte* piece = at_;
    skip(bytes);
    return piece;
  }
  template <typename Item>
  std::span<Item> take_array(size_t count) {
    align(64);
    return {reinterpret_cast<Item*>(take(count * sizeof(Item))), count};
  }
  size_t left() const { return left_; }
  bool is_short() const { return short_; }

 private:
  void skip(size_t bytes) {
    if (bytes > left_) {
      short_ = true;
      return;
    }
    at_ += bytes;
    left_ -= bytes;
  }
  std::byte* at_;
  size_t left_;
  bool short_ = false;
};

constexpr CacheSlot slots_min = 16;

struct MemoryPlan {
  std::byte* staging = nullptr;
  std::byte* report = nullptr;
  std::byte* tags = nullptr;
  std::byte* roots = nullptr;
  std::byte* probe = nullptr;
  std::byte* fence = nullptr;
  std::span<SegmentReference> references;
  std::span<Directory::Item> items;
  std::span<uint32_t> order;
  std::span<uint32_t> item_heads;
  std::byte* copy_bodies = nullptr;
  std::span<FrozenCopy> copies;
  std::byte* bodies = nullptr;
  std::span<FrameDescriptor> descriptors;
  std::span<CacheSlot> heads;
  std::span<uint64_t> checks;
};

// None: too little. What does not depend on the size of the memory first, then as many frames
// as the rest holds.
std::optional<MemoryPlan> divide(std::span<std::byte> memory, const Geometry& geometry, bool check) {
  Carver carver(memory);
  MemoryPlan plan;
  const size_t items = geometry.generation_entries_max();
  plan.staging = carver.take(LogWriter::memory_bytes(geometry));
  plan.report = carver.take(ReportWriter::memory_bytes);
  plan.tags = carver.take(TagCache::memory_bytes);
  plan.roots = carver.take(RootWriter::memory_bytes);
  plan.probe = carver.take(IoQueue::memory_bytes);
  plan.fence = carver.take(Fence::memory_bytes);
  plan.references = carver.take_array<SegmentReference>(geometry.log_segments);
  plan.items = carver.take_array<Directory::Item>(items);
  plan.order = carver.take_array<uint32_t>(items);
  plan.item_heads = carver.take_array<uint32_t>(std::bit_ceil(items + 2));
  carver.align(block_bytes);
  // A frame, its descriptor, its share of the hash (at most two heads), its checksum, and a
  // sixteenth of a copy buffer, as long as there are not enough of these.
  constexpr size_t slots_per_copy = 16, copies_max = 1024;
  constexpr size_t copy_bytes = frame_bytes + sizeof(FrozenCopy);
  constexpr size_t per_slot_alone = frame_bytes + sizeof(FrameDescriptor) + 2 * sizeof(CacheSlot) + sizeof(uint64_t);
  constexpr size_t per_slot = per_slot_alone + copy_bytes / slots_per_copy;
  constexpr size_t rounding = 16 * block_bytes + 4 * 64;
  if (carver.is_short() || carver.left() < rounding + slots_min * per_slot) return {};
  const size_t left = carver.left() - rounding;
  const uint64_t beside_all_copies = (left - std::min(left, copies_max * copy_bytes)) / per_slot_alone;
  const uint64_t slots = std::min<uint64_t>(std::max<uint64_t>(left / per_slot, beside_all_copies), cache_slots_max);
  const size_t copies = std::clamp<size_t>(slots / slots_per_copy, 4, copies_max);
  plan.bodies = carver.take(slots * frame_bytes);
  plan.copy_bodies = carver.take(copies * frame_bytes);
  plan.copies = carver.take_array<FrozenCopy>(copies);
  plan.descriptors = carver.take_array<FrameDescriptor>(slots);
  plan.heads = carver.take_array<CacheSlot>(std::bit_ceil(slots));
  if (check) plan.checks = carver.take_array<uint64_t>(slots);
  assert_that(!carver.is_short(), "memory was counted before it was divided");
  return plan;
}

Root boot_root(const Root& found, const StoreSettings& settings) {
  Root root = found;
  root.boot_identity = settings.boot_identity;
  root.processor_features = settings.processor_features;  // no fewer than before: else it was refused
  root.clean = 0;
  ++root.boots;
  ++root.boots_since_commit;
  ++root.boot_epoch;
  if (!found.clean) {
    ++root.power_cuts;
    // The last boot may have begun the attempt with this number, and left no trace of it.
    ++root.next_generation.value;
  }
  return root;
}

}  // namespace

Expected<void, OpenFailure> Store::open(Disk& disk, std::span<std::byte> memory,
                                        StoreClient& client, const StoreSettings& settings,
                                        uint64_t) {
  const auto too_small = std::unexpected(
      OpenFailure{OpenError::too_small_memory, "the memory is too small for this image"});
  Carver first(memory);
  std::byte* buffer = first.take(block_bytes);
  if (first.is_short()) return too_small;
  const auto found = read_roots(disk, &client, buffer);
  if (!found) return std::unexpected(found.error());
  const auto plan = divide(memory, found->root.geometry, settings.check);
  if (!plan || memory.size() < found->root.least_memory_bytes) return too_small;
  if (const uint64_t missing = found->root.processor_features & ~settings.processor_features; missing != 0) {
    return std::unexpected(OpenFailure{OpenError::other_machine,
                                       "the image needs processor features that this machine does not have", missing});
  }

  cache_ = {};
  epoch_ = 1;
  std::construct_at(&parts_, StoreParts{.cache = cache_, .epoch = epoch_});
  parts_.client = &client;
  parts_.geometry = found->root.geometry;
  frames_ = parts_.geometry.frames;
  parts_.store_id = found->root.store_id;
  fence_.open(disk, client, plan->fence, found->root, settings.boot_identity);
  parts_.io.open(fence_, client, plan->probe);
  report_writer_.open(disk, plan->report);
  parts_.cache.open(plan->descriptors, plan->heads, plan->bodies);
  parts_.tags.open(plan->tags);
  parts_.directory.open(plan->items, plan->order, plan->item_heads);
  parts_.roots.open(plan->roots);
  parts_.roots.adopt(found->root, found->slot);
  const auto read = read_generation(disk, &client, found->root, plan->staging, parts_.directory);
  if (!read) return std::unexpected(read.error());
  // Nothing is written to the log before this boot's epoch is durable: the sequences of segments
  // are drawn from it.
  const Root root = boot_root(found->root, settings);
  write_boot_root(root);
  fetcher_.open(parts_.cache.size());
  checkpointer_.open(parts_, settings, plan->copies, plan->copy_bodies, plan->staging,
                     plan->references, plan->checks);
  checkpointer_.resume(parts_, root.next_generation);
  resumed_generation_ = root.newest_generation;
  resumed_at_wall_seconds_ = root.system.wall_seconds;
  return {};
}

// The disk may take no writes for a while: the machine does not start before it does.
void Store::write_boot_root(const Root& root) {
  constexpr uint64_t pause_max_ns = 2'000'000'000;
  for (uint64_t pause_ns = 50'000'000;; pause_ns = std::min(2 * pause_ns, pause_max_ns)) {
    parts_.roots.start(parts_.io, root);
    if (wait_for_root()) return;
    const uint64_t until_ns = parts_.client->clock_ns() + pause_ns;
    while (parts_.client->clock_ns() < until_ns) {
    }
  }
}

}  // namespace perdure
