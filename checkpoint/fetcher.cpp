// SPDX-License-Identifier: MIT
#include "checkpoint/fetcher.hpp"

#include <algorithm>

#include "objects/assertion.hpp"
#include "objects/frame_check.hpp"

namespace perdure {
namespace {

using Reason = WaitChannel::Reason;
constexpr uint8_t all_zero = FrameDescriptor::flag_all_zero;
constexpr uint8_t body_absent = FrameDescriptor::flag_body_absent;
constexpr uint8_t body_lost = FrameDescriptor::flag_body_lost;
constexpr uint8_t leaving = FrameDescriptor::flag_leaving;
constexpr uint8_t awaited = FrameDescriptor::flag_awaited;
constexpr uint8_t told = FrameDescriptor::flag_told;

uint32_t moment_now(const StoreParts& parts) { return moment_of(parts.io.now_ns()); }
constexpr uint32_t told_times = 32;                       // as long as it took, ...
constexpr uint32_t told_min = moments_per_second;         // ... but at least and at most so long
constexpr uint32_t told_max = 1000 * moments_per_second;

void clear(FrameDescriptor& descriptor, uint8_t flag) {
  descriptor.flags &= static_cast<uint8_t>(~flag);
}

Absent stall(WaitChannel::Reason reason, uint64_t key = 0) {
  return {Absent::Why::stall, {WaitChannel::of(reason, key)}};
}

// The argument of a read of a body: its slot, and above that how often it has come wrong.
constexpr unsigned slot_bit_count = 29;
constexpr CacheSlot slot_bits = (1u << slot_bit_count) - 1;
static_assert(cache_slots_max <= slot_bits && body_reads_max <= 1u << (32 - slot_bit_count));

// No kernel of ours writes a source so high. The limit is far below the one that a commit checks: after
// the fetch, versions may be taken from the source.
constexpr uint64_t plausible_source_max = version_source_max / 2;

}  // namespace

bool is_plausible(const FrameIdentity& identity, uint8_t revision, bool has_body) {
  return is_valid_kind(static_cast<uint8_t>(identity.kind)) &&
         identity.source.value < plausible_source_max && revision == info(identity.kind).layout_revision &&
         (has_body || check_frame(identity, nullptr).empty());
}

bool is_never_used(const StoreParts& parts, FrameNumber number) {
  return tag_frame_of(number) >= parts.roots.current().frontier && !parts.directory.find(number);
}

void Fetcher::open(CacheSlot slots) {
  *this = {};
  slots_ = slots;
}

Expected<CacheSlot, Absent> Fetcher::obtain(StoreParts& parts, FrameNumber number, Wanted wanted) {
  if (number.value >= parts.geometry.frames) return std::unexpected(Absent{Absent::Why::out_of_range, {}});
  const CacheSlot known = parts.cache.lookup(number);
  if (known != no_slot) return resident(parts, known, wanted);
  if (fetching_ >= fetches_max) {
    queue_wanted_ = true;
    return std::unexpected(stall(Reason::disk_queue));
  }
  // Never a slot that another frame would have to leave (FOUND-STAYS).
  const CacheSlot slot = parts.cache.take_vacant(number);
  if (slot == no_slot) {
    cache_wanted_ = true;
    hand_steps_left_ = sweep_steps(4);
    return std::unexpected(stall(Reason::cache_space));
  }
  if (!begin(parts, slot, wanted)) {
    parts.cache.vacate(slot);
    queue_wanted_ = true;
    return std::unexpected(stall(Reason::disk_queue));
  }
  return resident(parts, slot, wanted);
}

// The frame has a slot, in any state.
Expected<CacheSlot, Absent> Fetcher::resident(StoreParts& parts, CacheSlot slot, Wanted wanted) {
  FrameDescriptor& descriptor = parts.cache[slot];
  const bool is_known_lost = descriptor.has_verdict();
  const bool is_lapsed = is_known_lost && descriptor.has_lapsed(moment_now(parts));
  if (is_lapsed) clear(descriptor, leaving);  // its taker has not come back
  if (wanted != Wanted::contents) descriptor.flags |= leaving;
  if (is_known_lost && !is_lapsed) return tell(parts, slot, wanted);
  const bool is_body_missing = descriptor.state == FrameState::clean && descriptor.flags & body_absent;
  if (is_lapsed || (is_body_missing && wanted != Wanted::identity)) {
    if (fetching_ >= fetches_max || !begin(parts, slot, wanted)) {
      queue_wanted_ = true;
      return std::unexpected(stall(Reason::disk_queue));
    }
  }
  if (descriptor.state == FrameState::fetching) {
    if (wanted != Wanted::identity) clear(descriptor, body_absent);
    return std::unexpected(stall(Reason::frame, descriptor.number.value));
  }
  if (descriptor.state == FrameState::unreadable) return tell(parts, slot, wanted);
  clear(descriptor, awaited);
  descriptor.flags |= FrameDescriptor::flag_referenced;
  return slot;
}

// The verdict on a frame. An operation that takes the frame away gets what is left of it. Other processes may ask
// for its contents again and again, and hear the verdict before the taker has its turn: it is still to be there
// for the taker.
Expected<CacheSlot, Absent> Fetcher::tell(StoreParts& parts, CacheSlot slot, Wanted wanted) {
  FrameDescriptor& descriptor = parts.cache[slot];
  const bool is_taken = wanted != Wanted::contents && descriptor.flags & body_lost;
  clear(descriptor, awaited);
  descriptor.flags |= FrameDescriptor::flag_referenced;
  if (!(descriptor.flags & told) && (wanted != Wanted::contents || !(descriptor.flags & leaving))) {
    const uint32_t now = moment_now(parts);
    const uint32_t took = std::min(now - descriptor.read_began, told_max / told_times);
    descriptor.verdict_moment = now + std::max(took * told_times, told_min);
    descriptor.flags |= told;
  }
  if (!is_taken) return std::unexpected(Absent{Absent::Why::unreadable, {}});
  descriptor.state = FrameState::clean;
  return slot;
}

bool Fetcher::evict(StoreParts& parts, CacheSlot slot) {
  if (!parts.cache.is_evictable(slot, parts.committed_epoch)) return false;
  parts.client->unmap(slot);
  parts.cache.vacate(slot);
  return true;
}

bool Fetcher::make_room_step(StoreParts& parts) {
  if (!cache_wanted_) return false;
  hand_steps_left_ -= hand_steps_left_ < steps_per_call ? hand_steps_left_ : steps_per_call;
  if (!parts.cache.has_vacant()) {
    const CacheSlot victim = parts.cache.find_victim(parts.committed_epoch, moment_now(parts), steps_per_call);
    if (victim == no_slot) return hand_steps_left_ > 0;
    evict(parts, victim);
  }
  cache_wanted_ = false;
  hand_steps_left_ = 0;
  parts.client->wake(WaitChannel::of(Reason::cache_space));
  return true;
}

// From any state but dirty, to fetching or further. False: no tag buffer, or too many wait for it;
// nothing has changed.
bool Fetcher::begin(StoreParts& parts, CacheSlot slot, Wanted wanted) {
  FrameDescriptor& descriptor = parts.cache[slot];
  const FrameNumber number = descriptor.number;
  const SummaryEntry* entry = parts.directory.find(number);
  const bool never_used = is_never_used(parts, number);
  std::optional<unsigned> buffer;
  if (!entry && !never_used) {
    buffer = parts.tags.request(parts.io, parts.geometry, tag_frame_of(number));
    if (!buffer) return false;
    const bool is_loading = parts.tags[*buffer].state == TagBuffer::State::loading;
    if (is_loading && !parts.tags.has_room_for_waiter(*buffer)) return false;
  }
  descriptor.state = FrameState::fetching;
  descriptor.flags = static_cast<uint8_t>((descriptor.flags & leaving) | (wanted == Wanted::identity ? body_absent : 0));
  descriptor.read_began = moment_now(parts);
  ++fetching_;
  if (entry) {
    from_log(parts, slot, *entry);
  } else if (never_used) {
    descriptor.identity = {};
    descriptor.flags = all_zero;
    finish(parts, slot, FrameState::clean);
  } else if (parts.tags[*buffer].state == TagBuffer::State::loading) {
    parts.tags.add_waiter(*buffer, parts.cache, slot);
  } else {
    from_tag(parts, slot, parts.tags[*buffer]);
  }
  return true;
}

void Fetcher::from_log(StoreParts& parts, CacheSlot slot, const SummaryEntry& entry) {
  FrameDescriptor& descriptor = parts.cache[slot];
  descriptor.identity = entry.identity();
  if (!is_plausible(descriptor.identity, entry.revision, entry.has_body())) {
    return unreadable(parts, slot, "a summary entry makes no sense");
  }
  if (!entry.has_body()) {
    descriptor.flags = all_zero;
    finish(parts, slot, FrameState::clean);
  } else if (descriptor.flags & body_absent) {
    finish(parts, slot, FrameState::clean);
  } else if (parts.roots.current().is_in_log()) {
    read_body(parts, slot, parts.geometry.log_block(entry.place), entry.checksum,
              IoPurpose::body_read_log);
  } else {
    // At home, though the log is not forgotten yet; only its tag is not to be asked.
    read_body(parts, slot, parts.geometry.home_block(descriptor.number), entry.checksum,
              IoPurpose::body_read_home);
  }
}

void Fetcher::from_tag(StoreParts& parts, CacheSlot slot, const TagBuffer& buffer) {
  FrameDescriptor& descriptor = parts.cache[slot];
  if (buffer.state == TagBuffer::State::damaged) {
    return unreadable(parts, slot, "the tag of a frame is damaged");
  }
  if (buffer.state != TagBuffer::State::valid) {
    return unreadable(parts, slot, "the tag of a frame cannot be read");
  }
  const Tag& tag = buffer.frame().tags[tag_index_of(descriptor.number)];
  descriptor.identity = {tag.source, tag.account, tag.kind};
  if (tag.flags & Tag::flag_lost) return unreadable(parts, slot, "the tag of a frame is lost");
  if (!is_plausible(descriptor.identity, tag.revision, tag.has_body())) {
    return unreadable(parts, slot, "the tag of a frame makes no sense");
  }
  if (!tag.has_body()) {
    descriptor.flags = all_zero;
    finish(parts, slot, FrameState::clean);
  } else if (descriptor.flags & body_absent) {
    finish(parts, slot, FrameState::clean);
  } else {
    read_body(parts, slot, parts.geometry.home_block(descriptor.number), tag.checksum,
              IoPurpose::body_read_home);
  }
}

void Fetcher::read_body(StoreParts& parts, CacheSlot slot, BlockIndex place, uint64_t checksum,
                        IoPurpose purpose, unsigned misreads) {
  parts.io.start({.operation = DiskRequest::Operation::read,
                  .block = place.value,
                  .block_count = 1,
                  .memory = parts.cache.body(slot)},
                 purpose, slot | misreads << slot_bit_count, checksum);
}

void Fetcher::body_ended(StoreParts& parts, const IoResult& result) {
  const CacheSlot slot = result.argument & slot_bits;
  if (result.failed) return lost_body(parts, slot, "the disk does not give a frame, though it gives others");
  const std::span<const std::byte, block_bytes> body(parts.cache.body(slot), block_bytes);
  if (body_checksum(body, parts.cache[slot].number) != result.context) {
    if ((result.argument >> slot_bit_count) + 1 < body_reads_max) return read_again(parts, result);
    return lost_body(parts, slot, "a frame is damaged");
  }
  // What the kernel relies on, and what the next commit of this frame would call our own bug. Nothing
  // volatile may stand there: a place in a line would be believed.
  const std::string_view wrong = check_stored_frame(parts.cache[slot].identity, body.data());
  if (!wrong.empty()) return lost_body(parts, slot, wrong);
  finish(parts, slot, FrameState::clean);
}

// A disk may give a body wrongly that it holds right. The body stands where it stood, or at home, if the log has
// been forgotten since.
void Fetcher::read_again(StoreParts& parts, const IoResult& result) {
  const CacheSlot slot = result.argument & slot_bits;
  const FrameNumber number = parts.cache[slot].number;
  const SummaryEntry* entry = result.purpose == IoPurpose::body_read_log ? parts.directory.find(number) : nullptr;
  read_body(parts, slot, entry ? parts.geometry.log_block(entry->place) : parts.geometry.home_block(number), result.context,
            entry ? IoPurpose::body_read_log : IoPurpose::body_read_home, (result.argument >> slot_bit_count) + 1);
}

void Fetcher::tag_ended(StoreParts& parts, const IoResult& result) {
  if (!parts.tags.read_ended(result, parts.geometry, parts.roots.current())) return;
  const unsigned index = result.argument / 2;
  TagBuffer& buffer = parts.tags[index];
  for (unsigned copy = 0; copy < 2; ++copy) {
    if (buffer.whole[copy] && is_tag_newer(*buffer.copies[copy], parts.roots.current())) return parts.client->cannot_go_on(newer_than_root);
  }
  CacheSlot waiter = buffer.waiters;
  buffer.waiters = no_slot;
  buffer.waiter_count = 0;
  while (waiter != no_slot) {
    const CacheSlot next = parts.cache[waiter].list_next;
    parts.cache[waiter].list_next = no_slot;
    from_tag(parts, waiter, buffer);
    waiter = next;
  }
  // Neither an error nor damage is remembered: a later request reads again.
  if (buffer.state != TagBuffer::State::valid && buffer.pins == 0) parts.tags.forget(index);
  if (queue_wanted_) {
    queue_wanted_ = false;
    parts.client->wake(WaitChannel::of(Reason::disk_queue));
  }
}

void Fetcher::finish(StoreParts& parts, CacheSlot slot, FrameState state) {
  FrameDescriptor& descriptor = parts.cache[slot];
  // Upgraded while only the identity was on its way, or the reverse: what is there decides.
  descriptor.state = state;
  descriptor.flags |= awaited;
  --fetching_;
  parts.client->wake(WaitChannel::of(Reason::frame, descriptor.number.value));
  if (queue_wanted_) {
    queue_wanted_ = false;
    parts.client->wake(WaitChannel::of(Reason::disk_queue));
  }
}

void Fetcher::lost_body(StoreParts& parts, CacheSlot slot, std::string_view why) {
  parts.cache[slot].flags |= body_absent | body_lost;
  unreadable(parts, slot, why);
}

void Fetcher::unreadable(StoreParts& parts, CacheSlot slot, std::string_view why) {
  parts.client->warning(why, parts.cache[slot].number.value);
  parts.cache[slot].verdict_moment = moment_now(parts);
  finish(parts, slot, FrameState::unreadable);
}

}  // namespace perdure
