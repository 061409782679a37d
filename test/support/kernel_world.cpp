// SPDX-License-Identifier: MIT
#include "test/support/kernel_world.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "checkpoint/layout.hpp"
#include "objects/frame_life.hpp"

namespace perdure {
KernelWorld::KernelWorld(KernelOptions options, WorldSize size)
    : options_(options), size_(size), disk_(size.disk_blocks) {
  write_empty_image(disk_, *Geometry::plan(size.disk_blocks, size.log_segments, size.segment_blocks));
  open();
}

KernelWorld::KernelWorld(Disk& disk, KernelOptions options, WorldSize size)
    : options_(options), size_(size), disk_(0), booted_from_(&disk) {
  open();
}

void KernelWorld::open() {
  unwritable_.clear();
  fake_machine().power_on(size_.machine_bytes);
  fake_machine().step_ns = 100'000;  // an ill disk is waited for
  kernel_ = std::make_unique<Kernel>();
  const auto opened = kernel_->store.open(*booted_from_, fake_machine().take_pages(size_.store_pages), kernel_->store_events,
                                           {.check = options_.check}, 0);
  if (!opened) throw KernelBug(std::string(opened.error().what));
  fake_machine().step_ns = 100;
}

void KernelWorld::start() { kernel_->start(options_, fake_machine().take_pages(size_.table_pages)); }

void KernelWorld::cut_and_boot(std::initializer_list<FrameNumber> leave_stopped) {
  options_.leave_stopped_count = static_cast<unsigned>(leave_stopped.size());
  std::ranges::copy(leave_stopped, options_.leave_stopped);
  kernel_.reset();
  disk_.forget_completions();
  open();
  start();
}

void KernelWorld::boot(Disk& disk) {
  kernel_.reset();
  booted_from_ = &disk;
  open();
}

void KernelWorld::poll() { kernel_->store.poll(fake_machine().now_ns += 1000); }

CacheSlot KernelWorld::resident(FrameNumber number) {
  for (;;) {
    if (const auto slot = kernel_->store.obtain(number)) return *slot;
    poll();
  }
}

// More than may be dirty at once is written to the log on the way, as for any program.
void KernelWorld::make_writable(CacheSlot slot) {
  Store& store = kernel_->store;
  while (!store.make_dirty(slot, Need::reserve)) {
    if (store.can_declare()) store.declare(fake_machine().now_ns, 0);
    poll();
  }
}

std::byte* KernelWorld::bytes(const Capability& capability) {
  return kernel_->store.bytes(resident(capability.object.frame()));
}

void KernelWorld::write(const Capability& capability) { make_writable(resident(capability.object.frame())); }

bool KernelWorld::is_alive(const Capability& capability) {
  resident(capability.object.frame());
  Capability copy = capability;
  return look_up(kernel_->store, copy).has_value();
}

void KernelWorld::destroy(const Capability& capability) {
  write(capability);
  const CacheSlot slot = resident(capability.object.frame());
  FrameIdentity& identity = kernel_->store.descriptor(slot).identity;
  if (is_row(identity.kind)) {
    destroy_in_row(identity, kernel_->store.bytes(slot), capability.object.index());
  } else {
    rescind(identity);
    kernel_->store.become_all_zero(slot);
  }
}

Capability KernelWorld::make_small(Kind kind) {
  Store& store = kernel_->store;
  if (!open_rows_.contains(kind) || next_index_[kind] == info(kind).objects_per_frame) {
    const FrameNumber number{next_frame_++};
    const CacheSlot slot = resident(number);
    make_writable(slot);
    store.become_all_zero(slot);
    format_row(store.descriptor(slot).identity, store.bytes(slot), kind, {1});
    if (kind == Kind::activity) {
      auto& header = *reinterpret_cast<RowHeader*>(store.bytes(slot));
      const FrameNumber head = store.system().first_activity_row;
      header.next = head;
      if (head.value != 0) {
        const CacheSlot head_slot = resident(head);
        make_writable(head_slot);
        reinterpret_cast<RowHeader*>(store.bytes(head_slot))->previous = number;
      }
      if (head.value == 0) store.system().last_activity_row = number;
      store.system().first_activity_row = number;
    }
    open_rows_[kind] = number;
    next_index_[kind] = 0;
  }
  const FrameNumber number = open_rows_[kind];
  const CacheSlot slot = resident(number);
  make_writable(slot);
  const unsigned index = next_index_[kind]++;
  make_in_row(store.descriptor(slot).identity, store.bytes(slot), index);
  if (kind == Kind::schedule) row_object<Schedule>(store.bytes(slot), index)->ceiling = priority_max;
  return fabricate(store.descriptor(slot).identity, store.bytes(slot), number, index);
}

Capability KernelWorld::make(Kind kind) {
  if (is_row(kind)) return make_small(kind);
  Store& store = kernel_->store;
  const FrameNumber number{next_frame_++};
  const CacheSlot slot = resident(number);
  make_writable(slot);
  make_whole(store.descriptor(slot).identity, kind, {1});
  store.become_all_zero(slot);
  return fabricate(store.descriptor(slot).identity, store.bytes(slot), number, 0);
}

Guest KernelWorld::new_plain_guest(Program program) {
  Guest guest;
  guest.process = make(Kind::process);
  guest.activity = make(Kind::activity);
  guest.endpoint = make(Kind::endpoint);
  Endpoint& endpoint = object<Endpoint>(guest.endpoint);
  endpoint.receiver = guest.process;
  endpoint.flags = Endpoint::flag_had_receiver;
  set_running(guest);
  programs_[guest.process.object.frame()] = std::move(program);
  return guest;
}

void KernelWorld::set_running(const Guest& guest) {
  write(guest.process);
  Process& process = this->process(guest);
  process.control.activity = guest.activity;
  process.control.state = ProcessState::running;
  process.registers.rip = rip_of_call + system_call_instruction_bytes;
  Activity& activity = object<Activity>(guest.activity);
  activity.process = guest.process.object;
  activity.process_version = guest.process.version;
  activity.runnable = 1;
  activity.ticket = kernel_->store.system().next_ticket++ & ticket_mask;
}

Guest KernelWorld::new_guest(Program program, uint8_t priority) {
  Guest guest = new_plain_guest(std::move(program));
  guest.root = make(Kind::node);
  for (Capability& page : guest.pages) page = make(Kind::page);
  for (unsigned i = 0; i < 2; ++i) object<Node>(guest.root).slots[i] = guest.pages[i];
  const Capability schedule = make(Kind::schedule);
  object<Schedule>(schedule).priority = priority;
  write(guest.process);
  Process& process = this->process(guest);
  process.space = guest.root;
  process.space.payload = Guest::memory >> 16;  // guard: the node spans 16 pages
  process.schedule = schedule;
  return guest;
}

void KernelWorld::set_program(const Guest& guest, Program program) {
  programs_[guest.process.object.frame()] = std::move(program);
}

void KernelWorld::let_receive(const Guest& guest, uint64_t receive_into) {
  write(guest.process);
  Process& process = this->process(guest);
  invoke(process, Invocation::reply_and_wait, 0, {}, 0, static_cast<uint32_t>(receive_into));
  process.registers.rip = rip_of_call + system_call_instruction_bytes;
  process.control.state = ProcessState::receiving;
  object<Activity>(guest.activity).runnable = 0;
}

Capability KernelWorld::entry(const Guest& guest, uint64_t payload) {
  return {.type = CapabilityType::entry,
          .version = guest.endpoint.version,
          .object = guest.endpoint.object,
          .payload = payload};
}

Capability KernelWorld::client_of(const Capability& wrapper_control) {
  return {.type = CapabilityType::wrapped, .version = wrapper_control.version, .object = wrapper_control.object};
}

void KernelWorld::invoke(Process& process, Invocation kind, unsigned capability_register,
                         std::array<uint64_t, 6> words, uint32_t send_registers, uint32_t receive_registers,
                         uint32_t send_bytes, uint64_t send_address, uint32_t receive_bytes,
                         uint64_t receive_address) {
  Registers& registers = process.registers;
  registers.rip = rip_of_call;
  registers.rax = static_cast<uint64_t>(kind) | capability_register << 8;
  set_message_words(registers, {words[0], words[1], words[2], words[3], words[4], words[5]});
  registers.rbx = send_registers | uint64_t{receive_registers} << 32;
  registers.r12 = send_bytes | uint64_t{receive_bytes} << 32;
  registers.r13 = send_address;
  registers.r14 = receive_address;
  registers.r15 = 0;
}

void KernelWorld::access(Registers& registers, bool write) {
  const auto byte = write ? fake_machine().store(registers.rdi) : fake_machine().load(registers.rdi);
  if (!byte) {
    kernel_->entered({.reason = Trap::Reason::page_fault, .address = {registers.rdi}, .write = write});
    return;
  }
  if (write) **byte = static_cast<std::byte>(registers.rax);
  else registers.rax = static_cast<uint64_t>(**byte);
  registers.rip += system_call_instruction_bytes;
  kernel_->entered({.reason = Trap::Reason::interrupt});
}

void KernelWorld::jump(Registers& registers) {
  if (!fake_machine().fetch(registers.rdi)) {
    kernel_->entered({.reason = Trap::Reason::page_fault, .address = {registers.rdi}, .execute = true});
    return;
  }
  registers.rip += system_call_instruction_bytes;
  kernel_->entered({.reason = Trap::Reason::interrupt});
}

void KernelWorld::compute(Registers& registers) {
  if (!fake_machine().fpu_enabled) return kernel_->entered({.reason = Trap::Reason::fpu_absent});
  uint64_t word;
  std::memcpy(&word, fake_machine().fpu_registers + fpu_word_offset, sizeof(word));
  ++word;
  std::memcpy(fake_machine().fpu_registers + fpu_word_offset, &word, sizeof(word));
  registers.rip += system_call_instruction_bytes;
  kernel_->entered({.reason = Trap::Reason::interrupt});
}

bool KernelWorld::faults_first(const Registers& registers) {
  if (!tables_are_emptied || registers.rip != rip_of_call) return false;
  bool& has_faulted = has_faulted_[kernel_->store.descriptor(kernel_->processor.slot()).number];
  has_faulted = !has_faulted;
  if (has_faulted) kernel_->entered({.reason = Trap::Reason::page_fault, .address = {Guest::memory}});
  return has_faulted;
}

void KernelWorld::enter(Process& process, Registers& registers) {
  const bool is_done = registers.rip != rip_of_call && registers.rip != rip_of_load && registers.rip != rip_of_store &&
                       registers.rip != rip_of_trap && registers.rip != rip_of_jump && registers.rip != rip_of_fpu;
  if (is_done) {
    Program& program = programs_[kernel_->store.descriptor(kernel_->processor.slot()).number];
    if (program) program(process);
  }
  if (faults_first(registers)) return;
  registers.entered_by_system_call = registers.rip == rip_of_call;
  switch (registers.rip) {
    case rip_of_call:
      registers.rip += system_call_instruction_bytes;
      if (use_fast_path && kernel_->fast_path() != nullptr) ++fast_count;
      else kernel_->entered({.reason = Trap::Reason::system_call});
      break;
    case rip_of_load: access(registers, false); break;
    case rip_of_store: access(registers, true); break;
    case rip_of_trap:
      registers.rip += system_call_instruction_bytes;
      kernel_->entered({.reason = Trap::Reason::exception, .vector = static_cast<uint8_t>(registers.rdi)});
      break;
    case rip_of_jump: jump(registers); break;
    case rip_of_fpu: compute(registers); break;
    default:  // it spins, and time passes
      fake_machine().advance(1'000'000);
      kernel_->entered({.reason = Trap::Reason::interrupt});
      break;
  }
}

void KernelWorld::check_unwritable() {
  Store& store = kernel_->store;
  alignas(8) std::byte normalized[frame_bytes];
  for (CacheSlot slot = 0; slot < store.slot_count(); ++slot) {
    const FrameDescriptor& frame = store.descriptor(slot);
    const bool means_something = frame.is_readable() && frame.identity.kind != Kind::empty;
    if (!means_something || store.is_current(slot)) {
      unwritable_.erase(slot);
      continue;
    }
    normalize(frame.identity.kind, store.body(slot), normalized);
    const Unwritable now{frame.number, frame.identity, frame.epoch, body_checksum(normalized, frame.number)};
    const auto [at, is_new] = unwritable_.try_emplace(slot, now);
    const Unwritable before = std::exchange(at->second, now);
    // Of another epoch: it was writable for a while.
    if (before.number != now.number || before.epoch != now.epoch) continue;
    if (before.identity.source != now.identity.source || before.identity.account != now.identity.account ||
        before.identity.kind != now.identity.kind || before.checksum != now.checksum) {
      throw KernelBug("DIRTY-BEFORE-WRITE");
    }
  }
}

namespace {

template <typename Object, typename Condition>
unsigned count_in_row(Store& store, CacheSlot slot, Condition condition) {
  const uint64_t allocated = reinterpret_cast<const RowHeader*>(store.body(slot))->allocated;
  unsigned count = 0;
  for (unsigned i = 0; i < info(store.descriptor(slot).identity.kind).objects_per_frame; ++i) {
    count += allocated >> i & 1 && condition(i, *row_object<Object>(store.body(slot), i));
  }
  return count;
}

// By all that hangs on what is in it.
unsigned pins_due(Kernel& kernel, CacheSlot slot) {
  Store& store = kernel.store;
  const auto is_waited_for = [](unsigned, const auto& object) { return !object.waiting.is_empty(); };
  switch (store.descriptor(slot).identity.kind) {
    case Kind::process: return process_in(kernel.store, slot).control.callers_map != 0;
    case Kind::endpoint: return count_in_row<Endpoint>(store, slot, is_waited_for);
    case Kind::wrapper: return count_in_row<Wrapper>(store, slot, is_waited_for);
    case Kind::schedule:
      return count_in_row<Schedule>(store, slot, [](unsigned, const Schedule& s) { return !s.peers.is_empty(); });
    case Kind::activity:
      return count_in_row<Activity>(store, slot, [&](unsigned i, const Activity&) {
               return kernel.scheduler.is_queued(ActivityRef::of(slot, i));
             }) +
             count_in_row<Activity>(store, slot, [&](unsigned i, const Activity&) {
               return kernel.timers.is_armed(ActivityRef::of(slot, i));
             });
    default: return 0;
  }
}

}  // namespace

// What is pinned and not due would stay in memory for ever; what is due and not pinned could go.
void KernelWorld::check_pins() {
  Store& store = kernel_->store;
  for (CacheSlot slot = 0; slot < store.slot_count(); ++slot) {
    const FrameDescriptor& frame = store.descriptor(slot);
    const unsigned due = frame.is_readable() ? pins_due(*kernel_, slot) : 0;
    if (frame.pins != due) throw KernelBug("a frame is pinned more often, or less, than things hang on it");
  }
}

bool KernelWorld::step() {
  if (unwritable_is_watched) check_unwritable();
  if (pins_are_watched && ++steps_ % steps_per_check_of_pins == 0) check_pins();
  for (unsigned patience = 0; patience < 1000; ++patience) {
    if (Registers* registers = kernel_->try_next()) {
      if (const auto stale = fake_machine().stale_translation()) {
        throw KernelBug("the processor may use a translation that no longer holds");
      }
      for (const CacheSlot slot : {kernel_->processor.slot(), kernel_->processor.ref().slot()}) {
        if (!kernel_->store.is_current(slot)) throw KernelBug("CURRENT-WHILE-RUNNING");
      }
      enter(kernel_->processor.process(), *registers);
      return true;
    }
    if (!kernel_->store.poll(fake_machine().now_ns += 1000) && !kernel_->scheduler.anything_ready()) return false;
  }
  return false;
}

void KernelWorld::run(unsigned steps) {
  for (unsigned i = 0; i < steps && step(); ++i) {
  }
}

void KernelWorld::take_checkpoint() {
  while (!kernel_->store.can_declare()) poll();
  const Generation before = kernel_->store.committed_generation();
  kernel_->checkpoints.request();
  const auto is_under_way = [this] {
    return kernel_->store.anything_dirty() || kernel_->store.pending_generation().value != 0;
  };
  while (kernel_->store.committed_generation() == before && is_under_way()) {
    fake_machine().pending.timer = true;
    kernel_->try_next();
    poll();
  }
}

void KernelWorld::bring_in(std::initializer_list<Guest> guests) {
  for (const Guest& guest : guests) {
    for (const Capability& of : {guest.process, guest.endpoint, process(guest).schedule}) resident(of.object.frame());
  }
}

void KernelWorld::page_out(std::initializer_list<Capability> objects) {
  if (unwritable_is_watched) check_unwritable();
  take_checkpoint();
  Store& store = kernel_->store;
  while (!store.can_declare()) poll();
  unwritable_.clear();  // what is read again is of the same epoch as it was before its last change
  for (const Capability& object : objects) {
    const CacheSlot slot = store.find(object.object.frame());
    if (slot == no_slot) continue;
    store.descriptor(slot).flags &= static_cast<uint8_t>(~FrameDescriptor::flag_awaited);
    if (!store.drop(slot)) throw KernelBug("a frame that is to be on the disk only cannot be dropped");
  }
}

bool KernelWorld::use_up_room(CacheSlot spared) {
  Store& store = kernel_->store;
  for (CacheSlot slot = 0; slot < store.slot_count(); ++slot) {
    const FrameDescriptor& frame = store.descriptor(slot);
    if (slot == spared || !frame.is_readable() || frame.identity.kind != Kind::page || store.is_current(slot)) continue;
    if (!store.make_dirty(slot, Need::reserve)) return true;
  }
  return false;
}

}  // namespace perdure
