// SPDX-License-Identifier: MIT
//
// Tries to get a wrong block past its checksum, and geometry arithmetic out of bounds: every bit
// of a root, and every field of the other blocks, is turned; geometries of all sizes are planned.
#include <bit>
#include <catch2/catch.hpp>
#include <cstring>
#include <string_view>
#include <vector>

#include "checkpoint/layout.hpp"
#include "checkpoint/xxh64.hpp"

using namespace perdure;

namespace {
uint64_t hash_of(std::string_view text, uint64_t seed = 0) {
  return xxh64(std::as_bytes(std::span(text)), seed);
}

// XXH64 as its description has it: one byte, one lane and one step after the other.
class DescribedHash {
 public:
  DescribedHash(std::span<const std::byte> bytes, uint64_t seed) : left_(bytes), seed_(seed) {}
  uint64_t value() {
    const size_t length = left_.size();
    uint64_t hash = length < 32 ? seed_ + prime_[5] : of_stripes();
    hash += length;
    while (left_.size() >= 8) hash = std::rotl(hash ^ round(0, take(8)), 27) * prime_[1] + prime_[4];
    if (left_.size() >= 4) hash = std::rotl(hash ^ take(4) * prime_[1], 23) * prime_[2] + prime_[3];
    while (!left_.empty()) hash = std::rotl(hash ^ take(1) * prime_[5], 11) * prime_[1];
    hash = (hash ^ hash >> 33) * prime_[2];
    hash = (hash ^ hash >> 29) * prime_[3];
    return hash ^ hash >> 32;
  }

 private:
  static constexpr uint64_t prime_[] = {0, 11400714785074694791u, 14029467366897019727u, 1609587929392839161u,
                                        9650029242287828579u, 2870177450012600261u};
  static uint64_t round(uint64_t lane, uint64_t word) {
    return std::rotl(lane + word * prime_[2], 31) * prime_[1];
  }
  uint64_t take(unsigned count) {
    uint64_t word = 0;
    for (unsigned i = 0; i < count; ++i) word |= static_cast<uint64_t>(left_[i]) << 8 * i;
    left_ = left_.subspan(count);
    return word;
  }
  uint64_t of_stripes() {
    uint64_t lanes[] = {seed_ + prime_[1] + prime_[2], seed_ + prime_[2], seed_, seed_ - prime_[1]};
    while (left_.size() >= 32) {
      for (uint64_t& lane : lanes) lane = round(lane, take(8));
    }
    uint64_t hash = 0;
    constexpr int turned[] = {1, 7, 12, 18};
    for (unsigned i = 0; i < 4; ++i) hash += std::rotl(lanes[i], turned[i]);
    for (const uint64_t lane : lanes) hash = (hash ^ round(0, lane)) * prime_[1] + prime_[4];
    return hash;
  }

  std::span<const std::byte> left_;
  uint64_t seed_;
};
}  // namespace

