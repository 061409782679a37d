// SPDX-License-Identifier: MIT
#include "checkpoint/layout.hpp"

#include <algorithm>
#include <cstring>

#include "checkpoint/xxh64.hpp"

namespace perdure {
namespace {

uint64_t root_checksum(const Root& root) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&root);
  return xxh64({bytes, offsetof(Root, checksum)}, Root::magic_value);
}

}  // namespace

void seal(Root& root) { root.checksum = root_checksum(root); }

bool verify(const Root& root) {
  return root.magic == Root::magic_value && root.format == format_version &&
         root.checksum == root_checksum(root);
}

uint64_t block_checksum(const void* block, BlockIndex place) {
  const auto* bytes = static_cast<const std::byte*>(block);
  return xxh64({bytes + sizeof(uint64_t), block_bytes - sizeof(uint64_t)}, place.value);
}

bool verify_tag_frame(const TagFrame& frame, BlockIndex place, uint64_t store_id, uint64_t index) {
  return frame.index == index && verify(frame, place, store_id);
}

uint64_t body_checksum(std::span<const std::byte, block_bytes> body, FrameNumber frame) {
  return xxh64(body, frame.value);
}

size_t make_report(std::span<std::byte> area, std::span<const std::byte> text, uint64_t boot_epoch,
                   Generation generation) {
  const size_t length = std::min(text.size(), area.size() - sizeof(ReportHeader));
  const ReportHeader header{.checksum = xxh64(text.first(length), boot_epoch),
                            .length_bytes = length,
                            .boot_epoch = boot_epoch,
                            .generation = generation.value};
  std::memcpy(area.data(), &header, sizeof(header));
  std::memcpy(area.data() + sizeof(header), text.data(), length);
  return sizeof(header) + length;
}

std::span<const std::byte> report_text(std::span<const std::byte> area) {
  ReportHeader header;
  if (area.size() < sizeof(header)) return {};
  std::memcpy(&header, area.data(), sizeof(header));
  if (header.magic != ReportHeader::magic_value || header.length_bytes > area.size() - sizeof(header)) return {};
  const auto text = area.subspan(sizeof(header), header.length_bytes);
  return xxh64(text, header.boot_epoch) == header.checksum ? text : std::span<const std::byte>{};
}

}  // namespace perdure
