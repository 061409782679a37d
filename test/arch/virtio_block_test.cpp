// SPDX-License-Identifier: MIT
//
// Tries to break the disk driver with a device that answers nonsense: completions of what was
// never asked, twice, or by the thousand. The device is played by plain memory: the test reads
// the addresses that the driver has written to the registers and fills the used ring itself.
#include "kernel/arch/x86_64/virtio_block.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <map>
#include <random>
#include <stdexcept>

#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/power.hpp"
#include "kernel/machine.hpp"

namespace perdure {

namespace {

constexpr uint64_t region_address = 0xe000000000;
constexpr unsigned common = 0x000, device = 0x100, notify = 0x200, interrupts = 0x300;
constexpr uint64_t sectors = 8 * 1000;

alignas(8) std::byte registers[0x1000];
uint32_t configuration[64];

template <typename Word>
Word& at(unsigned offset) {
  return *reinterpret_cast<Word*>(registers + offset);
}

void put_group(unsigned capability, unsigned next, unsigned group, uint32_t start, uint32_t length) {
  configuration[capability / 4] = 0x09 | next << 8 | group << 24;
  configuration[capability / 4 + 1] = 0;  // region 0
  configuration[capability / 4 + 2] = start;
  configuration[capability / 4 + 3] = length;
  configuration[capability / 4 + 4] = 4;  // multiplier, of the doorbell's group
}

// A device with a cache, a queue of `queue_size`, everything where it should be.
void make_device(uint16_t queue_size) {
  std::memset(registers, 0, sizeof(registers));
  std::memset(configuration, 0, sizeof(configuration));
  configuration[0] = 0x10421af4;
  configuration[1] = 1 << 20;  // has capabilities
  configuration[4] = static_cast<uint32_t>(region_address) | 4;
  configuration[5] = static_cast<uint32_t>(region_address >> 32);
  configuration[0x34 / 4] = 0x40;
  put_group(0x40, 0x60, 1, common, 0x38);
  put_group(0x60, 0x80, 4, device, 0x10);
  put_group(0x80, 0xa0, 2, notify, 0x10);
  configuration[0xa0 / 4] = 0x11;
  configuration[0xa0 / 4 + 1] = interrupts;
  at<uint32_t>(common + 4) = 1 | 1 << 9;  // either half: VERSION_1, or FLUSH
  at<uint16_t>(common + 24) = queue_size;
  at<uint64_t>(device) = sectors;
}

struct UsedRing {
  uint16_t flags, index;
  struct {
    uint32_t id, length;
  } ring[256];
};
UsedRing& used() { return **reinterpret_cast<UsedRing**>(registers + common + 48); }

void answer(uint32_t id, uint16_t queue_size) {
  used().ring[used().index % queue_size].id = id;
  ++used().index;
}

struct Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags, next;
};
Descriptor& descriptor(unsigned index) { return (*reinterpret_cast<Descriptor**>(registers + common + 32))[index]; }

void set_status(unsigned slot, uint8_t status) {
  *reinterpret_cast<uint8_t*>(descriptor(3 * slot + 2).address) = status;
}

alignas(4096) std::byte memory[4 * block_bytes];
const void* seam = nullptr;  // from here on physical memory lies elsewhere
constexpr uint64_t gap_bytes = uint64_t{1} << 30;

DiskRequest a_read(uint64_t token) { return {DiskRequest::Operation::read, 5, 4, memory, token}; }

}  // namespace

// --- what the driver needs of the rest of arch ------------------------------------------------------

