// SPDX-License-Identifier: MIT
//
// The last thing before the disk: nothing is written before the roots have been read once more and show
// that this machine is the only one that writes here (invariant FENCE). A machine that was stopped with its
// memory, and goes on after another has booted from its disk, would write old frames over newer ones;
// two machines on one disk would do so to each other. Such a machine stops, and has written nothing.
//
//   submit(write) --> held --> both slots are read: as they should be --> given to the disk
//                                |   \-- neither copy of a slot can be read --> fails, as a write does
//                                +-- another's root, or an older one: stopped for ever
//
// A boot raises the sequence of roots by a thousand and writes its own identity into each of them. So a root
// is this machine's if it has this identity, and a sequence that was given to a write; the root was there before
// if its sequence is not above that of the root that was adopted. Every other root is a stranger's. One copy of a
// slot is enough; both are read if the first does not verify, or is older than it should be: a power
// cut may have left that. A copy that does not verify is rot, and no stranger.
//
// What the fence does not do: another machine may change the roots between the reading and the write, so of machines
// that run at the same instant one or both stop a few writes late (QEMU's lock prevents two by itself). A copy of
// the machine's memory, made between such a reading and its writes, still makes those writes.
#pragma once

#include <array>

#include "checkpoint/layout.hpp"
#include "checkpoint/store_client.hpp"

namespace perdure {

class Fence final : public Disk {
 public:
  static constexpr size_t memory_bytes = root_slots * block_bytes;

  constexpr Fence() = default;
  void open(Disk&, StoreClient&, std::byte* memory, const Root& adopted, uint64_t boot_identity);
  // A root of this machine is durable.
  void stands(const Root& root) { durable_ = root.sequence; }
  unsigned with_disk() const { return with_disk_; }  // requests that the disk has taken and not ended

  uint64_t size_blocks() const override { return disk_->size_blocks(); }
  bool submit(const DiskRequest&) override;
  std::optional<DiskCompletion> poll() override;
  bool has_looked() const { return has_looked_; }  // the last poll() took a completion of its own, which is work, too

 private:
  static constexpr unsigned held_max = 32;
  static constexpr uint64_t own_token = uint64_t{1} << 63;  // and the slot

  bool give(const DiskRequest&);
  void look();
  void let_through();
  void has_read(unsigned slot, bool failed);
  bool is_strangers(const Root&) const;
  void judge();
  void stop(std::string_view why);

  Disk* disk_ = nullptr;
  StoreClient* client_ = nullptr;
  std::byte* memory_ = nullptr;       // a block for each slot
  uint64_t store_id_ = 0;
  uint64_t boot_identity_ = 0;
  uint64_t adopted_ = 0;              // sequences: of what this boot began from,
  uint64_t durable_ = 0;              // of this boot's last root that stands (what it began from need not be durable),
  uint64_t given_ = 0;                // and the highest that was given to a write
  std::array<DiskRequest, held_max> held_{};
  uint64_t taken_ = 0;                // counts of writes, of which held_ has those behind given_out_:
  uint64_t checked_ = 0;              // those before this one go to the disk
  uint64_t refused_ = 0;              // those before this one fail
  uint64_t given_out_ = 0;
  unsigned copy_ = 0;                 // which is being read
  unsigned to_read_ = 0;              // slots with a read that the disk has not taken: bits
  unsigned reading_ = 0;              // reads that have not ended
  unsigned slots_seen_ = 0;           // of which a copy was readable: bits
  uint64_t newest_seen_ = 0;
  bool all_whole_ = true;             // of what was read
  unsigned with_disk_ = 0;
  bool has_looked_ = false;
  bool stopped_ = false;
};

}  // namespace perdure
