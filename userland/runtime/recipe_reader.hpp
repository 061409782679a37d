// SPDX-License-Identifier: MIT
//
// Reads a recipe (recipe.hpp) through its capability.
#pragma once

#include "userland/runtime/interface.hpp"
#include "userland/runtime/kernel_objects.hpp"
#include "userland/runtime/recipe.hpp"

namespace perdure {

struct RecipeSummary {
  Word name;
  uint64_t entry_point = 0;
  unsigned template_count = 0;
  unsigned data_pages = 0;
  unsigned stack_pages = 0;
  uint64_t least_limit = 0;  // frames that a bank for one instance needs: to start, and a little
};

// `scratch`: a register to use. wrong_type: not a recipe, or of another revision.
Answer<RecipeSummary> read_recipe(CapabilityPageCapability recipe, CapabilityRegister scratch);

// What an instance needs, from the counts: pure. Its process and the rows of activity and
// endpoint; the rows of its nodes; its data; its first pages of bss, stack and heap.
uint64_t frames_needed(const RecipeSummary&);

}  // namespace perdure
