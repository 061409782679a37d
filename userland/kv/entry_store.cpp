// SPDX-License-Identifier: MIT
#include "userland/kv/entry_store.hpp"

namespace perdure {

// Linear hashing: with half_ <= bucket_count_ < 2 * half_, the buckets below bucket_count_ - half_
// have been split already, and take one bit of the hash more.
uint32_t EntryStore::bucket_of(const Word& key) const {
  uint64_t hash = method_code({key.characters, Word::length_max});
  hash ^= hash >> 32;
  const auto whole = static_cast<uint32_t>(hash) & (2 * half_ - 1);
  return whole < bucket_count_ ? whole : whole & (half_ - 1);
}

KvRecord* EntryStore::find(const Word& key) {
  if (bucket_count_ == 0) return nullptr;
  for (Link at = bucket(bucket_of(key)); at != 0; at = record(at).next) {
    if (record(at).key == key) return &record(at);
  }
  return nullptr;
}

uint64_t EntryStore::digest() {
  uint64_t sum = 0;
  for (uint32_t number = 0; number < bucket_count_; ++number) {
    for (Link at = bucket(number); at != 0; at = record(at).next) {
      const KvRecord& entry = record(at);
      char both[2 * Word::length_max];
      std::copy_n(entry.key.characters, Word::length_max, both);
      std::copy_n(entry.value.characters, Word::length_max, both + Word::length_max);
      sum += method_code({both, sizeof(both)});
    }
  }
  return sum;
}

// --- room --------------------------------------------------------------------------------------

bool EntryStore::add_slab() {
  if (!slabs_.reserve(slabs_.size() + 1)) return false;
  auto* slab = static_cast<KvRecord*>(heap_->allocate(slab_bytes));
  return slab != nullptr && slabs_.append(slab);
}

bool EntryStore::add_segment() {
  if (!segments_.reserve(segments_.size() + 1)) return false;
  auto* segment = static_cast<Link*>(heap_->allocate(buckets_per_segment * sizeof(Link)));
  if (segment == nullptr) return false;
  std::fill_n(segment, buckets_per_segment, Link{0});
  return segments_.append(segment);
}

EntryStore::Link EntryStore::take_free() {
  if (free_ != 0) {
    const Link link = free_;
    free_ = record(link).next;
    return link;
  }
  if (used_ == slabs_.size() * entries_per_slab && !add_slab()) return 0;
  return ++used_;
}

void EntryStore::give_back(Link link) {
  record(link) = {};
  record(link).next = free_;
  free_ = link;
}

// Without room for another segment the chains grow longer, and that is all.
void EntryStore::split_one() {
  if (bucket_count_ == segments_.size() * buckets_per_segment && !add_segment()) return;
  if (bucket_count_ == 2 * half_) half_ *= 2;
  const uint32_t from = bucket_count_ - half_;
  ++bucket_count_;
  Link at = bucket(from);
  bucket(from) = 0;
  while (at != 0) {
    const Link next = record(at).next;
    Link& head = bucket(bucket_of(record(at).key));
    record(at).next = head;
    head = at;
    at = next;
  }
}

// --- entries -----------------------------------------------------------------------------------

Answer<KvRecord*> EntryStore::put(const Word& key, const Word& value) {
  if (KvRecord* const found = find(key)) {
    found->value = value;
    return found;
  }
  if (bucket_count_ == 0) {
    if (!add_segment()) return std::unexpected(Result::limit_reached);
    bucket_count_ = 1;
  }
  const Link link = take_free();
  if (link == 0) return std::unexpected(Result::limit_reached);
  Link& head = bucket(bucket_of(key));
  record(link) = {.key = key, .value = value, .next = head};
  head = link;
  if (++count_ > uint64_t{bucket_count_} * entries_per_bucket) split_one();
  return &record(link);
}

bool EntryStore::remove(const Word& key) {
  if (bucket_count_ == 0) return false;
  Link* at = &bucket(bucket_of(key));
  while (*at != 0 && record(*at).key != key) at = &record(*at).next;
  if (*at == 0) return false;
  const Link link = *at;
  KvRecord& removed = record(link);
  *at = removed.next;
  --count_;
  if (removed.openings == 0) {
    give_back(link);
  } else {
    removed.openings |= KvRecord::removed;
    std::memcpy(removed.key.characters, &link, sizeof(link));
    removed.value = {};
  }
  return true;
}

void EntryStore::note_closed(KvRecord* entry) {
  if (--entry->openings != KvRecord::removed) return;
  Link link = 0;
  std::memcpy(&link, entry->key.characters, sizeof(link));
  give_back(link);
}

}  // namespace perdure
