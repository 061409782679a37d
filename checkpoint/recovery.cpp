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
  bool any_read = false;
  bool magic_seen = false;
  bool other_format = false;
  bool contradiction = false;  // two valid roots of different images

  void look_at(const Root& root, unsigned slot) {
    any_read = true;
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

// Checks the fields of a root with a right checksum: another program may have written it.
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
  if (root.log_need > LogNeed::tags) return "what the root needs the log for makes no sense";
  for (const uint64_t place : root.header_places) {
    if (place >= geometry.log_blocks()) return "the root's generation header is outside the log";
  }
  return {};
}

// Header and summaries stand twice: each block of them is read from its second copy if the first
// does not verify. One copy that is whole is the truth, for both were written before the root.
class GenerationReader {
 public:
  GenerationReader(const WaitingDisk& disk, const Root& root, std::byte* buffer, Directory& directory)
      : disk_(disk), root_(root), header_(*reinterpret_cast<GenerationHeader*>(buffer)),
        block_(buffer + block_bytes), directory_(directory) {}

  Expected<void, OpenFailure> read() {
    if (auto done = read_header(); !done) return done;
    for (const SummaryEntry& entry : std::span(header_.inline_entries, header_.inline_count)) {
      if (auto done = take(entry); !done) return done;
    }
    if (auto done = read_segments(header_.references, std::min<size_t>(header_.reference_count, header_references_max)); !done) return done;
    if (auto done = read_chain(); !done) return done;
    return directory_.size() == header_.entry_count ? Expected<void, OpenFailure>{}
                                                    : damaged("a generation has lost entries");
  }

 private:
  // A block of the log, from the first of its places in which it verifies. Nothing: neither does.
  template <typename Block, typename Verify>
  Expected<void, OpenFailure> read_either(const uint64_t (&places)[metadata_copies], Block& block,
                                          std::string_view what, Verify is_right) {
    bool arrived = false, newer = false;
    for (unsigned copy = 0; copy < metadata_copies; ++copy) {
      const BlockIndex place = root_.geometry.log_block(places[copy]);
      if (!disk_.read(place, reinterpret_cast<std::byte*>(&block))) continue;
      arrived = true;
      if (!verify(block, place, root_.store_id)) continue;
      if (is_right(copy)) return {};
      newer = newer || is_log_newer(block.generation, root_);
    }
    if (newer) return failure(OpenError::mixture, newer_than_root);
    return arrived ? Expected<void, OpenFailure>{damaged(what)}
                   : failure(OpenError::disk_failed, "the log cannot be read");
  }

  Expected<void, OpenFailure> read_header() {
    const auto is_right = [this](unsigned copy) {
      return header_.checksum == root_.header_checksums[copy] && header_.magic == GenerationHeader::magic_value &&
             header_.generation == root_.newest_generation;
    };
    if (auto done = read_either(root_.header_places, header_, "the generation header", is_right); !done) return done;
    const uint64_t first_place = root_.header_places[0] % root_.geometry.segment_blocks;
    if (header_.inline_count > header_inline_entries_max || header_.reference_count == 0 ||
        header_.reference_count > root_.geometry.log_segments ||
        metadata_copies * header_blocks(header_.reference_count) > first_place + 1 ||
        root_.header_places[0] != root_.header_places[1] + header_blocks(header_.reference_count) ||
        std::memcmp(&header_.system, &root_.system, sizeof(SystemState)) != 0) {
      return damaged("the generation header makes no sense");
    }
    return {};
  }

  Expected<void, OpenFailure> read_chain() {
    // Read into a place of its own on the stack: summaries use block_.
    alignas(sector_bytes) HeaderChainBlock chain;
    size_t done = header_references_max;
    for (uint32_t i = 1; i < header_blocks(header_.reference_count); ++i) {
      const auto is_right = [&](unsigned) {
        return chain.magic == HeaderChainBlock::magic_value && chain.index == i &&
               chain.generation == header_.generation && chain.sequence == header_.sequence;
      };
      const uint64_t places[] = {root_.header_places[0] - i, root_.header_places[1] - i};
      if (auto result = read_either(places, chain, "the chain of a generation header", is_right); !result) return result;
      const size_t count = std::min<size_t>(header_.reference_count - done, chain_references_max);
      if (auto result = read_segments(chain.references, count); !result) return result;
      done += count;
    }
    return {};
  }

  Expected<void, OpenFailure> read_segments(const SegmentReference* references, size_t count) {
    for (const SegmentReference& reference : std::span(references, count)) {
      if (reference.segment >= root_.geometry.log_segments ||
          reference.summary_blocks > root_.geometry.segment_blocks / metadata_copies) {
        return damaged("a generation names a segment outside the log");
      }
      for (uint32_t i = 0; i < reference.summary_blocks; ++i) {
        if (auto result = read_summary(reference, i); !result) return result;
      }
    }
    return {};
  }

