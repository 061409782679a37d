// SPDX-License-Identifier: MIT
#include "userland/runtime/recipe_reader.hpp"

#include <algorithm>
#include <cstring>

#include "userland/runtime/layout.hpp"

namespace perdure {

namespace {

struct RecipeNumbers {
  CapabilityPageCapability recipe;
  CapabilityRegister scratch;

  Answer<uint64_t> at(unsigned slot) const {
    if (auto done = recipe.fetch(slot, scratch); !done) return std::unexpected(done.error());
    return NumberCapability{scratch}.get();
  }
};

}  // namespace

Answer<RecipeSummary> read_recipe(CapabilityPageCapability recipe, CapabilityRegister scratch) {
  const RecipeNumbers numbers{recipe, scratch};
  uint64_t values[recipe::checksum_slot];
  for (const unsigned slot : {recipe::revision_slot, recipe::name_slot, recipe::name_slot + 1,
                              recipe::entry_point_slot, recipe::template_count_slot,
                              recipe::data_pages_slot, recipe::stack_pages_slot,
                              recipe::least_limit_slot}) {
    const auto number = numbers.at(slot);
    if (!number) return std::unexpected(number.error());
    values[slot] = *number;
    if (values[recipe::revision_slot] != recipe::revision_word) {
      return std::unexpected(Result::wrong_type);
    }
  }
  if (values[recipe::template_count_slot] > recipe::template_count_max) {
    return std::unexpected(Result::wrong_type);
  }
  RecipeSummary summary{
      .entry_point = values[recipe::entry_point_slot],
      .template_count = static_cast<unsigned>(values[recipe::template_count_slot]),
      .data_pages = static_cast<unsigned>(values[recipe::data_pages_slot]),
      .stack_pages = static_cast<unsigned>(values[recipe::stack_pages_slot])};
  std::memcpy(summary.name.characters, &values[recipe::name_slot], Word::length_max);
  summary.least_limit = std::max(values[recipe::least_limit_slot], frames_needed(summary));
  return summary;
}

uint64_t frames_needed(const RecipeSummary& summary) {
  constexpr uint64_t process_and_rows = 3;
  constexpr uint64_t first_touches = 2;  // one page more of stack, one of heap
  const uint64_t pages = std::max(summary.data_pages, summary.template_count) +
                         summary.stack_pages + first_touches;
  // Root; in each of the three regions one node for each 16 pages and one above them.
  const uint64_t nodes = 1 + 3 * 2 + pages / node_slot_count;
  const uint64_t nodes_per_frame = info(Kind::node).objects_per_frame;
  return process_and_rows + pages + (nodes + nodes_per_frame - 1) / nodes_per_frame;
}

}  // namespace perdure