uint32_t PciFunction::read32(unsigned offset) const { return configuration[offset / 4]; }
uint16_t PciFunction::read16(unsigned offset) const { return static_cast<uint16_t>(read32(offset) >> (offset & 2) * 8); }
uint8_t PciFunction::read8(unsigned offset) const { return static_cast<uint8_t>(read32(offset) >> (offset & 3) * 8); }
void PciFunction::write16(unsigned, uint16_t) const {}
std::optional<unsigned> PciFunction::next_capability(uint8_t id, unsigned previous) const {
  for (unsigned at = read8(previous == 0 ? 0x34 : previous + 1); at != 0; at = read8(at + 1)) {
    if (read8(at) == id) return at;
  }
  return std::nullopt;
}
std::optional<uint64_t> PciFunction::memory_region(unsigned index) const {
  return index == 0 ? std::optional(region_address) : std::nullopt;
}
std::optional<PciFunction> find_pci_function(bool (*wanted)(const PciFunction&), unsigned others) {
  return others == 0 && wanted({}) ? std::optional(PciFunction{}) : std::nullopt;
}
volatile std::byte* map_device(uint64_t physical, uint64_t) { return registers + (physical - region_address); }
InterruptMessage interrupt_message(uint8_t vector) { return {0xfee00000, vector}; }
void refuse_to_start(std::string_view what, std::string_view detail) {
  throw std::runtime_error(std::string(what) + std::string(detail));
}
PhysAddr machine::physical_address_of(const void* pointer) {
  const bool is_behind = seam && pointer >= seam;
  return {reinterpret_cast<uint64_t>(pointer) + (is_behind ? gap_bytes : 0)};
}
void kernel_bug(std::string_view message, uint64_t) { throw std::logic_error(std::string(message)); }
void machine::console_write(std::string_view) {}

// --- tests -----------------------------------------------------------------------------------------

TEST_CASE("virtio block: requests go out as the specification wants them and come back once") {
  make_device(16);
  VirtioBlock disk;
  disk.set_up(*VirtioBlock::find(0));
  CHECK(disk.size_blocks() == 1000);
  for (uint64_t token = 100; token < 105; ++token) REQUIRE(disk.submit(a_read(token)));
  CHECK_FALSE(disk.submit(a_read(105)));
  CHECK_FALSE(disk.poll());
  // The stack of free slots gave 4 first.
  CHECK(descriptor(12).length == 16);
  CHECK(descriptor(13).address == reinterpret_cast<uint64_t>(memory));
  CHECK(descriptor(13).length == sizeof(memory));
  CHECK(descriptor(13).flags == 3);
  CHECK(descriptor(13).next == 14);
  set_status(4, 0);
  set_status(2, 1);
  answer(12, 16);
  answer(6, 16);
  const auto first = disk.poll(), second = disk.poll();
  REQUIRE((first && second));
  CHECK((first->token == 100 && !first->failed));
  CHECK((second->token == 102 && second->failed));
  CHECK_FALSE(disk.poll());
  CHECK(disk.submit({.operation = DiskRequest::Operation::flush, .token = 7}));
  CHECK(descriptor(6).next == 8);
}

TEST_CASE("virtio block: requests outside the disk fail and never reach the device") {
  make_device(16);
  VirtioBlock disk;
  disk.set_up(*VirtioBlock::find(0));
  for (const auto& [block, count] : std::map<uint64_t, uint32_t>{{1000, 1}, {997, 4}, {~0ull, 4}, {0, 0}, {1, 257}}) {
    REQUIRE(disk.submit({DiskRequest::Operation::write, block, count, memory, 9}));
    const auto completion = disk.poll();
    REQUIRE(completion);
    CHECK((completion->failed && completion->token == 9));
  }
  CHECK_FALSE(disk.poll());
}

TEST_CASE("virtio block: a device that answers nonsense is reset and everything fails, once") {
  const uint32_t nonsense = GENERATE(1u, 3u, 15u, 16u, 0xffffffffu, 255u * 3);
  make_device(16);
  VirtioBlock disk;
  disk.set_up(*VirtioBlock::find(0));
  REQUIRE(disk.submit(a_read(1)));  // slot 4
  REQUIRE(disk.submit({.operation = DiskRequest::Operation::flush, .token = 2}));  // slot 3
  answer(nonsense, 16);
  std::map<uint64_t, bool> failed;
  while (const auto completion = disk.poll()) {
    REQUIRE(failed.count(completion->token) == 0);
    failed[completion->token] = completion->failed;
  }
  CHECK(failed == std::map<uint64_t, bool>{{1, true}, {2, true}});
  CHECK(at<uint8_t>(common + 20) == 0);
  REQUIRE(disk.submit(a_read(3)));
  const auto later = disk.poll();
  REQUIRE(later);
  CHECK(later->failed);
}

