// SPDX-License-Identifier: MIT
//
// What a frame of the cache is to be on the disk, written down by obvious code that shares nothing with
// the way there (normalize, the log, the tags) or back (recovery, the fetcher).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "checkpoint/descriptor.hpp"
#include "checkpoint/system_state.hpp"

namespace perdure {

struct FrameTruth {
  FrameIdentity identity;
  std::shared_ptr<const std::vector<std::byte>> body;  // without what is volatile; null: all zero
};

FrameTruth truth_of(const FrameDescriptor&, const std::byte* body);
// Of a frame that has just come from the disk: as it stands, for nothing volatile was stored.
FrameTruth stored_truth_of(const FrameDescriptor&, const std::byte* body);

// Empty: they are the same.
std::string_view difference(const FrameTruth&, const FrameTruth&);
bool is_same_state(const SystemState&, const SystemState&);  // but for the time of day

// Whether what this capability was made for is still there.
bool is_alive(const FrameTruth&, const Capability&);

}  // namespace perdure
