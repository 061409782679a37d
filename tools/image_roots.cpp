// SPDX-License-Identifier: MIT
#include "tools/image_roots.hpp"

#include <array>
#include <cstring>

#include "tools/file_disk.hpp"
#include "tools/quantity.hpp"
#include "tools/tool_error.hpp"

namespace perdure {
namespace {

// Calls `each(root, slot, copy)` for every copy that the file is long enough to hold.
template <typename Each>
void for_each_root(const ImageFile& file, Each each) {
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    for (unsigned copy = 0; copy < root_copies; ++copy) {
      const BlockIndex place = root_blocks[slot][copy];
      if (place.value >= file.size_blocks()) continue;
      Root root;
      std::memcpy(static_cast<void*>(&root), file.block(place), sizeof(root));
      each(root, slot, copy);
    }
  }
}

void refuse_if_cut_short(const ImageFile& file) {
  for_each_root(file, [&](const Root& root, unsigned, unsigned) {
    if (!verify(root) || root.geometry.disk_blocks <= file.size_blocks()) return;
    throw ToolError(ExitStatus::refused, file.path() + ": cut short: it has " +
                                             describe_bytes(file.size_bytes()) + " of " +
                                             describe_bytes(root.geometry.disk_blocks * block_bytes));
  });
}

uint32_t other_format(const ImageFile& file) {
  uint32_t format = 0;
  for_each_root(file, [&](const Root& root, unsigned, unsigned) {
    if (root.magic == Root::magic_value && root.format != format_version) format = root.format;
  });
  return format;
}

}  // namespace

void refuse(const ImageFile& file, const OpenFailure& failure) {
  const std::string what(failure.what);
  switch (failure.error) {
    case OpenError::not_an_image:
      throw ToolError(ExitStatus::refused, file.path() + ": not a Perdure image: " + what);
    case OpenError::other_version:
      throw ToolError(ExitStatus::refused,
                      file.path() + ": an image of format " + std::to_string(other_format(file)) +
                          "; this tool reads format " + std::to_string(format_version));
    case OpenError::mixture:
    case OpenError::damaged: throw ToolError(ExitStatus::damaged, "image damaged: " + what);
    default: throw ToolError(ExitStatus::refused, file.path() + ": " + what);
  }
}

Root choose_root(const ImageFile& file, Findings& notes) {
  refuse_if_cut_short(file);
  FileDisk disk(file);
  alignas(sector_bytes) std::array<std::byte, block_bytes> buffer;
  const auto found = read_roots(disk, nullptr, buffer.data());
  if (!found) refuse(file, found.error());
  for_each_root(file, [&](const Root& root, unsigned slot, unsigned copy) {
    if (verify(root)) return;
    notes.add(std::string("root ") + "AB"[slot] + ", copy " + std::to_string(copy) + ": does not verify; the other copy serves");
  });
  return found->root;
}

}  // namespace perdure
