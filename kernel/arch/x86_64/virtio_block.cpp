// SPDX-License-Identifier: MIT
//
// Written after the virtio specification 1.1: sections 4.1 (PCI), 2.6 (split queues), 5.2 (block
// device). Memory order: x86 keeps stores in order, and loads, so where the device must see one
// thing before another it is enough that the compiler keeps the order too.
#include "kernel/arch/x86_64/virtio_block.hpp"

#include "kernel/arch/x86_64/interrupts.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/power.hpp"
#include "kernel/machine.hpp"
#include "objects/assertion.hpp"

namespace perdure {

namespace {

// --- what is shared with the device ------------------------------------------------------------

struct Descriptor {
  uint64_t address;
  uint32_t length_bytes;
  uint16_t flags;
  uint16_t next;
};
constexpr uint16_t descriptor_has_next = 1, descriptor_device_writes = 2;

struct UsedElement {
  uint32_t id;
  uint32_t length_bytes;
};

struct RequestHeader {
  static constexpr uint32_t read = 0, write = 1, flush = 4;
  uint32_t type;
  uint32_t reserved;
  uint64_t sector;
};

constexpr unsigned queue_size_max = 256;

struct SharedMemory {
  alignas(4096) Descriptor descriptors[queue_size_max];
  struct {
    uint16_t flags, index, ring[queue_size_max], event;
  } available;
  alignas(4) struct {
    uint16_t flags, index;
    UsedElement ring[queue_size_max];
    uint16_t event;
  } used;
  alignas(16) RequestHeader headers[queue_size_max / 3];
  uint8_t status[queue_size_max / 3];
};

constinit SharedMemory shared;

uint64_t physical(const volatile void* pointer) {
  return machine::physical_address_of(const_cast<const void*>(pointer)).value;
}

void keep_order() { asm volatile("" ::: "memory"); }

// --- registers ---------------------------------------------------------------------------------

namespace common_register {
constexpr unsigned device_feature_select = 0, device_feature = 4, driver_feature_select = 8;
constexpr unsigned driver_feature = 12, configuration_vector = 16, status = 20;
constexpr unsigned generation = 21, queue_select = 22, queue_size = 24, queue_vector = 26;
constexpr unsigned queue_enable = 28, queue_notify_offset = 30, queue_descriptors = 32;
constexpr unsigned queue_available = 40, queue_used = 48, length_bytes = 56;
}  // namespace common_register

namespace device_status {
constexpr uint8_t acknowledge = 1, driver = 2, driver_ready = 4, features_ready = 8;
}

constexpr uint64_t feature_read_only = 1 << 5, feature_flush = 1 << 9;
constexpr uint64_t feature_version_1 = uint64_t{1} << 32, feature_access_platform = uint64_t{1} << 33;
constexpr uint16_t no_vector = 0xffff;

template <typename Word>
volatile Word& at(volatile std::byte* group, unsigned offset) {
  return *reinterpret_cast<volatile Word*>(group + offset);
}

void write64(volatile std::byte* group, unsigned offset, uint64_t value) {
  at<uint32_t>(group, offset) = static_cast<uint32_t>(value);
  at<uint32_t>(group, offset + 4) = static_cast<uint32_t>(value >> 32);
}

void add_status(volatile std::byte* common, uint8_t bits) {
  auto& status = at<uint8_t>(common, common_register::status);
  status = status | bits;
}

// --- finding it -----------------------------------------------------------------------------------

constexpr uint8_t capability_vendor = 0x09, capability_msix = 0x11;

// Where one group of registers lies, as its vendor capability says.
enum class Group : uint8_t { common = 1, notify = 2, device = 4 };

std::optional<unsigned> group_capability(const PciFunction& function, Group group) {
  auto offset = function.next_capability(capability_vendor);
  while (offset && function.read8(*offset + 3) != static_cast<uint8_t>(group)) {
    offset = function.next_capability(capability_vendor, *offset);
  }
  return offset;
}

bool is_modern_block_device(const PciFunction& function) {
  const uint32_t identity = function.identity();
  return (identity == 0x1001'1af4 || identity == 0x1042'1af4) &&
         group_capability(function, Group::common).has_value();
}

[[noreturn]] void refuse_disk(const PciFunction& function, std::string_view why) {
  refuse_to_start("cannot use the ", VirtioBlock::place_of(function).text(": ").text(why).view());
}

struct RegisterGroup {
  volatile std::byte* registers;
  uint64_t length_bytes;
};

RegisterGroup map_group(const PciFunction& function, Group group, uint64_t length_bytes_min) {
  constexpr uint64_t length_bytes_max = 64 * 1024;
  const auto offset = group_capability(function, group);
  if (!offset) refuse_disk(function, "a group of registers is missing");
  const auto region = function.memory_region(function.read8(*offset + 4));
  const uint64_t start = function.read32(*offset + 8);
  const uint64_t length = function.read32(*offset + 12);
  if (!region || length < length_bytes_min) refuse_disk(function, "its registers are nowhere");
  const uint64_t mapped = length < length_bytes_max ? length : length_bytes_max;
  return {map_device(*region + start, mapped), mapped};
}

}  // namespace

// --- setting it up --------------------------------------------------------------------------------

std::optional<PciFunction> VirtioBlock::find(unsigned number) {
  return find_pci_function(is_modern_block_device, number);
}

TextLine VirtioBlock::place_of(const PciFunction& function) {
  return TextLine{}.text("disk on PCI bus ").decimal(function.bus).text(", device ").decimal(function.device)
      .text(", function ").decimal(function.function);
}

void VirtioBlock::set_up(const PciFunction& function) {
  if (common_) at<uint8_t>(common_, common_register::status) = 0;  // a reset device writes no memory
  *this = {};
  function_ = function;
  function.write16(pci_register::command, pci_register::command_memory | pci_register::command_master |
                                              pci_register::command_no_line_interrupt);
  map_registers(function);
  negotiate();
  set_up_interrupt(function);
  set_up_queue();
  read_size();
  add_status(common_, device_status::driver_ready);
}

void VirtioBlock::map_registers(const PciFunction& function) {
  common_ = map_group(function, Group::common, common_register::length_bytes).registers;
  device_ = map_group(function, Group::device, 8).registers;
  const RegisterGroup notify = map_group(function, Group::notify, 2);
  notify_ = notify.registers;
  notify_bytes_ = notify.length_bytes;
  notify_multiplier_ = function.read32(*group_capability(function, Group::notify) + 16);
}

void VirtioBlock::negotiate() {
  using namespace common_register;
  constexpr unsigned attempts_max = 1'000'000;
  at<uint8_t>(common_, status) = 0;
  for (unsigned attempt = 0; at<uint8_t>(common_, status) != 0; ++attempt) {
    if (attempt == attempts_max) refuse_disk(function_, "it does not reset");
  }
  at<uint8_t>(common_, status) = device_status::acknowledge;
  at<uint8_t>(common_, status) = device_status::acknowledge | device_status::driver;

  uint64_t offered = 0;
  for (uint32_t half = 0; half < 2; ++half) {
    at<uint32_t>(common_, device_feature_select) = half;
    offered |= uint64_t{at<uint32_t>(common_, device_feature)} << 32 * half;
  }
  if ((offered & feature_version_1) == 0) refuse_disk(function_, "it is not a modern virtio device");
  const uint64_t accepted = offered & (feature_version_1 | feature_flush | feature_read_only);
  for (uint32_t half = 0; half < 2; ++half) {
    at<uint32_t>(common_, driver_feature_select) = half;
    at<uint32_t>(common_, driver_feature) = static_cast<uint32_t>(accepted >> 32 * half);
  }
  add_status(common_, device_status::features_ready);
  if ((at<uint8_t>(common_, status) & device_status::features_ready) == 0) {
    refuse_disk(function_, offered & feature_access_platform
                               ? "it demands VIRTIO_F_ACCESS_PLATFORM (iommu_platform=on)"
                               : "it does not agree to what it offers");
  }
  has_flush_ = (accepted & feature_flush) != 0;
}

void VirtioBlock::set_up_interrupt(const PciFunction& function) {
  constexpr unsigned control = 2, table = 4, entry_bytes = 16;
  constexpr uint16_t control_enable = 1 << 15, control_mask_all = 1 << 14;
  const auto offset = function.next_capability(capability_msix);
  if (!offset) refuse_disk(function_, "it has no MSI-X interrupts");
  const uint32_t where = function.read32(*offset + table);
  const auto region = function.memory_region(where & 7);
  if (!region) refuse_disk(function_, "its interrupt table is nowhere");
  volatile std::byte* entry = map_device(*region + (where & ~7u), entry_bytes);

  const auto flags = static_cast<uint16_t>(function.read16(*offset + control) & ~control_mask_all);
  function.write16(*offset + control, flags | control_enable);
  const InterruptMessage message = interrupt_message(vector::disk);
  write64(entry, 0, message.address);
  at<uint32_t>(entry, 8) = message.data;
  at<uint32_t>(entry, 12) = 0;  // not masked
  at<uint16_t>(common_, common_register::configuration_vector) = no_vector;
}

void VirtioBlock::set_up_queue() {
  using namespace common_register;
  at<uint16_t>(common_, queue_select) = 0;
  uint16_t size = at<uint16_t>(common_, queue_size);
  if (size > queue_size_max) size = queue_size_max;
  while ((size & (size - 1)) != 0) size &= static_cast<uint16_t>(size - 1);  // a power of two
  if (size < descriptors_per_slot) refuse_disk(function_, "its queue is too small");
  queue_size_ = size;
  slot_count_ = size / descriptors_per_slot;
  for (unsigned slot = 0; slot < slot_count_; ++slot) free_slots_[free_count_++] = static_cast<uint8_t>(slot);

  shared.available.index = 0;
  shared.used.index = 0;
  at<uint16_t>(common_, queue_size) = size;
  at<uint16_t>(common_, queue_vector) = 0;
  if (at<uint16_t>(common_, queue_vector) != 0) refuse_disk(function_, "it takes no interrupt");
  write64(common_, queue_descriptors, physical(&shared.descriptors));
  write64(common_, queue_available, physical(&shared.available));
  write64(common_, queue_used, physical(&shared.used));
  const uint64_t doorbell = uint64_t{at<uint16_t>(common_, queue_notify_offset)} * notify_multiplier_;
  if (doorbell + sizeof(uint16_t) > notify_bytes_) refuse_disk(function_, "its doorbell is nowhere");
  doorbell_ = &at<uint16_t>(notify_, static_cast<unsigned>(doorbell));
  at<uint16_t>(common_, queue_enable) = 1;
}

void VirtioBlock::read_size() {
  constexpr int attempts_max = 100;
  uint64_t sectors = 0;
  for (int attempt = 0; attempt < attempts_max; ++attempt) {
    const uint8_t before = at<uint8_t>(common_, common_register::generation);
    sectors = at<uint32_t>(device_, 0) | uint64_t{at<uint32_t>(device_, 4)} << 32;
    if (at<uint8_t>(common_, common_register::generation) == before) break;
  }
  size_blocks_ = sectors / (block_bytes / sector_bytes);
}

// --- requests ------------------------------------------------------------------------------------

bool VirtioBlock::submit(const DiskRequest& request) {
  const bool is_flush = request.operation == DiskRequest::Operation::flush;
  const bool is_inside = is_flush || (request.block_count > 0 && request.block_count <= blocks_per_request_max &&
                                      request.block <= size_blocks_ &&
                                      request.block_count <= size_blocks_ - request.block);
  if (is_broken_ || !is_inside) return complete_now(request.token, true);
  if (is_flush && !has_flush_) return complete_now(request.token, false);
  if (free_count_ == 0) return false;

  const unsigned slot = free_slots_[--free_count_];
  slots_[slot] = {.token = request.token, .is_busy = true};
  fill_descriptors(slot, request);
  auto& available = shared.available;
  available.ring[available.index % queue_size_] = static_cast<uint16_t>(slot * descriptors_per_slot);
  keep_order();  // the device may take it as soon as the index has moved
  *const_cast<volatile uint16_t*>(&available.index) = static_cast<uint16_t>(available.index + 1);
  keep_order();
  *doorbell_ = 0;
  return true;
}

void VirtioBlock::fill_descriptors(unsigned slot, const DiskRequest& request) {
  using Operation = DiskRequest::Operation;
  const bool has_data = request.operation != Operation::flush;
  const uint32_t type = request.operation == Operation::read    ? RequestHeader::read
                        : request.operation == Operation::write ? RequestHeader::write
                                                                : RequestHeader::flush;
  const uint64_t sector = has_data ? request.block * (block_bytes / sector_bytes) : 0;
  shared.headers[slot] = {type, 0, sector};
  shared.status[slot] = 0xff;  // no status a device gives
  const auto first = static_cast<uint16_t>(slot * descriptors_per_slot);
  const auto last = static_cast<uint16_t>(first + 2);
  shared.descriptors[first] = {physical(&shared.headers[slot]), sizeof(RequestHeader), descriptor_has_next,
                               has_data ? static_cast<uint16_t>(first + 1) : last};
  if (has_data) {
    const uint16_t direction = type == RequestHeader::read ? descriptor_device_writes : 0;
    const uint32_t length = request.block_count * block_bytes;
    const uint64_t start = physical(request.memory);
    // The device would go on in physical memory, where something else lies.
    assert_that(physical(request.memory + length - 1) - start == length - 1, "disk: memory of a request is not in one piece");
    shared.descriptors[first + 1] = {start, length, static_cast<uint16_t>(descriptor_has_next | direction), last};
  }
  shared.descriptors[last] = {physical(&shared.status[slot]), 1, descriptor_device_writes, 0};
}

bool VirtioBlock::complete_now(uint64_t token, bool failed) {
  if (immediate_written_ - immediate_read_ == immediate_.size()) return false;
  immediate_[immediate_written_++ % immediate_.size()] = {.token = token, .failed = failed};
  return true;
}

std::optional<DiskCompletion> VirtioBlock::poll() {
  if (immediate_written_ != immediate_read_) return immediate_[immediate_read_++ % immediate_.size()];
  if (!is_broken_) {
    if (const auto completion = take_used()) return completion;
  }
  return is_broken_ ? take_failed() : std::nullopt;
}

std::optional<DiskCompletion> VirtioBlock::take_used() {
  const uint16_t index = *const_cast<volatile uint16_t*>(&shared.used.index);
  if (index == used_seen_) return std::nullopt;
  keep_order();  // the element was written before the index
  const uint32_t id = *const_cast<volatile uint32_t*>(&shared.used.ring[used_seen_ % queue_size_].id);
  ++used_seen_;
  const uint32_t slot = id / descriptors_per_slot;
  if (id % descriptors_per_slot != 0 || slot >= slot_count_ || !slots_[slot].is_busy) {
    give_up();
    return std::nullopt;
  }
  slots_[slot].is_busy = false;
  free_slots_[free_count_++] = static_cast<uint8_t>(slot);
  const uint8_t status = *const_cast<volatile uint8_t*>(&shared.status[slot]);
  return DiskCompletion{.token = slots_[slot].token, .failed = status != 0};
}

// After give_up: what the device still had fails, one request after the other.
std::optional<DiskCompletion> VirtioBlock::take_failed() {
  for (unsigned slot = 0; slot < slot_count_; ++slot) {
    if (!slots_[slot].is_busy) continue;
    slots_[slot].is_busy = false;
    return DiskCompletion{.token = slots_[slot].token, .failed = true};
  }
  return std::nullopt;
}

void VirtioBlock::give_up() {
  is_broken_ = true;
  at<uint8_t>(common_, common_register::status) = 0;  // a reset device writes no memory
  machine::console_write("perdure: the disk answers what was never asked; it is given up\r\n");
}

}  // namespace perdure
