// SPDX-License-Identifier: MIT
//
// Images as files: what was written is what is read, and damage anywhere is named. One bit is
// turned in each kind of block in turn; then files that are no images, or only were.
#include <catch2/catch.hpp>

#include <sys/file.h>
#include <fcntl.h>

#include "test/unit/tools/built_image.hpp"
#include "tools/image_view.hpp"
#include "tools/tool_error.hpp"
#include "tools/verify_image.hpp"

using namespace perdure;
using namespace perdure::test;

namespace {

// An image on disk, and what its verification says after it was changed.
struct OnDisk {
  OnDisk() { test::write(built, path); }

  std::vector<std::string> findings() {
    const ImageFile file(path);
    ImageView view(file);
    (void)verify_frames(view, view.findings());
    return view.findings().kept();
  }
  std::string first_finding() {
    const auto found = findings();
    return found.empty() ? "" : found.front();
  }
  std::string first_note() {
    const ImageFile file(path);
    const ImageView view(file);
    return view.notes().is_empty() ? "" : view.notes().kept().front();
  }
  // The message with which opening is refused, and its status.
  std::pair<std::string, ExitStatus> refusal() {
    try {
      const ImageFile file(path);
      const ImageView view(file);
    } catch (const ToolError& error) {
      return {error.what(), error.status()};
    }
    return {"", ExitStatus::ok};
  }
  RawImage raw() { return RawImage(path); }
  BlockIndex home(Kind kind, unsigned nth = 0) { return built.geometry.home_block(built.frame_of(kind, nth)); }

