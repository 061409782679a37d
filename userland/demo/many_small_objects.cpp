// SPDX-License-Identifier: MIT
//
// B1: homogeneous storage. A server of very many small objects keeps them in its own memory, from
// its one bank; an object costs one wrapper plus its bytes, not a page. The image's key-value
// server is filled with a hundred thousand entries, each opened: behind a wrapper of its own.
#include "userland/demo/instance.hpp"
#include "userland/demo/rows.hpp"
#include "userland/interfaces/kv.hpp"
#include "userland/runtime/client.hpp"

namespace perdure {

namespace {

constexpr CapabilityRegister one{work_register(first_register_after_instance)};
constexpr CapabilityRegister neighbour{work_register(first_register_after_instance + 1)};

constexpr uint64_t entry_count = 100'000;
constexpr uint64_t parts = 10;
constexpr uint64_t limit = 3400;
constexpr uint64_t wrapper_bytes = 64;
constexpr uint64_t data_bytes = 40;  // key, value, links: KvRecord

struct {
  uint64_t used_before = 0;
  uint64_t wrappers_before = 0;
} row;

Client<Kv> kv() { return {instance_entry}; }

bool wrapper_frames(Stage& stage, uint64_t& frames) {
  const auto usage = instance_bank.usage(Kind::wrapper);
  if (!stage.done(usage, "the bank's usage")) return false;
  frames = *usage;
  return true;
}

bool start(Stage& stage) {
  return find_recipe(stage, "kv") && start_instance(stage, limit) &&
         stage.done(kv().call<Kv::put>(Word::of("first"), Word::of("entry")), "an entry") &&
         stage.used_by(instance_bank, row.used_before) && wrapper_frames(stage, row.wrappers_before) &&
         stage.say("a key-value server; its bank uses ", row.used_before, " frames");
}

template <uint64_t part>
bool fill(Stage& stage) {
  const auto count = kv().call<Kv::fill>(entry_count / parts);
  return stage.done(count, "filling the server") &&
         stage.require(*count == 1 + part * (entry_count / parts), "it has ", *count, " entries") &&
         stage.say(part * (entry_count / parts), " entries, each behind its own wrapper");
}

// Tenths of a byte, so that a whole number shows them.
uint64_t tenths_an_entry(uint64_t frames) { return frames * frame_bytes * 10 / entry_count; }

bool costs_at_most(Stage& stage, uint64_t frames, uint64_t bytes, std::string_view what) {
  return stage.require(frames * frame_bytes * 100 <= bytes * entry_count * 103, what, " cost ",
                       tenths_an_entry(frames) / 10, " bytes an entry");
}

bool count_cost(Stage& stage) {
  uint64_t used = 0, wrappers = 0;
  if (!stage.used_by(instance_bank, used) || !wrapper_frames(stage, wrappers)) return false;
  const uint64_t all = tenths_an_entry(used - row.used_before);
  const uint64_t of_wrappers = tenths_an_entry(wrappers - row.wrappers_before);
  return costs_at_most(stage, wrappers - row.wrappers_before, wrapper_bytes, "wrappers") &&
         costs_at_most(stage, used - row.used_before, wrapper_bytes + data_bytes, "entries") &&
         stage.say("an entry costs ", all / 10, ".", all % 10, " bytes, of these its wrapper ",
                   of_wrappers / 10, ".",
                   of_wrappers % 10, "; without pages of its own");
}

Word key_of(uint64_t number) {
  TextBuffer<Word::length_max> text;
  text << "fill-" << Padded{number, 9, '0'};
  return Word::of(text.text());
}

bool open_entry(Stage& stage, uint64_t number, CapabilityRegister into) {
  return stage.done(kv().call_receiving<Kv::open>(into, key_of(number)), "opening an entry");
}

bool holds(Stage& stage, CapabilityRegister entry, Word expected) {
  const auto value = Client<KvEntry>{entry}.call<KvEntry::get>();
  return stage.done(value, "reading an entry") &&
         stage.require(*value == expected, "an entry holds another's value");
}

// Two entries that lie side by side: what is done to one, and through its capability, stays there.
bool use_one(Stage& stage, uint64_t number) {
  const Word value = Word::of("changed");
  if (!open_entry(stage, number, one) || !open_entry(stage, number + 1, neighbour) ||
      !holds(stage, one, key_of(number)) ||
      !stage.done(Client<KvEntry>{one}.call<KvEntry::put>(value), "changing an entry") ||
      !holds(stage, one, value) || !holds(stage, neighbour, key_of(number + 1)) ||
      !stage.done(Client<KvEntry>{one}.call<KvEntry::close>(), "closing an entry")) {
    return false;
  }
  return stage.require_void(one, "a closed entry") && holds(stage, neighbour, key_of(number + 1)) &&
         stage.done(Client<KvEntry>{neighbour}.call<KvEntry::close>(), "closing an entry");
}

bool use_entries(Stage& stage) {
  constexpr uint64_t distance = 997;
  uint64_t tried = 0;
  for (uint64_t number = 1; number < entry_count; number += distance, ++tried) {
    if (!use_one(stage, number)) return false;
  }
  return stage.say(tried, " of them opened, changed, closed: their neighbours noticed nothing");
}

bool destroy(Stage& stage) {
  uint64_t before = 0, its = 0;
  return open_entry(stage, 1, one) && stage.used_by(own_bank, before) && stage.used_by(instance_bank, its) &&
         stage.done(instance_bank.destroy(), "destroying the server") &&
         stage.require_used(own_bank, before - its - 2, "after the server is gone") &&
         stage.require_void(one, "an entry") && stage.require_void(instance_entry, "the server") &&
         stage.say("the server destroyed: ", its, " frames back");
}

constexpr Step steps[] = {start,   fill<1>, fill<2>, fill<3>, fill<4>,    fill<5>,     fill<6>,
                          fill<7>, fill<8>, fill<9>, fill<10>, count_cost, use_entries, destroy};

}  // namespace

Steps steps_of_many_small_objects() { return steps; }

}  // namespace perdure
