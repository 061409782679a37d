// SPDX-License-Identifier: MIT
//
// The steps of a start, each of which reads from the disk and waits for it: nothing else runs yet.
// Every byte comes from a disk that may be damaged, foreign or hostile: nothing is believed
// before it is checked, and the first thing found wrong is named. Shared with the host tools.
//
//   read_roots --> memory is divided --> read_generation (if the log is needed) --> boot's own root
#pragma once

#include <cstdint>
#include <span>

#include "checkpoint/directory.hpp"
#include "checkpoint/disk.hpp"
#include "checkpoint/disk_health.hpp"
#include "checkpoint/layout.hpp"
#include "checkpoint/store_client.hpp"
#include "objects/expected.hpp"

namespace perdure {

// Reads of one block, one at a time, each tried a few times. No completion of another reader may be
// under way. With a client (a machine starts) a disk that gives nothing is waited for, however long,
// and the client is told; a place that is bad on a disk that gives others is not waited for. Without a
// client (a host tool) an error is an answer.
class WaitingDisk {
 public:
  static constexpr unsigned tries_max = 4;   // at once
  static constexpr unsigned rounds_max = 8;  // of tries, while another place can be read
  static constexpr uint64_t pause_min_ns = 50'000'000;
  static constexpr uint64_t pause_max_ns = 2'000'000'000;

  explicit WaitingDisk(Disk& disk, StoreClient* client) : disk_(disk), client_(client) {
    if (client) health_.open(*client);
  }
  bool read(BlockIndex, std::byte* memory);

 private:
  bool try_to_read(BlockIndex, std::byte* memory);
  bool gives_another(BlockIndex, std::byte* memory);
  void pause(unsigned round);
  Disk& disk_;
  StoreClient* client_;
  DiskHealth health_;
};

struct FoundRoot {
  Root root;
  unsigned slot = 0;  // in which it stands
};

// Before one of several disks is taken: may it hold a store? Yes, if a place of a root shows the mark of a root,
// whole or not; and if none of these places can be read. An error in one of them alone is no reason. `buffer`:
// one block.
bool may_hold_root(Disk&, std::byte* buffer);

// The newest valid root. `buffer`: one block.
Expected<FoundRoot, OpenFailure> read_roots(Disk&, StoreClient*, std::byte* buffer);

// Fills the directory with what the root's generation holds in the log, if the log is still needed
// (LogNeed). Empty if it is not, or was written over since. `buffer`: two blocks.
Expected<void, OpenFailure> read_generation(Disk&, StoreClient*, const Root&, std::byte* buffer, Directory&);

}  // namespace perdure
