// SPDX-License-Identifier: MIT
#include "test/support/forged_image.hpp"

#include <cstring>
#include <stdexcept>
#include <utility>

#include "objects/process.hpp"
#include "objects/rows.hpp"

namespace perdure {
namespace {

// Where the small object begins, or the large one.
size_t object_start(Kind kind, unsigned index) {
  return is_row(kind) ? row_header_bytes + index * info(kind).object_bytes : 0;
}

std::span<const std::byte, block_bytes> as_body(const std::byte* bytes) {
  return std::span<const std::byte, block_bytes>(bytes, block_bytes);
}

}  // namespace

ForgedImage::ForgedImage(BlockAt block_at, uint64_t seed) : block_at_(std::move(block_at)), random_(seed) {
  read_root();
  read_frames();
}

void ForgedImage::read_root() {
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    Root root;
    std::memcpy(static_cast<void*>(&root), block_at_(root_blocks[slot][0]), sizeof(root));
    if (!verify(root) || root.sequence < root_.sequence) continue;
    root_ = root;
    root_slot_ = slot;
  }
  if (root_.store_id == 0 || root_.is_in_log()) throw std::runtime_error("no image that is entirely at home");
  root_.log_need = LogNeed::nothing;  // the checksums in the log would tell
}

void ForgedImage::read_frames() {
  for (uint64_t index = 0; index < root_.frontier; ++index) {
    TagFrame newest;
    for (unsigned copy = 0; copy < 2; ++copy) {
      TagFrame tags;
      std::memcpy(static_cast<void*>(&tags), block_at_(root_.geometry.tag_block(index, copy)), sizeof(tags));
      if (copy == 0 || tags.sequence > newest.sequence) newest = tags;
    }
    for (uint64_t i = 0; i < tags_per_frame; ++i) {
      const Tag& tag = newest.tags[i];
      const bool has_body = tag.kind != Kind::empty && !(tag.flags & (Tag::flag_all_zero | Tag::flag_lost));
      if (!has_body || tag.kind == Kind::page) continue;
      frames_.push_back({{index * tags_per_frame + i}, tag.kind, tag});
      read_capabilities(frames_.back());
    }
  }
}

void ForgedImage::read_capabilities(const Frame& frame) {
  for (unsigned i = 0; i < info(frame.kind).objects_per_frame; ++i) {
    for (const size_t place : slots_of(frame.kind, i)) {
      Capability capability;
      std::memcpy(&capability, body(frame.number) + place, sizeof(capability));
      if (!capability.is_void()) capabilities_.push_back(capability);
    }
  }
}

std::byte* ForgedImage::body(FrameNumber number) { return block_at_(root_.geometry.home_block(number)); }

// Offsets in the frame.
std::vector<size_t> ForgedImage::slots_of(Kind kind, unsigned index) const {
  std::vector<size_t> places;
  const auto add = [&](size_t first, size_t count) {
    for (size_t i = 0; i < count; ++i) places.push_back(object_start(kind, index) + first + i * sizeof(Capability));
  };
  switch (kind) {
    case Kind::capability_page: add(0, capabilities_per_page); break;
    case Kind::process:
      add(offsetof(Process, control) + offsetof(ProcessControl, activity), 1);
      for (int i = 0; i < 4; ++i) add(offsetof(Process, space), 4);  // oftener than the registers
      add(offsetof(Process, capability_registers), capability_register_count);
      break;
    case Kind::node:
      add(offsetof(Node, keeper), 1);
      add(offsetof(Node, slots), node_slot_count);
      break;
    case Kind::wrapper: add(offsetof(Wrapper, target), 1); break;
    case Kind::endpoint: add(offsetof(Endpoint, receiver), 1); break;
    case Kind::notice: add(offsetof(Notice, receiver), 1); break;
    default: break;
  }
  return places;
}

void ForgedImage::forge(unsigned lies) {
  for (unsigned i = 0; i < lies; ++i) lie();
  seal_root();
}

void ForgedImage::lie() {
  Frame& frame = frames_[random_.below(frames_.size())];
  switch (random_.below(16)) {
    case 0: return lie_in_system();
    case 1: return lie_in_tag(frame);
    case 2: return lie_in_header(frame);
    case 3:
    case 4:
    case 5:
    case 6:
    case 7:
    case 8: return lie_in_slot(frame);
    default: return lie_in_field(frame);
  }
}

// Mostly one that exists.
unsigned ForgedImage::random_object(const Frame& frame) {
  const unsigned count = info(frame.kind).objects_per_frame;
  RowHeader header;
  std::memcpy(static_cast<void*>(&header), body(frame.number), sizeof(header));
  for (unsigned tries = 0; is_row(frame.kind) && tries < 200; ++tries) {
    const auto index = static_cast<unsigned>(random_.below(count));
    if (header.allocated >> index & 1) return index;
  }
  return static_cast<unsigned>(random_.below(count));
}

