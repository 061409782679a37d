// SPDX-License-Identifier: MIT
#include "test/simulation/verified_medium.hpp"

#include <sys/mman.h>
#include <unistd.h>

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
  bool is_written() const { return is_written_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
  bool is_written_ = false;
};

}  // namespace

std::string first_finding(const Medium& medium) {
  const MediumFile file(medium);
  if (!file.is_written()) return "the medium cannot be written to a file";
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
