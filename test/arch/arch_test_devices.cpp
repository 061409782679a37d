// SPDX-License-Identifier: MIT
//
// Tries to break clock, disk and console: time that stands still or goes back, ticks that do
// not come, data that comes back otherwise than it went, a queue that overflows, a processor
// that sleeps through a completion.
#include <cstring>

#include "test/arch/arch_test.hpp"

namespace perdure::arch_test {

namespace {

constexpr uint32_t blocks_max = Disk::blocks_per_request_max;
alignas(4096) constinit std::byte write_buffer[blocks_max * block_bytes] = {};
alignas(4096) constinit std::byte read_buffer[blocks_max * block_bytes] = {};

void fill(uint64_t seed) {
  auto* words = reinterpret_cast<uint64_t*>(write_buffer);
  for (size_t i = 0; i < sizeof(write_buffer) / 8; ++i) words[i] = seed * 0x9e3779b97f4a7c15 + i;
}

// Sleeps until the disk wakes it: without the disk's own interrupt this never ends.
DiskCompletion wait_for_completion(Disk& disk) {
  for (;;) {
    if (const auto completion = disk.poll()) return *completion;
    machine::idle();
    const Pending pending = machine::take_pending();
    check(pending.disk || pending.console, "woken by nothing");
  }
}

void run(Disk& disk, const DiskRequest& request, bool should_fail = false) {
  check(disk.submit(request), "submit of a single request");
  const DiskCompletion completion = wait_for_completion(disk);
  check_equal(completion.token, request.token, "token");
  check(completion.failed == should_fail, "outcome of a request");
}

void test_round_trip(Disk& disk) {
  using Operation = DiskRequest::Operation;
  fill(1);
  run(disk, {Operation::write, 16, blocks_max, write_buffer, 0xfeedfacecafebeef});
  run(disk, {.operation = Operation::flush, .token = 2});
  run(disk, {Operation::read, 16, blocks_max, read_buffer, 3});
  check(std::memcmp(write_buffer, read_buffer, sizeof(read_buffer)) == 0, "1 MiB read back");
  run(disk, {Operation::write, disk.size_blocks() - 1, 1, write_buffer + block_bytes, 4});
  run(disk, {Operation::read, disk.size_blocks() - 1, 1, read_buffer, 5});
  check(std::memcmp(write_buffer + block_bytes, read_buffer, block_bytes) == 0, "last block read back");
  run(disk, {Operation::read, disk.size_blocks(), 1, read_buffer, 6}, true);
  run(disk, {Operation::write, ~uint64_t{0} - 1, 8, write_buffer, 7}, true);
}

// One block each until the queue is full, then all of them once, in any order.
void test_many_in_flight(Disk& disk) {
  constexpr uint64_t wanted = 200;
  bool seen[wanted] = {};
  uint64_t submitted = 0, completed = 0, refusals = 0;
  while (completed < wanted) {
    while (submitted < wanted) {
      const auto offset = submitted * block_bytes;
      if (!disk.submit({DiskRequest::Operation::read, 16 + submitted, 1, read_buffer + offset, submitted})) {
        ++refusals;
        break;
      }
      ++submitted;
    }
    const DiskCompletion completion = wait_for_completion(disk);
    check(!completion.failed && completion.token < wanted && !seen[completion.token], "completed once");
    seen[completion.token] = true;
    ++completed;
  }
  check(refusals > 0, "a full queue says so");
  check(std::memcmp(write_buffer, read_buffer, wanted * block_bytes) == 0, "200 reads");
}

}  // namespace

void test_clock() {
  const uint64_t begin = machine::now_ns();
  const uint64_t wall = machine::wall_clock_seconds();
  check(wall > 1'600'000'000 && wall < 5'000'000'000, "the date");
  machine::set_tick(2'000'000);
  for (unsigned ticks = 0; ticks < 10;) {
    machine::idle();
    if (machine::take_pending().timer) ++ticks;
  }
  machine::set_tick(0);
  const uint64_t elapsed = machine::now_ns() - begin;
  print(TextLine{}.text("clock: 10 ticks of 2 ms took ").decimal(elapsed / 1000).text(" us; date ").decimal(wall)
            .text("; ").decimal(begin / 1000).text(" us after calibration"));
  check(elapsed > 15'000'000, "ticks and nanoseconds disagree");
  check(machine::random_word() != machine::random_word() || !machine::random_word(), "randomness");
}

void test_disk(Disk& disk) {
  print(TextLine{}.text("disk: ").decimal(disk.size_blocks()).text(" blocks"));
  check(disk.size_blocks() >= 512, "the disk is too small for this test");
  const uint64_t begin = machine::now_ns();
  test_round_trip(disk);
  test_many_in_flight(disk);
  check(!disk.poll(), "nothing is left over");
  print(TextLine{}.text("disk: ok in ").decimal((machine::now_ns() - begin) / 1000).text(" us"));
}

void test_high_memory(const BootInfo& info, Disk& disk) {
  constexpr uint64_t boundary = uint64_t{4} << 30;
  using Operation = DiskRequest::Operation;
  const MemoryRegion* below = nullptr;
  for (const MemoryRegion& region : info.usable) {
    if (region.start.value < boundary) {
      if (!below || region.length_bytes > below->length_bytes) below = &region;
      continue;
    }
    check(below && machine::memory_at(below->start) + below->length_bytes == machine::memory_at(region.start),
          "memory above 4 GiB does not follow what is below");
    std::byte* const last = machine::memory_at({region.start.value + region.length_bytes - block_bytes});
    for (std::byte* const memory : {machine::memory_at(region.start), last}) {
      fill(reinterpret_cast<uint64_t>(memory));
      std::memcpy(memory, write_buffer, block_bytes);
      run(disk, {Operation::write, 20, 1, memory, 8});
      std::memset(memory, 0, block_bytes);
      run(disk, {Operation::read, 20, 1, memory, 9});
      check(std::memcmp(memory, write_buffer, block_bytes) == 0, "a block through memory above 4 GiB");
    }
    print(TextLine{}.text("above 4 GiB: ").decimal(region.length_bytes >> 20).text(" MiB, used by the disk, too"));
  }
}

// The host types a line that is longer than the receive ring. The test does not read for 100 ms, so the
// ring fills and reception must pause; then every character must be there, in order.
void test_console() {
  print(TextLine{}.text("arch_test: type a line"));
  machine::set_tick(10'000'000);
  for (unsigned ticks = 0; ticks < 10;) {
    machine::idle();
    if (machine::take_pending().timer) ++ticks;
  }
  machine::set_tick(0);
  uint64_t count = 0, sum = 0;
  for (;;) {
    while (const auto character = machine::console_read()) {
      if (*character == '\n') {
        print(TextLine{}.text("arch_test: typed ").decimal(count).text(" sum ").decimal(sum));
        return;
      }
      sum = (sum * 31 + static_cast<uint8_t>(*character)) % 1'000'000'007;
      ++count;
    }
    machine::idle();
    machine::take_pending();
  }
}

}  // namespace perdure::arch_test
