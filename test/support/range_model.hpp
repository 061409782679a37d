// SPDX-License-Identifier: MIT
//
// The kernel's range operations over a handful of real frames in memory, by the kernel's own
// rules of life (objects/frame_life.hpp). Can be told to refuse, and to do less than asked, as
// the contract in spacebank/frame_maker.hpp allows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "objects/frame_life.hpp"
#include "spacebank/frame_maker.hpp"

namespace perdure {

class RangeModel final : public bank::FrameMaker {
 public:
  explicit RangeModel(uint64_t frame_count) : identities_(frame_count), bytes_(frame_count) {}

  Result make(FrameNumber frame, Kind kind, Account account, unsigned index) override {
    ++makes;
    if (refuses_make_in > 0 && --refuses_make_in == 0) return ordered_refusal;
    if (refuses_in > 0 && --refuses_in == 0) return ordered_refusal;
    if (unknown.contains(frame.value)) return Result::unreadable;
    FrameIdentity& identity = identities_.at(frame.value);
    std::byte* bytes = bytes_.at(frame.value).data();
    const bool is_same = identity.kind == kind && identity.account == account;
    if (damaged.contains(frame.value) && is_same && is_row(kind)) return Result::unreadable;
    damaged.erase(frame.value);
    if (identity.kind != Kind::empty && !(is_same && is_row(kind))) rescind_one(frame.value);
    if (!is_row(kind)) {
      make_whole(identity, kind, account);
      bytes_.at(frame.value).fill(std::byte{0});
      return Result::ok;
    }
    if (identity.kind == Kind::empty) format_row(identity, bytes, kind, account);
    if (!version_of(identity, bytes, index).is_none()) destroy_in_row(identity, bytes, index);
    make_in_row(identity, bytes, index);
    return Result::ok;
  }

  Expected<uint64_t, Result> rescind(FrameNumber first, uint64_t count) override {
    if (refuses_in > 0 && --refuses_in == 0) return std::unexpected(ordered_refusal);
    const uint64_t bound = count < rescind_bound ? count : rescind_bound;
    uint64_t done = 0;
    for (; done < bound && !unknown.contains(first.value + done); ++done) {
      damaged.erase(first.value + done);
      rescind_one(first.value + done);
    }
    if (done == 0) return std::unexpected(Result::unreadable);
    return done;
  }

  Result rescind_object(FrameNumber frame, unsigned index) override {
    if (refuses_in > 0 && --refuses_in == 0) return ordered_refusal;
    if (is_unreadable(frame.value)) return Result::unreadable;
    FrameIdentity& identity = identities_.at(frame.value);
    if (version(frame, index).is_none()) return Result::not_found;
    destroy_in_row(identity, bytes_.at(frame.value).data(), index);
    return Result::ok;
  }

  Expected<uint64_t, Result> set_account(FrameNumber first, uint64_t count,
                                         Account account) override {
    if (refuses_in > 0 && --refuses_in == 0) return std::unexpected(ordered_refusal);
    const uint64_t bound = count < rescind_bound ? count : rescind_bound;
    uint64_t done = 0;
    for (uint64_t i = 0; i < bound && !is_unreadable(first.value + i); ++i, ++done) {
      FrameIdentity& identity = identities_.at(first.value + i);
      if (identity.kind != Kind::empty) identity.account = account;
    }
    if (done == 0) return std::unexpected(Result::unreadable);
    return done;
  }

  const FrameIdentity& identity(uint64_t frame) const { return identities_.at(frame); }
  uint64_t allocated(uint64_t frame) const {
    return reinterpret_cast<const RowHeader*>(bytes_.at(frame).data())->allocated;
  }
  Version version(FrameNumber frame, unsigned index) const {
    return version_of(identities_.at(frame.value), bytes_.at(frame.value).data(), index);
  }
  Capability capability(FrameNumber frame, unsigned index) const {
    return fabricate(identities_.at(frame.value), bytes_.at(frame.value).data(), frame, index);
  }
  bool is_void(const Capability& capability) const {
    return version(capability.object.frame(), capability.object.index()) != capability.version;
  }
  std::byte* bytes(FrameNumber frame) { return bytes_.at(frame.value).data(); }
  uint64_t frame_count() const { return identities_.size(); }

  static constexpr Result ordered_refusal = Result::unsupported;
  bool is_unreadable(uint64_t frame) const { return unknown.contains(frame) || damaged.contains(frame); }
  std::set<uint64_t> unknown;    // frames of which the disk does not even say what they are
  std::set<uint64_t> damaged;    // frames: the disk does not give their contents
  uint64_t makes = 0;            // how often one was asked for
  uint64_t refuses_in = 0;       // the so-many-th operation from now is refused; 0: none
  uint64_t refuses_make_in = 0;  // likewise, of those that make
  uint64_t rescind_bound = ~uint64_t{0};

 private:
  void rescind_one(uint64_t frame) { perdure::rescind(identities_.at(frame)); }

  std::vector<FrameIdentity> identities_;
  struct alignas(64) Bytes : std::array<std::byte, frame_bytes> {};
  std::vector<Bytes> bytes_;
};

}  // namespace perdure
