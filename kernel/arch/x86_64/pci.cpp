// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/pci.hpp"

#include <array>

#include "kernel/arch/x86_64/instructions.hpp"

namespace perdure {

namespace {

constexpr uint16_t address_port = 0xcf8, data_port = 0xcfc;
constexpr uint16_t vendor_none = 0xffff;

void select(const PciFunction& f, unsigned offset) {
  instruction::out32(address_port, 0x8000'0000u | uint32_t{f.bus} << 16 | uint32_t{f.device} << 11 |
                                       uint32_t{f.function} << 8 | (offset & 0xfcu));
}

}  // namespace

uint32_t PciFunction::read32(unsigned offset) const {
  select(*this, offset);
  return instruction::in32(data_port);
}

uint16_t PciFunction::read16(unsigned offset) const {
  return static_cast<uint16_t>(read32(offset) >> (offset & 2) * 8);
}

uint8_t PciFunction::read8(unsigned offset) const {
  return static_cast<uint8_t>(read32(offset) >> (offset & 3) * 8);
}

void PciFunction::write16(unsigned offset, uint16_t value) const {
  select(*this, offset);
  instruction::out16(static_cast<uint16_t>(data_port + (offset & 2)), value);
}

std::optional<unsigned> PciFunction::next_capability(uint8_t id, unsigned previous) const {
  using namespace pci_register;
  if ((read16(status) & status_has_capabilities) == 0) return std::nullopt;
  unsigned offset = read8(previous == 0 ? capabilities : previous + 1) & 0xfcu;
  for (int links_left = 48; offset >= 0x40 && links_left > 0; --links_left) {
    if (read8(offset) == id) return offset;
    offset = read8(offset + 1) & 0xfcu;
  }
  return std::nullopt;
}

std::optional<uint64_t> PciFunction::memory_region(unsigned index) const {
  constexpr uint32_t is_port = 1, type_mask = 6, type_64_bits = 4;
  if (index > 5) return std::nullopt;
  const unsigned offset = pci_register::base_addresses + 4 * index;
  const uint32_t low = read32(offset);
  if ((low & is_port) != 0) return std::nullopt;
  uint64_t address = low & ~uint32_t{0xf};
  if ((low & type_mask) == type_64_bits) {
    if (index == 5) return std::nullopt;
    address |= uint64_t{read32(offset + 4)} << 32;
  }
  return address == 0 ? std::nullopt : std::optional(address);
}

std::optional<PciFunction> find_pci_function(bool (*wanted)(const PciFunction&), unsigned others) {
  std::array<bool, 256> is_bus_known{};
  is_bus_known[0] = true;
  for (unsigned bus = 0; bus < 256; ++bus) {
    if (!is_bus_known[bus]) continue;
    for (unsigned device = 0; device < 32; ++device) {
      for (unsigned function = 0; function < 8; ++function) {
        const PciFunction candidate{static_cast<uint8_t>(bus), static_cast<uint8_t>(device),
                                    static_cast<uint8_t>(function)};
        if (candidate.read16(0) == vendor_none) {
          if (function == 0) break;
          continue;
        }
        if (wanted(candidate) && others-- == 0) return candidate;
        const uint8_t type = candidate.read8(pci_register::header_type);
        // A bridge's buses have higher numbers than its own, so one ascending pass finds all.
        if ((type & 0x7f) == 1) is_bus_known[candidate.read8(pci_register::secondary_bus)] = true;
        if (function == 0 && (type & 0x80) == 0) break;
      }
    }
  }
  return std::nullopt;
}

}  // namespace perdure
