// SPDX-License-Identifier: MIT
//
// A generation that is still in the log, made by hand after checkpoint/layout.hpp: frames come
// from there and not from their tags (LOG-BEFORE-TAG), and each block of the chain from the root
// to a body is believed only if it verifies.
#include <catch2/catch.hpp>

#include "test/unit/tools/built_image.hpp"
#include "tools/image_view.hpp"
#include "tools/verify_image.hpp"

using namespace perdure;
using namespace perdure::test;

namespace {

// Generation 5 in segments 1 (with a summary) and 2 (the header, with an entry of its own).
class LoggedGeneration {
 public:
  LoggedGeneration() {
    test::write(built_, path);
    page_ = built_.frame_of(Kind::page);
    other_ = built_.frame_of(Kind::page, 1);
    write_segment();
    write_header();
    write_roots();
  }

  void need(LogNeed log_need) {
    RawImage raw(path);
    for (const BlockIndex place : root_blocks[0]) {
      Root root = raw.read<Root>(place);
      root.log_need = log_need;
      seal(root);
      raw.write(place, root);
    }
  }
  uint64_t notes() {
    const ImageFile file(path);
    return ImageView(file).notes().count();
  }
  std::string first_finding() {
    const ImageFile file(path);
    ImageView view(file);
    (void)verify_frames(view, view.findings());
    return view.findings().is_empty() ? "" : view.findings().kept().front();
  }

  const Geometry& geometry() const { return built_.geometry; }
  RawImage raw() { return RawImage(path); }
  FrameNumber page() const { return page_; }
  FrameNumber other() const { return other_; }
  BlockIndex body_block() const { return geometry().log_block(16); }
  BlockIndex summary_block(unsigned copy) const { return geometry().log_block(31 - copy); }
  BlockIndex header_block(unsigned copy) const { return geometry().log_block(header_place - copy); }

  static constexpr uint64_t header_place = 47;
  TemporaryFolder folder;
  std::string path = folder.file("test.img");

 private:
  SummaryEntry entry(FrameNumber number, uint32_t place, uint16_t flags) {
    const FrameIdentity& identity = built_.image.frame(number).identity;
    return {.number = number, .source = identity.source, .checksum = 0, .place = place,
            .account = identity.account, .kind = Kind::page, .revision = 1, .flags = flags};
  }

  void write_segment() {
    alignas(64) PageBytes body;
    body.fill(std::byte{0xab});
    raw().write(body_block(), body);
    SummaryBlock summary{.store_id = test_store_id, .generation = {5}, .sequence = 40, .count = 1};
    summary.entries[0] = entry(page_, 16, 0);
    summary.entries[0].checksum = body_checksum(body, page_);
    for (unsigned copy = 0; copy < metadata_copies; ++copy) {
      seal(summary, summary_block(copy));
      raw().write(summary_block(copy), summary);
    }
  }

  void write_header() {
    GenerationHeader header{.store_id = test_store_id, .generation = {5}, .sequence = 41, .inline_count = 1,
                            .parent = {0}, .entry_count = 2, .reference_count = 2, .system = built_.system};
    header.inline_entries[0] = entry(other_, 0, SummaryEntry::flag_all_zero);
    header.references[0] = {.segment = 1, .summary_blocks = 1, .sequence = 40};
    header.references[1] = {.segment = 2, .summary_blocks = 0, .sequence = 41};
    for (unsigned copy = 0; copy < metadata_copies; ++copy) {
      seal(header, header_block(copy));
      header_checksums_[copy] = header.checksum;
      raw().write(header_block(copy), header);
    }
  }

  void write_roots() {
    RawImage raw(path);
    for (const BlockIndex place : root_blocks[0]) {
      Root root = raw.read<Root>(place);
      root.sequence = 9;
      root.newest_generation = {5};
      root.next_generation = {6};
      root.log_need = LogNeed::frames;
      for (unsigned copy = 0; copy < metadata_copies; ++copy) {
        root.header_places[copy] = header_place - copy;
        root.header_checksums[copy] = header_checksums_[copy];
      }
      seal(root);
      raw.write(place, root);
    }
  }

