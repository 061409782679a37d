// SPDX-License-Identifier: MIT
//
// The frames of one generation, read-only, wherever they are: in an image (ImageView) or in one
// that is being built (NewImageReader). The checks of objects are written against this.
#pragma once

#include <cstddef>
#include <cstdint>

#include "checkpoint/system_state.hpp"
#include "objects/frame_life.hpp"

namespace perdure {

class FrameReader {
 public:
  virtual ~FrameReader() = default;
  virtual uint64_t frame_count() const = 0;  // of the store
  virtual uint64_t frontier() const = 0;     // from here on no frame was ever used
  virtual Generation generation() const = 0;
  virtual const SystemState& system() const = 0;

  // Of a frame below the frontier.
  virtual const FrameIdentity& identity(FrameNumber) const = 0;
  // Its 4096 bytes; null if they cannot be read. Valid as long as the reader.
  virtual const std::byte* bytes(FrameNumber) const = 0;

  // What stands at an object id now: its kind, and its version; none if nothing does.
  Kind kind_of(FrameNumber number) const {
    return number.value < frontier() ? identity(number).kind : Kind::empty;
  }
  Version version_at(ObjectId) const;
  // The object that a capability names, if it is there, readable, and of this type's kind.
  template <typename Object>
  const Object* find(const Capability& capability) const {
    return static_cast<const Object*>(find_bytes(capability));
  }

 private:
  const void* find_bytes(const Capability&) const;
};

}  // namespace perdure
