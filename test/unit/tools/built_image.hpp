// SPDX-License-Identifier: MIT
//
// A small generation 0 for tests: a bank server, a program with a space keeper, one of each kind
// of object; all programs are the idle one. In memory, and as a file in a folder of its own.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "test/unit/tools/small_elf.hpp"
#include "tools/genesis.hpp"
#include "tools/image_writer.hpp"

namespace perdure::test {

inline const std::string small_description =
    "interval 1s\n"
    "program idle\n"
    "bank root\n"
    "bank sub\n"
    "  parent root\n"
    "  limit 100\n"
    "schedule ordinary\n"
    "  priority 4\n"
    "endpoint bank\n"
    "  receiver bank\n"
    "endpoint service\n"
    "  receiver worker\n"
    "  id 7\n"
    "notice bell\n"
    "  receiver worker\n"
    "  bits 5\n"
    "  bank sub\n"
    "wrapper front\n"
    "  target entry service payload 3\n"
    "  payload 9\n"
    "  hand_over\n"
    "process bank\n"
    "  program idle\n"
    "  schedule ordinary\n"
    "  arena books bank\n"
    "  register 3 range all\n"
    "process worker\n"
    "  program idle\n"
    "  schedule ordinary\n"
    "  bank sub\n"
    "  argument 77\n"
    "  stack 2\n"
    "  keeper entry bank\n"
    "  space_keeper entry service payload 1\n"
    "  pocket bank sub may_not_destroy\n"
    "  brand number 12\n"
    "  register 3 bank sub\n"
    "  register 4 endpoint service\n"
    "  register 5 wrapped front\n"
    "  register 6 recipes\n"
    "  register 7 space bank read_only weak\n"
    "process asleep\n"
    "  program idle\n"
    "  state stopped\n"
    "recipe idle\n"
    "  program idle\n"
    "  stack 3\n";

struct BuiltImage {
  explicit BuiltImage(const std::string& description = small_description, uint64_t disk_blocks = 4096)
      : geometry(*Geometry::plan(disk_blocks, 3, 16)), image(geometry.frames) {
    const ImageDescription parsed = parse_description("test", description);
    Genesis genesis(image, parsed, [](const std::string&) { return idle_program().contents(); });
    system = genesis.build();
  }

  // As programs are linked: text at 4 MiB, data and bss at 16 MiB.
  static SmallElf idle_program() {
    return SmallElf({{.address = 0x400000, .flags = PF_R | PF_X, .bytes = {0xeb, 0xfe}},
                     {.address = 0x401000, .flags = PF_R, .bytes = {'h', 'i'}},
                     {.address = 0x1000000, .flags = PF_R | PF_W, .bytes = {1, 2, 3}, .memory_bytes = 9000}});
  }

  // The only object of a kind of which there is one; the n-th of others, by frame and index.
  FrameNumber frame_of(Kind kind, unsigned nth = 0) const {
    for (const auto& [number, frame] : image.frames()) {
      if (frame->identity.kind == kind && nth-- == 0) return number;
    }
    std::abort();
  }
  template <typename Object>
  Object& object(Kind kind, unsigned nth_frame = 0, unsigned index = 0) {
    return image.object<Object>(image.capability_to(frame_of(kind, nth_frame), index));
  }

  Geometry geometry;
  NewImage image;
  SystemState system;
};

// A folder that goes with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "perdure-test-XXXXXX").string();
    if (!::mkdtemp(name.data())) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline constexpr uint64_t test_store_id = 0x1234;

inline void write(const BuiltImage& built, const std::string& path) {
  write_image(path, built.image,
              {.geometry = built.geometry, .system = built.system, .interval_ms = 1000, .store_id = test_store_id});
}

// Blocks of an image file, to look at and to change.
class RawImage {
 public:
  explicit RawImage(const std::string& path)
      : file_(path, std::ios::in | std::ios::out | std::ios::binary) {}

  template <typename Block>
  Block read(BlockIndex place) {
    Block block;
    file_.seekg(static_cast<std::streamoff>(place.value * block_bytes));
    file_.read(reinterpret_cast<char*>(&block), sizeof(block));
    return block;
  }
  template <typename Block>
  void write(BlockIndex place, const Block& block) {
    file_.seekp(static_cast<std::streamoff>(place.value * block_bytes));
    file_.write(reinterpret_cast<const char*>(&block), sizeof(block));
    file_.flush();
  }
  // Turns one bit.
  void damage(BlockIndex place, uint64_t offset, unsigned bit = 0) {
    const auto at = static_cast<std::streamoff>(place.value * block_bytes + offset);
    file_.seekg(at);
    char byte = 0;
    file_.get(byte);
    file_.seekp(at);
    file_.put(static_cast<char>(byte ^ (1 << bit)));
    file_.flush();
  }

 private:
  std::fstream file_;
};

}  // namespace perdure::test
