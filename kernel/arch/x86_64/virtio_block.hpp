// SPDX-License-Identifier: MIT
//
// The disk: a virtio block device of the modern kind on PCI. One queue, asynchronous, several
// requests in flight, one MSI-X interrupt per completion (which only wakes idle(): completions
// are taken from the queue by poll).
//
// A request occupies one slot; slot s always uses the descriptors 3s, 3s+1, 3s+2, header s and
// status s, so there is nothing to allocate and little for a device to confuse:
//
//   descriptor 3s:  header (16 bytes, device reads)  →  3s+1: data  →  3s+2: status (1 byte)
//   flush:          header                           →  3s+2: status
//
// The device is not trusted with the kernel's life. One that answers what was never asked is
// reset, so that it writes no memory any more, and every request from then on fails.
#pragma once

#include <array>
#include <cstdint>

#include "checkpoint/disk.hpp"
#include "kernel/arch/x86_64/pci.hpp"
#include "kernel/arch/x86_64/text.hpp"

namespace perdure {

class VirtioBlock final : public Disk {
 public:
  // Disk `number` of the machine, from 0, if there is one. Nothing is done with it.
  static std::optional<PciFunction> find(unsigned number);
  // Drives this disk from now on; nothing is left of the disk before it, and requests under way are forgotten.
  // Refuses to start with a disk that cannot be used.
  void set_up(const PciFunction&);
  const PciFunction& function() const { return function_; }
  // "disk on PCI bus 0, device 1, function 0"
  static TextLine place_of(const PciFunction&);

  uint64_t size_blocks() const override { return size_blocks_; }
  bool submit(const DiskRequest&) override;
  std::optional<DiskCompletion> poll() override;

 private:
  static constexpr unsigned queue_size_max = 256;
  static constexpr unsigned descriptors_per_slot = 3;
  static constexpr unsigned slots_max = queue_size_max / descriptors_per_slot;

  struct Slot {
    uint64_t token = 0;
    bool is_busy = false;
  };

  void map_registers(const PciFunction&);
  void set_up_interrupt(const PciFunction&);
  void negotiate();
  void set_up_queue();
  void read_size();
  void fill_descriptors(unsigned slot, const DiskRequest&);
  bool complete_now(uint64_t token, bool failed);
  std::optional<DiskCompletion> take_used();
  std::optional<DiskCompletion> take_failed();
  void give_up();

  PciFunction function_;
  volatile std::byte* common_ = nullptr;  // the four groups of registers
  volatile std::byte* notify_ = nullptr;
  volatile std::byte* device_ = nullptr;
  uint64_t notify_bytes_ = 0;
  uint32_t notify_multiplier_ = 0;
  volatile uint16_t* doorbell_ = nullptr;

  uint64_t size_blocks_ = 0;
  bool has_flush_ = false;  // without it every write is durable when it completes
  bool is_broken_ = false;
  uint16_t queue_size_ = 0;
  uint16_t used_seen_ = 0;  // counts up and wraps, like the device's own counter
  unsigned slot_count_ = 0;
  unsigned free_count_ = 0;
  std::array<uint8_t, slots_max> free_slots_{};  // a stack
  std::array<Slot, slots_max> slots_{};

  // Completed without the device: flushes of a device without cache, and all of a broken one.
  std::array<DiskCompletion, 64> immediate_{};
  uint32_t immediate_written_ = 0;
  uint32_t immediate_read_ = 0;
};

}  // namespace perdure