TEST_CASE("XXH64 agrees with published values") {
  CHECK(hash_of("") == 0xEF46DB3751D8E999);
  CHECK(hash_of("a") == 0xD24EC4F1A98C6E5B);
  CHECK(hash_of("abc") == 0x44BC2CF5AD770999);
  CHECK(hash_of("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1);
  CHECK(hash_of("abc", 1) != hash_of("abc"));
}

TEST_CASE("XXH64 agrees with its description, whatever the length, the place and the seed") {
  std::vector<std::byte> bytes(block_bytes + 8);
  uint64_t state = 1;
  for (std::byte& byte : bytes) byte = static_cast<std::byte>((state = state * 6364136223846793005 + 1) >> 56);
  const auto same = [&](size_t first, size_t length, uint64_t seed) {
    const auto part = std::span<const std::byte>(bytes).subspan(first, length);
    return xxh64(part, seed) == DescribedHash(part, seed).value();
  };
  for (size_t first = 0; first < 8; ++first) {
    for (size_t length = 0; length < 200; ++length) CHECK(same(first, length, length * 0x9E3779B97F4A7C15));
    for (const size_t length : {block_bytes, block_bytes - 8, sector_bytes - 8}) CHECK(same(first, length, ~first));
  }
}

TEST_CASE("every length of input counts in the hash") {
  std::vector<std::byte> bytes(100);
  std::vector<uint64_t> seen;
  for (size_t length = 0; length <= bytes.size(); ++length) {
    seen.push_back(xxh64(std::span(bytes).first(length), 7));
  }
  std::sort(seen.begin(), seen.end());
  CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}

TEST_CASE("a geometry uses the disk and never leaves it") {
  for (uint64_t blocks = 0; blocks < 3000; ++blocks) {
    const auto geometry = Geometry::plan(blocks, 3, 16);
    if (!geometry) {
      CHECK(blocks < 128 + 48 + 3);
      continue;
    }
    const uint64_t last = geometry->tag_block(geometry->tag_frames - 1, 1).value;
    CHECK(last < blocks);
    CHECK(blocks - last <= 3);  // hardly anything is left over
    CHECK(geometry->frames <= geometry->tag_frames * tags_per_frame);
    CHECK(tag_frame_of({geometry->frames - 1}) == geometry->tag_frames - 1);
    CHECK(geometry->home_block({geometry->frames}) == geometry->tag_block(0, 1));
    CHECK(geometry->tag_block(0, 0) == geometry->log_block(geometry->log_blocks()));
  }
}

TEST_CASE("geometries that cannot be right are refused") {
  CHECK_FALSE(Geometry::plan(100'000, 2));
  CHECK_FALSE(Geometry::plan(100'000, 0xffff'ffff));
  CHECK_FALSE(Geometry::plan(100'000, 64, 257));
  CHECK_FALSE(Geometry::plan(100'000, 64, 8));
  CHECK_FALSE(Geometry::plan(~uint64_t{0}, 64));
  CHECK_FALSE(Geometry::plan(64 * 256, 64));
  CHECK(Geometry::plan(65536, 64));
}

TEST_CASE("a full segment has 250 bodies and 3 summary blocks, each twice") {
  CHECK(Geometry::plan(65536, 64)->entries_per_segment_min() == 250);
  CHECK(Geometry::plan(65536, 64, 16)->entries_per_segment_min() == 14);
  CHECK(Geometry::plan(65536, 64)->generation_entries_max() == 63 * 250);
}

TEST_CASE("the longest header chain fits in the smallest segment") {
  CHECK(header_blocks(1) == 1);
  CHECK(header_blocks(160) == 1);
  CHECK(header_blocks(161) == 2);
  CHECK(header_blocks(160 + 252) == 2);
  CHECK(header_blocks(160 + 253) == 3);
}

TEST_CASE("no bit of a root can turn") {
  Root root;
  root.store_id = 42;
  seal(root);
  CHECK(verify(root));
  auto* bytes = reinterpret_cast<std::byte*>(&root);
  for (size_t bit = 0; bit < sizeof(root) * 8; ++bit) {
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    CHECK_FALSE(verify(root));
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
  }
}

TEST_CASE("a block counts only in its place, in its store, as it was sealed") {
  TagFrame frame{.store_id = 7, .index = 3, .sequence = 9};
  seal(frame, {100});
  CHECK(verify_tag_frame(frame, {100}, 7, 3));
  CHECK_FALSE(verify_tag_frame(frame, {101}, 7, 3));
  CHECK_FALSE(verify_tag_frame(frame, {100}, 8, 3));
  CHECK_FALSE(verify_tag_frame(frame, {100}, 7, 4));
  frame.sequence = 10;
  CHECK_FALSE(verify_tag_frame(frame, {100}, 7, 3));
  frame.sequence = 9;
  frame.tags[126].flags = 1;
  CHECK_FALSE(verify_tag_frame(frame, {100}, 7, 3));
}

TEST_CASE("a body counts only for its frame") {
  std::vector<std::byte> body(block_bytes);
  const std::span<const std::byte, block_bytes> bytes(body.data(), block_bytes);
  CHECK(body_checksum(bytes, {1}) != body_checksum(bytes, {2}));
}

TEST_CASE("a report is found again, cut to the area, and nothing is found where none is") {
  std::vector<std::byte> area(2 * block_bytes), text(3 * block_bytes, std::byte{'x'});
  CHECK(report_text(area).empty());
  CHECK(make_report(area, text, 5, {6}) == area.size());
  CHECK(report_text(area).size() == area.size() - sizeof(ReportHeader));
  area.back() ^= std::byte{1};
  CHECK(report_text(area).empty());
}
