// SPDX-License-Identifier: MIT
//
// What the kernel asks of a machine: the whole contract between the generic kernel and
// kernel/arch. Generic code includes this file and nothing of arch; there is no #ifdef.
// kernel/arch/x86_64 implements it on the processor, test/support/fake_machine.cpp on the host.
// The build chooses the file.
//
// Everything here runs with interrupts off, on the one kernel stack. None of it can stall.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "objects/abi.hpp"
#include "objects/process.hpp"

namespace perdure {

// An address in physical memory, bytes. Never dereferenced; see machine::memory_at.
struct PhysAddr {
  uint64_t value = 0;
  auto operator<=>(const PhysAddr&) const = default;
};

// Why the kernel was entered from user mode.
struct Trap {
  enum class Reason : uint8_t {
    system_call,  // registers already hold the invocation (objects/abi.hpp)
    page_fault,   // address, and the three access bits below
    exception,    // any other processor exception: vector and error_code
    fpu_absent,   // first use of the FPU by a process that has none (device not available)
    interrupt,    // timer, disk or console: see machine::take_pending
  };
  Reason reason = Reason::interrupt;
  uint8_t vector = 0;       // exception: the processor's vector number
  uint64_t error_code = 0;  // exception: the processor's error code, or 0
  UserAddr address;         // page_fault: what was touched
  bool write = false;       // page_fault
  bool execute = false;     // page_fault: instruction fetch
};

// SYSCALL's length. A stalled call is made again by setting rip back by this much.
inline constexpr uint64_t system_call_instruction_bytes = 2;

// What happened since the kernel last asked. Flags only: interrupts write no object.
struct Pending {
  bool timer : 1 = false;
  bool disk : 1 = false;
  bool console : 1 = false;
  bool is_anything() const { return timer | disk | console; }
  void add(Pending more) { *this = {timer || more.timer, disk || more.disk, console || more.console}; }
};

struct MemoryRegion {
  PhysAddr start;
  uint64_t length_bytes = 0;
};

// What the boot loader told us, and what was found. The texts stay valid for ever.
struct BootInfo {
  std::span<const MemoryRegion> usable;  // page-aligned, disjoint; without kernel image and boot data
  std::string_view command_line;
  std::string_view disk_place;           // which one it is, for people
};

// Stored in the image's root; the numbers are part of the disk format.
namespace processor_feature {
inline constexpr uint64_t avx = 1 << 0;
}

namespace machine {

// --- memory -----------------------------------------------------------------------------
// All usable RAM is mapped writable and non-executable for the kernel, each region in one piece and in their order; one may
// follow another there though it does not in physical memory.
std::byte* memory_at(PhysAddr);
PhysAddr physical_address_of(const void*);  // inverse of memory_at, byte by byte

// --- address translation -------------------------------------------------------------------
// Page tables have the processor's format: 512 entries of 8 bytes, four levels; see
// kernel/memory/page_table_entry.hpp. The upper 256 entries of a root are the kernel's and are the
// same in all roots.
void install_kernel_half(uint64_t* root_table);  // fills entries 256..511
void load_root(PhysAddr root_table);             // also drops all cached translations
PhysAddr kernel_root();                          // a root that maps no user memory
void flush_translations();                       // all of the loaded root
void flush_translation(UserAddr);                // one page of the loaded root

// --- time ----------------------------------------------------------------------------------
uint64_t now_ns();              // since boot, never goes back
uint64_t wall_clock_seconds();  // since 1970, from the battery-backed clock
void set_tick(uint64_t period_ns);  // periodic timer interrupt

// What programs read beside the time stamp, without a call (RDTSCP): the low half of the boot epoch,
// by which they tell that what they read was written in an earlier boot.
void set_boot_mark(uint32_t mark);

// --- waiting and devices ---------------------------------------------------------------------
Pending take_pending();  // and clears it
void idle();             // interrupts on, halt until one arrives, interrupts off
void let_interrupts_in();    // on and off again: those that have arrived are pending now
bool is_timer_pending();     // without clearing it
// A write is polled, and returns when everything is handed over; it can be made anywhere, so interrupts
// stay off. Code that can let them in calls console_await() before each burst: then the write need not wait.
void console_write(std::string_view);
inline constexpr uint32_t console_burst_bytes = 16;
void console_await();
std::optional<char> console_read();         // next received byte, if any
std::optional<uint64_t> random_word();      // hardware randomness, if the processor has it

// --- floating point ----------------------------------------------------------------------------
// The XSAVE area: 832 bytes, 64-byte aligned, components x87, SSE, AVX, standard format.
void fpu_disable();                      // clears the registers; next use by user mode traps as fpu_absent
void fpu_enable();
void fpu_save(std::byte* area);          // from the registers; FPU must be enabled
void fpu_load(const std::byte* area);    // into the registers; FPU must be enabled
void fpu_initial_state(std::byte* area); // writes the state of a process that never used it

// What programs may have put into the XSAVE area and rely on: bits of processor_feature.
uint64_t processor_feature_bits();

// A program may read what is not its own, whatever the page tables say (Meltdown, L1TF, MDS, TAA).
bool is_memory_readable_past_rights();

// --- leaving the kernel ------------------------------------------------------------------------
// Which frame the next entry from user mode saves its registers into, and from which
// resume_user loads them.
[[noreturn]] void resume_user(Registers& registers);
// What scripts turn into exit statuses.
inline constexpr int exit_code_orderly = 0x10;
inline constexpr int exit_code_bug = 0x11;
inline constexpr int exit_code_refused = 0x12;
[[noreturn]] void power_off(int exit_code);  // QEMU: isa-debug-exit; the host sees (code<<1)|1
[[noreturn]] void reset();

}  // namespace machine

// --- provided by the generic kernel, called by kernel/arch ------------------------------------
class Disk;
// Asked of each disk, if there are several; the buffer is a block. A disk that gives nothing at all may hold the
// store: it is not passed over.
bool may_hold_store(Disk&, std::byte* buffer);
[[noreturn]] void kernel_main(const BootInfo&, Disk&);     // once, after the machine is set up
// Neither returns, but they are no exceptions: the compiler is to make them fast, not small.
[[noreturn, gnu::hot]] void kernel_called();               // after a system call
[[noreturn, gnu::hot]] void kernel_entered(const Trap&);   // after each other entry from user mode
[[noreturn]] void kernel_bug(std::string_view message, uint64_t instruction_pointer);  // exception in the kernel

}  // namespace perdure
