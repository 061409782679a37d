// SPDX-License-Identifier: MIT
#include "test/simulation/simulated_machine.hpp"

#include <cstring>

namespace perdure {
namespace {

std::string named(const char* what, FrameNumber frame) {
  return std::string(what) + ", frame " + std::to_string(frame.value);
}

Capability random_capability(Random& random) {
  return {.type = CapabilityType::page,
          .hint = static_cast<uint32_t>(random.next()),
          .version = {1 + random.below(1000)},
          .object = ObjectId::of({random.below(1000)}),
          .payload = random.next()};
}

}  // namespace

MachineMemory::MachineMemory(size_t bytes)
    : bytes_(bytes), memory_(static_cast<std::byte*>(std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096))) {
  std::memset(memory_.get(), 0xa5, bytes);
}

size_t memory_for(const Geometry& geometry, size_t slots) {
  const size_t fixed = LogWriter::memory_bytes(geometry) + ReportWriter::memory_bytes + TagCache::memory_bytes +
                       RootWriter::memory_bytes + IoQueue::memory_bytes + Fence::memory_bytes;
  return fixed + geometry.generation_entries_max() * 80 + (slots + slots / 12 + 40) * block_bytes;
}

void SimulatedMachine::committed(Generation generation, bool failed) {
  if (failed) {
    ++failed_commits;
    withdrawing_ = true;
  } else if (oracle_) {
    expect(generation.value == oracle_->possible, "a generation was reported that was not pending");
    oracle_->committed(generation.value);
  }
}

void SimulatedMachine::poll(uint64_t ns) {
  now_ns += ns;
  store->poll(now_ns);
  if (withdrawing_ && store->can_declare()) {
    withdrawing_ = false;
    if (oracle_) oracle_->withdrawn();
  }
}

void SimulatedMachine::declare() {
  // The oracle's cut comes first: what is written afterwards is not in the generation.
  const Generation generation = store->declare(now_ns, 1'700'000'000 + now_ns / 1'000'000'000);
  oracle_->declared(generation.value);
}

void SimulatedMachine::run_to_idle() {
  for (unsigned i = 0; !store->can_declare(); ++i) {
    expect(i < 2'000'000, "the checkpointer makes no progress");
    poll(1'000'000);
  }
}

void SimulatedMachine::park(const Stall& stall) {
  parked_.insert(stall.until);
  ++stalls;
}

void SimulatedMachine::expect_everybody_woken() {
  constexpr unsigned polls_max = 60'000;  // each a millisecond
  for (unsigned i = 0; !parked_.empty(); ++i) {
    if (i == polls_max) {
      throw SimulationFailure("nobody wakes who waits for reason " + std::to_string(unsigned(parked_.begin()->reason())) +
                              ", key " + std::to_string(parked_.begin()->key()));
    }
    if (store->can_declare() && store->due(now_ns)) declare();
    poll(1'000'000);
  }
}