Capability ForgedImage::random_capability() {
  Capability capability = capabilities_[random_.below(capabilities_.size())];
  const uint64_t dice = random_.below(8);
  if (dice == 0) capability.type = static_cast<CapabilityType>(random_.below(capability_type_count));
  if (dice == 1) capability.payload = extreme();
  if (dice == 2) capability.object = ObjectId{extreme()};
  if (dice == 3) capability.restrictions = static_cast<uint8_t>(random_.next());
  if (dice == 4) capability.hint = static_cast<uint32_t>(extreme());
  if (!names_object(capability.type)) capability.version = {};
  return capability;
}

void ForgedImage::lie_in_slot(Frame& frame) {
  const auto slots = slots_of(frame.kind, random_object(frame));
  if (slots.empty()) return lie_in_field(frame);
  const size_t place = slots[random_.below(slots.size())];
  const Capability capability = random_capability();
  std::memcpy(body(frame.number) + place, &capability, sizeof(capability));
  const auto type = static_cast<unsigned>(capability.type);
  tell(frame, "byte " + std::to_string(place) + ": a capability of type " + std::to_string(type) + " to object " +
                  std::to_string(capability.object.value));
  seal_body(frame.number);
}

uint64_t ForgedImage::extreme() {
  constexpr uint64_t worst[] = {0, 1, 2, 3, 15, 16, 63, 64, 127, 128, 199, 255, 0x7fff, 0xffff, 0x7fff'ffff, 0xffff'ffff,
                                0x7fff'ffff'ffff'ffff, ~uint64_t{0}};
  if (random_.one_in(4)) return random_.next();
  if (random_.one_in(4)) return frames_[random_.below(frames_.size())].number.value << (random_.one_in(2) ? 6 : 0);
  return worst[random_.below(std::size(worst))];
}

void ForgedImage::put_extreme(std::byte* at, unsigned bytes) {
  const uint64_t value = extreme();
  std::memcpy(at, &value, bytes);
}

// Of a process mostly its control words.
void ForgedImage::lie_in_field(Frame& frame) {
  const Kind kind = frame.kind;
  const unsigned bytes = 1u << random_.below(4);
  size_t first = object_start(kind, random_object(frame));
  size_t length = info(kind).object_bytes;
  if (kind == Kind::process && !random_.one_in(4)) {
    first += offsetof(Process, control);
    length = offsetof(ProcessControl, activity);
  }
  const size_t place = first + random_.below(length / bytes) * bytes;
  put_extreme(body(frame.number) + place, bytes);
  tell(frame, std::to_string(bytes) + " bytes at " + std::to_string(place));
  seal_body(frame.number);
}

void ForgedImage::lie_in_header(Frame& frame) {
  if (!is_row(frame.kind)) return lie_in_field(frame);
  const size_t place = random_.below(4) * 8;
  put_extreme(body(frame.number) + place, 8);
  // Else hardly ever more than "another layout".
  if (place == 0) *reinterpret_cast<Kind*>(body(frame.number)) = frame.kind;
  tell(frame, "row header at " + std::to_string(place));
  seal_body(frame.number);
}

void ForgedImage::lie_in_system() {
  const size_t place = random_.below(4) * 8;
  put_extreme(reinterpret_cast<std::byte*>(&root_.system) + place, 8);
  told_ += "system state at " + std::to_string(place) + "\n";
}

void ForgedImage::lie_in_tag(Frame& frame) {
  switch (random_.below(3)) {
    case 0: frame.tag.source.value = random_.one_in(2) ? random_.below(200) : extreme(); break;
    case 1:
      frame.tag.kind = static_cast<Kind>(random_.below(kind_count));
      frame.tag.revision = info(frame.tag.kind).layout_revision;
      break;
    default: frame.tag.flags ^= Tag::flag_all_zero; break;
  }
  tell(frame, "its tag");
  seal_tag(frame);
}

void ForgedImage::seal_body(FrameNumber number) {
  for (Frame& frame : frames_) {
    if (frame.number != number) continue;
    frame.tag.checksum = body_checksum(as_body(body(number)), number);
    return seal_tag(frame);
  }
}

void ForgedImage::seal_tag(const Frame& frame) {
  const uint64_t index = tag_frame_of(frame.number);
  for (unsigned copy = 0; copy < 2; ++copy) {
    const BlockIndex place = root_.geometry.tag_block(index, copy);
    TagFrame tags;
    std::memcpy(static_cast<void*>(&tags), block_at_(place), sizeof(tags));
    tags.tags[tag_index_of(frame.number)] = frame.tag;
    seal(tags, place);
    std::memcpy(block_at_(place), &tags, sizeof(tags));
  }
}

void ForgedImage::seal_root() {
  seal(root_);
  for (const BlockIndex place : root_blocks[root_slot_]) std::memcpy(block_at_(place), &root_, sizeof(root_));
}

void ForgedImage::tell(const Frame& frame, const std::string& what) {
  told_ += "frame " + std::to_string(frame.number.value) + " (" + std::string(info(frame.kind).name) + "), " + what + "\n";
}

}  // namespace perdure
