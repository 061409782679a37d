// SPDX-License-Identifier: MIT
//
// Where the machine and the kernel meet: start, each entry, and the end in case of our own bug.
// The kernel has one way to start: recovery. First boot, reboot and power cut are the same path.
#include "checkpoint/recovery.hpp"
#include "kernel/check/report.hpp"
#include "kernel/kernel.hpp"
#include "kernel/upkeep/command_line.hpp"

namespace perdure {
namespace {

// The one kernel. In static storage: nothing is allocated after boot (P6).
constinit Kernel the_kernel;
bool store_is_open = false;

// Page tables get this part of memory, in bytes: one table for 128 frames.
constexpr uint64_t table_share = 128;

// The most that is mapped in one piece. The store uses its front for what has to be in one piece in physical memory, too;
// there the regions are wide (MemoryMap::close_gap).
std::span<std::byte> largest_piece(const BootInfo& boot) {
  std::span<std::byte> largest, piece;
  for (const MemoryRegion& region : boot.usable) {
    std::byte* const start = machine::memory_at(region.start);
    const bool follows = !piece.empty() && piece.data() + piece.size() == start;
    piece = follows ? std::span(piece.data(), piece.size() + region.length_bytes) : std::span(start, region.length_bytes);
    if (piece.size() > largest.size()) largest = piece;
  }
  return largest;
}

void say(std::string_view text) { machine::console_write(text); }

[[noreturn]] void refuse(std::string_view why, const BootInfo& boot) {
  say("perdure: image refused: ");
  say(why);
  say(" (");
  say(boot.disk_place);
  say(")\n");
  machine::power_off(machine::exit_code_refused);
}

}  // namespace

bool may_hold_store(Disk& disk, std::byte* buffer) { return may_hold_root(disk, buffer); }

[[noreturn]] void kernel_main(const BootInfo& boot, Disk& disk) {
  const KernelOptions options = parse_command_line(boot.command_line, [](std::string_view word) {
    say("perdure: boot option not understood: ");
    say(word);
    say("\n");
  });
  if (machine::is_memory_readable_past_rights() && !options.unsafe_processor) {
    say("perdure: this processor lets programs read what is not theirs (Meltdown, L1TF, MDS or TAA); boot option unsafe-processor to run on it\n");
    machine::power_off(machine::exit_code_refused);
  }
  const std::span<std::byte> memory = largest_piece(boot);
  const size_t table_bytes = memory.size() / table_share / frame_bytes * frame_bytes;
  StoreSettings settings{.processor_features = machine::processor_feature_bits(), .check = options.check};
  // Hardware that offers no randomness leaves the clocks: two starts in one second differ in how long they took.
  settings.boot_identity = (machine::wall_clock_seconds() << 34 ^ machine::now_ns()) ^ machine::random_word().value_or(0);
  if (options.interval_ms) settings.interval_ns = *options.interval_ms * 1'000'000;
  const auto opened = the_kernel.store.open(disk, memory.subspan(table_bytes), the_kernel.store_events, settings,
                                            machine::wall_clock_seconds());
  if (!opened && opened.error().missing_features == processor_feature::avx) refuse("it was run with AVX, which this processor does not have", boot);
  if (!opened) refuse(opened.error().what, boot);
  if (FrameCache::beside_verdicts(the_kernel.store.slot_count()) < frames_of_one_operation) refuse("the memory is too small for the longest message", boot);
  store_is_open = true;
  the_kernel.start(options, memory.first(table_bytes));
  machine::resume_user(the_kernel.next());
}

[[noreturn]] void kernel_called() {
  if (Registers* registers = the_kernel.fast_path()) machine::resume_user(*registers);
  static constexpr Trap trap{.reason = Trap::Reason::system_call};
  kernel_entered(trap);
}

[[noreturn]] void kernel_entered(const Trap& trap) {
  the_kernel.entered(trap);
  machine::resume_user(the_kernel.next());
}

// Stops before anything more is committed, with a report that `image report` shows.
[[noreturn]] void kernel_bug(std::string_view message, uint64_t instruction_pointer) {
  static bool reporting = false;
  const bool first = !reporting;
  reporting = true;
  say("\nperdure: KERNEL BUG: ");
  say(message);
  say("\n");
  if (first && store_is_open && !write_report(the_kernel, message, instruction_pointer)) {
    say("perdure: the report of it could not be written to the disk\n");
  }
  machine::power_off(machine::exit_code_bug);
}

}  // namespace perdure
