// SPDX-License-Identifier: MIT
//
// What the parts of the store share, passed to each of them explicitly.
#pragma once

#include "checkpoint/directory.hpp"
#include "checkpoint/frame_cache.hpp"
#include "checkpoint/io_queue.hpp"
#include "checkpoint/root_writer.hpp"
#include "checkpoint/tag_cache.hpp"

namespace perdure {

class StoreClient;

struct StoreParts {
  FrameCache& cache;
  uint32_t& epoch;  // in which frames are changed now: that of the next checkpoint
  StoreClient* client = nullptr;
  Geometry geometry;
  uint64_t store_id = 0;
  IoQueue io;
  TagCache tags;
  Directory directory;
  RootWriter roots;
  uint32_t committed_epoch = 0;  // what was last dirtied then is safe on the disk
};

}  // namespace perdure