  BuiltImage built_;
  FrameNumber page_, other_;
  uint64_t header_checksums_[metadata_copies] = {};
};

}  // namespace

TEST_CASE("what the log names comes from the log") {
  LoggedGeneration logged;
  CHECK(logged.first_finding() == "");
  const ImageFile file(logged.path);
  const ImageView view(file);
  CHECK(view.generation() == Generation{5});
  CHECK(view.frames_in_log() == 2);
  CHECK(view.bytes(logged.page())[17] == std::byte{0xab});
  CHECK(view.bytes(logged.other())[17] == std::byte{0});
}

TEST_CASE("while a generation is migrated, a tag frame may be torn, and home is not looked at") {
  LoggedGeneration logged;
  logged.raw().damage(logged.geometry().home_block(logged.page()), 5);
  logged.raw().damage(logged.geometry().tag_block(0, 1), 50);
  CHECK(logged.first_finding() == "");
  CHECK(logged.notes() == 0);
  logged.raw().damage(logged.geometry().tag_block(0, 0), 50);
  CHECK(logged.first_finding() == "tag frame 0, copy 0: does not verify");
}

TEST_CASE("one damaged copy of a header or a summary costs nothing") {
  LoggedGeneration logged;
  const unsigned copy = GENERATE(0u, 1u);
  logged.raw().damage(logged.header_block(copy), 99);
  logged.raw().damage(logged.summary_block(copy ^ 1), 99);
  CHECK(logged.first_finding() == "");
}

TEST_CASE("a log of which only tags are needed is believed if all of it verifies, and may be written over if not") {
  LoggedGeneration logged;
  logged.need(LogNeed::tags);
  SECTION("whole: its bodies are at home, with the checksums that it says") {
    CHECK(logged.first_finding().find("do not match their checksum") != std::string::npos);
  }
  SECTION("written over: the tags say all") {
    for (unsigned copy = 0; copy < metadata_copies; ++copy) logged.raw().damage(logged.summary_block(copy), 99);
    CHECK(logged.first_finding() == "");
  }
}

TEST_CASE("damage in the log is named") {
  LoggedGeneration logged;
  SECTION("a body") {
    logged.raw().damage(logged.body_block(), 9);
    CHECK(logged.first_finding().find("do not match their checksum") != std::string::npos);
  }
  SECTION("a summary") {
    for (unsigned copy = 0; copy < metadata_copies; ++copy) logged.raw().damage(logged.summary_block(copy), 99);
    CHECK_THROWS_WITH(logged.first_finding(), "image damaged: a summary of the log");
  }
  SECTION("a summary of an earlier use of the segment") {
    RawImage raw = logged.raw();
    auto summary = raw.read<SummaryBlock>(logged.summary_block(0));
    summary.sequence = 39;
    for (unsigned copy = 0; copy < metadata_copies; ++copy) {
      seal(summary, logged.summary_block(copy));
      raw.write(logged.summary_block(copy), summary);
    }
    CHECK_THROWS_WITH(logged.first_finding(), "image damaged: a summary of the log");
  }
  SECTION("the header") {
    for (unsigned copy = 0; copy < metadata_copies; ++copy) logged.raw().damage(logged.header_block(copy), 99);
    CHECK_THROWS_WITH(logged.first_finding(), "image damaged: the generation header");
  }
  SECTION("a header of another attempt, sound in itself") {
    RawImage raw = logged.raw();
    auto header = raw.read<GenerationHeader>(logged.header_block(0));
    header.entry_count = 3;
    for (unsigned copy = 0; copy < metadata_copies; ++copy) {
      seal(header, logged.header_block(copy));
      raw.write(logged.header_block(copy), header);
    }
    CHECK_THROWS_WITH(logged.first_finding(), "image damaged: the generation header");
  }
}
