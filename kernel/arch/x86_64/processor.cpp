// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/processor.hpp"

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/power.hpp"
#include "kernel/machine.hpp"

extern "C" void system_call_entry();
extern "C" const char kernel_stack_top[];
extern "C" const char emergency_stack_top[];

namespace perdure {

constinit EntryState entry_state;
constinit ProcessorFeatures processor_features;
constinit uint64_t fpu_components = 0;

namespace {

// Task state segment: only the stacks of it are used in 64-bit mode.
struct [[gnu::packed]] TaskState {
  uint32_t reserved_0 = 0;
  uint64_t privileged_stack[3] = {};  // [0]: entry from user mode by interrupt or exception
  uint64_t reserved_1 = 0;
  uint64_t interrupt_stack[7] = {};   // [0]: IST 1, for what can strike on any stack
  uint64_t reserved_2 = 0;
  uint16_t reserved_3 = 0;
  uint16_t port_map = sizeof(TaskState);  // past the end: no port for user mode
};
static_assert(sizeof(TaskState) == 104);

struct [[gnu::packed]] TablePointer {
  uint16_t limit;
  const void* base;
};

constexpr uint64_t descriptor_code = 0x0020'9b00'0000'0000;       // 64-bit, accessed
constexpr uint64_t descriptor_data = 0x0000'9300'0000'0000;       // writable, accessed
constexpr uint64_t descriptor_for_user = uint64_t{3} << 45;
constexpr uint64_t descriptor_task = 0x0000'8900'0000'0000;

constinit TaskState task_state;
constinit uint64_t segments[7] = {0,
                                  descriptor_code,
                                  descriptor_data,
                                  descriptor_data | descriptor_for_user,
                                  descriptor_code | descriptor_for_user,
                                  0,   // task state, two words, filled in at the start
                                  0};
static_assert(SELECTOR_USER_DATA == (3 * 8 | 3) && SELECTOR_USER_CODE == (4 * 8 | 3));

void load_segments() {
  const TablePointer pointer{sizeof(segments) - 1, segments};
  asm volatile(
      "lgdt %0\n\t"
      "pushq %1\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "lretq\n"
      "1:\tmovl %2, %%eax\n\t"
      "movl %%eax, %%ss\n\t"
      "xorl %%eax, %%eax\n\t"
      "movl %%eax, %%ds\n\t"
      "movl %%eax, %%es\n\t"
      "movl %%eax, %%fs\n\t"
      "movl %%eax, %%gs\n\t"
      "lldt %%ax\n\t"
      "movl %3, %%eax\n\t"
      "ltr %%ax"
      :
      : "m"(pointer), "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_KERNEL_DATA), "i"(SELECTOR_TASK_STATE)
      : "rax", "memory");
}

constexpr bool bit(uint32_t word, unsigned number) { return (word >> number & 1) != 0; }

void require(bool present, std::string_view name) {
  if (!present) refuse_to_start("this processor lacks ", name);
}

void set_up_system_call() {
  constexpr uint32_t msr_efer = 0xc0000080, msr_star = 0xc0000081, msr_lstar = 0xc0000082;
  constexpr uint32_t msr_cstar = 0xc0000083, msr_fmask = 0xc0000084;
  constexpr uint64_t efer_system_call = 1 << 0;
  // TF, IF, DF, IOPL, NT, AC: none of them may be the user's choice inside the kernel.
  constexpr uint64_t cleared_flags = 1 << 8 | 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 1 << 18;
  // SYSRET takes its selectors from the upper word: code +16, stack +8.
  instruction::write_msr(msr_star, uint64_t{SELECTOR_KERNEL_DATA} << 48 |
                                       uint64_t{SELECTOR_KERNEL_CODE} << 32);
  instruction::write_msr(msr_lstar, reinterpret_cast<uint64_t>(&system_call_entry));
  instruction::write_msr(msr_cstar, 0);
  instruction::write_msr(msr_fmask, cleared_flags);
  instruction::write_msr(msr_efer, instruction::read_msr(msr_efer) | efer_system_call);
}

// What the firmware may have left: a way in beside SYSCALL, and breakpoints that would strike in the kernel.
void clear_leftovers() {
  constexpr uint32_t msr_sysenter_cs = 0x174;  // 0: SYSENTER is a protection fault
  if (processor_features.sysenter) instruction::write_msr(msr_sysenter_cs, 0);
  instruction::disable_debug_registers();
}

void set_up_control_registers() {
  constexpr uint64_t pae = 1 << 5, mce = 1 << 6, pge = 1 << 7, osfxsr = 1 << 9, osxmmexcpt = 1 << 10;
  constexpr uint64_t umip = 1 << 11, fsgsbase = 1 << 16, osxsave = 1 << 18, smep = 1 << 20;
  constexpr uint64_t smap = 1 << 21;
  uint64_t cr4 = pae | pge | osfxsr | osxmmexcpt | osxsave;
  // A bit that the processor does not know hangs some emulators instead of faulting.
  if (processor_features.machine_check) cr4 |= mce;  // else a machine check is a reset, without a word
  if (processor_features.umip) cr4 |= umip;
  if (processor_features.fsgsbase) cr4 |= fsgsbase;
  if (processor_features.smep) cr4 |= smep;
  if (processor_features.smap) cr4 |= smap;
  instruction::write_cr4(cr4);
}

void set_up_fpu() {
  constexpr uint64_t x87_and_sse = 3, avx = 4;
  // The format of the saved area is fixed on disk: AVX at byte 576, 256 bytes of it.
  const instruction::Cpuid area = instruction::cpuid(0xd, 2);
  const bool avx_fits = processor_features.avx && area.eax == 256 && area.ebx == 576;
  fpu_components = x87_and_sse | (avx_fits ? avx : 0);
  instruction::write_xcr0(fpu_components);
  machine::fpu_disable();
}

}  // namespace

void set_up_segments() {
  task_state.privileged_stack[0] = reinterpret_cast<uint64_t>(kernel_stack_top);
  task_state.interrupt_stack[0] = reinterpret_cast<uint64_t>(emergency_stack_top);
  const auto base = reinterpret_cast<uint64_t>(&task_state);
  segments[5] = descriptor_task | (sizeof(TaskState) - 1) | (base & 0xff'ffff) << 16 |
                (base >> 24 & 0xff) << 56;
  segments[6] = base >> 32;
  load_segments();

  entry_state.self = &entry_state;
  entry_state.stack_top = reinterpret_cast<uint64_t>(kernel_stack_top);
  instruction::write_msr(MSR_GS_BASE, reinterpret_cast<uint64_t>(&entry_state));
  instruction::write_msr(MSR_KERNEL_GS_BASE, 0);
  instruction::write_msr(MSR_FS_BASE, 0);
}

void check_processor() {
  using instruction::cpuid;
  const uint32_t leaf_max = cpuid(0).eax;
  const auto basic = cpuid(1);
  const auto extended = cpuid(0x80000001);
  require(bit(extended.edx, 11), "SYSCALL");
  require(bit(extended.edx, 20), "NX");
  require(bit(basic.edx, 4), "a time stamp counter");
  require(bit(basic.edx, 9), "a local APIC");
  require(bit(basic.edx, 26), "SSE2");
  require(leaf_max >= 0xd && bit(basic.ecx, 26), "XSAVE");
  require(bit(extended.edx, 27), "RDTSCP");
  const auto structured = cpuid(7);
  const auto vendor = cpuid(0);
  const uint32_t extended_max = cpuid(0x80000000).eax;
  const uint32_t extended_features = extended_max >= 0x80000008 ? cpuid(0x80000008).ebx : 0;
  processor_features = {.smep = bit(structured.ebx, 7),
                        .smap = bit(structured.ebx, 20),
                        .umip = bit(structured.ecx, 2),
                        .fsgsbase = bit(structured.ebx, 0),
                        .avx = bit(basic.ecx, 28),
                        .rdrand = bit(basic.ecx, 30),
                        .gigabyte_pages = bit(extended.edx, 26),
                        .machine_check = bit(basic.edx, 7),
                        .sysenter = bit(basic.edx, 11),
                        .keeps_x87_pointers =
                            keeps_x87_pointers({vendor.ebx, vendor.edx, vendor.ecx}, extended_features)};
}

void set_up_processor() {
  set_up_control_registers();
  clear_leftovers();
  entry_state.has_fsgsbase = processor_features.fsgsbase ? 1 : 0;
  set_up_system_call();
  set_up_fpu();
}

void machine::set_boot_mark(uint32_t mark) {
  constexpr uint32_t msr_tsc_aux = 0xc0000103;  // what RDTSCP answers in ecx
  instruction::write_msr(msr_tsc_aux, mark);
}

bool machine::is_memory_readable_past_rights() {
  using instruction::cpuid;
  constexpr uint32_t msr_architecture = 0x10a;
  const auto vendor = cpuid(0);
  ReadingPastRights words{.vendor = {vendor.ebx, vendor.edx, vendor.ecx}};
  if (bit(cpuid(1).ecx, 31)) {
    const auto hypervisor = cpuid(0x40000000);
    words.hypervisor[0] = hypervisor.ebx;
    words.hypervisor[1] = hypervisor.ecx;
    words.hypervisor[2] = hypervisor.edx;
  }
  words.has_transactions = bit(cpuid(7).ebx, 11);
  if (bit(cpuid(7).edx, 29)) words.architecture = instruction::read_msr(msr_architecture);
  return is_affected(words);
}

std::optional<uint64_t> machine::random_word() {
  if (!processor_features.rdrand) return std::nullopt;
  for (int attempt = 0; attempt < 10; ++attempt) {
    uint64_t word;
    bool valid;
    asm volatile("rdrand %0" : "=r"(word), "=@ccc"(valid));
    if (valid) return word;
  }
  return std::nullopt;
}

}  // namespace perdure
