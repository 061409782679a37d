// SPDX-License-Identifier: MIT
#include "tools/frame_reader.hpp"

namespace perdure {

Version FrameReader::version_at(ObjectId object) const {
  const FrameNumber number = object.frame();
  if (number.value >= frontier()) return {};
  const FrameIdentity& found = identity(number);
  if (!is_row(found.kind)) return version_of(found, nullptr, object.index());
  const std::byte* frame = bytes(number);
  return frame ? version_of(found, frame, object.index()) : Version{};
}

const void* FrameReader::find_bytes(const Capability& capability) const {
  const Kind kind = info(capability.type).object_kind;
  const FrameNumber number = capability.object.frame();
  if (kind == Kind::empty || kind_of(number) != kind) return nullptr;
  const Version version = version_at(capability.object);
  if (version.is_none() || version != capability.version) return nullptr;
  const std::byte* frame = bytes(number);
  if (!frame || !is_row(kind)) return frame;
  return frame + row_header_bytes + capability.object.index() * info(kind).object_bytes;
}

}  // namespace perdure
