// SPDX-License-Identifier: MIT
//
// Brings a committed generation home, from the log: first the bodies, then the tags, both in home
// order; then a flush, and the root that says so. Interrupted, by whatever, it is done again from
// the log: nothing here may depend on what an earlier try has written, except that a tag frame's
// newest durable copy is never overwritten (checkpoint/tag_cache.hpp).
//
//   sorting -> moving bodies -> writing tags -> flush -> root that releases the log -> forgetting
//                  ^ trouble with the disk: pause, then once more      (directory emptied,
//                  +---- from the start after a flush that failed       reads of the log drained)
//
// Before the first home write the committing root already says that this generation is the oldest
// bootable one: home plus a part of the log is no generation.
//
// The frontier: tag frames below it must verify; above it no frame was ever used and nothing is
// read. Tag frames at or above it are written here for the first time, both copies with the same
// contents; only the releasing root, written after the flush, raises it.
#pragma once

#include <array>
#include <cstdint>

#include "checkpoint/log_writer.hpp"
#include "checkpoint/parts.hpp"

namespace perdure {

class Migration {
 public:
  enum class Phase : uint8_t {
    idle,
    sorting,
    moving,
    tagging,
    flushing,
    releasing,   // the root
    pausing,     // after trouble
    forgetting,
  };

  void open(std::byte* memory) { *this = {}; memory_ = memory; }
  // The generation of the current root is durable, and the directory holds it.
  void begin(StoreParts&);
  bool is_idle() const { return phase_ == Phase::idle; }
  // One bounded step. True: something was done.
  bool step(StoreParts&, uint64_t now_ns);
  // A log_read, home_write, tag_write or flush of the migration has ended.
  void ended(StoreParts&, const IoResult&);
  bool is_flushing() const { return phase_ == Phase::flushing; }

 private:
  static constexpr uint32_t batch_max = 16;
  static constexpr size_t entries_per_step = 128;
  static constexpr unsigned bodies_per_step = 2;  // whose checksums are compared
  static constexpr uint64_t pause_ns = 100'000'000;
  static constexpr unsigned read_pauses_max = 8;

  struct Batch {
    enum class State : uint8_t { empty, reading, verifying, writing };
    State state = State::empty;
    size_t first = 0;                    // position in home order
    size_t behind = 0;                   // first position that is not in it
    uint32_t count = 0;
    uint32_t verified = 0;
    std::array<size_t, batch_max> positions{};
    std::array<bool, batch_max> lost{};  // unreadable in the log
  };

  bool move_step(StoreParts&);
  void read_batch(StoreParts&);
  void verify_batch(StoreParts&);
  void write_batch(StoreParts&);
  void lose(StoreParts&, uint32_t index);
  bool tag_step(StoreParts&);
  void prepare_new_tag_frame(StoreParts&, uint64_t index, const TagFrame* base);
  bool prepare_tag_frame(StoreParts&, uint64_t index);
  size_t apply_entries(StoreParts&, TagFrame&, uint64_t index);
  void tags_written(StoreParts&);
  void write_tag_copy(StoreParts&);
  void start_release(StoreParts&);
  bool release_step(StoreParts&);
  void trouble(StoreParts&, Phase resume, std::string_view what);
  void restart(StoreParts&);
  void unpin_tags(StoreParts&);
  TagFrame& tag_block(unsigned copy) {
    return *reinterpret_cast<TagFrame*>(memory_ + copy * block_bytes);
  }

  Phase phase_ = Phase::idle;
  Phase resume_ = Phase::idle;     // after pausing
  std::byte* memory_ = nullptr;    // batch_max blocks; for tags, the first two
  uint64_t pause_until_ns_ = 0;
  bool pause_begins_ = false;      // pause_until_ns_ is not yet set
  uint32_t running_ = 0;           // disk operations of this step
  bool failed_ = false;            // one of them
  Batch batch_;
  unsigned read_pauses_ = 0;       // since a batch was read whole
  size_t tag_position_ = 0;        // next in home order whose tag is to be written
  size_t tag_behind_ = 0;          // the first behind the tag frame that is being written
  uint64_t new_frontier_ = 0;
  std::optional<unsigned> tag_buffer_;  // pinned: the tag frame that is being written
  unsigned tag_copy_ = 0;          // the copy of it
  unsigned tag_copies_left_ = 0;   // bits: they are filled in, and still to be sealed and written
};

}  // namespace perdure