  Expected<void, OpenFailure> read_summary(const SegmentReference& reference, uint32_t index) {
    auto& summary = *reinterpret_cast<SummaryBlock*>(block_);
    const auto is_right = [&](unsigned) {
      return summary.magic == SummaryBlock::magic_value && summary.generation == header_.generation &&
             summary.sequence == reference.sequence && summary.count <= summary_entries_per_block;
    };
    const uint64_t segment = uint64_t{reference.segment} * root_.geometry.segment_blocks;
    const uint64_t places[] = {segment + summary_block_index(root_.geometry, index, 0),
                               segment + summary_block_index(root_.geometry, index, 1)};
    if (auto result = read_either(places, summary, "a summary of the log", is_right); !result) return result;
    for (const SummaryEntry& entry : std::span(summary.entries, summary.count)) {
      if (auto result = take(entry); !result) return result;
    }
    return {};
  }

  Expected<void, OpenFailure> take(const SummaryEntry& entry) {
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

bool WaitingDisk::read(BlockIndex place, std::byte* memory) {
  unsigned rounds_alone = 0;
  for (unsigned round = 0;; ++round) {
    if (try_to_read(place, memory)) return true;
    if (!client_) return false;
    if (gives_another(place, memory) && ++rounds_alone == rounds_max) return false;
    pause(round);
  }
}

// Does the disk give any other place at all? The places where roots stand are tried.
bool WaitingDisk::gives_another(BlockIndex place, std::byte* memory) {
  for (const auto& slot : root_blocks) {
    for (const BlockIndex other : slot) {
      if (other != place && try_to_read(other, memory)) return true;
    }
  }
  return false;
}

// A function of its own, so that a profile tells the waiting from the work.
[[gnu::noinline]] bool WaitingDisk::try_to_read(BlockIndex place, std::byte* memory) {
  const DiskRequest request{DiskRequest::Operation::read, place.value, 1, memory};
  const uint64_t begin_ns = client_ ? client_->clock_ns() : 0;
  for (unsigned i = 0; i < tries_max; ++i) {
    while (!disk_.submit(request)) static_cast<void>(disk_.poll());
    std::optional<DiskCompletion> completion;
    while (!(completion = disk_.poll())) {
      if (client_) health_.is_pending(request.operation, begin_ns, client_->clock_ns());
    }
    if (completion->failed) continue;
    if (client_) health_.succeeded(request.operation, client_->clock_ns());
    return true;
  }
  if (client_) health_.failed(request.operation, client_->clock_ns());
  return false;
}

void WaitingDisk::pause(unsigned round) {
  const uint64_t until_ns = client_->clock_ns() + std::min(pause_min_ns << std::min(round, 6u), pause_max_ns);
  while (client_->clock_ns() < until_ns) {
  }
}

namespace {

bool is_too_short(const Disk& disk) { return disk.size_blocks() <= log_start.value; }

RootSurvey survey_roots(Disk& disk, StoreClient* client, std::byte* buffer) {
  RootSurvey survey;
  WaitingDisk waiting(disk, client);
  for (unsigned slot = 0; slot < root_slots; ++slot) {
    for (const BlockIndex place : root_blocks[slot]) {
      if (!waiting.read(place, buffer)) {
        survey.read_failed = true;
        continue;
      }
      Root root;
      std::memcpy(static_cast<void*>(&root), buffer, sizeof(root));
      survey.look_at(root, slot);
    }
  }
  return survey;
}

}  // namespace

bool may_hold_root(Disk& disk, std::byte* buffer) {
  if (is_too_short(disk)) return false;
  const RootSurvey survey = survey_roots(disk, nullptr, buffer);
  return survey.magic_seen || !survey.any_read;
}

Expected<FoundRoot, OpenFailure> read_roots(Disk& disk, StoreClient* client, std::byte* buffer) {
  if (is_too_short(disk)) return failure(OpenError::not_an_image, "the disk is too short to hold a store");
  const RootSurvey survey = survey_roots(disk, client, buffer);
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

Expected<void, OpenFailure> read_generation(Disk& disk, StoreClient* client, const Root& root,
                                            std::byte* buffer, Directory& directory) {
  if (root.log_need == LogNeed::nothing) return {};
  const auto read = GenerationReader(WaitingDisk(disk, client), root, buffer, directory).read();
  const bool may_be_written_over = root.log_need == LogNeed::tags;
  if (read || !may_be_written_over || read.error().error != OpenError::damaged) return read;
  while (!directory.forget_step(1024)) {
  }
  return {};
}

}  // namespace perdure
