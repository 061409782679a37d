// SPDX-License-Identifier: MIT
#include "checkpoint/recovery.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace perdure {
namespace {

using Failure = std::unexpected<OpenFailure>;

Failure failure(OpenError error, std::string_view what) { return Failure(OpenFailure{error, what}); }
Failure damaged(std::string_view what) { return failure(OpenError::damaged, what); }

// What was seen of the four places where a root stands.
struct RootSurvey {
  FoundRoot newest;
  bool any_valid = false;
  bool slot_valid[root_slots] = {};
  bool read_failed = false;
  bool magic_seen = false;
  bool other_format = false;
  bool contradiction = false;  // two valid roots of different images

  void look_at(const Root& root, unsigned slot) {
    if (root.magic != Root::magic_value) return;
    magic_seen = true;
    if (root.format != format_version) {
      other_format = true;
      return;
    }
    if (!verify(root)) return;
    if (any_valid && root.store_id != newest.root.store_id) contradiction = true;
    slot_valid[slot] = true;
    if (!any_valid || root.sequence > newest.root.sequence) newest = {root, slot};
    any_valid = true;
  }
};

// The fields of a root whose checksum holds: written by another program, perhaps.
std::string_view check_root(const Root& root, uint64_t disk_blocks) {
  const Geometry& geometry = root.geometry;
  const auto planned = Geometry::plan(geometry.disk_blocks, geometry.log_segments, geometry.segment_blocks);
  if (!planned || *planned != geometry) return "the root's geometry makes no sense";
  if (geometry.disk_blocks > disk_blocks) return "the disk is shorter than the image";
  if (root.store_id == 0) return "the root names no store";
  if (root.frontier > geometry.tag_frames) return "the root's frontier is outside the store";
  if (root.newest_generation >= root.next_generation) return "the root's generations make no sense";
  if (root.next_generation.value >> 62 || root.sequence >> 62 || root.boot_epoch >> 31) {
    return "the root's numbers are too high";
  }
  if (root.unmigrated > 1 || root.header_place >= geometry.log_blocks()) {
    return "the root's generation header is outside the log";
  }
  return {};
}

class GenerationReader {
 public:
  GenerationReader(Disk& disk, const Root& root, std::byte* buffer, Directory& directory)
      : disk_(disk), root_(root), header_(*reinterpret_cast<GenerationHeader*>(buffer)),
        block_(buffer + block_bytes), directory_(directory) {}

  std::expected<void, OpenFailure> read() {
    if (auto done = read_header(); !done) return done;
    for (const SummaryEntry& entry : std::span(header_.inline_entries, header_.inline_count)) {
      if (auto done = take(entry); !done) return done;
    }
    if (auto done = read_segments(header_.references, std::min<size_t>(header_.reference_count, header_references_max)); !done) return done;
    if (auto done = read_chain(); !done) return done;
    return directory_.size() == header_.entry_count ? std::expected<void, OpenFailure>{}
                                                    : damaged("a generation has lost entries");
  }

 private:
  std::expected<void, OpenFailure> read_header() {
    const BlockIndex place = root_.geometry.log_block(root_.header_place);
    if (!disk_.read(place, 1, reinterpret_cast<std::byte*>(&header_))) {
      return failure(OpenError::disk_failed, "a generation header cannot be read");
    }
    if (header_.checksum != root_.header_checksum || !verify(header_, place, root_.store_id) ||
        header_.magic != GenerationHeader::magic_value || header_.generation != root_.newest_generation) {
      return damaged("the generation header");
    }
    if (header_.inline_count > header_inline_entries_max || header_.reference_count == 0 ||
        header_.reference_count > root_.geometry.log_segments ||
        header_blocks(header_.reference_count) > root_.header_place % root_.geometry.segment_blocks + 1 ||
        std::memcmp(&header_.system, &root_.system, sizeof(SystemState)) != 0) {
      return damaged("the generation header makes no sense");
    }
    return {};
  }

  std::expected<void, OpenFailure> read_chain() {
    size_t done = header_references_max;
    for (uint32_t i = 1; i < header_blocks(header_.reference_count); ++i) {
      const BlockIndex place = root_.geometry.log_block(root_.header_place - i);
      // The chain block is read into a place of its own on the stack: summaries use block_.
      alignas(8) HeaderChainBlock chain;
      if (!disk_.read(place, 1, block_)) {
        return failure(OpenError::disk_failed, "a generation header cannot be read");
      }
      std::memcpy(static_cast<void*>(&chain), block_, sizeof(chain));
      if (!verify(chain, place, root_.store_id) || chain.magic != HeaderChainBlock::magic_value ||
          chain.index != i || chain.generation != header_.generation || chain.sequence != header_.sequence) {
        return damaged("the chain of a generation header");
      }
      const size_t count = std::min<size_t>(header_.reference_count - done, chain_references_max);
      if (auto result = read_segments(chain.references, count); !result) return result;
      done += count;
    }
    return {};
  }

