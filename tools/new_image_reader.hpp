// SPDX-License-Identifier: MIT
//
// An image that is being built, as the checks want to see it: the builder verifies what it is
// about to write.
#pragma once

#include <array>

#include "tools/frame_reader.hpp"
#include "tools/new_image.hpp"

namespace perdure {

class NewImageReader final : public FrameReader {
 public:
  NewImageReader(const NewImage& image, const SystemState& system) : image_(image), system_(system) {}

  uint64_t frame_count() const override { return image_.frame_count(); }
  uint64_t frontier() const override { return image_.frontier(); }
  Generation generation() const override { return {0}; }
  const SystemState& system() const override { return system_; }
  const FrameIdentity& identity(FrameNumber number) const override {
    const auto found = image_.frames().find(number);
    return found == image_.frames().end() ? unused_ : found->second->identity;
  }
  const std::byte* bytes(FrameNumber number) const override {
    const auto found = image_.frames().find(number);
    return found == image_.frames().end() ? zero_.data() : found->second->bytes.data();
  }

 private:
  const NewImage& image_;
  const SystemState& system_;
  const FrameIdentity unused_;
  alignas(64) const std::array<std::byte, frame_bytes> zero_{};
};

}  // namespace perdure
