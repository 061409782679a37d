// SPDX-License-Identifier: MIT
//
// The frames of generation 0 while they are built, in memory: only those that are used. Objects
// are made in them by objects/frame_life.hpp, as a range capability of the running system would,
// so that versions and rows are right from the first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "objects/frame_life.hpp"
#include "objects/process.hpp"

namespace perdure {

class NewImage {
 public:
  struct Frame {
    FrameIdentity identity;
    alignas(64) std::array<std::byte, frame_bytes> bytes{};
  };

  explicit NewImage(uint64_t frame_count) : frame_count_(frame_count) {}

  uint64_t frame_count() const { return frame_count_; }
  const std::map<FrameNumber, std::unique_ptr<Frame>>& frames() const { return frames_; }
  // From here on no frame was ever used.
  uint64_t frontier() const { return frames_.empty() ? 0 : frames_.rbegin()->first.value + 1; }
  Frame& frame(FrameNumber);

  // As method::range_make: the strongest capability to a new object of this kind.
  Capability make(FrameNumber, Kind, Account, unsigned index);
  // Again what make gave.
  Capability capability_to(FrameNumber, unsigned index);

  // The bytes of what a capability names.
  template <typename Object>
  Object& object(const Capability& capability) {
    Frame& holder = frame(capability.object.frame());
    if constexpr (sizeof(Object) == frame_bytes) return *reinterpret_cast<Object*>(holder.bytes.data());
    else return *row_object<Object>(holder.bytes.data(), capability.object.index());
  }
  Capability& slot(const Capability& capability_page, unsigned index);

 private:
  uint64_t frame_count_;
  std::map<FrameNumber, std::unique_ptr<Frame>> frames_;
};

}  // namespace perdure
