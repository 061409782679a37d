// SPDX-License-Identifier: MIT
//
// The entries of the key-value server, in its heap: homogeneous storage, 40 bytes an entry and
// about one byte of index. Pure: acts on the heap that it is given.
//
//   slab     4096 bytes of the heap: 102 entries. Never given back, an entry's address never changes
//   buckets  heads of chains, 1024 to a segment. One bucket is split for every four entries that
//            are added (linear hashing): no entry ever waits for all to be sorted anew
//
// An entry's address is what its wrappers carry as payload. So the address of a removed entry is
// given to another only when the last of its openings is closed (ADDRESS-OUTLIVES-OPENINGS).
#pragma once

#include "userland/runtime/growing_array.hpp"
#include "userland/runtime/interface.hpp"

namespace perdure {

struct KvRecord {
  Word key;                // removed: its own number, for when it is free
  Word value;
  uint32_t next = 0;       // in its chain, or among the free ones: number + 1; 0: the last
  uint32_t openings = 0;   // wrappers that name it
  static constexpr uint32_t removed = uint32_t{1} << 31;  // in `openings`

  bool is_removed() const { return (openings & removed) != 0; }
};
static_assert(sizeof(KvRecord) == 40);

class EntryStore {
 public:
  explicit EntryStore(Heap& heap) : heap_(&heap), slabs_(heap), segments_(heap) {}

  KvRecord* find(const Word& key);
  // limit_reached: nothing has changed.
  Answer<KvRecord*> put(const Word& key, const Word& value);
  bool remove(const Word& key);
  uint64_t count() const { return count_; }
  // The sum, modulo 2^64, of FNV-1a over the 32 bytes of each key and value.
  uint64_t digest();

  // A wrapper with this entry's address was made, or is gone.
  static void note_opened(KvRecord* entry) { ++entry->openings; }
  void note_closed(KvRecord* entry);

 private:
  static constexpr size_t slab_bytes = 4096;
  static constexpr uint32_t entries_per_slab = slab_bytes / sizeof(KvRecord);
  static constexpr uint32_t buckets_per_segment = 1024;
  static constexpr uint32_t entries_per_bucket = 4;
  using Link = uint32_t;  // number + 1; 0: none

  Heap* heap_;
  GrowingArray<KvRecord*> slabs_;
  GrowingArray<Link*> segments_;
  Link free_ = 0;
  uint32_t used_ = 0;          // entries that were ever handed out
  uint32_t bucket_count_ = 0;  // a bucket is split at each growth: bucket_count_ - half_ is next
  uint32_t half_ = 1;          // the largest power of two below bucket_count_, or it
  uint64_t count_ = 0;

  KvRecord& record(Link link) { return slabs_[(link - 1) / entries_per_slab][(link - 1) % entries_per_slab]; }
  Link& bucket(uint32_t number) {
    return segments_[number / buckets_per_segment][number % buckets_per_segment];
  }
  uint32_t bucket_of(const Word& key) const;
  Link take_free();
  void give_back(Link);
  bool add_slab();
  bool add_segment();
  void split_one();
};

}  // namespace perdure
