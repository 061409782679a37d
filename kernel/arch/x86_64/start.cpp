// SPDX-License-Identifier: MIT
//
// The order in which the machine is made ready, from the first C++ function to kernel_main.
#include <cstdint>

#include "kernel/arch/x86_64/boot_data.hpp"
#include "kernel/arch/x86_64/clock.hpp"
#include "kernel/arch/x86_64/find_disk.hpp"
#include "kernel/arch/x86_64/interrupts.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/power.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/arch/x86_64/serial.hpp"
#include "kernel/machine.hpp"

using Constructor = void (*)();
extern "C" const Constructor constructors_start[], constructors_end[];

namespace perdure {

namespace {

constinit VirtioBlock disk;
constinit std::string_view disk_place;
constinit MemoryMap usable;

void run_constructors() {
  for (const Constructor* constructor = constructors_start; constructor != constructors_end; ++constructor) {
    (*constructor)();
  }
}

void set_up_devices() {
  set_up_legacy_controllers();
  set_up_local_apic();
  set_up_clock();
  enable_legacy_line(vector::legacy_serial);
  enable_serial_interrupt();
  disk_place = find_disk(disk);
}

void find_usable_memory(const MemoryMap& ram) {
  usable = ram;
  const MemoryRegion taken = memory_of_tables();
  if (!usable.remove(taken.start.value, taken.start.value + taken.length_bytes)) {
    refuse_to_start("the memory map has too many pieces");
  }
}

}  // namespace

// Called by boot.S on the kernel stack, interrupts off, on the boot tables.
extern "C" [[noreturn]] void arch_start(uint32_t magic, uint32_t boot_data_physical) {
  set_up_serial();
  set_up_segments();
  load_interrupt_table();
  check_processor();
  const BootData& boot_data = read_boot_data(magic, boot_data_physical);
  const MemoryMap& ram = build_kernel_half(boot_data.ram);
  set_up_processor();
  set_up_devices();
  find_usable_memory(ram);
  run_constructors();
  const BootInfo info{.usable = usable.regions(), .command_line = boot_data.command_line, .disk_place = disk_place};
  kernel_main(info, disk);
}

}  // namespace perdure
