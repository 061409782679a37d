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
  return VirtioBlock::place_of(disk.function()).text(", ").decimal(disk.size_blocks() >> 8).text(" MiB");
}

void say(std::string_view before, std::string_view text, std::string_view after) {
  machine::console_write(TextLine{}.text(before).text(text).text(after).view());
}

// The place is said first: so a person sees which disk does not answer.
bool look_at(VirtioBlock& disk, const PciFunction& function) {
  disk.set_up(function);
  say("perdure: ", place_of(disk).view(), ": ");
  const bool is_ours = may_hold_store(disk, buffer);
  machine::console_write(is_ours ? "taken as the store\r\n" : "no store\r\n");
  return is_ours;
}

// Chooses one of several disks. No disk behind the chosen one is set up, so none can be in its way.
void choose(VirtioBlock& disk) {
  bool is_chosen = false;
  for (unsigned number = 0; const auto function = VirtioBlock::find(number); ++number) {
    if (is_chosen) say("perdure: ", VirtioBlock::place_of(*function).view(), ": not looked at\r\n");
    else is_chosen = look_at(disk, *function);
  }
  if (!is_chosen) disk.set_up(*VirtioBlock::find(0));
}

}  // namespace

std::string_view find_disk(VirtioBlock& disk) {
  const auto first = VirtioBlock::find(0);
  if (!first) refuse_to_start("no disk: this machine has no virtio block device");
  if (VirtioBlock::find(1)) choose(disk);
  else disk.set_up(*first);
  place = place_of(disk);
  return place.view();
}

}  // namespace perdure
