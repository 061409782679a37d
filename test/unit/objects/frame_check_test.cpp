// SPDX-License-Identifier: MIT
//
// Tries to get a frame that breaks an invariant past the check that stands before every commit.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include "objects/frame_check.hpp"
#include "objects/process.hpp"
#include "objects/slot_types.hpp"

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

namespace {
// A capability that is good in itself.
Capability some(CapabilityType type) {
  return {.type = type, .version = {names_object(type) ? 1u : 0u}, .object = ObjectId::of({7})};
}
// A frame with one object, and the typed slot in it.
struct FrameWithSlot {
  explicit FrameWithSlot(TypedSlot which) {
    const Kind kind = which == TypedSlot::node_keeper         ? Kind::node
                      : which == TypedSlot::endpoint_receiver ? Kind::endpoint
                      : which == TypedSlot::notice_receiver   ? Kind::notice
                                                              : Kind::process;
    if (is_row(kind)) {
      format_row(frame.identity, frame.bytes, kind, {1});
      make_in_row(frame.identity, frame.bytes, 1);
    } else {
      make_whole(frame.identity, kind, {1});
    }
    auto& process = *reinterpret_cast<Process*>(frame.bytes);
    switch (which) {
      case TypedSlot::process_activity: slot = &process.control.activity; break;
      case TypedSlot::process_space: slot = &process.space; break;
      case TypedSlot::process_keeper: slot = &process.keeper; break;
      case TypedSlot::process_schedule: slot = &process.schedule; break;
      case TypedSlot::process_register_0: slot = &process.capability_registers[0]; break;
      case TypedSlot::node_keeper: slot = &row_object<Node>(frame.bytes, 1)->keeper; break;
      case TypedSlot::endpoint_receiver: slot = &row_object<Endpoint>(frame.bytes, 1)->receiver; break;
      case TypedSlot::notice_receiver: slot = &row_object<Notice>(frame.bytes, 1)->receiver; break;
    }
  }
  Frame frame;
  Capability* slot = nullptr;
};
}  // namespace

// All slots, all types: what the table says is what the check of a frame says.
TEST_CASE("a slot holds only types that it may hold") {
  using Type = CapabilityType;
  const std::vector<std::pair<TypedSlot, std::vector<Type>>> expected{
      {TypedSlot::process_activity, {Type::activity}},
      {TypedSlot::process_space, {Type::page, Type::capability_page, Type::node}},
      {TypedSlot::process_keeper, {Type::entry, Type::wrapped}},
      {TypedSlot::process_schedule, {Type::schedule}},
      {TypedSlot::process_register_0, {}},
      {TypedSlot::node_keeper, {Type::entry, Type::wrapped}},
      {TypedSlot::endpoint_receiver, {Type::process}},
      {TypedSlot::notice_receiver, {Type::process}}};
  REQUIRE(expected.size() == typed_slot_count);
  for (const auto& [slot, types] : expected) {
    for (unsigned number = 0; number < capability_type_count; ++number) {
      const Type type = static_cast<Type>(number);
      const bool allowed = type == Type::void_capability || std::ranges::find(types, type) != types.end();
      FrameWithSlot with(slot);
      *with.slot = some(type);
      INFO("slot " << static_cast<unsigned>(slot) << ", type " << info(type).name);
      CHECK(is_allowed(slot, *with.slot) == allowed);
      CHECK(with.frame.is_sound() == allowed);
    }
    CHECK_FALSE(is_allowed(slot, {.type = static_cast<Type>(200)}));
  }
}

TEST_CASE("numbers out of range are found") {
  Frame row;
  format_row(row.identity, row.bytes, Kind::schedule, {1});
  make_in_row(row.identity, row.bytes, 0);
  Schedule& schedule = *row_object<Schedule>(row.bytes, 0);
  schedule.priority = schedule.ceiling = priority_max;
  schedule.slice_ns = slice_ns_max;
  CHECK(row.is_sound());
  ++schedule.ceiling;
  CHECK(!check_frame(row.identity, row.bytes).empty());
  schedule.ceiling = priority_max - 1;  // below the priority
  CHECK_FALSE(row.is_sound());
  schedule.priority = 0;
  ++schedule.slice_ns;
  CHECK_FALSE(row.is_sound());
  for (const Kind kind : {Kind::endpoint, Kind::notice}) {
    format_row(row.identity, row.bytes, kind, {1});
    make_in_row(row.identity, row.bytes, 0);
    row.bytes[row_header_bytes + 16] = std::byte{0x80};  // the flags of both
    CHECK_FALSE(row.is_sound());
  }
}

// Byte by byte: it is volatile exactly if normalize() clears it.
TEST_CASE("what normalize() clears is refused in what was stored") {
  std::mt19937_64 random(1);
  for (unsigned number = 1; number < kind_count; ++number) {
    const Kind kind = static_cast<Kind>(number);
    Frame frame;
    if (is_row(kind)) format_row(frame.identity, frame.bytes, kind, {1});
    else make_whole(frame.identity, kind, {1});
    REQUIRE(check_stored_frame(frame.identity, frame.bytes).empty());
    alignas(64) std::byte stored[frame_bytes];
    for (size_t place = is_row(kind) ? row_header_bytes : 0; place < frame_bytes; ++place) {
      frame.bytes[place] = static_cast<std::byte>(1 + random() % 255);
      normalize(kind, frame.bytes, stored);
      const bool is_volatile = stored[place] != frame.bytes[place];
      if (check_frame(frame.identity, frame.bytes).empty()) {
        INFO(info(kind).name << ", byte " << place);
        CHECK(check_stored_frame(frame.identity, frame.bytes).empty() != is_volatile);
      }
      frame.bytes[place] = std::byte{0};
    }
  }
}
