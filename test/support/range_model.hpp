// SPDX-License-Identifier: MIT
//
// The kernel's range operations over a handful of real frames in memory, by the kernel's own
// rules of life (objects/frame_life.hpp). Can be told to refuse, and to do less than asked, as
// the contract in spacebank/frame_maker.hpp allows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "objects/frame_life.hpp"
#include "spacebank/frame_maker.hpp"

namespace perdure {

class RangeModel final : public bank::FrameMaker {
 public:
  explicit RangeModel(uint64_t frame_count) : identities_(frame_count), bytes_(frame_count) {}

  Result make(FrameNumber frame, Kind kind, Account account, unsigned index) override {
    if (refuses_make_in > 0 && --refuses_make_in == 0) return Result::unreadable;
    if (refuses_in > 0 && --refuses_in == 0) return Result::unreadable;
    FrameIdentity& identity = identities_.at(frame.value);
    std::byte* bytes = bytes_.at(frame.value).data();
    const bool is_same = identity.kind == kind && identity.account == account;
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

  std::expected<uint64_t, Result> rescind(FrameNumber first, uint64_t count) override {
    if (refuses_in > 0 && --refuses_in == 0) return std::unexpected(Result::unreadable);
    const uint64_t done = count < rescind_bound ? count : rescind_bound;
    for (uint64_t i = 0; i < done; ++i) rescind_one(first.value + i);
    return done;
  }

  Result rescind_object(FrameNumber frame, unsigned index) override {
    if (refuses_in > 0 && --refuses_in == 0) return Result::unreadable;
    FrameIdentity& identity = identities_.at(frame.value);
    if (version(frame, index).is_none()) return Result::not_found;
    destroy_in_row(identity, bytes_.at(frame.value).data(), index);
    return Result::ok;
  }

  std::expected<uint64_t, Result> set_account(FrameNumber first, uint64_t count,
                                              Account account) override {
    if (refuses_in > 0 && --refuses_in == 0) return std::unexpected(Result::unreadable);
    const uint64_t done = count < rescind_bound ? count : rescind_bound;
    for (uint64_t i = 0; i < done; ++i) {
      FrameIdentity& identity = identities_.at(first.value + i);
      if (identity.kind != Kind::empty) identity.account = account;
    }
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
