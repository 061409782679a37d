// SPDX-License-Identifier: MIT
//
// The steps of a start, each of which reads from the disk and waits for it: nothing else runs yet.
// Every byte comes from a disk that may be damaged, foreign or hostile: nothing is believed
// before it is checked, and the first thing found wrong is named. Shared with the host tools.
//
//   read_roots --> memory is divided --> read_generation (if it is not at home) --> boot's own root
#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "checkpoint/directory.hpp"
#include "checkpoint/disk.hpp"
#include "checkpoint/layout.hpp"
#include "checkpoint/store_client.hpp"

namespace perdure {

// Requests made one at a time, each tried a few times. No completion of anybody else may be
// under way.
class WaitingDisk {
 public:
  explicit WaitingDisk(Disk& disk) : disk_(disk) {}
  bool read(BlockIndex, uint32_t count, std::byte* memory);
  bool write(BlockIndex, uint32_t count, std::byte* memory);
  bool flush();

 private:
  bool carry_out(const DiskRequest&);
  Disk& disk_;
};

struct FoundRoot {
  Root root;
  unsigned slot = 0;  // in which it stands
};

// The newest valid root. `buffer`: one block.
std::expected<FoundRoot, OpenFailure> read_roots(Disk&, std::byte* buffer);

// Fills the directory with what the root's unmigrated generation holds. `buffer`: two blocks.
std::expected<void, OpenFailure> read_generation(Disk&, const Root&, std::byte* buffer, Directory&);

}  // namespace perdure
