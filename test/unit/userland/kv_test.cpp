// SPDX-License-Identifier: MIT
//
// The entries of the key-value server against a model, with the storage refused at random: tries
// to lose one, to find one that is not there, and to reuse the address of one that is still open.
#include "test/support/environment.hpp"
#include "userland/interfaces/kv.hpp"
#include "userland/kv/entry_store.hpp"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <string>

using namespace perdure;

namespace {

size_t furnished = 0;
size_t furnished_max = 0;
bool furnish(std::span<std::byte> memory) {
  if (furnished + memory.size() > furnished_max) return false;
  furnished += memory.size();
  return true;
}

// By the words of its declaration, from what a model holds.
uint64_t digest_of(const std::map<std::string, std::string>& model) {
  uint64_t sum = 0;
  for (const auto& [key, value] : model) {
    std::string both = key;
    both.resize(Word::length_max);
    both += value;
    both.resize(2 * Word::length_max);
    sum += method_code(both);
  }
  return sum;
}

Word key_of(uint64_t number) { return Word::of("k" + std::to_string(number)); }

}  // namespace

TEST_CASE("random requests against a model, with the storage refused now and then") {
  INFO("seed " << number_from_environment("PERDURE_SEED", 1));
  std::mt19937_64 random(number_from_environment("PERDURE_SEED", 1));
  std::vector<std::byte> region(8 << 20);
  Heap heap(region);
  furnished = 0;
  furnished_max = 16'384;
  heap.furnish_with(furnish);
  EntryStore store(heap);
  std::map<std::string, std::string> model;
  std::vector<std::pair<KvRecord*, std::string>> open;  // and the key, empty: removed since
  unsigned refused = 0;
  for (unsigned i = 0; i < 200'000; ++i) {
    const Word key = key_of(random() % 20'000);
    const std::string name(key.view());
    const uint64_t what = random() % 10;
    if (what < 5) {
      const Word value = key_of(random());
      const auto done = store.put(key, value);
      if (done) {
        model[name] = value.view();
      } else {
        REQUIRE(done.error() == Result::limit_reached);
        REQUIRE_FALSE(model.contains(name));
        ++refused;
        furnished_max += random() % 3 == 0 ? 8192 : 0;
      }
    } else if (what < 7) {
      REQUIRE(store.remove(key) == (model.erase(name) == 1));
      for (auto& [entry, its_key] : open) {
        if (its_key == name) its_key.clear();
      }
    } else if (what == 7) {
      if (KvRecord* entry = store.find(key)) {
        EntryStore::note_opened(entry);
        open.emplace_back(entry, name);
      }
    } else if (what == 8 && !open.empty()) {
      const size_t index = random() % open.size();
      const auto [entry, its_key] = open[index];
      REQUIRE(entry->is_removed() == its_key.empty());
      if (!its_key.empty()) REQUIRE(std::string(entry->key.view()) == its_key);
      store.note_closed(entry);
      open.erase(open.begin() + static_cast<ptrdiff_t>(index));
    } else {
      const KvRecord* entry = store.find(key);
      REQUIRE((entry != nullptr) == model.contains(name));
      if (entry) REQUIRE(std::string(entry->value.view()) == model[name]);
    }
    REQUIRE(store.count() == model.size());
    if (random() % 64 == 0) REQUIRE(store.digest() == digest_of(model));
  }
  CHECK(store.digest() == digest_of(model));
  CHECK(refused > 10);
  for (const auto& [name, value] : model) {
    const KvRecord* entry = store.find(Word::of(name));
    REQUIRE(entry != nullptr);
    CHECK(std::string(entry->value.view()) == value);
  }
}

TEST_CASE("an entry costs its 40 bytes and little more") {
  std::vector<std::byte> region(16 << 20);
  Heap heap(region);
  furnished = 0;
  furnished_max = region.size();
  heap.furnish_with(furnish);
  EntryStore store(heap);
  constexpr uint64_t count = 100'000;
  for (uint64_t i = 0; i < count; ++i) REQUIRE(store.put(key_of(i), key_of(i)));
  CHECK(furnished < count * 42);
  for (uint64_t i = 0; i < count; ++i) REQUIRE(store.find(key_of(i)) != nullptr);
  CHECK(store.find(key_of(count)) == nullptr);
}
