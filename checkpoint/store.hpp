// SPDX-License-Identifier: MIT
//
// The store: the cache of frames, the log behind it, and the checkpointer that moves one into
// the other. The kernel sees only this file. Nothing here waits: what cannot be done now answers
// with a Stall, and goes on in poll().
//
// Truth for frame n: its descriptor, else the newest entry of the log's directory, else its tag.
// Nobody reads a tag for a frame that the log names (invariant LOG-BEFORE-TAG).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "checkpoint/descriptor.hpp"
#include "checkpoint/disk.hpp"
#include "checkpoint/system_state.hpp"
#include "checkpoint/wait.hpp"
#include "objects/abi.hpp"

namespace perdure {

// What the store asks of the kernel.
class StoreClient {
 public:
  // Whoever waits for this tries again.
  virtual void wake(WaitChannel) = 0;
  // Removes every hardware entry that maps this frame; the slot is about to hold another one.
  virtual void unmap(CacheSlot) = 0;
  // A generation is durable; or, with `failed`, it could not be made so: warn loudly. The system
  // runs on, nothing in memory is lost, and the next attempt, under a new number, includes it.
  virtual void committed(Generation, bool failed) = 0;
  // Something is wrong with the disk that costs time or a frame, and not the machine. `what` is
  // static text, `number` the block or frame it is about.
  virtual void warning(std::string_view what, uint64_t number) = 0;
  // A frame of the pending generation breaks an invariant: our own bug. The kernel asserts; the
  // generation is never committed.
  virtual void bug(std::string_view what, FrameNumber) = 0;

 protected:
  ~StoreClient() = default;
};

// Who may use the last of a pool: ordinary data pages stop before the reserve is touched, so that
// processes, activities and capability-bearing frames can always go on.
enum class Need : uint8_t { ordinary, reserve };

enum class OpenError : uint8_t { not_an_image, other_version, damaged, too_small_memory, disk_failed };

struct OpenFailure {
  OpenError error;
  std::string_view what;  // the first thing found wrong, static text
};

struct StoreSettings {
  uint64_t interval_ns = 0;  // between checkpoints; 0: never by the clock
  bool check = false;        // debug help: checksum of each frozen frame at the cut, compared when
                             // it is staged. A declaration then loops over the frames
};

// Why a frame cannot be had.
struct Absent {
  enum class Why : uint8_t { stall, unreadable, out_of_range };
  Why why = Why::stall;
  Stall stall;  // if why is stall
};

class Store {
 public:
  constexpr Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Recovery, the only way to start. Polls the disk until done, and writes this boot's own root
  // (boots, boot epoch, clean mark erased). `memory` is all that the store may ever use: it is
  // divided once, here; frames are 4096-aligned. Nothing is written if it fails.
  std::expected<void, OpenFailure> open(Disk&, std::span<std::byte> memory, StoreClient&,
                                        const StoreSettings&, uint64_t wall_seconds);

  // --- the cache -------------------------------------------------------------------------
  uint32_t epoch() const;            // of the next checkpoint; never 0
  CacheSlot slot_count() const;
  uint64_t frames_in_store() const;  // frame numbers are below this
  FrameDescriptor& descriptor(CacheSlot);
  std::byte* bytes(CacheSlot);       // 4096; clears the body first if it only reads as zero

  // Resident and usable (clean or dirty, body present), or no_slot. Never starts anything.
  CacheSlot find(FrameNumber, CacheSlot hint = no_slot);
  // The same, or starts the fetch and stalls. Whoever was stalled is woken on the frame's channel.
  std::expected<CacheSlot, Absent> obtain(FrameNumber, CacheSlot hint = no_slot);
  // Only the identity is needed, because the frame is about to be made anew: the body may be
  // absent (flag_body_absent). After make_dirty the caller must say become_all_zero.
  std::expected<CacheSlot, Absent> obtain_identity(FrameNumber);

  // Dirty in this epoch: identity and bytes may be written.
  bool is_current(CacheSlot) const;
  // Makes it so: reserves log space, copies a frozen frame out. Idempotent within an epoch.
  std::expected<void, Stall> make_dirty(CacheSlot, Need = Need::ordinary);
  // After make_whole, rescind, or before format_row, on a current frame: the body reads as zero.
  void become_all_zero(CacheSlot);

  void pin(CacheSlot);    // not evicted while pinned
  void unpin(CacheSlot);
  bool drop(CacheSlot);   // evicts; false if it is not clean, pinned, or awaited by somebody
  CacheSlot random_droppable(uint64_t random);  // for chaos; or no_slot

  // --- the checkpointer --------------------------------------------------------------------
  SystemState& system();         // part of the next generation
  bool due(uint64_t now_ns) const;  // the interval has passed with something dirty, or space runs low
  bool anything_dirty() const;
  bool can_declare() const;      // nothing is pending, the last one is migrated (or has failed)
  // O(1). All volatile state of objects must be in the frames. Requires can_declare().
  Generation declare(uint64_t now_ns, uint64_t wall_seconds);
  // Takes completions and one bounded step. True: more could be done at once.
  bool poll(uint64_t now_ns);
  Generation committed_generation() const;
  Generation pending_generation() const;  // 0: none
  enum class State : uint8_t { idle, stabilizing, committing, migrating };
  State state() const;

  // Orderly power-off: after the last commit, with can_declare() true. Waits for the disk.
  bool write_clean_mark();
  // From an assertion. Waits for the disk, best effort, touches nothing else.
  void write_report(std::span<const std::byte>);
  void fill_status(SystemStatus&) const;  // the fields that the store knows
  size_t generations(std::span<GenerationStatus>) const;  // newest first; how many were written
};

}  // namespace perdure
