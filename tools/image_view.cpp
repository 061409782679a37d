// SPDX-License-Identifier: MIT
#include "tools/image_view.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "tools/image_roots.hpp"
#include "tools/tool_error.hpp"

namespace perdure {
namespace {

alignas(64) constexpr std::array<std::byte, frame_bytes> zero_frame{};

[[noreturn]] void damaged(const std::string& what) {
  throw ToolError(ExitStatus::damaged, "image damaged: " + what);
}

std::string frame_name(FrameNumber number) { return "frame " + std::to_string(number.value); }

std::string segment_name(const SegmentReference& reference) {
  return "segment " + std::to_string(reference.segment) + " of the log";
}

}  // namespace

ImageView::ImageView(const ImageFile& file) : file_(file), root_(choose_root(file, findings_)) {
  const uint64_t tagged = std::min(root_.frontier, root_.geometry.tag_frames) * tags_per_frame;
  records_.resize(std::min(tagged, root_.geometry.frames));
  read_tags();
  if (root_.unmigrated) read_log();
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

// --- at home -----------------------------------------------------------------------------

void ImageView::read_tags() {
  for (uint64_t index = 0; index * tags_per_frame < records_.size(); ++index) {
    const TagFrame* frame = choose_tag_frame(index);
    const uint64_t first = index * tags_per_frame;
    const uint64_t count = std::min(tags_per_frame, records_.size() - first);
    for (uint64_t i = 0; i < count; ++i) {
      if (frame) read_tag({first + i}, frame->tags[i]);
      else records_[first + i].is_lost = true;
    }
  }
}

// The newest copy that verifies. While a generation is migrated one copy may be torn; at any
// other time both must verify.
const TagFrame* ImageView::choose_tag_frame(uint64_t index) {
  const TagFrame* best = nullptr;
  for (unsigned copy = 0; copy < 2; ++copy) {
    const BlockIndex place = root_.geometry.tag_block(index, copy);
    const auto* frame = reinterpret_cast<const TagFrame*>(file_.block(place));
    if (!verify_tag_frame(*frame, place, root_.store_id, index)) {
      if (!root_.unmigrated) {
        findings_.add("tag frame " + std::to_string(index) + ", copy " + std::to_string(copy) +
                      ": does not verify");
      }
    } else if (!best || frame->sequence > best->sequence) {
      best = frame;
    }
  }
  return best;
}

void ImageView::read_tag(FrameNumber number, const Tag& tag) {
  Record& record = records_[number.value];
  if (tag.flags & Tag::flag_lost) {
    record.is_lost = true;
    return;
  }
  if (!is_valid(number, tag.kind, tag.revision, "tag")) {
    record.is_lost = true;
    return;
  }
  record.identity = {tag.source, tag.account, tag.kind};
  record.checksum = tag.checksum;
  record.block = root_.geometry.home_block(number).value;
  const bool has_body = tag.kind != Kind::empty && !(tag.flags & Tag::flag_all_zero);
  record.body = has_body ? Record::Body::unread : Record::Body::none;
}

bool ImageView::is_valid(FrameNumber number, Kind kind, uint8_t revision, const char* what) {
  const std::string name = frame_name(number) + ": its " + what + " names an unknown ";
  if (!is_valid_kind(static_cast<uint8_t>(kind))) {
    findings_.add(name + "kind");
    return false;
  }
  if (kind != Kind::empty && revision != info(kind).layout_revision) {
    findings_.add(name + "layout revision");
    return false;
  }
  return true;
}

// --- in the log --------------------------------------------------------------------------

const std::byte* ImageView::log_block(uint64_t place, const char* what) const {
  if (place >= root_.geometry.log_blocks()) damaged(std::string(what) + " is said to stand beyond the log");
  return file_.block(root_.geometry.log_block(place));
}

void ImageView::read_log() {
  const auto& header =
      *reinterpret_cast<const GenerationHeader*>(log_block(root_.header_place, "the generation's header"));
  const BlockIndex place = root_.geometry.log_block(root_.header_place);
  if (!verify(header, place, root_.store_id) || header.checksum != root_.header_checksum ||
      header.magic != GenerationHeader::magic_value || header.generation != root_.newest_generation) {
    damaged("the header of generation " + std::to_string(root_.newest_generation.value) + " does not verify");
  }
  header_ = header;
  if (std::memcmp(&header.system, &root_.system, sizeof(SystemState)) != 0) {
    findings_.add("root and generation header disagree on the state of the system");
  }
  for (const SegmentReference& reference : read_references(header)) read_segment(reference);
  if (header.inline_count > header_inline_entries_max) damaged("the generation's header has too many entries");
  for (uint32_t i = 0; i < header.inline_count; ++i) read_entry(header.inline_entries[i]);
  if (entry_count_ != header.entry_count) {
    findings_.add("generation " + std::to_string(header.generation.value) + ": " +
                  std::to_string(entry_count_) + " entries instead of " + std::to_string(header.entry_count));
  }
}

std::vector<SegmentReference> ImageView::read_references(const GenerationHeader& header) const {
  std::vector<SegmentReference> references;
  if (header.reference_count > root_.geometry.log_segments) damaged("the generation names too many segments");
  const size_t first = std::min<size_t>(header.reference_count, header_references_max);
  references.assign(header.references, header.references + first);
  for (uint32_t index = 1; references.size() < header.reference_count; ++index) {
    const uint64_t place = root_.header_place - index;
    const auto& block = *reinterpret_cast<const HeaderChainBlock*>(log_block(place, "the header's chain"));
    if (!verify(block, root_.geometry.log_block(place), root_.store_id) || block.index != index ||
        block.magic != HeaderChainBlock::magic_value || block.generation != header.generation ||
        block.sequence != header.sequence) {
      damaged("block " + std::to_string(index) + " of the generation's header does not verify");
    }
    const size_t more = std::min(header.reference_count - references.size(), chain_references_max);
    references.insert(references.end(), block.references, block.references + more);
  }
  return references;
}

void ImageView::read_segment(const SegmentReference& reference) {
  const Geometry& geometry = root_.geometry;
  if (reference.segment >= geometry.log_segments || reference.summary_blocks > geometry.segment_blocks) {
    damaged("the generation names a segment that does not exist");
  }
  const uint64_t end = (uint64_t{reference.segment} + 1) * geometry.segment_blocks;
  for (uint32_t i = 0; i < reference.summary_blocks; ++i) {
    const uint64_t place = end - 1 - i;
    const auto& block = *reinterpret_cast<const SummaryBlock*>(log_block(place, "a summary"));
    if (!verify(block, geometry.log_block(place), root_.store_id) ||
        block.magic != SummaryBlock::magic_value || block.sequence != reference.sequence ||
        block.count > summary_entries_per_block) {
      damaged("summary block " + std::to_string(i) + " of " + segment_name(reference) + " does not verify");
    }
    for (uint32_t entry = 0; entry < block.count; ++entry) read_entry(block.entries[entry]);
  }
}

void ImageView::read_entry(const SummaryEntry& entry) {
  ++entry_count_;
  if (entry.number.value >= root_.geometry.frames) damaged("the log names a frame beyond the store");
  if (entry.number.value >= records_.size()) records_.resize(entry.number.value + 1);
  Record& record = records_[entry.number.value];
  if (!record.is_in_log) ++frames_in_log_;
  record = Record{.identity = entry.identity(), .checksum = entry.checksum, .is_in_log = true};
  if (!is_valid(entry.number, entry.kind, entry.revision, "entry in the log")) {
    record.identity = {};
    record.is_lost = true;
    return;
  }
  if (!entry.has_body()) return;
  (void)log_block(entry.place, "a frame");
  record.block = root_.geometry.log_block(entry.place).value;
  record.body = Record::Body::unread;
}

void ImageView::report_lost_frames() {
  uint64_t first = 0;
  for (uint64_t n = 0; n <= records_.size(); ++n) {
    if (n < records_.size() && records_[n].is_lost) continue;
    if (first < n) {
      findings_.add(frame_name({first}) +
                    (n - first > 1 ? " to " + std::to_string(n - 1) : std::string()) +
                    ": no tag can be read, so versions are unknown");
    }
    first = n + 1;
  }
}

}  // namespace perdure
