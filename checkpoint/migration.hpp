// SPDX-License-Identifier: MIT
//
// Brings a committed generation home, from the log or from the cache: first the bodies, then one
// copy of each tag frame, both in home order; a flush; the other copies; then the root that says so.
// Interrupted, by whatever, it is done again: nothing here may depend on what an earlier try has
// written, except that one durable copy of each tag frame is never written over (EITHER-TAG-COPY,
// checkpoint/tag_cache.hpp), unless the disk does not give what it took of the other.
//
//   sorting -> moving bodies -> first tags -> flush -> second tags -> root that releases the log
//                  ^                            |          ^                  |         |
//                  +----- after a failed flush -+          +- it failed ------+         |
//                                               (directory emptied, reads of the log  <-+
//                                                drained) forgetting
//
// The root's flush makes the second tags durable as well, and it may do so after the root itself has
// arrived. So that root does not say that the log is not needed, but what for (LogNeed::tags); and
// a start that finds it begins here at the first tags, writing what is not there yet.
//
// Before the first home write the committing root already says that this generation is the oldest
// bootable one: home plus a part of the log is no generation.
//
// The body of a frame that is resident and unchanged comes from the cache, and needs the log only if its
// checksum is another. An error of the disk is not damage: it is waited out (checkpoint/io_queue.hpp),
// the log stays, and a process that needs room in it waits. Damage is a body that arrives and does not verify,
// again and again, or a place that the disk does not give while it gives others; and no copy in
// memory. Such a body is brought home as it is, so that nothing is lost with the log that was not
// lost before; its tag says what it should be, and so it reads as unreadable, never as something older.
//
// The frontier: tag frames below it must verify; above it no frame was ever used and nothing is
// read. Tag frames at or above it are written here for the first time, both copies at once; only the
// releasing root, written after the flush, raises it.
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
    pausing,     // after trouble with a flush or the root
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
  
 private:
  static constexpr uint32_t batch_max = 16;
  static constexpr size_t entries_per_step = 128;
  static constexpr unsigned lost_tags_max = 3;    // of one migration
  static constexpr uint64_t pause_ns = 100'000'000;

  // One body of a batch: where it comes from, or what became of it.
  struct Item {
    enum class State : uint8_t { in_cache, in_log, missing, verified, damaged, lost };
    size_t position = 0;  // in home order
    State state = State::in_log;
    uint8_t run = 0;      // how many items are read by the request that begins with this one
  };
  struct Batch {
    enum class State : uint8_t { empty, reading, verifying, writing };
    State state = State::empty;
    size_t first = 0;         // position in home order
    size_t behind = 0;        // first position that is not in it
    uint32_t count = 0;
    uint32_t verified = 0;    // items before this one have been looked at
    unsigned reads = 0;
    bool one_by_one = false;  // a request for several has failed
    bool read_again = false;  // an item still has to come from the log
    std::array<Item, batch_max> items{};
  };

  bool move_step(StoreParts&);
  void choose_batch(StoreParts&);
  void read_batch(StoreParts&);
  void verify_batch(StoreParts&);
  void verify_item(StoreParts&, uint32_t index);
  bool take_from_cache(StoreParts&, uint32_t index);
  bool is_right(StoreParts&, uint32_t index);
  void note_missing(const IoResult&);
  void write_batch(StoreParts&);
  bool tag_step(StoreParts&);
  void end_of_tags(StoreParts&);
  bool flush_step(StoreParts&);
  void prepare_new_tag_frame(StoreParts&, uint64_t index, const TagFrame* base);
  bool prepare_tag_frame(StoreParts&, uint64_t index);
  void fill_in(StoreParts&, const TagBuffer&, uint64_t index);
  size_t apply_entries(StoreParts&, TagFrame&, uint64_t index);
  size_t behind_tag_frame(const StoreParts&, uint64_t index) const;
  void tags_written(StoreParts&);
  void write_tag_copy(StoreParts&);
  void start_flush(StoreParts&);
  void start_release(StoreParts&);
  bool release_step(StoreParts&);
  void trouble(StoreParts&, Phase resume, std::string_view what);
  void restart(StoreParts&);
  void start_tags(StoreParts&, bool second_pass);
  bool is_worth_another_try(const TagBuffer&);
  void unpin_tags(StoreParts&);
  const SummaryEntry& entry_of(const StoreParts&, uint32_t item) const;
  std::byte* memory_of(uint32_t item) const { return memory_ + item * block_bytes; }
  TagFrame& tag_block(unsigned copy) {
    return *reinterpret_cast<TagFrame*>(memory_ + copy * block_bytes);
  }

  Phase phase_ = Phase::idle;
  Phase resume_ = Phase::idle;     // after pausing
  std::byte* memory_ = nullptr;    // batch_max blocks; for tags, the first two
  uint64_t pause_until_ns_ = 0;
  bool pause_begins_ = false;      // pause_until_ns_ is not yet set
  uint32_t running_ = 0;           // disk operations of this step
  bool flush_failed_ = false;
  bool tags_only_ = false;         // the bodies were at home before this start (LogNeed::tags)
  bool second_pass_ = false;       // over the tags
  bool any_tag_written_ = false;   // in this pass
  unsigned lost_tags_ = 0;         // how often a first copy was not there in the second pass
  bool trust_pairs_ = false;       // what was read as a pair is durable: no flush has failed in this boot
  Batch batch_;
  size_t tag_position_ = 0;        // the next entry, in home order, with a tag to be written
  size_t tag_behind_ = 0;          // the first behind the tag frame that is being written
  uint64_t new_frontier_ = 0;
  std::optional<unsigned> tag_buffer_;  // pinned: the tag frame that is being written
  unsigned tag_copy_ = 0;          // the copy of it
  unsigned tag_copies_left_ = 0;   // bits: they are filled in, and still to be sealed and written
};

}  // namespace perdure
