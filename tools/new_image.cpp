// SPDX-License-Identifier: MIT
#include "tools/new_image.hpp"

#include "tools/tool_error.hpp"

namespace perdure {

NewImage::Frame& NewImage::frame(FrameNumber number) {
  if (number.value >= frame_count_) {
    throw ToolError(ExitStatus::usage, "the image needs more than " + std::to_string(frame_count_) +
                                           " frames; give it a larger --size");
  }
  auto& entry = frames_[number];
  if (!entry) entry = std::make_unique<Frame>();
  return *entry;
}

Capability NewImage::make(FrameNumber number, Kind kind, Account account, unsigned index) {
  Frame& holder = frame(number);
  FrameIdentity& identity = holder.identity;
  const bool stays = is_row(kind) && identity.kind == kind && identity.account == account;
  if (!stays && identity.kind != Kind::empty) rescind(identity);
  if (!is_row(kind)) {
    make_whole(identity, kind, account);
    holder.bytes.fill(std::byte{0});
    return capability_to(number, 0);
  }
  if (!stays) format_row(identity, holder.bytes.data(), kind, account);
  if (!version_of(identity, holder.bytes.data(), index).is_none()) {
    destroy_in_row(identity, holder.bytes.data(), index);
  }
  make_in_row(identity, holder.bytes.data(), index);
  return capability_to(number, index);
}

Capability NewImage::capability_to(FrameNumber number, unsigned index) {
  const Frame& holder = frame(number);
  return fabricate(holder.identity, holder.bytes.data(), number, index);
}

Capability& NewImage::slot(const Capability& capability_page, unsigned index) {
  std::byte* bytes = frame(capability_page.object.frame()).bytes.data();
  return reinterpret_cast<Capability*>(bytes)[index];
}

}  // namespace perdure