  BuiltImage built;
  TemporaryFolder folder;
  std::string path = folder.file("test.img");
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an image that was written is read as it was built") {
  OnDisk disk;
  CHECK(disk.findings().empty());
  const ImageFile file(disk.path);
  const ImageView view(file);
  CHECK(view.root().newest_generation == Generation{0});
  CHECK(view.root().next_generation == Generation{1});
  CHECK(view.root().store_id == test_store_id);
  CHECK(view.root().interval_ms == 1000);
  CHECK(view.root().clean == 1);
  CHECK(view.system().next_ticket == disk.built.system.next_ticket);
  CHECK(view.frame_count() == disk.built.geometry.frames);
  for (const auto& [number, frame] : disk.built.image.frames()) {
    CHECK(view.identity(number).kind == frame->identity.kind);
    CHECK(view.identity(number).account == frame->identity.account);
    CHECK(view.identity(number).source == frame->identity.source);
    alignas(64) PageBytes stored;
    normalize(frame->identity.kind, frame->bytes.data(), stored.data());
    REQUIRE(view.bytes(number));
    CHECK(std::memcmp(view.bytes(number), stored.data(), frame_bytes) == 0);
  }
}

TEST_CASE("a turned bit is found in every kind of block, and named") {
  OnDisk disk;
  const Geometry& geometry = disk.built.geometry;
  SECTION("a root") {
    for (unsigned slot = 0; slot < root_slots; ++slot) {
      for (unsigned copy = 0; copy < root_copies; ++copy) {
        disk.raw().damage(root_blocks[slot][copy], 40);
        CHECK(contains(disk.first_note(), std::string("root ") + "AB"[slot] + ", copy " + std::to_string(copy)));
        CHECK(disk.findings().empty());
        disk.raw().damage(root_blocks[slot][copy], 40);
      }
    }
  }
  SECTION("a tag: one copy, then both") {
    const unsigned copy = GENERATE(0u, 1u);
    disk.raw().damage(geometry.tag_block(0, copy), 1000);
    CHECK(disk.first_note() == "tag frame 0, copy " + std::to_string(copy) + ": does not verify; the other copy serves");
    CHECK(disk.findings().empty());
    disk.raw().damage(geometry.tag_block(0, 1 - copy), 1000);
    CHECK(contains(disk.findings()[2], "frame 0 to 126: what it holds, and its versions, cannot be known"));
  }
  SECTION("a page") {
    disk.raw().damage(disk.home(Kind::page), 100);
    CHECK(contains(disk.first_finding(), "(page): its bytes do not match their checksum"));
  }
  SECTION("every kind that has a body") {
    for (const Kind kind : {Kind::process, Kind::capability_page, Kind::node, Kind::wrapper, Kind::endpoint,
                            Kind::notice, Kind::schedule, Kind::activity}) {
      const unsigned bit = static_cast<unsigned>(kind) % 8;
      disk.raw().damage(disk.home(kind), 64 + 8 * static_cast<unsigned>(kind), bit);
      CHECK(contains(disk.first_finding(), "(" + std::string(info(kind).name) + "): its bytes do not match"));
      disk.raw().damage(disk.home(kind), 64 + 8 * static_cast<unsigned>(kind), bit);
    }
    CHECK(disk.findings().empty());
  }
}

TEST_CASE("a body that stands in another frame's place is found") {
  OnDisk disk;
  const BlockIndex one = disk.home(Kind::node, 0), other = disk.home(Kind::node, 1);
  RawImage raw = disk.raw();
  raw.write(other, raw.read<std::array<std::byte, 4096>>(one));
  CHECK(contains(disk.first_finding(), "do not match their checksum"));
}

TEST_CASE("a tag that no kernel has written is found, though its checksum holds") {
  OnDisk disk;
  const FrameNumber page = disk.built.frame_of(Kind::page);
  const uint64_t index = tag_frame_of(page);
  RawImage raw = disk.raw();
  for (unsigned copy = 0; copy < 2; ++copy) {
    const BlockIndex place = disk.built.geometry.tag_block(index, copy);
    auto tags = raw.read<TagFrame>(place);
    Tag& tag = tags.tags[tag_index_of(page)];
    // The kernel takes no version source from a disk that is so near its end; it would be a panic to come.
    tag.source = {version_source_max / 4 * 3};
    seal(tags, place);
    raw.write(place, tags);
  }
  CHECK(disk.first_finding() == "frame " + std::to_string(page.value) + ": its tag makes no sense");
}

TEST_CASE("one copy of each root is enough; a slot that is gone may have held the newest") {
  OnDisk disk;
  disk.raw().damage(root_blocks[1][0], 40);
  disk.raw().damage(root_blocks[0][1], 40);
  CHECK(disk.refusal().second == ExitStatus::ok);
  CHECK(disk.findings().empty());
  disk.raw().damage(root_blocks[1][1], 40);
  CHECK(disk.refusal() == std::pair(std::string("image damaged: both copies of a root"), ExitStatus::damaged));
  disk.raw().damage(root_blocks[0][0], 40);
  CHECK(disk.refusal() == std::pair(std::string("image damaged: no root is valid"), ExitStatus::damaged));
}

TEST_CASE("the root with the highest sequence counts") {
  OnDisk disk;
  RawImage raw = disk.raw();
  Root root = raw.read<Root>(root_blocks[0][1]);
  root.sequence = 9;
  root.boots = 5;
  seal(root);
  raw.write(root_blocks[0][1], root);
  const ImageFile file(disk.path);
  CHECK(ImageView(file).root().boots == 5);
}

TEST_CASE("another version is told as such") {
  OnDisk disk;
  RawImage raw = disk.raw();
  for (const auto& slot : root_blocks) {
    for (const BlockIndex place : slot) {
      Root root = raw.read<Root>(place);
      root.format = 77;
      seal(root);
      raw.write(place, root);
    }
  }
  const auto [message, status] = disk.refusal();
  CHECK(status == ExitStatus::refused);
  CHECK(contains(message, "an image of format 77; this tool reads format " + std::to_string(format_version)));
}

TEST_CASE("a root that lies about its geometry is not believed") {
  OnDisk disk;
  RawImage raw = disk.raw();
  for (const auto& slot : root_blocks) {
    for (const BlockIndex place : slot) {
      Root root = raw.read<Root>(place);
      root.geometry.frames += 1000;
      seal(root);
      raw.write(place, root);
    }
  }
  CHECK(contains(disk.refusal().first, "image damaged: the root's geometry makes no sense"));
}

TEST_CASE("files that are no images are refused in one line, and stay as they were") {
  TemporaryFolder folder;
  const std::string path = folder.file("x");
  const auto refusal = [&](const std::string& contents) {
    std::ofstream(path, std::ios::binary) << contents;
    std::string message;
    try {
      const ImageFile file(path);
      const ImageView view(file);
    } catch (const ToolError& error) {
      CHECK(error.status() == ExitStatus::refused);
      message = error.what();
    }
    std::ifstream again(path, std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(again), {}) == contents);
    return message;
  };
  CHECK(refusal("") == path + ": empty; not a Perdure image");
  CHECK(refusal("x") == path + ": not a Perdure image: the disk is too short to hold a store");
  std::string garbage(200'000, '\0');
  for (size_t i = 0; i < garbage.size(); ++i) garbage[i] = static_cast<char>(i * i >> 7);
  CHECK(refusal(garbage) == path + ": not a Perdure image: the disk is too short to hold a store");
  CHECK(refusal(garbage + garbage + garbage) == path + ": not a Perdure image: there is no root on the disk");
  CHECK(refusal(std::string(1 << 20, '\0')) == path + ": not a Perdure image: there is no root on the disk");
  CHECK_THROWS_WITH(ImageFile(folder.file("absent")), Catch::Contains("No such file"));
  CHECK_THROWS_WITH(ImageFile(folder.file("")), Catch::Contains("not a regular file"));
}

TEST_CASE("an image that was cut short is refused, wherever it was cut") {
  OnDisk disk;
  const uint64_t whole = disk.built.geometry.disk_blocks * block_bytes;
  for (uint64_t size = whole - 1; size > block_bytes; size = size * 3 / 4) {
    std::filesystem::resize_file(disk.path, size);
    const auto [message, status] = disk.refusal();
    CAPTURE(size, message);
    CHECK(status == ExitStatus::refused);
    CHECK(contains(message, "cut short"));
  }
  std::filesystem::resize_file(disk.path, 100);
  CHECK(disk.refusal().second == ExitStatus::refused);
}

TEST_CASE("an image in use is refused") {
  OnDisk disk;
  const int other = ::open(disk.path.c_str(), O_RDWR);
  SECTION("by QEMU, which locks single bytes for reading") {
    struct flock lock {};
    lock.l_type = F_RDLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 201;
    lock.l_len = 1;
    REQUIRE(::fcntl(other, F_OFD_SETLK, &lock) == 0);
  }
  SECTION("by a program that locks the whole file") { REQUIRE(::flock(other, LOCK_EX) == 0); }
  const auto [message, status] = disk.refusal();
  CHECK(status == ExitStatus::refused);
  CHECK(contains(message, "in use by another program"));
  ::close(other);
  CHECK(disk.refusal().second == ExitStatus::ok);
}

TEST_CASE("a build that fails leaves nothing behind") {
  TemporaryFolder folder;
  const BuiltImage built;
  CHECK_THROWS_AS(test::write(built, folder.file("no/such/folder")), ToolError);
  std::filesystem::create_directory(folder.file("taken"));
  CHECK_THROWS_AS(test::write(built, folder.file("taken")), ToolError);
  CHECK_FALSE(std::filesystem::exists(folder.file("taken.new")));
}
