// SPDX-License-Identifier: MIT
#include "test/support/space_world.hpp"

#include "objects/frame_life.hpp"

namespace perdure {
namespace {

constexpr size_t machine_bytes = 16u << 20;
constexpr size_t store_pages = 3000;
constexpr uint64_t disk_blocks = 8192;
constexpr uint64_t log_segments = 24;
constexpr unsigned polls_before_declaring = 100;

}  // namespace

void SpaceWorld::start() {
  fake_machine().power_on(machine_bytes);
  on_unmap = nullptr;
  next_frame_ = 1;
  node_row_ = no_slot;
  disk_ = std::make_unique<MemoryDisk>(disk_blocks);
  geometry_ = *Geometry::plan(disk_blocks, log_segments, 64);
  write_empty_image(*disk_, geometry_);
  store_ = std::make_unique<Store>();
  const auto opened = store_->open(*disk_, fake_machine().take_pages(store_pages), *this, {}, 0);
  if (!opened) throw KernelBug(std::string(opened.error().what));
}

void SpaceWorld::bug(std::string_view what, FrameNumber) { throw KernelBug(std::string(what)); }

CacheSlot SpaceWorld::take_frame() {
  const FrameNumber number{next_frame_++};
  for (;;) {
    if (const auto slot = store().obtain_identity(number)) {
      make_dirty(*slot);
      return *slot;
    }
    poll();
  }
}

// When too much is dirty only a checkpoint helps.
void SpaceWorld::make_dirty(CacheSlot slot) {
  for (unsigned polls = 0; !store().make_dirty(slot, Need::reserve); ++polls) {
    poll();
    if (polls > polls_before_declaring && store().can_declare()) {
      declare();
      polls = 0;
    }
  }
}

Capability SpaceWorld::make_in(CacheSlot slot, Kind kind) {
  make_dirty(slot);
  FrameDescriptor& descriptor = store().descriptor(slot);
  make_whole(descriptor.identity, kind, {});
  store().become_all_zero(slot);
  return fabricate(descriptor.identity, store().bytes(slot), descriptor.number, 0);
}

Capability SpaceWorld::new_page() { return make_in(take_frame(), Kind::page); }
Capability SpaceWorld::renew_page(CacheSlot slot) { return make_in(slot, Kind::page); }
Capability SpaceWorld::new_capability_page() { return make_in(take_frame(), Kind::capability_page); }

Capability SpaceWorld::new_node() {
  if (node_row_ == no_slot || nodes_in_row_ == info(Kind::node).objects_per_frame) {
    node_row_ = take_frame();
    nodes_in_row_ = 0;
    store().become_all_zero(node_row_);
    format_row(store().descriptor(node_row_).identity, store().bytes(node_row_), Kind::node, {});
  }
  make_dirty(node_row_);
  FrameDescriptor& descriptor = store().descriptor(node_row_);
  make_in_row(descriptor.identity, store().bytes(node_row_), nodes_in_row_);
  return fabricate(descriptor.identity, store().bytes(node_row_), descriptor.number, nodes_in_row_++);
}

Capability SpaceWorld::renew_node(const Capability& destroyed) {
  const CacheSlot slot = slot_of(destroyed);
  make_dirty(slot);
  FrameDescriptor& descriptor = store().descriptor(slot);
  const unsigned index = destroyed.object.index();
  make_in_row(descriptor.identity, store().bytes(slot), index);
  return fabricate(descriptor.identity, store().bytes(slot), descriptor.number, index);
}

void SpaceWorld::destroy(const Capability& capability) {
  const CacheSlot slot = slot_of(capability);
  make_dirty(slot);
  FrameDescriptor& descriptor = store().descriptor(slot);
  if (is_row(descriptor.identity.kind)) {
    destroy_in_row(descriptor.identity, store().bytes(slot), capability.object.index());
    return;
  }
  rescind(descriptor.identity);
  store().become_all_zero(slot);
}

bool SpaceWorld::exists(const Capability& capability) {
  if (!names_object(capability.type)) return !capability.is_void();
  const CacheSlot slot = slot_of(capability);
  return version_of(store().descriptor(slot).identity, store().bytes(slot),
                    capability.object.index()) == capability.version;
}

CacheSlot SpaceWorld::resident(FrameNumber number) {
  for (;;) {
    if (const auto slot = store().obtain(number)) return *slot;
    poll();
  }
}

CacheSlot SpaceWorld::slot_of(const Capability& capability) {
  return resident(capability.object.frame());
}

Node& SpaceWorld::node(const Capability& capability) {
  const CacheSlot slot = slot_of(capability);
  make_dirty(slot);
  return *row_object<Node>(store().bytes(slot), capability.object.index());
}

void SpaceWorld::declare() {
  while (!store().can_declare()) poll();
  store().declare(fake_machine().now_ns, 0);
}

void SpaceWorld::evict(const Capability& capability) {
  const CacheSlot slot = slot_of(capability);
  declare();
  while (!store().can_declare()) poll();  // committed, and written home
  if (!store().drop(slot)) throw KernelBug("a frame cannot be evicted");
}

void SpaceWorld::damage(const Capability& capability) {
  std::byte* block = disk_->block(geometry_.home_block(capability.object.frame()));
  block[100] ^= std::byte{1};
}

std::vector<std::byte> SpaceWorld::contents() {
  std::vector<std::byte> result((next_frame_ - 1) * frame_bytes);
  for (uint64_t frame = 1; frame < next_frame_; ++frame) {
    const CacheSlot slot = resident({frame});
    normalize(store().descriptor(slot).identity.kind, store().bytes(slot),
              result.data() + (frame - 1) * frame_bytes);
  }
  return result;
}

}  // namespace perdure
