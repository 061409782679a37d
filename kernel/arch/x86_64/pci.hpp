// SPDX-License-Identifier: MIT
//
// PCI configuration space through the two ports that every PC has.
#pragma once

#include <cstdint>
#include <optional>

namespace perdure {

struct PciFunction {
  uint8_t bus = 0;
  uint8_t device = 0;
  uint8_t function = 0;

  // Offsets in bytes, naturally aligned.
  uint32_t read32(unsigned offset) const;
  uint16_t read16(unsigned offset) const;
  uint8_t read8(unsigned offset) const;
  void write16(unsigned offset, uint16_t value) const;

  uint32_t identity() const { return read32(0); }  // vendor in the low half, device in the high
  // Offset of the first capability after `previous` (0: the first of all) with this number.
  std::optional<unsigned> next_capability(uint8_t id, unsigned previous = 0) const;
  // Physical address of a memory region (BAR), 32 or 64 bits; none if it is not one or unset.
  std::optional<uint64_t> memory_region(unsigned index) const;
};

namespace pci_register {
inline constexpr unsigned command = 0x04, status = 0x06, header_type = 0x0e, base_addresses = 0x10;
inline constexpr unsigned secondary_bus = 0x19, capabilities = 0x34;
inline constexpr uint16_t command_memory = 1 << 1, command_master = 1 << 2;
inline constexpr uint16_t command_no_line_interrupt = 1 << 10, status_has_capabilities = 1 << 4;
}  // namespace pci_register

// Of the functions that `wanted` accepts, in order of bus, device and function, the first behind so many others.
// Buses behind bridges are those that the firmware has numbered.
std::optional<PciFunction> find_pci_function(bool (*wanted)(const PciFunction&), unsigned others);

}  // namespace perdure
