// SPDX-License-Identifier: MIT
//
// The newest generation of an image, as recovery sees it, by recovery's own code: for each frame
// the entry of the log, else its tag (LOG-BEFORE-TAG). Opening reads the root, the generation's
// header, its summaries and the tags; bodies are read, and their checksums compared, when they
// are asked for.
#pragma once

#include <vector>

#include "checkpoint/layout.hpp"
#include "tools/findings.hpp"
#include "tools/frame_reader.hpp"
#include "tools/image_file.hpp"

namespace perdure {

class ImageView final : public FrameReader {
 public:
  // Throws ToolError if there is nothing to look at. What is wrong and leaves the rest readable
  // is in findings().
  explicit ImageView(const ImageFile&);

  const Root& root() const { return root_; }
  uint64_t frames_in_log() const { return frames_in_log_; }
  Findings& findings() { return findings_; }
  // Copies that are damaged while another one serves: nothing is lost yet.
  const Findings& notes() const { return notes_; }

  uint64_t frame_count() const override { return root_.geometry.frames; }
  uint64_t frontier() const override { return records_.size(); }
  Generation generation() const override { return root_.newest_generation; }
  const SystemState& system() const override { return root_.system; }
  const FrameIdentity& identity(FrameNumber number) const override {
    return records_[number.value].identity;
  }
  const std::byte* bytes(FrameNumber) const override;

 private:
  // What is known of one frame.
  struct Record {
    enum class Body : uint8_t { none, unread, good, bad };
    FrameIdentity identity;
    uint64_t checksum = 0;
    uint64_t block = 0;          // of the body, on the disk
    mutable Body body = Body::none;  // none: reads as zero
    bool is_in_log = false;
    bool is_lost = false;        // its tag cannot be read
  };

  void read_log();
  void read_tags();
  const TagFrame* choose_tag_frame(uint64_t index);
  void take_tag(FrameNumber, const Tag&);
  void take_entry(const SummaryEntry&);
  void look_at(FrameNumber, uint8_t revision, bool has_body, const char* what);
  void report_lost_frames();

  const ImageFile& file_;
  Findings findings_, notes_;
  Root root_;
  std::vector<Record> records_;
  uint64_t frames_in_log_ = 0;
};

}  // namespace perdure
