// SPDX-License-Identifier: MIT
#include "tools/image_roots.hpp"

#include <cstring>

#include "tools/quantity.hpp"
#include "tools/tool_error.hpp"

namespace perdure {
namespace {

std::optional<Root> read_root(const ImageFile& file, unsigned slot, unsigned copy) {
  const BlockIndex place = root_blocks[slot][copy];
  if (place.value >= file.size_blocks()) return {};
  Root root;
  std::memcpy(&root, file.block(place), sizeof(root));
  return root;
}

std::string name_of_root(unsigned slot, unsigned copy) {
  return std::string("root ") + (slot == 0 ? "A" : "B") + ", copy " + std::to_string(copy);
}

// Why no copy counts: says what was found, does not guess.
[[noreturn]] void refuse_without_root(const ImageFile& file) {
  bool was_an_image = false;
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    for (unsigned copy = 0; copy < root_copies; ++copy) {
      const auto root = read_root(file, slot, copy);
      if (!root || root->magic != Root::magic_value) continue;
      was_an_image = true;
      if (root->format != format_version) {
        throw ToolError(ExitStatus::refused, file.path() + ": an image of format " +
                                                 std::to_string(root->format) +
                                                 "; this tool reads format " +
                                                 std::to_string(format_version));
      }
    }
  }
  if (was_an_image) throw ToolError(ExitStatus::damaged, "image damaged: no root verifies");
  throw ToolError(ExitStatus::refused, file.path() + ": not a Perdure image");
}

void check_geometry(const ImageFile& file, const Root& root) {
  const Geometry& geometry = root.geometry;
  const auto planned =
      Geometry::plan(geometry.disk_blocks, geometry.log_segments, geometry.segment_blocks);
  if (!planned || *planned != geometry) {
    throw ToolError(ExitStatus::damaged, "image damaged: its root names a geometry that cannot be");
  }
  if (file.size_blocks() < geometry.disk_blocks) {
    throw ToolError(ExitStatus::refused,
                    file.path() + ": cut short: it has " + describe_bytes(file.size_bytes()) +
                        " of " + describe_bytes(geometry.disk_blocks * block_bytes));
  }
}

void check_root(const Root& root, Findings& findings) {
  const auto wrong = [&](const char* what) { findings.add(std::string("root: ") + what); };
  if (root.store_id == 0) wrong("no store id");
  if (root.clean > 1) wrong("clean is neither 0 nor 1");
  if (root.unmigrated > 1) wrong("unmigrated is neither 0 nor 1");
  if (root.next_generation <= root.newest_generation) wrong("its next generation exists already");
  if (root.oldest_bootable > root.newest_generation) wrong("its oldest generation is newer than the newest");
  if (root.frontier > root.geometry.tag_frames) wrong("its frontier is beyond the tags");
  if (root.system.next_ticket == 0) wrong("the next ticket is 0");
}

}  // namespace

// A root fits a sector, so that each copy is an old one or a new one after a power cut: the two
// copies of a slot may differ, but one that does not verify has rotted.
Root choose_root(const ImageFile& file, Findings& findings) {
  std::optional<Root> best;
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    for (unsigned copy = 0; copy < root_copies; ++copy) {
      const auto root = read_root(file, slot, copy);
      if (!root || !verify(*root) || (best && best->sequence >= root->sequence)) continue;
      best = root;
    }
  }
  if (!best) refuse_without_root(file);
  check_geometry(file, *best);
  check_root(*best, findings);
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    for (unsigned copy = 0; copy < root_copies; ++copy) {
      const auto root = read_root(file, slot, copy);
      if (!verify(*root)) findings.add(name_of_root(slot, copy) + ": does not verify");
      else if (root->store_id != best->store_id) findings.add(name_of_root(slot, copy) + ": of another store");
    }
  }
  return *best;
}

}  // namespace perdure
