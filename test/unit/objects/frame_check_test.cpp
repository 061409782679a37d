// SPDX-License-Identifier: MIT
//
// Tries to get a frame that breaks an invariant past the check that stands before every commit.
#include <catch2/catch.hpp>
#include <vector>

#include "objects/frame_check.hpp"
#include "objects/process.hpp"

using namespace perdure;

namespace {
struct Frame {
  FrameIdentity identity;
  alignas(64) std::byte bytes[frame_bytes] = {};
  bool is_sound() const { return check_frame(identity, bytes).empty(); }
};
Capability page_capability() {
  return {.type = CapabilityType::page, .version = {1}, .object = ObjectId::of({7})};
}
}  // namespace

TEST_CASE("fresh frames of every kind are sound") {
  for (unsigned number = 1; number < kind_count; ++number) {
    const Kind kind = static_cast<Kind>(number);
    Frame frame;
    if (!is_row(kind)) {
      make_whole(frame.identity, kind, {1});
      CHECK(check_frame(frame.identity, nullptr).empty());
    } else {
      format_row(frame.identity, frame.bytes, kind, {1});
      CHECK_FALSE(check_frame(frame.identity, nullptr).empty());
      for (unsigned i = 0; i < info(kind).objects_per_frame; ++i) make_in_row(frame.identity, frame.bytes, i);
      destroy_in_row(frame.identity, frame.bytes, 2);
    }
    CHECK(frame.is_sound());
  }
}

TEST_CASE("capabilities are looked at one by one") {
  CHECK(check_capability({}).empty());
  CHECK(check_capability(number_capability(5)).empty());
  CHECK(check_capability(page_capability()).empty());
  Capability wrong = page_capability();
  wrong.version = {};
  CHECK_FALSE(check_capability(wrong).empty());
  wrong = page_capability();
  wrong.restrictions = 0x80;
  CHECK_FALSE(check_capability(wrong).empty());
  wrong = page_capability();
  wrong.flags = 1;
  CHECK_FALSE(check_capability(wrong).empty());
  wrong = number_capability(5);
  wrong.version = {1};
  CHECK_FALSE(check_capability(wrong).empty());
  wrong = page_capability();
  wrong.type = static_cast<CapabilityType>(99);
  CHECK_FALSE(check_capability(wrong).empty());
}

TEST_CASE("a bad capability is found wherever it stands") {
  const Capability wrong{.type = static_cast<CapabilityType>(200)};
  Frame page;
  make_whole(page.identity, Kind::capability_page, {1});
  reinterpret_cast<Capability*>(page.bytes)[127] = wrong;
  CHECK_FALSE(page.is_sound());
  Frame process;
  make_whole(process.identity, Kind::process, {1});
  reinterpret_cast<Process*>(process.bytes)->capability_registers[31] = wrong;
  CHECK_FALSE(process.is_sound());
  Frame wrappers;
  format_row(wrappers.identity, wrappers.bytes, Kind::wrapper, {1});
  make_in_row(wrappers.identity, wrappers.bytes, 62);
  row_object<Wrapper>(wrappers.bytes, 62)->target = wrong;
  CHECK_FALSE(wrappers.is_sound());
}

TEST_CASE("a row's map, its versions and its source agree") {
  Frame row;
  format_row(row.identity, row.bytes, Kind::endpoint, {1});
  make_in_row(row.identity, row.bytes, 3);
  CHECK(row.is_sound());
  auto& header = *reinterpret_cast<RowHeader*>(row.bytes);
  header.allocated ^= 1;
  CHECK_FALSE(row.is_sound());
  header.allocated ^= 1;
  header.allocated |= uint64_t{1} << 63;
  CHECK_FALSE(row.is_sound());
  header.allocated &= ~(uint64_t{1} << 63);
  header.kind = Kind::notice;
  CHECK_FALSE(row.is_sound());
  header.kind = Kind::endpoint;
  row_object<Endpoint>(row.bytes, 3)->version.value = row.identity.source.value + 1;
  CHECK_FALSE(row.is_sound());
}

TEST_CASE("a version source that came near its end is refused") {
  Frame frame;
  frame.identity = {{version_source_max}, {}, Kind::page};
  CHECK_FALSE(frame.is_sound());
  frame.identity = {{}, {}, Kind::page};
  CHECK_FALSE(frame.is_sound());
}
