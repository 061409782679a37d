// SPDX-License-Identifier: MIT
//
// Tries to get authority through a weak capability, or rights back by combining: every type with
// every combination of restrictions and flags.
#include <catch2/catch.hpp>

#include <set>

#include "objects/abi.hpp"
#include "objects/capability.hpp"

using namespace perdure;

namespace {

Capability sample(unsigned type, unsigned restrictions) {
  return {.type = static_cast<CapabilityType>(type),
          .restrictions = static_cast<uint8_t>(restrictions),
          .flags = 0,
          .hint = 99,
          .version = {5},
          .object = ObjectId::of({1234}, 7),
          .payload = 42};
}

enum class Fetched { void_capability, unchanged, read_only_and_weak };

// The table of what a weak fetch yields, said a second time.
Fetched expected(CapabilityType type) {
  switch (type) {
    case CapabilityType::number:
    case CapabilityType::discriminator: return Fetched::unchanged;
    case CapabilityType::page:
    case CapabilityType::capability_page:
    case CapabilityType::node:
    case CapabilityType::wrapped: return Fetched::read_only_and_weak;
    default: return Fetched::void_capability;
  }
}

}  // namespace

TEST_CASE("a weak fetch yields what the table says, for every type and every restriction") {
  for (unsigned type = 0; type < capability_type_count; ++type) {
    for (unsigned restrictions = 0; restrictions <= restriction::all; ++restrictions) {
      const Capability before = sample(type, restrictions);
      const Capability after = weaken(before);
      CAPTURE(info(before.type).name, restrictions);
      switch (expected(before.type)) {
        case Fetched::void_capability:
          CHECK(same_authority(after, Capability{}));
          break;
        case Fetched::unchanged:
          CHECK(same_authority(after, before));
          break;
        case Fetched::read_only_and_weak: {
          Capability wanted = before;
          wanted.restrictions |= restriction::read_only | restriction::weak;
          CHECK(same_authority(after, wanted));
          break;
        }
      }
      CHECK(same_authority(weaken(after), after));                      // weak twice is weak
      CHECK((after.is_void() || (after.restrictions & before.restrictions) == before.restrictions));
    }
  }
}

TEST_CASE("the tables have a line for each number") {
  std::set<std::string_view> names;
  for (unsigned type = 0; type < capability_type_count; ++type) {
    const CapabilityTypeInfo& entry = info(static_cast<CapabilityType>(type));
    CHECK_FALSE(entry.name.empty());
    CHECK(names.insert(entry.name).second);
    if (entry.is_memory) CHECK(entry.object_kind != Kind::empty);
  }
  for (unsigned kind = 0; kind < kind_count; ++kind) {
    CHECK_FALSE(info(static_cast<Kind>(kind)).name.empty());
    CHECK(is_valid_kind(static_cast<uint8_t>(kind)));
  }
  CHECK_FALSE(is_valid_kind(kind_count));
}

TEST_CASE("an object id is its frame and its index") {
  const FrameNumber last{(uint64_t{1} << 58) - 1};
  CHECK(ObjectId::of(last, 63).frame() == last);
  CHECK(ObjectId::of(last, 63).index() == 63);
  CHECK(ObjectId::of({0}, 1).frame() == FrameNumber{0});
}

TEST_CASE("same authority does not look at the hint, and looks at all else") {
  const Capability one = sample(2, 1);
  Capability other = one;
  other.hint = 1;
  CHECK(same_authority(one, other));
  const auto differs = [&](auto change) {
    Capability changed = one;
    change(changed);
    return !same_authority(one, changed);
  };
  CHECK(differs([](Capability& c) { c.type = CapabilityType::node; }));
  CHECK(differs([](Capability& c) { c.restrictions = 0; }));
  CHECK(differs([](Capability& c) { c.flags = 1; }));
  CHECK(differs([](Capability& c) { c.version.value++; }));
  CHECK(differs([](Capability& c) { c.object.value++; }));
  CHECK(differs([](Capability& c) { c.payload++; }));
}

TEST_CASE("method codes are the standard FNV-1a, and no two methods share one") {
  CHECK(method_code("") == 0xcbf29ce484222325);
  CHECK(method_code("a") == 0xaf63dc4c8601ec8c);
  CHECK(method_code("foobar") == 0x85944171f73967e8);
  const uint64_t codes[] = {
      method::type, method::number_get, method::memory_reduce, method::page_copy_from, method::fetch,
      method::store, method::node_set, method::node_get, method::node_set_keeper,
      method::process_start, method::process_stop, method::process_status,
      method::process_get_registers, method::process_set_registers, method::endpoint_set_receiver,
      method::endpoint_set_id, method::endpoint_entry, method::endpoint_identify,
      method::wrapper_client, method::wrapper_get, method::wrapper_set_target,
      method::wrapper_set_payload, method::wrapper_set_hand_over, method::wrapper_block,
      method::wrapper_unblock, method::notice_set, method::notice_reduce, method::notice_post,
      method::schedule_get, method::schedule_set, method::schedule_derive, method::range_size, method::range_sub,
      method::range_make, method::range_recap, method::range_rescind, method::range_rescind_object,
      method::range_identify, method::checkpoint_take, method::checkpoint_status,
      method::checkpoint_generations, method::checkpoint_power_off, method::checkpoint_reboot,
      method::devices_console, method::console_write, method::console_read, method::clock_now,
      method::clock_wait_restart, method::discriminator_classify, method::discriminator_same,
      method::keeper_fault};
  CHECK(std::set<uint64_t>(std::begin(codes), std::end(codes)).size() == std::size(codes));
}

TEST_CASE("every result has words") {
  CHECK(name_of(Result::ok) == "ok");
  CHECK(name_of(Result::unsupported) == "unsupported");
  std::set<std::string_view> names;
  uint64_t number = 0;
  while (name_of(static_cast<Result>(number)) != "unknown result") {
    CHECK(names.insert(name_of(static_cast<Result>(number++))).second);
  }
  CHECK(number > static_cast<uint64_t>(Result::unsupported));
  CHECK(name_of(static_cast<Result>(own_result_bit - 1)) == "unknown result");
  for (const uint64_t own : {own_result_bit, own_result_bit | 2, ~uint64_t{0}}) {
    CHECK(name_of(static_cast<Result>(own)) == "an error of the program's own");
  }
}
