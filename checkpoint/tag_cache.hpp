// SPDX-License-Identifier: MIT
//
// A few tag frames in memory, and the rule by which one of the two copies on the disk is believed.
//
// Invariant EITHER-TAG-COPY: a copy that verifies is the truth about every frame that the log's
// directory does not name, whichever of the two it is. The migration of a generation writes one
// copy of each tag frame that it touches, makes these durable by a flush, then writes the other
// copies, and makes those durable before the log may be forgotten. So the two copies differ in
// nothing but frames that the directory names, and no tag is asked about those (LOG-BEFORE-TAG);
// and at every instant one copy is durable, and not being written.
//
// So of two copies that verify the one with the higher sequence is taken (they may differ only after
// a write that the disk acknowledged and never made); if one verifies, that one; if none, the
// frames are unreadable, never version 0. A copy that cannot be read now is one that does not
// verify, but for this: if the other does not verify either, it is tried again later.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "checkpoint/directory.hpp"
#include "checkpoint/frame_cache.hpp"
#include "checkpoint/io_queue.hpp"
#include "checkpoint/layout.hpp"

namespace perdure {

struct TagBuffer {
  enum class State : uint8_t {
    empty,
    loading,   // both copies are being read
    valid,
    damaged,   // no copy verifies
    failed,    // the same, but one could not be read; no buffer is kept in this state for long
  };
  State state = State::empty;
  uint8_t reads_left = 0;
  uint8_t content = 0;           // the copy that is believed
  bool read_failed[2] = {};
  bool whole[2] = {};            // the copy verifies
  bool used_lately = false;      // for the clock
  uint16_t pins = 0;
  uint16_t waiter_count = 0;
  uint64_t index = 0;
  CacheSlot waiters = no_slot;   // fetching frames, linked by list_next
  TagFrame* copies[2] = {};

  const TagFrame& frame() const { return *copies[content]; }
};

// Which of the two copies is believed (see above); none. Shared with the host tools.
std::optional<unsigned> believed_copy(const bool (&whole)[2], const TagFrame* const (&copies)[2]);

// What one of the two passes of a migration writes of a tag frame.
struct TagWrite {
  unsigned copy;
  uint64_t sequence;
};
// First pass: never over the only copy that is durable. Second pass, when everything that the first pass has
// written is durable: over the other copy. Both passes may be made again after a failure, in this boot or
// another; they choose the same copies then. The first copy may not be there: a disk that acknowledged it
// does not give it, or has lost it again and again. Then the second pass writes over the only copy there is, and
// not for ever in vain over the other; a power cut at this instant would be a second fault.
TagWrite first_write(const TagBuffer&, Generation);
TagWrite second_write(const TagBuffer&, Generation);

class TagCache {
 public:
  static constexpr unsigned buffer_count = 16;
  static constexpr unsigned loads_max = 8;
  static constexpr unsigned waiters_max = 8;  // of one buffer, so that serving them all is a short step
  static constexpr size_t memory_bytes = buffer_count * 2 * block_bytes;

  void open(std::byte* memory);
  TagBuffer& operator[](unsigned buffer) { return buffers_[buffer]; }

  // The buffer for tag frame `index`, which may be loading now. None: try again later. The last of the loads that
  // can be under way is for the migration: however many frames wait for tags, it gets its own, and the log is freed.
  std::optional<unsigned> request(IoQueue&, const Geometry&, uint64_t index, Need need = Need::ordinary);
  // A tag_read has ended. True if the buffer is no longer loading: serve its waiters.
  bool read_ended(const IoResult&, const Geometry&, const Root&);
  bool has_room_for_waiter(unsigned buffer) const { return buffers_[buffer].waiter_count < waiters_max; }
  void add_waiter(unsigned buffer, FrameCache&, CacheSlot);
  void forget(unsigned buffer) { buffers_[buffer].state = TagBuffer::State::empty; }
  // Copy `copy` was written.
  static void was_written(TagBuffer&, unsigned copy, const TagFrame& content);

 private:
  std::optional<unsigned> choose_buffer(Need);
  static void judge(TagBuffer&);

  std::array<TagBuffer, buffer_count> buffers_{};
  unsigned hand_ = 0;
  unsigned loading_ = 0;
};

}  // namespace perdure