  std::expected<void, OpenFailure> read_segments(const SegmentReference* references, size_t count) {
    for (const SegmentReference& reference : std::span(references, count)) {
      if (reference.segment >= root_.geometry.log_segments ||
          reference.summary_blocks > root_.geometry.segment_blocks) {
        return damaged("a generation names a segment outside the log");
      }
      for (uint32_t i = 0; i < reference.summary_blocks; ++i) {
        if (auto result = read_summary(reference, i); !result) return result;
      }
    }
    return {};
  }

  std::expected<void, OpenFailure> read_summary(const SegmentReference& reference, uint32_t index) {
    const uint64_t in_log = uint64_t{reference.segment} * root_.geometry.segment_blocks +
                            root_.geometry.segment_blocks - 1 - index;
    const BlockIndex place = root_.geometry.log_block(in_log);
    if (!disk_.read(place, 1, block_)) {
      return failure(OpenError::disk_failed, "a summary of the log cannot be read");
    }
    const auto& summary = *reinterpret_cast<const SummaryBlock*>(block_);
    if (!verify(summary, place, root_.store_id) || summary.magic != SummaryBlock::magic_value ||
        summary.generation != header_.generation || summary.sequence != reference.sequence ||
        summary.count > summary_entries_per_block) {
      return damaged("a summary of the log");
    }
    for (const SummaryEntry& entry : std::span(summary.entries, summary.count)) {
      if (auto result = take(entry); !result) return result;
    }
    return {};
  }

  std::expected<void, OpenFailure> take(const SummaryEntry& entry) {
    if (entry.number.value >= root_.geometry.frames || entry.place >= root_.geometry.log_blocks() ||
        !is_valid_kind(static_cast<uint8_t>(entry.kind)) || entry.source.value >= version_source_max) {
      return damaged("a summary entry makes no sense");
    }
    if (!directory_.insert(entry)) return damaged("a generation holds a frame twice, or too many");
    return {};
  }

  WaitingDisk disk_;
  const Root& root_;
  GenerationHeader& header_;
  std::byte* block_;
  Directory& directory_;
};

}  // namespace

bool WaitingDisk::read(BlockIndex block, uint32_t count, std::byte* memory) {
  return carry_out({DiskRequest::Operation::read, block.value, count, memory});
}
bool WaitingDisk::write(BlockIndex block, uint32_t count, std::byte* memory) {
  return carry_out({DiskRequest::Operation::write, block.value, count, memory});
}
bool WaitingDisk::flush() { return carry_out({.operation = DiskRequest::Operation::flush}); }

// By itself, so that a profile tells the waiting from the work.
[[gnu::noinline]] bool WaitingDisk::carry_out(const DiskRequest& request) {
  const unsigned tries = request.operation == DiskRequest::Operation::flush ? 1 : 4;
  for (unsigned i = 0; i < tries; ++i) {
    while (!disk_.submit(request)) static_cast<void>(disk_.poll());
    std::optional<DiskCompletion> completion;
    while (!completion) completion = disk_.poll();
    if (!completion->failed) return true;
  }
  return false;
}

std::expected<FoundRoot, OpenFailure> read_roots(Disk& disk, std::byte* buffer) {
  if (disk.size_blocks() <= log_start.value) {
    return failure(OpenError::not_an_image, "the disk is too short to hold a store");
  }
  RootSurvey survey;
  WaitingDisk waiting(disk);
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    for (const BlockIndex place : root_blocks[slot]) {
      if (!waiting.read(place, 1, buffer)) {
        survey.read_failed = true;
        continue;
      }
      Root root;
      std::memcpy(static_cast<void*>(&root), buffer, sizeof(root));
      survey.look_at(root, slot);
    }
  }
  if (!survey.any_valid) {
    if (survey.read_failed) return failure(OpenError::disk_failed, "no root can be read");
    if (survey.other_format) return failure(OpenError::other_version, "the image has another format version");
    if (survey.magic_seen) return damaged("no root is valid");
    return failure(OpenError::not_an_image, "there is no root on the disk");
  }
  if (survey.contradiction) return damaged("the roots are of different stores");
  // A power cut leaves each sector as it was or as it was to be: a slot in which nothing is valid
  // has been damaged, and may have held the newest root. What the other one names may be gone.
  if (!survey.slot_valid[0] || !survey.slot_valid[1]) {
    if (survey.read_failed) return failure(OpenError::disk_failed, "a root slot cannot be read");
    return damaged("both copies of a root");
  }
  const std::string_view wrong = check_root(survey.newest.root, disk.size_blocks());
  if (!wrong.empty()) return damaged(wrong);
  return survey.newest;
}

std::expected<void, OpenFailure> read_generation(Disk& disk, const Root& root, std::byte* buffer,
                                                 Directory& directory) {
  return GenerationReader(disk, root, buffer, directory).read();
}

}  // namespace perdure
