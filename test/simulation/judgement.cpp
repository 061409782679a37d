// SPDX-License-Identifier: MIT
#include "test/simulation/judgement.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <memory>

#include "test/simulation/simulated_machine.hpp"
#include "tools/image_view.hpp"
#include "tools/tool_error.hpp"
#include "tools/verify_image.hpp"

namespace perdure {
namespace {

// A file without a name, which the tool opens like any image. Sparse, as images are.
class MediumFile {
 public:
  explicit MediumFile(const Medium& medium) : descriptor_(::memfd_create("medium", MFD_CLOEXEC)) {
    is_written_ = descriptor_ >= 0 && ::ftruncate(descriptor_, static_cast<off_t>(medium.size() * block_bytes)) == 0;
    for (size_t block = 0; is_written_ && block < medium.size(); ++block) {
      if (!medium[block]) continue;
      is_written_ = ::pwrite(descriptor_, medium[block]->data(), block_bytes, static_cast<off_t>(block * block_bytes)) ==
                    static_cast<ssize_t>(block_bytes);
    }
  }
  ~MediumFile() { ::close(descriptor_); }
  MediumFile(const MediumFile&) = delete;
  MediumFile& operator=(const MediumFile&) = delete;
  std::string path() const {
    expect(is_written_, "the medium cannot be written to a file");
    return "/proc/self/fd/" + std::to_string(descriptor_);
  }

 private:
  int descriptor_;
  bool is_written_ = false;
};

// As stored: whole, with nothing left out.
FrameTruth truth_seen_by(const ImageView& view, FrameNumber number) {
  const std::byte* bytes = view.bytes(number);
  return {view.identity(number), std::make_shared<const std::vector<std::byte>>(bytes, bytes + frame_bytes)};
}

}  // namespace

std::string Judgement::told() const {
  if (!refusal.empty()) return refusal;
  if (unreadable.empty()) return "all can be read";
  std::string text = "unreadable:";
  for (const uint64_t frame : unreadable) text += " " + std::to_string(frame);
  return text;
}

Judgement judgement_of_tool(const std::string& path, const World& truth) {
  Judgement judgement;
  try {
    const ImageFile image(path);
    ImageView view(image);
    const auto& told = view.findings().kept();
    for (const std::string& finding : told) {
      if (finding.starts_with(newer_than_root)) return {.refusal = finding};
    }
    for (uint64_t n = 0; n < view.frontier(); ++n) {
      if (!wrong_with_body(view, {n}).empty()) {
        judgement.unreadable.insert(n);
      } else {
        const std::string_view wrong = difference(truth.frame(n), truth_seen_by(view, {n}));
        expect(wrong.empty(), "image verify reads " + std::string(wrong) + " in frame " + std::to_string(n));
      }
    }
    for (const auto& [number, frame] : truth.frames) {
      expect(number < view.frontier() || frame.identity.kind == Kind::empty, "image verify does not see frame " + std::to_string(number));
    }
    verify_bodies(view, view.findings());
    expect(view.findings().is_empty() == judgement.unreadable.empty(),
           "image verify says: " + (told.empty() ? "nothing" : told.front()) + "; " + judgement.told());
  } catch (const ToolError& error) {
    judgement.refusal = error.what();
  }
  return judgement;
}

Judgement judgement_of_tool(const Medium& medium, const World& truth) {
  const MediumFile file(medium);
  return judgement_of_tool(file.path(), truth);
}

void expect_alike(const Judgement& tool, const Judgement& store) {
  expect(tool.refusal.empty() == store.refusal.empty() && tool.unreadable == store.unreadable,
         "image verify judges: " + tool.told() + "; the store: " + store.told());
}

std::string first_finding(const Medium& medium) {
  const MediumFile file(medium);
  try {
    const ImageFile image(file.path());
    ImageView view(image);
    verify_frames(view, view.findings());
    return view.findings().is_empty() ? "" : view.findings().kept().front();
  } catch (const ToolError& error) {
    return error.what();
  }
}

}  // namespace perdure
