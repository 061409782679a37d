// SPDX-License-Identifier: MIT
//
// Tries to get a wrong block past its checksum, and geometry arithmetic out of bounds: every bit
// of a root, and every field of the other blocks, is turned; geometries of all sizes are planned.
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
}  // namespace

TEST_CASE("XXH64 agrees with published values") {
  CHECK(hash_of("") == 0xEF46DB3751D8E999);
  CHECK(hash_of("a") == 0xD24EC4F1A98C6E5B);
  CHECK(hash_of("abc") == 0x44BC2CF5AD770999);
  CHECK(hash_of("Nobody inspects the spammish repetition") == 0xFBCEA83C8A378BF1);
  CHECK(hash_of("abc", 1) != hash_of("abc"));
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

TEST_CASE("a full segment has 253 bodies and 3 summary blocks") {
  CHECK(Geometry::plan(65536, 64)->entries_per_segment_min() == 253);
  CHECK(Geometry::plan(65536, 64, 16)->entries_per_segment_min() == 15);
  CHECK(Geometry::plan(65536, 64)->generation_entries_max() == 63 * 253);
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
