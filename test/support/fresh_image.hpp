// SPDX-License-Identifier: MIT
//
// The smallest image that checkpoint/layout.hpp allows, for tests: generation 0 in which no frame
// was ever used, with `frontier` tag frames that say so.
#pragma once

#include <cstring>
#include <memory>

#include "checkpoint/layout.hpp"
#include "test/support/simulated_disk.hpp"

namespace perdure {

template <typename Contents>
SharedBlock block_of(const Contents& contents) {
  Block block(block_bytes);
  std::memcpy(block.data(), &contents, sizeof(contents));
  return std::make_shared<const Block>(std::move(block));
}

inline Medium fresh_image(const Geometry& geometry, uint64_t frontier, uint64_t store_id) {
  Medium medium(geometry.disk_blocks);
  Root root;
  root.clean = 1;
  root.store_id = store_id;
  root.next_generation = {1};
  root.frontier = frontier;
  root.geometry = geometry;
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    root.sequence = 1 + slot;
    seal(root);
    for (const BlockIndex place : root_blocks[slot]) medium[place.value] = block_of(root);
  }
  for (uint64_t index = 0; index < frontier; ++index) {
    for (unsigned copy = 0; copy < 2; ++copy) {
      const BlockIndex place = geometry.tag_block(index, copy);
      TagFrame frame{.store_id = store_id, .index = index, .sequence = TagFrame::sequence_of({0}, copy)};
      seal(frame, place);
      medium[place.value] = block_of(frame);
    }
  }
  return medium;
}

}  // namespace perdure
