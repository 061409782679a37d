// SPDX-License-Identifier: MIT
#include "tools/image_writer.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/tool_error.hpp"

namespace perdure {
namespace {

// A new file beside `path`, removed again unless it is kept.
class FileBeside {
 public:
  explicit FileBeside(const std::string& path) : path_(path), temporary_(path + ".new") {
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("cannot create");
  }
  ~FileBeside() {
    ::close(descriptor_);
    if (!is_kept_) ::unlink(temporary_.c_str());
  }
  FileBeside(const FileBeside&) = delete;
  FileBeside& operator=(const FileBeside&) = delete;

  void set_size(uint64_t blocks) {
    if (::ftruncate(descriptor_, static_cast<off_t>(blocks * block_bytes)) != 0) fail("cannot size");
  }
  void write(BlockIndex place, const void* bytes, size_t length) {
    const auto* at = static_cast<const char*>(bytes);
    auto offset = static_cast<off_t>(place.value * block_bytes);
    while (length > 0) {
      const ssize_t written = ::pwrite(descriptor_, at, length, offset);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail("cannot write");
      at += written;
      offset += written;
      length -= static_cast<size_t>(written);
    }
  }
  void keep() {
    if (::fsync(descriptor_) != 0) fail("cannot write");
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename");
    is_kept_ = true;
  }

 private:
  [[noreturn]] void fail(const char* what) {
    throw ToolError(ExitStatus::damaged, std::string(what) + " " + temporary_ + ": " + std::strerror(errno));
  }

  std::string path_, temporary_;
  int descriptor_ = -1;
  bool is_kept_ = false;
};

bool is_all_zero(const PageBytes& bytes) {
  return bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

class Writer {
 public:
  Writer(FileBeside& file, const NewImage& image, const ImageSettings& settings)
      : file_(file), image_(image), settings_(settings) {}

  void everything() {
    file_.set_size(settings_.geometry.disk_blocks);
    const uint64_t tag_frames = (image_.frontier() + tags_per_frame - 1) / tags_per_frame;
    for (uint64_t index = 0; index < tag_frames; ++index) group(index);
    root(0, 1, tag_frames);
    root(1, 2, tag_frames);
  }

 private:
  // A tag frame, twice, and the bodies that it tells of.
  void group(uint64_t index) {
    TagFrame frame{.store_id = settings_.store_id, .index = index};
    const uint64_t first = index * tags_per_frame;
    const auto end = image_.frames().lower_bound({first + tags_per_frame});
    for (auto at = image_.frames().lower_bound({first}); at != end; ++at) {
      frame.tags[at->first.value - first] = body(at->first, *at->second);
    }
    for (unsigned copy = 0; copy < 2; ++copy) {
      const BlockIndex place = settings_.geometry.tag_block(index, copy);
      frame.sequence = TagFrame::sequence_of({0}, copy);
      seal(frame, place);
      file_.write(place, &frame, sizeof(frame));
    }
  }

  Tag body(FrameNumber number, const NewImage::Frame& frame) {
    const FrameIdentity& identity = frame.identity;
    Tag tag{.source = identity.source, .account = identity.account, .kind = identity.kind};
    if (identity.kind == Kind::empty) return tag;
    tag.revision = info(identity.kind).layout_revision;
    if (!is_row(identity.kind) && is_all_zero(frame.bytes)) {
      tag.flags = Tag::flag_all_zero;
      return tag;
    }
    alignas(64) PageBytes stored;
    normalize(identity.kind, frame.bytes.data(), stored.data());
    tag.checksum = body_checksum(stored, number);
    file_.write(settings_.geometry.home_block(number), stored.data(), stored.size());
    return tag;
  }

  void root(unsigned slot, uint64_t sequence, uint64_t frontier) {
    Root root{.clean = 1,
              .store_id = settings_.store_id,
              .sequence = sequence,
              .next_generation = {1},
              .frontier = frontier,
              .generation_frames = image_.frames().size(),
              .interval_ms = settings_.interval_ms,
              .geometry = settings_.geometry,
              .system = settings_.system};
    seal(root);
    for (unsigned copy = 0; copy < root_copies; ++copy) {
      file_.write(root_blocks[slot][copy], &root, sizeof(root));
    }
  }

  FileBeside& file_;
  const NewImage& image_;
  const ImageSettings& settings_;
};

}  // namespace

void write_image(const std::string& path, const NewImage& image, const ImageSettings& settings) {
  FileBeside file(path);
  Writer(file, image, settings).everything();
  file.keep();
}

}  // namespace perdure