void SimulatedMachine::flood(Random& random, unsigned stalls_wanted) {
  const unsigned until = stalls + stalls_wanted;
  const uint64_t frames = store->frames_in_store(), first = random.next();
  for (uint64_t i = 0; i < 400 && stalls < until; ++i) {
    write({1 + (first + i / 2) % (frames - 1)}, random);
    for (unsigned polls = 0; polls < 3; ++polls) poll(10'000);
  }
}

CacheSlot SimulatedMachine::obtain(FrameNumber frame) {
  const auto slot = store->obtain(frame);
  if (slot) return *slot;
  expect(reads_may_fail || is_ghost || slot.error().why == Absent::Why::stall, named("unreadable, and nothing was damaged", frame));
  if (slot.error().why == Absent::Why::stall) park(slot.error().stall);
  return no_slot;
}

CacheSlot SimulatedMachine::obtain_waiting(FrameNumber frame, bool* unreadable) {
  for (unsigned i = 0; i < 1'000'000; ++i) {
    const auto slot = store->obtain(frame);
    if (slot) return *slot;
    if (slot.error().why != Absent::Why::stall) {
      *unreadable = true;
      return no_slot;
    }
    poll(100'000);
  }
  throw SimulationFailure(named("a fetch never ends", frame));
}

bool SimulatedMachine::make_dirty(CacheSlot slot, Random& random) {
  const auto done = store->make_dirty(slot, random.one_in(4) ? Need::reserve : Need::ordinary);
  if (!done) park(done.error());
  return done.has_value();
}

void SimulatedMachine::remember(FrameNumber frame, CacheSlot slot) {
  oracle_->now.frames[frame.value] = truth_of(store->descriptor(slot), store->body(slot));
}

void SimulatedMachine::write(FrameNumber frame, Random& random) {
  const CacheSlot slot = obtain(frame);
  if (slot == no_slot) return;
  const Kind kind = store->descriptor(slot).identity.kind;
  if (kind == Kind::empty) return make_anew(frame, random);
  if (!make_dirty(slot, random)) return;
  FrameIdentity& identity = store->descriptor(slot).identity;
  std::byte* bytes = store->bytes(slot);
  if (kind == Kind::page) {
    for (unsigned i = 0; i < 4; ++i) {
      const uint64_t word = random.next();
      std::memcpy(bytes + random.below(frame_bytes / 8) * 8, &word, 8);
    }
  } else if (kind == Kind::capability_page) {
    const Capability capability = random_capability(random);
    std::memcpy(bytes + random.below(capabilities_per_page) * sizeof(Capability), &capability, sizeof(capability));
  } else {
    const auto index = static_cast<unsigned>(random.below(63));
    if (version_of(identity, bytes, index).is_none()) {
      make_in_row(identity, bytes, index);
      row_object<Wrapper>(bytes, index)->target = random_capability(random);
    } else {
      destroy_in_row(identity, bytes, index);
    }
  }
  remember(frame, slot);
}

void SimulatedMachine::make_anew(FrameNumber frame, Random& random) {
  const auto slot = store->obtain_identity(frame);
  if (!slot) {
    if (slot.error().why == Absent::Why::stall) park(slot.error().stall);
    return;
  }
  if (!make_dirty(*slot, random)) return;
  FrameIdentity& identity = store->descriptor(*slot).identity;
  if (identity.kind != Kind::empty) rescind(identity);
  store->become_all_zero(*slot);
  const Account account{static_cast<uint32_t>(random.below(5))};
  switch (random.below(5)) {
    case 0: break;  // stays empty
    case 1: make_whole(identity, Kind::capability_page, account); break;
    case 2: format_row(identity, store->bytes(*slot), Kind::wrapper, account); break;
    default: make_whole(identity, Kind::page, account); break;
  }
  remember(frame, *slot);
}

// The kernel may do so at any time, also in frozen and clean frames: hints are not contents.
void SimulatedMachine::refresh_hints(FrameNumber frame, Random& random) {
  const CacheSlot slot = store->find(frame);
  if (slot == no_slot || store->descriptor(slot).flags & FrameDescriptor::flag_all_zero) return;
  hints_refreshed_ = true;
  std::byte* bytes = store->bytes(slot);
  if (store->descriptor(slot).identity.kind == Kind::capability_page) {
    auto* capability = reinterpret_cast<Capability*>(bytes) + random.below(capabilities_per_page);
    capability->hint = static_cast<uint32_t>(random.next());
  } else if (store->descriptor(slot).identity.kind == Kind::wrapper) {
    row_object<Wrapper>(bytes, static_cast<unsigned>(random.below(63)))->target.hint = static_cast<uint32_t>(random.next());
  }
}

void SimulatedMachine::act(Random& random, bool anywhere) {
  ++operations;
  const uint64_t frames = store->frames_in_store();
  const uint64_t range = anywhere || random.one_in(4) ? frames - 1 : std::min<uint64_t>(frames - 1, 40);
  const FrameNumber frame{1 + random.below(range)};
  switch (random.below(16)) {
    case 0: case 1: case 2: case 3: case 4: case 5:
      return write(frame, random);
    case 6:
      return make_anew(frame, random);
    case 7: case 8:
      return refresh_hints(frame, random);
    case 9:
      store->system().next_ticket = ++oracle_->now.system.next_ticket;
      return;
    case 10: {
      const CacheSlot slot = store->random_droppable(random.next());
      if (slot != no_slot) expect(store->drop(slot), "what is droppable can be dropped");
      return;
    }
    case 11:
      if (const CacheSlot slot = obtain(frame); slot != no_slot) compare(frame, slot, oracle_->now.frame(frame.value));
      return;
    default:
      for (uint64_t i = random.below(24); i > 0; --i) poll(random.below(2'000'000));
  }
}

// In memory hints may stand; a frame that comes from the disk has none.
void SimulatedMachine::compare(FrameNumber frame, CacheSlot slot, const FrameTruth& truth) {
  if (is_ghost) return;
  const bool is_as_stored = store->descriptor(slot).epoch == 0 && !hints_refreshed_;
  const FrameTruth found = is_as_stored ? stored_truth_of(store->descriptor(slot), store->body(slot))
                                        : truth_of(store->descriptor(slot), store->body(slot));
  const std::string_view wrong = difference(truth, found);
  expect(wrong.empty(), named(std::string(wrong).c_str(), frame));
}

void SimulatedMachine::expect_pairs_of_tags() const {
  const Root& root = store->root();
  const Medium medium = disk_.keep_everything();
  for (uint64_t index = 0; index < root.frontier; ++index) {
    TagFrame copies[2];
    for (unsigned copy = 0; copy < 2; ++copy) {
      const BlockIndex place = root.geometry.tag_block(index, copy);
      if (medium[place.value]) std::memcpy(static_cast<void*>(&copies[copy]), medium[place.value]->data(), sizeof(TagFrame));
      expect(verify_tag_frame(copies[copy], place, root.store_id, index), named("a copy of a tag frame is not whole", {index}));
    }
    expect((copies[0].sequence ^ copies[1].sequence) == 1 && std::memcmp(copies[0].tags, copies[1].tags, sizeof(copies[0].tags)) == 0,
           named("the copies of a tag frame differ", {index}));
  }
}

std::set<uint64_t> SimulatedMachine::read_everything(World& seen) {
  std::set<uint64_t> all_unreadable;
  for (uint64_t number = 0; number < store->frames_in_store(); ++number) {
    bool unreadable = false;
    const CacheSlot slot = obtain_waiting({number}, &unreadable);
    if (unreadable) all_unreadable.insert(number);
    else seen.frames[number] = stored_truth_of(store->descriptor(slot), store->body(slot));
  }
  return all_unreadable;
}

std::set<uint64_t> SimulatedMachine::compare_with(const World& world, bool unreadable_allowed) {
  std::set<uint64_t> all_unreadable;
  for (uint64_t number = 0; number < store->frames_in_store(); ++number) {
    bool unreadable = false;
    const CacheSlot slot = obtain_waiting({number}, &unreadable);
    expect(!unreadable || unreadable_allowed, named("unreadable", {number}));
    if (unreadable) all_unreadable.insert(number); else compare({number}, slot, world.frame(number));
  }
  expect(is_same_state(store->system(), world.system), "another system state");
  return all_unreadable;
}

}  // namespace perdure
