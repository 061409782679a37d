// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/find_disk.hpp"

#include "kernel/arch/x86_64/power.hpp"
#include "kernel/arch/x86_64/text.hpp"
#include "kernel/machine.hpp"

namespace perdure {

namespace {

alignas(block_bytes) constinit std::byte buffer[block_bytes];
constinit TextLine place;  // of the disk that is the store's

TextLine place_of(const VirtioBlock& disk) {
  const PciFunction& function = disk.function();
  return TextLine{}.text("disk on PCI bus ").decimal(function.bus).text(", device ").decimal(function.device)
      .text(", function ").decimal(function.function).text(", ").decimal(disk.size_blocks() >> 8).text(" MiB");
}

}  // namespace

std::string_view find_disk(VirtioBlock& disk) {
  if (!disk.set_up(0)) refuse_to_start("no disk: this machine has no virtio block device");
  std::optional<unsigned> chosen;
  const bool are_several = disk.set_up(1);
  for (unsigned number = 0; are_several && disk.set_up(number); ++number) {
    const bool is_ours = may_hold_store(disk, buffer);
    machine::console_write(TextLine{}.text("perdure: ").text(place_of(disk).view())
                               .text(!is_ours ? ": no store" : chosen ? ": another store, left alone" : ": taken as the store").text("\r\n").view());
    if (is_ours && !chosen) chosen = number;
  }
  disk.set_up(chosen.value_or(0));
  place = place_of(disk);
  return place.view();
}

}  // namespace perdure
