// SPDX-License-Identifier: MIT
//
// Range: the right to decide what a run of frames holds. It makes objects and fabricates their
// first capabilities, takes them away, and recognizes its own. Held by the space bank.
// capability.object: the first frame (as an ObjectId); payload: the number of frames.
#include "kernel/capabilities/operations.hpp"
#include "kernel/invoke/destruction.hpp"
#include "kernel/invoke/request.hpp"

namespace perdure {
namespace {

// A call goes through at most this many frames, so that it ends soon.
constexpr uint64_t frames_per_call = 16;

uint64_t frames_in(const Request& request) { return request.capability.payload; }

FrameNumber frame_of(const Request& request, uint64_t offset) {
  return {request.capability.object.frame().value + offset};
}

Outcome obstacle(const Absent& absent) {
  switch (absent.why) {
    case Absent::Why::stall: return Outcome::wait(absent.stall);
    case Absent::Why::unreadable: return Outcome::refuse(Result::unreadable);
    case Absent::Why::out_of_range: break;
  }
  return Outcome::refuse(Result::bad_argument);
}

// The frame with its contents if it has any that must be dealt with, writable and retired:
// nothing runs, waits or is mapped there any more.
Expected<CacheSlot, Outcome> retired(Request& request, Destruction& destruction, FrameNumber frame) {
  auto slot = request.attempt.store.obtain_identity(frame);
  if (!slot) return std::unexpected(obstacle(slot.error()));
  const Kind kind = request.attempt.store.descriptor(*slot).identity.kind;
  const bool has_contents = kind != Kind::empty && kind != Kind::page;
  if (has_contents) slot = request.attempt.store.obtain_what_is_left(frame);
  if (!slot) return std::unexpected(obstacle(slot.error()));
  const bool is_lost = has_contents && request.attempt.store.descriptor(*slot).flags & FrameDescriptor::flag_body_lost;
  if (const Outcome o = request.attempt.prepare_write(*slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);
  if (is_lost) destruction.retire_lost_frame(*slot, frame);
  else if (const Outcome o = destruction.retire_frame(*slot, frame); o.is_obstacle()) return std::unexpected(o);
  return *slot;
}

Outcome answer_fabricated(Request& request, const Commit& committed, CacheSlot slot, FrameNumber frame, unsigned index) {
  FrameStore& store = request.attempt.store;
  const FrameIdentity& identity = store.descriptor(slot).identity;
  const std::byte* bytes = is_row(identity.kind) ? store.bytes(slot) : nullptr;
  Capability made = fabricate(identity, bytes, frame, index);
  made.hint = slot;
  request.answer_capability(committed, 0, made);
  return request.answer(committed);
}

Outcome make_large(Request& request, Destruction& destruction, FrameNumber frame, Kind kind, Account account) {
  const auto slot = retired(request, destruction, frame);
  if (!slot) return slot.error();
  const Commit committed = request.attempt.commit();
  FrameStore& store = request.attempt.store;
  FrameIdentity& identity = store.descriptor(*slot).identity;
  begin_generation(identity, store.next_generation(), store.system().version_overrun);
  make_whole(identity, kind, account);
  store.become_all_zero(*slot);
  return answer_fabricated(request, committed, *slot, frame, 0);
}

// The row, writable, with nothing at `index`: formatted anew if the frame held anything else.
Expected<CacheSlot, Outcome> prepared_row(Request& request, Destruction& destruction, RestartList& list,
                                          FrameNumber frame, Kind kind, Account account, unsigned index) {
  auto slot = request.attempt.store.obtain_identity(frame);
  if (!slot) return std::unexpected(obstacle(slot.error()));
  const FrameIdentity identity = request.attempt.store.descriptor(*slot).identity;
  if (identity.kind == kind && identity.account == account) {
    // What is left of the row, for its contents may be lost: then it stays as it is, and nothing is made in it.
    slot = request.attempt.store.obtain_what_is_left(frame);
    if (!slot) return std::unexpected(obstacle(slot.error()));
    const bool is_lost = request.attempt.store.descriptor(*slot).flags & FrameDescriptor::flag_body_lost;
    request.attempt.store.let_stay(*slot);
    if (is_lost) return std::unexpected(Outcome::refuse(Result::unreadable));
    if (const Outcome o = request.attempt.prepare_write(*slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);
    const auto& header = *reinterpret_cast<const RowHeader*>(request.attempt.store.bytes(*slot));
    if (!(header.allocated >> index & 1)) return *slot;
    if (const Outcome o = destruction.retire_object(*slot, index, frame); o.is_obstacle()) return std::unexpected(o);
    return *slot;
  }
  // Before anything is retired: the caller itself may be retired, and then nothing may stall any more. If the
  // first row is in this frame, it is not asked for: it may be lost. If it is not lost, retiring it prepares the
  // row behind it.
  if (kind == Kind::activity && request.attempt.store.system().first_activity_row != frame) {
    if (const Outcome o = list.prepare_to_link(); o.is_obstacle()) return std::unexpected(o);
  }
  const auto emptied = retired(request, destruction, frame);
  if (!emptied) return std::unexpected(emptied.error());
  slot = *emptied;
  const Commit committed = request.attempt.commit();
  request.attempt.store.become_all_zero(*slot);
  format_row(request.attempt.store.descriptor(*slot).identity, request.attempt.store.bytes(*slot), kind, account);
  if (kind == Kind::activity) list.link(committed, *slot, frame);
  return *slot;
}

Outcome make_small(Request& request, Destruction& destruction, RestartList& list, FrameNumber frame, Kind kind,
                   Account account, unsigned index) {
  const auto slot = prepared_row(request, destruction, list, frame, kind, account, index);
  if (!slot) return slot.error();
  const Commit committed = request.attempt.commit();
  FrameStore& store = request.attempt.store;
  FrameIdentity& identity = store.descriptor(*slot).identity;
  begin_generation(identity, store.next_generation(), store.system().version_overrun);
  make_in_row(identity, store.bytes(*slot), index);
  return answer_fabricated(request, committed, *slot, frame, index);
}

Outcome make(Request& request, Destruction& destruction, RestartList& list) {
  const uint64_t offset = request.word(1);
  const uint64_t kind_number = request.word(2);
  const uint64_t account = request.word(3);
  const uint64_t index = request.word(4);
  if (offset >= frames_in(request) || kind_number == 0 || kind_number >= kind_count || account > 0xffff'ffff) {
    return Outcome::refuse(Result::bad_argument);
  }
  const Kind kind = static_cast<Kind>(kind_number);
  if (index >= info(kind).objects_per_frame) return Outcome::refuse(Result::bad_argument);
  const FrameNumber frame = frame_of(request, offset);
  const Account payer{static_cast<uint32_t>(account)};
  return is_row(kind) ? make_small(request, destruction, list, frame, kind, payer, static_cast<unsigned>(index))
                      : make_large(request, destruction, frame, kind, payer);
}

// The frame, if it holds an object at this index.
Expected<CacheSlot, Outcome> holder_of(Request& request, FrameNumber frame, uint64_t index) {
  const auto slot = request.attempt.store.obtain(frame);
  if (!slot) return std::unexpected(obstacle(slot.error()));
  const FrameIdentity& identity = request.attempt.store.descriptor(*slot).identity;
  if (index >= 64 ||
      version_of(identity, request.attempt.store.bytes(*slot), static_cast<unsigned>(index)).is_none()) {
    return std::unexpected(Outcome::refuse(Result::not_found));
  }
  return *slot;
}

Outcome recap(Request& request) {
  if (request.word(1) >= frames_in(request)) return Outcome::refuse(Result::bad_argument);
  const FrameNumber frame = frame_of(request, request.word(1));
  const auto slot = holder_of(request, frame, request.word(2));
  if (!slot) return slot.error();
  return answer_fabricated(request, request.attempt.commit(), *slot, frame, static_cast<unsigned>(request.word(2)));
}

Outcome rescind_frames(Request& request, Destruction& destruction) {
  const uint64_t first = request.word(1);
  const uint64_t count = request.word(2);
  if (first >= frames_in(request) || count > frames_in(request) - first) {
    return Outcome::refuse(Result::bad_argument);
  }
  uint64_t done = 0;
  for (; done < count && done < frames_per_call; ++done) {
    machine::let_interrupts_in();  // a row's objects take some thousand instructions
    const auto slot = retired(request, destruction, frame_of(request, first + done));
    if (!slot) {
      if (done > 0) break;  // what is done is done; the next call goes on from here
      return slot.error();
    }
    FrameIdentity& identity = request.attempt.store.descriptor(*slot).identity;
    if (identity.kind == Kind::empty) continue;
    const Commit committed = request.attempt.commit();
    rescind(identity);
    request.attempt.store.become_all_zero(*slot);
  }
  machine::let_interrupts_in();
  return request.answer(request.attempt.commit(), done);
}

Outcome rescind_small(Request& request, Destruction& destruction) {
  if (request.word(1) >= frames_in(request)) return Outcome::refuse(Result::bad_argument);
  const FrameNumber frame = frame_of(request, request.word(1));
  const auto slot = holder_of(request, frame, request.word(2));
  if (!slot) return slot.error();
  const auto index = static_cast<unsigned>(request.word(2));
  FrameIdentity& identity = request.attempt.store.descriptor(*slot).identity;
  if (!is_row(identity.kind)) return Outcome::refuse(Result::bad_argument);
  if (const Outcome o = request.attempt.prepare_write(*slot, Need::reserve); o.is_obstacle()) return o;
  if (const Outcome o = destruction.retire_object(*slot, index, frame); o.is_obstacle()) return o;
  const Commit committed = request.attempt.commit();
  destroy_in_row(identity, request.attempt.store.bytes(*slot), index);
  return request.answer(committed);
}

// The frame with its contents, writable: the account goes to the disk only with the frame.
Expected<CacheSlot, Outcome> writable_frame(Request& request, FrameNumber frame) {
  const auto slot = request.attempt.store.obtain(frame);
  if (!slot) return std::unexpected(obstacle(slot.error()));
  if (const Outcome o = request.attempt.prepare_write(*slot, Need::reserve); o.is_obstacle()) return std::unexpected(o);
  return *slot;
}

Outcome set_account(Request& request) {
  const uint64_t first = request.word(1);
  const uint64_t count = request.word(2);
  const uint64_t account = request.word(3);
  if (first >= frames_in(request) || count > frames_in(request) - first || account > 0xffff'ffff) {
    return Outcome::refuse(Result::bad_argument);
  }
  uint64_t done = 0;
  for (; done < count && done < frames_per_call; ++done) {
    const auto slot = writable_frame(request, frame_of(request, first + done));
    if (!slot) {
      if (done > 0) break;  // as for rescind_frames
      return slot.error();
    }
    FrameIdentity& identity = request.attempt.store.descriptor(*slot).identity;
    if (identity.kind == Kind::empty) continue;
    const Commit committed = request.attempt.commit();
    identity.account = {static_cast<uint32_t>(account)};
  }
  return request.answer(request.attempt.commit(), done);
}

Outcome identify(Request& request) {
  Capability& asked = request.sent(0);
  const uint64_t first = request.capability.object.frame().value;
  const uint64_t frame = asked.object.frame().value;
  if (!names_object(asked.type) || frame < first || frame - first >= frames_in(request)) {
    return Outcome::refuse(Result::not_found);
  }
  const auto found = request.attempt.find(asked);
  if (!found) return found.error();
  const Kind kind = info(asked.type).object_kind;
  return request.answer(request.attempt.commit(), frame - first, asked.object.index(), static_cast<uint64_t>(kind),
                        asked.version.value, static_cast<uint64_t>(asked.type));
}

Outcome sub_range(Request& request) {
  const uint64_t first = request.word(1);
  const uint64_t count = request.word(2);
  if (first > frames_in(request) || count > frames_in(request) - first) {
    return Outcome::refuse(Result::bad_argument);
  }
  const Commit committed = request.attempt.commit();
  request.answer_capability(committed, 0,
                            {.type = CapabilityType::range,
                             .object = ObjectId::of(frame_of(request, first)),
                             .payload = count});
  return request.answer(committed);
}

}  // namespace

Outcome invoke_range(Request& request, Destruction& destruction, RestartList& list) {
  switch (request.method()) {
    case method::range_size: return request.answer(request.attempt.commit(), frames_in(request));
    case method::range_make: return make(request, destruction, list);
    case method::range_recap: return recap(request);
    case method::range_rescind: return rescind_frames(request, destruction);
    case method::range_rescind_object: return rescind_small(request, destruction);
    case method::range_set_account: return set_account(request);
    case method::range_identify: return identify(request);
    case method::range_sub: return sub_range(request);
    default: return Outcome::refuse(Result::unknown_method);
  }
}

}  // namespace perdure
