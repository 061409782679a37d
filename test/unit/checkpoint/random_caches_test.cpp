// SPDX-License-Identifier: MIT
//
// The hand of the clock beside verdicts: it finds a victim if there is one, and never one that stays.
#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include "checkpoint/frame_cache.hpp"

using namespace perdure;

TEST_CASE("the hand finds a victim in four rounds if there is one, and passes over an eighth of verdicts") {
  std::mt19937_64 random(5);
  const auto below = [&](uint64_t limit) { return random() % limit; };
  for (unsigned run = 0; run < 3000; ++run) {
    const auto size = static_cast<CacheSlot>(1 + below(below(2) ? 40 : 300));
    std::vector<FrameDescriptor> descriptors(size);
    std::vector<CacheSlot> heads(512);
    FrameCache cache;
    cache.open(descriptors, heads, nullptr);
    for (CacheSlot i = 0; i < size; ++i) REQUIRE(cache.take_vacant({i + 1}) != no_slot);
    const uint32_t moment = static_cast<uint32_t>(below(2) ? random() : 100'000 + below(1000));
    const uint64_t verdict_share = 1 + below(12), pinned_share = below(12);
    for (CacheSlot i = 0; i < size; ++i) {
      FrameDescriptor& d = cache[i];
      d.flags = static_cast<uint8_t>(random() & (FrameDescriptor::flag_referenced | FrameDescriptor::flag_awaited));
      if (below(verdict_share) == 0) {
        d.state = FrameState::unreadable;
        if (below(4) == 0) {
          d.state = FrameState::clean;
          d.flags |= FrameDescriptor::flag_body_lost | FrameDescriptor::flag_body_absent;
        }
        if (below(2)) d.flags |= FrameDescriptor::flag_told;
        d.verdict_moment = static_cast<uint32_t>(moment + below(20000) - 8000);
      } else {
        d.state = pinned_share && below(pinned_share) == 0 ? FrameState::clean : FrameState::dirty;
        if (below(20) == 0) d.state = FrameState::fetching;
      }
      if (below(30) == 0) d.pins = 1;
    }
    const auto stays = [&](CacheSlot i) { return cache[i].has_verdict() && !cache[i].has_lapsed(moment); };
    for (uint64_t begun = below(4); begun > 0; --begun) cache.find_victim(0, moment, static_cast<unsigned>(below(size + 3)));
    for (;;) {
      unsigned all = 0, others = 0, verdicts = 0;
      for (CacheSlot i = 0; i < size; ++i) {
        const FrameState state = cache[i].state;
        const bool can = cache[i].pins == 0 && (state == FrameState::clean || state == FrameState::unreadable);
        all += stays(i);
        verdicts += can && stays(i);
        others += can && !stays(i);
      }
      CacheSlot victim = no_slot;
      for (uint64_t left = uint64_t{size} * 4; victim == no_slot && left > 0; left -= std::min<uint64_t>(left, 64)) {
        victim = cache.find_victim(0, moment, 64);
      }
      CAPTURE(run, size, all, verdicts, others, victim);
      const bool is_one = others > 0 || verdicts > size / 8;
      REQUIRE((victim != no_slot) == is_one);
      if (victim == no_slot) break;
      if (all <= size / 8) REQUIRE(!stays(victim));
      cache.vacate(victim);
    }
  }
}
