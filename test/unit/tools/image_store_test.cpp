// SPDX-License-Identifier: MIT
//
// Builder, store and verifier against each other: the store starts from an image that the builder
// wrote, changes it, takes checkpoints; at every stage of a checkpoint the disk is given to the
// verifier, which must find it sound and see what the store has committed.
#include <catch2/catch.hpp>

#include <functional>
#include <set>

#include "checkpoint/store.hpp"
#include "test/support/memory_disk.hpp"
#include "test/unit/tools/built_image.hpp"
#include "tools/image_view.hpp"
#include "tools/verify_image.hpp"

using namespace perdure;
using namespace perdure::test;

namespace {

class StrictClient final : public StoreClient {
 public:
  void wake(WaitChannel) override {}
  void unmap(CacheSlot) override {}
  void committed(Generation, bool failed) override { CHECK_FALSE(failed); }
  void warning(std::string_view what, uint64_t number) override { FAIL(what << " " << number); }
  void disk_is_ill(DiskRequest::Operation) override { FAIL("the disk is well"); }
  void disk_is_well(DiskRequest::Operation, uint64_t) override { FAIL("the disk was well"); }
  uint64_t clock_ns() override { return 1; }
  void cannot_go_on(std::string_view why) override { FAIL(why); }
  void bug(std::string_view what, FrameNumber frame) override { FAIL(what << " " << frame.value); }
};

class World {
 public:
  World() : disk_(built_.geometry.disk_blocks), memory_(24 << 20) {
    test::write(built_, path_);
    std::ifstream(path_, std::ios::binary)
        .read(reinterpret_cast<char*>(disk_.block({0})), static_cast<std::streamsize>(disk_size()));
    boot();
  }

  void boot() {
    store_ = std::make_unique<Store>();
    const auto opened = store_->open(disk_, memory_, client_, {}, 0);
    if (!opened) FAIL(opened.error().what);
  }

  CacheSlot obtain(FrameNumber number) {
    for (int i = 0; i < 100'000; ++i) {
      const auto slot = store_->obtain(number);
      if (slot) return *slot;
      REQUIRE(slot.error().why == Absent::Why::stall);
      store_->poll(0);
    }
    FAIL("a frame never arrives");
    return no_slot;
  }

  void change_page(FrameNumber number, std::byte value) {
    const CacheSlot slot = obtain(number);
    while (!store_->make_dirty(slot)) store_->poll(0);
    store_->bytes(slot)[100] = value;
  }

  // Verifies the disk as it is now. → the generation.
  uint64_t verify() {
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(disk_.block({0})), static_cast<std::streamsize>(disk_size()));
    const ImageFile file(path_);
    ImageView view(file);
    (void)verify_frames(view, view.findings());
    CHECK(view.findings().kept() == std::vector<std::string>{});
    seen_ = {view.bytes(page())[100], view.root().is_in_log(), view.root().boots};
    return view.generation().value;
  }

  struct Seen {
    std::byte page_byte;
    bool in_log;
    uint64_t boots;
  };
  const Seen& seen() const { return seen_; }
  // A page of the first program: of text, so that nothing else hangs on its bytes.
  FrameNumber page() const { return built_.frame_of(Kind::page); }
  Store& store() { return *store_; }
  BuiltImage& built() { return built_; }

 private:
  uint64_t disk_size() const { return built_.geometry.disk_blocks * block_bytes; }

  BuiltImage built_;
  TemporaryFolder folder_;
  std::string path_ = folder_.file("test.img");
  MemoryDisk disk_;
  std::vector<std::byte> memory_;
  StrictClient client_;
  std::unique_ptr<Store> store_;
  Seen seen_{};
};

}  // namespace

TEST_CASE("the store reads what the builder wrote") {
  World world;
  for (const auto& [number, frame] : world.built().image.frames()) {
    const CacheSlot slot = world.obtain(number);
    const FrameIdentity& identity = world.store().descriptor(slot).identity;
    REQUIRE(identity.kind == frame->identity.kind);
    REQUIRE(identity.source == frame->identity.source);
    REQUIRE(identity.account == frame->identity.account);
    alignas(64) PageBytes stored;
    normalize(identity.kind, frame->bytes.data(), stored.data());
    REQUIRE(std::memcmp(world.store().bytes(slot), stored.data(), frame_bytes) == 0);
  }
  CHECK(world.store().system().next_ticket == world.built().system.next_ticket);
  CHECK(world.store().system().first_activity_row == world.built().system.first_activity_row);
}

TEST_CASE("every stage of a checkpoint verifies") {
  World world;
  CHECK(world.verify() == 0);
  CHECK(world.seen().boots == 1);
  std::set<std::pair<uint64_t, bool>> stages;
  for (uint64_t round = 1; round <= 5; ++round) {
    const auto before = static_cast<std::byte>(round - 1), after = static_cast<std::byte>(round);
    if (round > 1) {
      CHECK(world.seen().page_byte == before);
    }
    world.change_page(world.page(), after);
    REQUIRE(world.store().can_declare());
    const uint64_t generation = world.store().declare(0, 1'700'000'000 + round).value;
    for (int step = 0; !world.store().can_declare() && step < 10'000; ++step) {
      world.store().poll(0);
      if (step % 3 != 0) continue;
      const uint64_t verified = world.verify();
      CHECK((verified == generation || verified < generation));
      if (verified == generation) CHECK(world.seen().page_byte == after);
      stages.insert({verified, world.seen().in_log});
    }
    CHECK(world.verify() == generation);
    CHECK(world.store().committed_generation().value == generation);
  }
  CHECK(stages.size() >= 10);  // each generation was seen in the log and at home
  world.boot();
  CHECK(world.store().bytes(world.obtain(world.page()))[100] == std::byte{5});
}
