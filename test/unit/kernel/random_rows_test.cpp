// SPDX-License-Identifier: MIT
//
// Rows of activities come, go, are lost and come back at random, over many restarts: whatever can be read then runs (decision
// 0058). PERDURE_SEED replays one run; PERDURE_RUNS sets how many.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <set>

#include "test/support/environment.hpp"
#include "test/unit/kernel/rows.hpp"

using namespace perdure;

namespace {

// Rows come and go, and the disk loses and gives again what stands in them.
class RandomRows {
 public:
  explicit RandomRows(uint64_t seed) : random_(seed), rows_(count()) {
    for (unsigned i = 0; i < rows_.guests.size(); ++i) alive_.insert(i);
  }

  void run() {
    for (unsigned boot = 0; boot < 12; ++boot) {
      for (uint64_t left = below(6); left > 0; --left) act();
      rows_.world.page_out({});
      for (uint64_t left = below(3); left > 0; --left) turn_bits();
      rows_.world.cut_and_boot();
      std::vector<unsigned> expected;
      for (const unsigned i : alive_) {
        if (is_whole(rows_.row(i))) expected.push_back(i);
      }
      REQUIRE(rows_.who_runs() == expected);
      if (!was_told(looks)) REQUIRE(std::ranges::all_of(empty_, [&](uint64_t frame) { return is_whole({frame}); }));
    }
  }

 private:
  uint64_t below(uint64_t limit) { return random_() % limit; }
  unsigned count() { return 2 + static_cast<unsigned>(below(7)); }  // the last one's row stays, for the owner is in it
  uint64_t often() { return rows_.row(0).value; }
  uint64_t some_of(const std::set<uint64_t>& frames) { return *std::next(frames.begin(), static_cast<int>(below(frames.size()))); }

  // A row with a guest, or one of the empty ones; that in the frame of the first guest's more often than others, for in one frame
  // much can come of what happens to it again and again.
  uint64_t some_row() {
    const bool is_there = alive_.contains(0) || empty_.contains(often());
    if (is_there && below(2) == 0) return often();
    const uint64_t which = below(alive_.size() - 1 + empty_.size());
    return which < alive_.size() - 1 ? rows_.row(*std::next(alive_.begin(), static_cast<int>(which))).value
                                     : *std::next(empty_.begin(), static_cast<int>(which - alive_.size() + 1));
  }

  // On the disk, where everything is at home.
  bool is_whole(FrameNumber frame) {
    MemoryDisk& disk = rows_.world.disk();
    const Geometry& geometry = rows_.world.kernel().store.root().geometry;
    const auto& tags = *reinterpret_cast<const TagFrame*>(disk.block(geometry.tag_block(tag_frame_of(frame), 0)));
    const std::span<const std::byte, block_bytes> body(disk.block(geometry.home_block(frame)), block_bytes);
    return body_checksum(body, frame) == tags.tags[tag_index_of(frame)].checksum;
  }

  void act() {
    if (alive_.size() + empty_.size() < 3) return make();
    switch (below(6)) {
      case 0: return lose();
      case 1: return turn_bits();
      case 2:
      case 3: return destroy();
      default: return make();
    }
  }

  void destroy() {
    const uint64_t row = some_row();
    REQUIRE(rows_.destroy({row}) == Result::ok);
    std::erase_if(alive_, [&](unsigned i) { return rows_.row(i).value == row; });
    empty_.erase(row);
    free_.insert(row);
  }

  void make() {
    const bool is_new = free_.empty() || below(3) == 0;
    const bool is_often = free_.contains(often()) && below(2) == 0;
    const uint64_t frame = is_often ? often() : is_new ? first_free + made_++ % 40 : some_of(free_);
    if (empty_.contains(frame)) return;
    REQUIRE(rows_.make_row(frame) == Result::ok);
    empty_.insert(frame);
    free_.erase(frame);
  }

  // While the machine runs.
  void lose() {
    if (empty_.empty()) return;
    const FrameNumber row{some_of(empty_)};
    rows_.world.page_out({{.object = ObjectId::of(row)}});
    if (is_whole(row)) rows_.damage(row);
  }

  void turn_bits() {
    if (alive_.size() + empty_.size() > 1) rows_.damage({some_row()});
  }

  std::mt19937_64 random_;
  Rows rows_;
  std::set<unsigned> alive_;         // guests in rows that were not destroyed
  std::set<uint64_t> empty_, free_;  // rows without a guest; frames that were rows
  uint64_t made_ = 0;
};

}  // namespace

TEST_CASE("whatever rows come, go, are lost and come back, all runs that can be read") {
  for_each_seed(30, [](uint64_t seed) { RandomRows(seed).run(); });
}
