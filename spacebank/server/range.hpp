// SPDX-License-Identifier: MIT
//
// The bank's FrameMaker in the running system: the server's range capability. The objects that
// are made arrive in a row of capability registers, one after the other.
#pragma once

#include "spacebank/frame_maker.hpp"
#include "userland/runtime/kernel_objects.hpp"

namespace perdure::bank {

class ServerRange final : public FrameMaker {
 public:
  explicit ServerRange(RangeCapability range) : range_(range) {}

  // The next object that is made goes into this register, the one after it into the next.
  void deliver_into(CapabilityRegister first) { into_ = first; }

  Result make(FrameNumber frame, Kind kind, Account account, unsigned index) override {
    const auto made = range_.make(frame.value, kind, account.value, index, into_);
    if (!made) return made.error();
    ++into_.number;
    return Result::ok;
  }

  Expected<uint64_t, Result> rescind(FrameNumber first, uint64_t count) override {
    return range_.rescind(first.value, count);
  }

  Result rescind_object(FrameNumber frame, unsigned index) override {
    const auto done = range_.rescind_object(frame.value, index);
    return done ? Result::ok : done.error();
  }

  Expected<uint64_t, Result> set_account(FrameNumber first, uint64_t count,
                                         Account account) override {
    return range_.set_account(first.value, count, account.value);
  }

 private:
  RangeCapability range_;
  CapabilityRegister into_;
};

}  // namespace perdure::bank