TEST_CASE("virtio block: a device that answers at random completes each request exactly once") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 500; ++round) {
    make_device(64);
    VirtioBlock disk;
    disk.set_up(*VirtioBlock::find(0));
    std::map<uint64_t, int> completions;
    uint64_t token = 0;
    for (int step = 0; step < 100; ++step) {
      if (disk.submit(a_read(token))) completions[token++] = 0;
      const auto answers = random() % 3;
      for (uint64_t i = 0; i < answers; ++i) answer(static_cast<uint32_t>(random() % 21 * 3 + (random() % 500 == 0)), 64);
      if (random() % 300 == 0) used().index = static_cast<uint16_t>(random());
      for (unsigned polls = 0; polls < 70000; ++polls) {
        const auto completion = disk.poll();
        if (!completion) break;
        REQUIRE(completions.at(completion->token)++ == 0);
      }
    }
  }
}

TEST_CASE("virtio block: a device that cannot be used is refused with a line") {
  const int damage = GENERATE(range(0, 6));
  make_device(damage == 0 ? 2 : 16);
  if (damage == 1) at<uint32_t>(common + 4) = 0;             // not modern
  if (damage == 2) configuration[0x80 / 4 + 3] = 0;          // no doorbell
  if (damage == 3) configuration[0xa0 / 4] = 0x05;           // no MSI-X
  if (damage == 4) at<uint16_t>(common + 30) = 0xffff;       // doorbell outside its group
  if (damage == 5) configuration[0x60 / 4 + 1] = 3;          // registers in a region that is not there
  VirtioBlock disk;
  CHECK_THROWS_AS(disk.set_up(*VirtioBlock::find(0)), std::runtime_error);
}

TEST_CASE("virtio block: there is no second one, and no first one of another kind") {
  make_device(16);
  CHECK(VirtioBlock::find(0));
  CHECK_FALSE(VirtioBlock::find(1));
  configuration[0] = 0x10411af4;  // another device
  CHECK_FALSE(VirtioBlock::find(0));
}

TEST_CASE("virtio block: set up again it is as new, and the one before is reset") {
  make_device(16);
  VirtioBlock disk;
  for (unsigned round = 0; round < 3; ++round) {
    disk.set_up(*VirtioBlock::find(0));
    used().index = 0;
    for (uint64_t token = 0; token < 5; ++token) REQUIRE(disk.submit(a_read(token)));
    CHECK_FALSE(disk.submit(a_read(5)));
    for (uint32_t slot = 0; slot < 5; ++slot) {
      set_status(slot, 0);
      answer(slot * 3, 16);
    }
    for (unsigned i = 0; i < 5; ++i) CHECK(disk.poll());
    CHECK_FALSE(disk.poll());
  }
}

TEST_CASE("virtio block: memory on either side of a gap can be used, and none that lies on both") {
  make_device(16);
  VirtioBlock disk;
  disk.set_up(*VirtioBlock::find(0));
  seam = memory + 2 * block_bytes;
  const auto read_into = [](std::byte* start, uint32_t blocks) { return DiskRequest{DiskRequest::Operation::read, 5, blocks, start, 1}; };
  REQUIRE(disk.submit(read_into(memory, 2)));
  REQUIRE(disk.submit(read_into(memory + 2 * block_bytes, 2)));
  CHECK(descriptor(13).address == reinterpret_cast<uint64_t>(memory));
  CHECK(descriptor(10).address == reinterpret_cast<uint64_t>(memory + 2 * block_bytes) + gap_bytes);
  CHECK_THROWS_AS(disk.submit(read_into(memory + block_bytes, 2)), std::logic_error);
  seam = nullptr;
}

TEST_CASE("virtio block: a good one behind one that was given up, with requests that nobody waits for any more") {
  make_device(16);
  VirtioBlock disk;
  disk.set_up(*VirtioBlock::find(0));
  REQUIRE(disk.submit(a_read(1)));
  REQUIRE(disk.submit(a_read(2)));
  answer(1, 16);
  REQUIRE(disk.poll());  // one of them fails, the other is still there
  REQUIRE(disk.submit(a_read(3)));  // completed without the device
  make_device(16);
  disk.set_up(*VirtioBlock::find(0));
  used().index = 0;
  CHECK_FALSE(disk.poll());
  REQUIRE(disk.submit(a_read(4)));
  CHECK_FALSE(disk.poll());
  set_status(4, 0);
  answer(12, 16);
  const auto completion = disk.poll();
  REQUIRE(completion);
  CHECK((completion->token == 4 && !completion->failed));
  CHECK_FALSE(disk.poll());
}

}  // namespace perdure
