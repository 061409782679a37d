// SPDX-License-Identifier: MIT
//
// The store: the cache of frames, the log behind it, and the checkpointer that moves one into
// the other. Of this folder the kernel sees this file, and most of its parts only frame_store.hpp. Nothing here
// waits: what cannot be done now answers with a Stall, and goes on in poll().
//
// Truth for frame n: its descriptor, else the newest entry of the log's directory, else its tag.
// No tag is read for a frame that the log names (invariant LOG-BEFORE-TAG).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "checkpoint/checkpointer.hpp"
#include "checkpoint/descriptor.hpp"
#include "checkpoint/disk.hpp"
#include "checkpoint/fence.hpp"
#include "checkpoint/fetcher.hpp"
#include "checkpoint/frame_store.hpp"
#include "checkpoint/parts.hpp"
#include "checkpoint/report_writer.hpp"
#include "checkpoint/store_client.hpp"
#include "checkpoint/system_state.hpp"
#include "checkpoint/wait.hpp"
#include "objects/abi.hpp"
#include "objects/assertion.hpp"
#include "objects/expected.hpp"

namespace perdure {

class Store : public FrameStore {
 public:
  constexpr Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Recovery, the only way to start. Polls the disk until done, and writes this boot's own root
  // (boots, boot epoch, clean mark erased). `memory` is all that the store may ever use: it is
  // divided once, here; frames are 4096-aligned. Nothing is written if it fails.
  Expected<void, OpenFailure> open(Disk&, std::span<std::byte> memory, StoreClient&,
                                   const StoreSettings&, uint64_t wall_seconds);

  // --- the checkpointer --------------------------------------------------------------------
  bool due(uint64_t now_ns) const { return checkpointer_.due(now_ns); }  // the interval has passed with something dirty, or space runs low
  bool anything_dirty() const { return checkpointer_.anything_dirty(); }
  // Nothing is pending, the last one is migrated (or has failed), and no clean mark was begun.
  bool can_declare() const { return checkpointer_.can_declare() && !clean_mark_begun_; }
  // O(1). All volatile state of objects must be in the frames. Requires can_declare().
  Generation declare(uint64_t now_ns, uint64_t wall_seconds);
  // Takes a completion, or one bounded step: so short that interrupts can stay off meanwhile. True:
  // something was done, and there may be more to do at once.
  bool poll(uint64_t now_ns);
  Generation committed_generation() const { return root().newest_generation; }
  Generation pending_generation() const { return checkpointer_.pending(); }  // 0: none
  const Root& root() const { return parts_.roots.current(); }  // the newest durable one
  enum class State : uint8_t { idle, stabilizing, committing, migrating };
  State state() const;

  // Orderly power-off: after the last commit, with can_declare() true; it never is again. Goes on in
  // poll(). The answer: whether the mark stands; nothing while it is being written.
  void start_clean_mark();
  std::optional<bool> clean_mark_ended() const;
  // From an assertion: waits for the disk, and touches nothing else. The store is of no use any
  // more. True: the report is durable.
  bool write_report(std::span<const std::byte>, ReportWriter::Clock);
  void fill_status(SystemStatus&) const;  // the fields that the store knows
  size_t generations(std::span<GenerationStatus>) const;  // newest first; how many were written

 private:
  friend class FrameStore;
  Expected<CacheSlot, Absent> obtain_as(FrameNumber, CacheSlot hint, Wanted);
  bool take_completion();
  bool wait_for_root();
  void write_boot_root(const Root&);

  Fence fence_;
  StoreParts parts_{.cache = cache_, .epoch = epoch_};
  Fetcher fetcher_;
  Checkpointer checkpointer_;
  ReportWriter report_writer_;
  Generation resumed_generation_;        // what this boot continued from
  uint64_t resumed_at_wall_seconds_ = 0;
  bool clean_mark_begun_ = false;
};

}  // namespace perdure
