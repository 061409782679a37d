// SPDX-License-Identifier: MIT
#include "tools/image_view.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

#include "checkpoint/fetcher.hpp"
#include "checkpoint/tag_cache.hpp"
#include "tools/file_disk.hpp"
#include "tools/image_roots.hpp"

namespace perdure {
namespace {

alignas(64) constexpr std::array<std::byte, frame_bytes> zero_frame{};

std::string frame_name(FrameNumber number) { return "frame " + std::to_string(number.value); }

}  // namespace

ImageView::ImageView(const ImageFile& file) : file_(file), root_(choose_root(file, notes_)) {
  records_.resize(std::min(root_.frontier * tags_per_frame, root_.geometry.frames));
  read_log();
  read_tags();
  report_lost_frames();
}

const std::byte* ImageView::bytes(FrameNumber number) const {
  const Record& record = records_[number.value];
  using Body = Record::Body;
  if (record.is_lost) return nullptr;
  if (record.body == Body::none) return zero_frame.data();
  const std::byte* bytes = file_.block({record.block});
  if (record.body == Body::unread) {
    const std::span<const std::byte, block_bytes> body(bytes, block_bytes);
    record.body = body_checksum(body, number) == record.checksum ? Body::good : Body::bad;
  }
  return record.body == Body::good ? bytes : nullptr;
}

// --- in the log --------------------------------------------------------------------------

void ImageView::read_log() {
  const size_t entries = root_.geometry.generation_entries_max();
  std::vector<Directory::Item> items(entries);
  std::vector<uint32_t> order(entries), heads(std::bit_ceil(entries + 2));
  Directory directory;
  directory.open(items, order, heads);
  FileDisk disk(file_);
  std::vector<std::byte> buffer(3 * block_bytes);
  void* aligned = buffer.data();
  size_t space = buffer.size();
  std::align(block_bytes, 2 * block_bytes, aligned, space);
  const auto read = read_generation(disk, nullptr, root_, static_cast<std::byte*>(aligned), directory);
  if (!read) refuse(file_, read.error());
  for (size_t i = 0; i < directory.size(); ++i) take_entry(items[i].entry);
}

void ImageView::take_entry(const SummaryEntry& entry) {
  if (entry.number.value >= records_.size()) records_.resize(entry.number.value + 1);
  Record& record = records_[entry.number.value];
  if (root_.is_in_log()) ++frames_in_log_;
  record = {.identity = entry.identity(), .checksum = entry.checksum, .is_in_log = true};
  look_at(entry.number, entry.revision, entry.has_body(), "entry in the log");
  if (record.is_lost || !entry.has_body()) return;
  record.block = root_.is_in_log() ? root_.geometry.log_block(entry.place).value
                                   : root_.geometry.home_block(entry.number).value;
  record.body = Record::Body::unread;
}

// --- at home -----------------------------------------------------------------------------

void ImageView::read_tags() {
  for (uint64_t index = 0; index < root_.frontier; ++index) {
    const TagFrame* frame = choose_tag_frame(index);
    const uint64_t first = index * tags_per_frame;
    const uint64_t end = std::min(first + tags_per_frame, root_.geometry.frames);
    for (uint64_t n = first; n < end; ++n) {
      if (records_[n].is_in_log) continue;
      if (frame) take_tag({n}, frame->tags[n - first]);
      else records_[n].is_lost = true;
    }
  }
}

// By the kernel's own rule. A copy that does not verify costs nothing yet, unless both do not.
const TagFrame* ImageView::choose_tag_frame(uint64_t index) {
  const TagFrame* copies[2];
  bool whole[2];
  for (unsigned copy = 0; copy < 2; ++copy) {
    const BlockIndex place = root_.geometry.tag_block(index, copy);
    copies[copy] = reinterpret_cast<const TagFrame*>(file_.block(place));
    whole[copy] = verify_tag_frame(*copies[copy], place, root_.store_id, index);
    if (whole[copy] && is_tag_newer(*copies[copy], root_)) {
      findings_.add(std::string(newer_than_root) + " (tag frame " + std::to_string(index) + ")");
    }
  }
  const auto believed = believed_copy(whole, {copies[0], copies[1]});
  // While the log is needed, a migration that the power cut ended may have torn or not yet written one.
  const bool should_be_whole = !believed || root_.log_need == LogNeed::nothing;
  for (unsigned copy = 0; copy < 2; ++copy) {
    if (whole[copy] || !should_be_whole) continue;
    const std::string what = "tag frame " + std::to_string(index) + ", copy " + std::to_string(copy) + ": does not verify";
    if (believed) notes_.add(what + "; the other copy serves"); else findings_.add(what);
  }
  return believed ? copies[*believed] : nullptr;
}

void ImageView::take_tag(FrameNumber number, const Tag& tag) {
  Record& record = records_[number.value];
  record.identity = {tag.source, tag.account, tag.kind};
  record.is_lost = (tag.flags & Tag::flag_lost) != 0;
  if (!record.is_lost) look_at(number, tag.revision, tag.has_body(), "tag");
  if (record.is_lost || !tag.has_body()) return;
  record.checksum = tag.checksum;
  record.block = root_.geometry.home_block(number).value;
  record.body = Record::Body::unread;
}

// By the kernel's own rule, too.
void ImageView::look_at(FrameNumber number, uint8_t revision, bool has_body, const char* what) {
  Record& record = records_[number.value];
  if (is_plausible(record.identity, revision, has_body)) return;
  record.is_lost = true;
  findings_.add(frame_name(number) + ": its " + what + " makes no sense");
}

void ImageView::report_lost_frames() {
  uint64_t first = 0;
  for (uint64_t n = 0; n <= records_.size(); ++n) {
    if (n < records_.size() && records_[n].is_lost) {
      records_[n].identity = {};  // what cannot be known must not be believed
      continue;
    }
    if (first < n) {
      findings_.add(frame_name({first}) +
                    (n - first > 1 ? " to " + std::to_string(n - 1) : std::string()) +
                    ": what it holds, and its versions, cannot be known");
    }
    first = n + 1;
  }
}

}  // namespace perdure
