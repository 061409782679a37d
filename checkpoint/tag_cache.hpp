// SPDX-License-Identifier: MIT
//
// A few tag frames in memory, and the rule by which one of the two copies on the disk is believed.
//
// The migration of generation m writes each tag frame that it touches once, over the copy that is
// *not* the newest durable one, with sequence m. The two copies of an untouched tag frame are
// both whole. So:
//  - both valid: the higher sequence holds the truth;
//  - one valid, a generation m that is not yet migrated touches the tag frame, and the header of
//    the other one (one sector, so it is not torn itself) has sequence m or one that is not above
//    the valid one's: that other one was torn by the migration, which will be done again; the
//    valid one is believed (the frames in which the two differ are all in the log's directory,
//    and nobody asks here);
//  - one valid, otherwise: damage. Nobody can say whether the other one was newer, and believing
//    an old version source would revive void capabilities: its frames are unreadable.
//  - none valid: damage.
// A copy that cannot be read now (an I/O error) decides nothing; it is tried again later.
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
    damaged,   // see above
    failed,    // I/O error; nobody keeps it in this state for long
  };
  State state = State::empty;
  uint8_t reads_left = 0;
  uint8_t content = 0;           // the copy whose bytes are believed
  bool read_failed[2] = {};
  bool whole[2] = {};            // the copy that was read verifies
  bool other_whole = false;      // the other copy on the disk is valid, too
  bool used_lately = false;      // for the clock
  uint16_t pins = 0;
  uint16_t waiter_count = 0;
  uint64_t index = 0;
  CacheSlot waiters = no_slot;   // fetching frames, linked by list_next
  TagFrame* copies[2] = {};

  const TagFrame& frame() const { return *copies[content]; }
};

class TagCache {
 public:
  static constexpr unsigned buffer_count = 16;
  static constexpr unsigned loads_max = 8;
  static constexpr unsigned waiters_max = 8;  // of one buffer, so that serving them all is a short step
  static constexpr size_t memory_bytes = buffer_count * 2 * block_bytes;

  void open(std::byte* memory);
  TagBuffer& operator[](unsigned buffer) { return buffers_[buffer]; }

  // The buffer for tag frame `index`, which may be loading now. None: try again later.
  std::optional<unsigned> request(IoQueue&, const Geometry&, uint64_t index);
  // A tag_read has ended. True if the buffer is no longer loading: serve its waiters.
  // `unmigrated`: holds the frames of the root's newest generation, while they are not yet at home;
  // at other times it is of no interest here.
  bool read_ended(const IoResult&, const Geometry&, const Root&, const Directory& unmigrated);
  bool has_room_for_waiter(unsigned buffer) const { return buffers_[buffer].waiter_count < waiters_max; }
  void add_waiter(unsigned buffer, FrameCache&, CacheSlot);
  void forget(unsigned buffer) { buffers_[buffer].state = TagBuffer::State::empty; }
  // The generation is at home: what was believed only because a migration may tear must now verify.
  void forget_excused();

  // Which copy the migration of `generation` must write: never the newest durable one.
  static unsigned copy_to_write(const TagBuffer&, Generation generation);
  // It was written.
  static void was_written(TagBuffer&, unsigned copy, const TagFrame& content);

 private:
  std::optional<unsigned> choose_buffer();
  void judge(TagBuffer&, const Root&, const Directory& unmigrated);

  std::array<TagBuffer, buffer_count> buffers_{};
  unsigned hand_ = 0;
  unsigned loading_ = 0;
};

}  // namespace perdure
