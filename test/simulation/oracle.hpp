// SPDX-License-Identifier: MIT
//
// What must be on the disk: for each generation, the contents of every frame, as a map. Nothing
// clever: it is copied whole at each cut.
#pragma once

#include <map>

#include "test/simulation/frame_truth.hpp"

namespace perdure {

struct World {
  std::map<uint64_t, FrameTruth> frames;  // by frame number; absent: never used
  SystemState system;                     // is part of a generation

  FrameTruth frame(uint64_t number) const {
    const auto found = frames.find(number);
    return found == frames.end() ? FrameTruth{} : found->second;
  }
};

struct Oracle {
  World now;
  std::map<uint64_t, World> generations;  // as they were cut
  uint64_t reported = 0;                  // newest that was reported committed
  uint64_t possible = 0;                  // a newer one whose root may be durable; 0: none

  void declared(uint64_t generation) {
    generations[generation] = now;
    possible = generation;
  }
  void committed(uint64_t generation) {
    reported = generation;
    possible = 0;
    generations.erase(generations.begin(), generations.find(generation));
  }
  void withdrawn() { possible = 0; }
  bool may_recover(uint64_t generation) const {
    return generation == reported || (possible != 0 && generation == possible);
  }
  // The machine goes on from what a power cut has left.
  void went_back_to(uint64_t generation, const World& world) {
    now = world;
    generations = {{generation, world}};
    reported = generation;
    possible = 0;
  }
};

}  // namespace perdure
