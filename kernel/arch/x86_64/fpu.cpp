// SPDX-License-Identifier: MIT
//
// The floating-point and vector registers. The kernel itself never uses them; it only switches
// them off, so that the first use by a program traps, and moves their contents.
//
// A saved area may come from the disk, so it is not trusted: XRSTOR faults on reserved bits.
#include <cstring>

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/machine.hpp"

namespace perdure {

namespace {

constexpr uint64_t cr0_task_switched = 1 << 3;
constexpr uint16_t initial_x87_control = 0x37f;
constexpr uint32_t initial_mxcsr = 0x1f80;
constexpr uint32_t mxcsr_defined_bits = 0xffff;

// Start of the XSAVE area, as far as it is looked at here.
struct SavedArea {
  uint16_t x87_control;
  uint8_t x87_rest[22];
  uint32_t mxcsr;
  uint32_t mxcsr_mask;
  uint8_t registers[480];
  uint64_t components_present;
  uint64_t compaction;       // 0: standard format
  uint64_t reserved[6];      // 0
};
static_assert(sizeof(SavedArea) == 576 && offsetof(SavedArea, components_present) == 512);

bool is_acceptable(const SavedArea& area) {
  uint64_t reserved = area.compaction | (area.components_present & ~fpu_components) |
                      (area.mxcsr & ~mxcsr_defined_bits);
  for (const uint64_t word : area.reserved) reserved |= word;
  return reserved == 0;
}

void make_acceptable(SavedArea& area) {
  area.components_present &= fpu_components;
  area.compaction = 0;
  std::memset(area.reserved, 0, sizeof(area.reserved));
  area.mxcsr &= mxcsr_defined_bits;
}

// XRSTOR leaves the pointers to the last x87 instruction on such a processor: that becomes one of ours.
void forget_x87_pointers() {
  static constinit uint32_t nothing = 0;
  asm volatile("fnclex\n\temms\n\tfildl %0" ::"m"(nothing));
}

void restore(const std::byte* area) {
  if (processor_features.keeps_x87_pointers) forget_x87_pointers();
  asm volatile("xrstor64 (%0)" ::"r"(area), "a"(static_cast<uint32_t>(fpu_components)), "d"(0)
               : "memory");
}

alignas(64) constinit std::byte corrected_area[fpu_area_bytes] = {};

// All components in their initial state: none is present in the area.
struct alignas(64) InitialArea {
  SavedArea area = {.x87_control = initial_x87_control, .mxcsr = initial_mxcsr};
  std::byte rest[fpu_area_bytes - sizeof(SavedArea)] = {};
};
constinit InitialArea initial_area;

}  // namespace

uint64_t machine::processor_feature_bits() {
  return processor_features.avx ? processor_feature::avx : 0;
}

// CR0.TS hides the registers from instructions, not from what the processor guesses ahead
// (CVE-2018-3665): nothing of a program is left in them.
void machine::fpu_disable() {
  instruction::clear_task_switched();
  restore(reinterpret_cast<const std::byte*>(&initial_area));
  instruction::write_cr0(instruction::read_cr0() | cr0_task_switched);
}

void machine::fpu_enable() { instruction::clear_task_switched(); }

void machine::fpu_save(std::byte* area) {
  asm volatile("xsave64 (%0)" ::"r"(area), "a"(static_cast<uint32_t>(fpu_components)), "d"(0)
               : "memory");
}

void machine::fpu_load(const std::byte* area) {
  if (is_acceptable(*reinterpret_cast<const SavedArea*>(area))) {
    restore(area);
    return;
  }
  std::memcpy(corrected_area, area, fpu_area_bytes);
  make_acceptable(*reinterpret_cast<SavedArea*>(corrected_area));
  restore(corrected_area);
}

void machine::fpu_initial_state(std::byte* area) {
  std::memset(area, 0, fpu_area_bytes);
  auto& saved = *reinterpret_cast<SavedArea*>(area);
  saved.x87_control = initial_x87_control;
  saved.mxcsr = initial_mxcsr;
}

}  // namespace perdure
