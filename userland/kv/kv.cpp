// SPDX-License-Identifier: MIT
//
// The key-value server. Every opened entry is a wrapper around the distinguished entry with the
// address of the entry as payload (runtime/distinguished.hpp), from the one bank that everything
// here is bought from. The server keeps no capability for any of them.
//
// It buys the pages of its heap itself: a bank at its limit is the answer limit_reached to the
// request that needed more, and the server goes on.
#include "userland/interfaces/kv.hpp"

#include "userland/kv/entry_store.hpp"
#include "userland/runtime/distinguished.hpp"
#include "userland/runtime/format.hpp"
#include "userland/runtime/space_builder.hpp"

namespace perdure {

namespace {

constexpr BankCapability bank{registers::bank};
constexpr CapabilityRegister answered{11};
constexpr SpaceRegisters space_registers{12};
static_assert(12 + SpaceRegisters::count <= registers::argument[0].number);
constexpr Distinguished<KvRecord> entries{CapabilityRegister{9}, CapabilityRegister{10}};

struct KvState {
  EntryStore store;
  uint64_t filled = 0;  // keys that `fill` has chosen so far
};

bool furnish_heap(std::span<std::byte> memory) {
  const SpaceBuilder space{.bank = bank,
                           .discriminator = DiscriminatorCapability{registers::discriminator},
                           .root = NodeCapability{registers::space},
                           .registers = space_registers};
  const auto start = reinterpret_cast<uint64_t>(memory.data());
  return space.place_missing_pages(start, start + memory.size()).has_value();
}

// --- the whole store ---------------------------------------------------------------------------

Answer<> put(KvState& state, const Call&, Word key, Word value) {
  const auto entry = state.store.put(key, value);
  return entry ? Answer<>{} : std::unexpected(entry.error());
}

Answer<Word> get(KvState& state, const Call&, Word key) {
  const KvRecord* entry = state.store.find(key);
  if (entry == nullptr) return std::unexpected(Result::not_found);
  return entry->value;
}

// Its capability is in `answered`.
Answer<> open_entry(KvRecord* entry) {
  const auto done = entries.hand_out(bank, entry, answered);
  if (done) EntryStore::note_opened(entry);
  return done;
}

Answer<PassedCapability> open(KvState& state, const Call&, Word key) {
  KvRecord* const entry = state.store.find(key);
  if (entry == nullptr) return std::unexpected(Result::not_found);
  if (auto done = open_entry(entry); !done) return std::unexpected(done.error());
  return PassedCapability{answered};
}

Answer<> remove(KvState& state, const Call&, Word key) {
  return state.store.remove(key) ? Answer<>{} : std::unexpected(Result::not_found);
}

Answer<uint64_t> count(KvState& state, const Call&) { return state.store.count(); }

Answer<uint64_t> digest(KvState& state, const Call&) { return state.store.digest(); }

Word next_fill_key(KvState& state) {
  TextBuffer<Word::length_max> text;
  do {
    text.clear();
    text << "fill-" << Padded{++state.filled, 9, '0'};
  } while (state.store.find(Word::of(text.text())) != nullptr);
  return Word::of(text.text());
}

Answer<uint64_t> fill(KvState& state, const Call&, uint64_t wanted) {
  for (uint64_t i = 0; i < wanted; ++i) {
    const Word key = next_fill_key(state);
    const auto entry = state.store.put(key, key);
    if (!entry) return std::unexpected(entry.error());
    if (auto done = open_entry(*entry); !done) {
      state.store.remove(key);
      return std::unexpected(done.error());
    }
  }
  return state.store.count();
}

// --- one entry ---------------------------------------------------------------------------------

Answer<KvRecord*> entry_of(const Call& call) {
  KvRecord* const entry = entries.object_of(call);
  if (entry->is_removed()) return std::unexpected(KvEntry::removed);
  return entry;
}

Answer<Word> get_one(KvState&, const Call& call) {
  const auto entry = entry_of(call);
  if (!entry) return std::unexpected(entry.error());
  return (*entry)->value;
}

Answer<> put_one(KvState&, const Call& call, Word value) {
  const auto entry = entry_of(call);
  if (!entry) return std::unexpected(entry.error());
  (*entry)->value = value;
  return {};
}

Answer<> close_one(KvState& state, const Call& call) {
  if (auto done = entries.take_back(bank, call); !done) return done;
  state.store.note_closed(entries.object_of(call));
  return {};
}

void answer(KvState& state, Message& message) {
  if (entries.is_meant(call_of(message))) {
    answer_request<KvEntry, get_one, put_one, close_one>(state, message);
  } else {
    answer_request<Kv, put, get, open, remove, count, fill, digest>(state, message);
  }
}

}  // namespace

void program(uint64_t) {
  program_heap().furnish_with(furnish_heap);
  KvState state{.store = EntryStore(program_heap())};
  if (!entries.begin(EndpointCapability{registers::endpoint})) __builtin_trap();
  serve_by([&](Message& message) { answer(state, message); });
}

}  // namespace perdure
