// SPDX-License-Identifier: MIT
#include "tools/image_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/tool_error.hpp"

namespace perdure {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& why) {
  throw ToolError(ExitStatus::refused, path + ": " + why);
}

// QEMU's locks stand on single bytes from 100 to 103 and 200 to 203 (block/file-posix.c).
constexpr off_t qemu_locks_start = 100;
constexpr off_t qemu_locks_length = 200;

bool has_conflicting_lock(int descriptor) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = qemu_locks_start;
  lock.l_len = qemu_locks_length;
  return ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

void refuse_if_in_use(int descriptor, const std::string& path) {
  const bool is_locked = ::flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  if (is_locked || has_conflicting_lock(descriptor)) {
    refuse(path, "in use by another program; stop the machine that runs on it first");
  }
}

ImageFile::ImageFile(const std::string& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) refuse(path, std::strerror(errno));
  try {
    map(descriptor_);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

void ImageFile::map(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) refuse(path_, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) refuse(path_, "not a regular file");
  refuse_if_in_use(descriptor, path_);
  size_bytes_ = static_cast<uint64_t>(status.st_size);
  allocated_bytes_ = static_cast<uint64_t>(status.st_blocks) * 512;
  if (size_bytes_ == 0) refuse(path_, "empty; not a Perdure image");
  void* mapped = ::mmap(nullptr, size_bytes_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (mapped == MAP_FAILED) refuse(path_, std::strerror(errno));
  bytes_ = static_cast<const std::byte*>(mapped);
  if (size_bytes_ >= 4 && std::memcmp(bytes_, "QFI\xfb", 4) == 0) {
    ::munmap(mapped, size_bytes_);
    refuse(path_, "a qcow2 file, not a raw image; qemu-img convert -O raw makes one of it");
  }
}

ImageFile::~ImageFile() {
  ::munmap(const_cast<std::byte*>(bytes_), size_bytes_);
  ::close(descriptor_);
}

}  // namespace perdure
