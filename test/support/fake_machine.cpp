// SPDX-License-Identifier: MIT
#include "test/support/fake_machine.hpp"

#include <cstdio>
#include <cstdlib>

#include "kernel/memory/page_table_entry.hpp"

namespace perdure {

namespace pte = page_table_entry;

namespace {

constexpr uint64_t page_bytes = 4096;
constexpr uint64_t kernel_root_address = 1 * page_bytes;
constexpr uint64_t kernel_table_address = 2 * page_bytes;  // what all kernel entries point to
constexpr uint64_t first_usable_address = 16 * page_bytes;
constexpr uint64_t idle_ns_without_tick = 1'000'000;

constexpr uint64_t kernel_half_entry(unsigned index) {
  // No user bit: user mode never passes. The ignored bits tell the entries apart.
  return kernel_table_address | pte::present | pte::writable | pte::no_execute |
         uint64_t{index} << 52;
}

[[noreturn]] void stop_test(std::string_view message) {
  std::fprintf(stderr, "fake machine: %.*s\n", static_cast<int>(message.size()), message.data());
  std::abort();
}

}  // namespace

FakeMachine& fake_machine() {
  static FakeMachine machine;
  return machine;
}

void FakeMachine::ReleaseArena::operator()(std::byte* arena) const { std::free(arena); }

void FakeMachine::power_on(size_t memory_bytes) {
  const size_t bytes = memory_bytes / page_bytes * page_bytes;
  if (bytes <= first_usable_address) stop_test("too little memory");
  if (bytes != arena_bytes_) {
    arena_.reset(static_cast<std::byte*>(std::aligned_alloc(page_bytes, bytes)));
    arena_bytes_ = taken_bytes_ = bytes;
  }
  std::memset(arena_.get(), 0, taken_bytes_);  // of the rest nothing was ever written
  taken_bytes_ = first_usable_address;
  now_ns = step_ns = tick_period_ns = next_tick_ns_ = 0;
  pending = {};
  disk = nullptr;
  console_output.clear();
  console_input.clear();
  random_state = 1;
  on_idle = nullptr;
  on_clock_read = nullptr;
  on_resume_user = nullptr;
  on_interrupt_window = nullptr;
  on_power_off = nullptr;
  on_reset = nullptr;
  fpu_enabled = false;
  std::memset(fpu_registers, 0, fpu_bytes);
  counters = {};
  cached_pages_.clear();
  cached_walks_.clear();
  machine::install_kernel_half(table_at(kernel_root_address));
  root_ = kernel_root_address;
}

// --- memory -------------------------------------------------------------------------------------

std::span<std::byte> FakeMachine::take_pages(size_t count) {
  const size_t bytes = count * page_bytes;
  if (bytes > arena_bytes_ - taken_bytes_) stop_test("out of memory");
  return {arena_.get() + std::exchange(taken_bytes_, taken_bytes_ + bytes), bytes};
}

uint64_t* FakeMachine::table_at(uint64_t physical) const {
  if (physical % page_bytes != 0 || physical >= taken_bytes_) {
    stop_test("a page table entry points out of memory");
  }
  return reinterpret_cast<uint64_t*>(arena_.get() + physical);
}

uint64_t* FakeMachine::entry_in(uint64_t table, uint64_t address, unsigned level) const {
  return &table_at(table)[pte::index_of(address, level)];
}

// --- address translation ------------------------------------------------------------------------

std::unexpected<FakePageFault> FakeMachine::fault(uint64_t address, bool write, bool execute,
                                                  bool present) {
  ++counters.page_faults;
  cached_pages_.erase(address >> pte::covered_bits(0));
  cached_walks_.erase(address >> pte::covered_bits(1));
  return std::unexpected(
      FakePageFault{.address = address, .write = write, .execute = execute, .present = present});
}

void FakeMachine::Rights::restrict_by(uint64_t entry) {
  writable &= pte::is_writable(entry);
  executable &= pte::is_executable(entry);
  user &= pte::is_user(entry);
}

bool FakeMachine::Rights::allows_more_than(const Rights& other) const {
  return (writable && !other.writable) || (executable && !other.executable) || (user && !other.user);
}

// Levels 3 to 1, from memory.
std::optional<FakeMachine::CachedWalk> FakeMachine::walk_to_leaf_table(uint64_t address,
                                                                       bool mark_accessed) const {
  CachedWalk result{.leaf_table = root_, .rights = {}};
  for (unsigned level = pte::levels - 1; level > 0; --level) {
    uint64_t& entry = *entry_in(result.leaf_table, address, level);
    if (!pte::is_present(entry)) return std::nullopt;
    if (pte::is_large(entry)) stop_test("a large page in user memory");
    if (mark_accessed) entry |= pte::accessed;
    result.rights.restrict_by(entry);
    result.leaf_table = pte::address_of(entry);
  }
  return result;
}

Expected<std::byte*, FakePageFault> FakeMachine::access(uint64_t address, bool write,
                                                        bool execute) {
  if (const auto high = address >> 47; high != 0 && high != 0x1ffff) {
    auto result = fault(address, write, execute, false);
    result.error().non_canonical = true;
    return result;
  }
  const auto allows = [&](const Rights& rights) {
    return rights.user && (rights.writable || !write) && (rights.executable || !execute);
  };
  const uint64_t page_number = address >> pte::covered_bits(0);
  const auto cached = cached_pages_.find(page_number);
  if (cached != cached_pages_.end()) {
    if (!allows(cached->second.rights)) return fault(address, write, execute, true);
    if (!write || cached->second.dirty) {
      return arena_.get() + cached->second.physical + address % page_bytes;
    }
  }
  ++counters.table_walks;
  const uint64_t region = address >> pte::covered_bits(1);
  if (!cached_walks_.contains(region)) {
    const auto found = walk_to_leaf_table(address, true);
    if (!found) return fault(address, write, execute, false);
    cached_walks_[region] = *found;
  }
  const CachedWalk upper = cached_walks_[region];
  uint64_t& entry = *entry_in(upper.leaf_table, address, 0);
  if (!pte::is_present(entry)) return fault(address, write, execute, false);
  Rights rights = upper.rights;
  rights.restrict_by(entry);
  if (!allows(rights)) return fault(address, write, execute, true);
  entry |= pte::accessed | (write ? pte::dirty : 0);
  table_at(pte::address_of(entry));  // within memory
  cached_pages_[page_number] = {pte::address_of(entry), rights, pte::is_dirty(entry)};
  return arena_.get() + pte::address_of(entry) + address % page_bytes;
}

uint64_t FakeMachine::entry_at(uint64_t address) const {
  const auto upper = walk_to_leaf_table(address, false);
  return upper ? *entry_in(upper->leaf_table, address, 0) : 0;
}

std::optional<uint64_t> FakeMachine::stale_translation() const {
  for (const auto& [region, cached] : cached_walks_) {
    const uint64_t address = region << pte::covered_bits(1);
    const auto now = walk_to_leaf_table(address, false);
    if (!now || now->leaf_table != cached.leaf_table || cached.rights.allows_more_than(now->rights)) {
      return address;
    }
  }
  for (const auto& [page, cached] : cached_pages_) {
    const uint64_t address = page << pte::covered_bits(0);
    const auto upper = walk_to_leaf_table(address, false);
    const uint64_t entry = upper ? *entry_in(upper->leaf_table, address, 0) : 0;
    if (!pte::is_present(entry) || pte::address_of(entry) != cached.physical) return address;
    Rights now = upper->rights;
    now.restrict_by(entry);
    if (cached.rights.allows_more_than(now)) return address;
  }
  return std::nullopt;
}

// --- time, console, leaving ------------------------------------------------------------------------

void FakeMachine::advance(uint64_t ns) {
  now_ns += ns;
  if (tick_period_ns == 0 || now_ns < next_tick_ns_) return;
  pending.timer = true;
  next_tick_ns_ = now_ns + tick_period_ns;
}

void FakeMachine::type(std::string_view text) {
  console_input.insert(console_input.end(), text.begin(), text.end());
  pending.console = true;
}

void FakeMachine::leave(const Departure& departure) {
  if (departure.to == Departure::To::user && on_resume_user) on_resume_user(*departure.registers);
  if (departure.to == Departure::To::power_off && on_power_off) on_power_off(departure.exit_code);
  if (departure.to == Departure::To::reset && on_reset) on_reset();
  if (leaves_by_throwing_) throw departure;
  if (departure.to == Departure::To::user) stop_test("the kernel left for user mode");
  if (departure.to == Departure::To::reset) stop_test("the kernel reset the machine");
  stop_test("the kernel switched off with code " + std::to_string(departure.exit_code));
}

// What machine:: does, with access to the machine's inside.
struct MachineCalls {
  static void load_root(FakeMachine& m, PhysAddr root) {
    const uint64_t* table = m.table_at(root.value);
    for (unsigned i = pte::user_entries_of_root; i < pte::entries_per_table; ++i) {
      // The processor may have marked it; nothing else may differ.
      if ((table[i] & ~pte::accessed) != kernel_half_entry(i)) {
        stop_test("a root without the kernel's half is loaded");
      }
    }
    ++m.counters.root_loads;
    m.root_ = root.value;
    drop_all(m);
  }
  static void drop_all(FakeMachine& m) {
    m.cached_pages_.clear();
    m.cached_walks_.clear();
  }
  // One page, and all that is cached of upper levels (SDM 4.10.4.1).
  static void drop_one(FakeMachine& m, uint64_t address) {
    m.cached_pages_.erase(address >> pte::covered_bits(0));
    m.cached_walks_.clear();
  }
  static std::byte* at(FakeMachine& m, PhysAddr address) {
    if (address.value >= m.taken_bytes_) stop_test("a physical address out of the memory that was taken");
    return m.arena_.get() + address.value;
  }
  static PhysAddr address_of(FakeMachine& m, const void* memory) {
    const auto* byte = static_cast<const std::byte*>(memory);
    if (byte < m.arena_.get() || byte >= m.arena_.get() + m.arena_bytes_) {
      stop_test("the physical address of what is not in the machine's memory");
    }
    return {static_cast<uint64_t>(byte - m.arena_.get())};
  }
  static void set_tick(FakeMachine& m, uint64_t period_ns) {
    m.tick_period_ns = period_ns;
    m.next_tick_ns_ = m.now_ns + period_ns;
  }
  static void idle(FakeMachine& m) {
    if (++m.counters.idle_calls > m.idle_limit) stop_test("idle for ever");
    if (m.on_idle) return m.on_idle();
    m.advance(m.tick_period_ns == 0 ? idle_ns_without_tick : m.next_tick_ns_ - m.now_ns);
  }
  [[noreturn]] static void leave(FakeMachine& m, const Departure& departure) { m.leave(departure); }
};

namespace machine {

std::byte* memory_at(PhysAddr address) { return MachineCalls::at(fake_machine(), address); }
PhysAddr physical_address_of(const void* memory) {
  return MachineCalls::address_of(fake_machine(), memory);
}

void install_kernel_half(uint64_t* root_table) {
  for (unsigned i = pte::user_entries_of_root; i < pte::entries_per_table; ++i) {
    root_table[i] = kernel_half_entry(i);
  }
}
void load_root(PhysAddr root_table) { MachineCalls::load_root(fake_machine(), root_table); }
PhysAddr kernel_root() { return {kernel_root_address}; }
void flush_translations() {
  ++fake_machine().counters.full_flushes;
  MachineCalls::drop_all(fake_machine());
}
void flush_translation(UserAddr address) {
  ++fake_machine().counters.single_flushes;
  MachineCalls::drop_one(fake_machine(), address.value);
}

uint64_t now_ns() {
  FakeMachine& m = fake_machine();
  if (m.on_clock_read) m.on_clock_read();
  if (m.step_ns != 0) m.advance(m.step_ns);
  return m.now_ns;
}
uint64_t wall_clock_seconds() {
  return fake_machine().wall_seconds_at_boot + fake_machine().now_ns / 1'000'000'000;
}
void set_boot_mark(uint32_t) {}
void set_tick(uint64_t period_ns) { MachineCalls::set_tick(fake_machine(), period_ns); }

Pending take_pending() {
  FakeMachine& m = fake_machine();
  Pending taken = std::exchange(m.pending, {});
  // A simulated disk raises no interrupt; one too many does no harm.
  taken.disk |= m.disk != nullptr;
  return taken;
}
void idle() { MachineCalls::idle(fake_machine()); }
void let_interrupts_in() {
  if (fake_machine().on_interrupt_window) fake_machine().on_interrupt_window();
}
bool is_timer_pending() { return fake_machine().pending.timer; }
void console_await() {}
void console_write(std::string_view text) { fake_machine().console_output += text; }
bool is_memory_readable_past_rights() { return false; }
uint64_t processor_feature_bits() { return processor_feature::avx; }

std::optional<char> console_read() {
  FakeMachine& m = fake_machine();
  if (m.console_input.empty()) return std::nullopt;
  const char next = m.console_input.front();
  m.console_input.pop_front();
  return next;
}
std::optional<uint64_t> random_word() {
  auto& state = fake_machine().random_state;
  if (!state) return std::nullopt;
  *state += 0x9e3779b97f4a7c15;  // splitmix64
  uint64_t word = *state;
  word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
  word = (word ^ word >> 27) * 0x94d049bb133111eb;
  return word ^ word >> 31;
}

void fpu_disable() { fake_machine().fpu_enabled = false; }
void fpu_enable() { fake_machine().fpu_enabled = true; }

namespace {
void check_fpu(const std::byte* area) {
  if (!fake_machine().fpu_enabled) stop_test("the FPU is used while it is disabled");
  if (reinterpret_cast<uintptr_t>(area) % 64 != 0) stop_test("an XSAVE area that is not aligned");
}
}  // namespace

void fpu_save(std::byte* area) {
  check_fpu(area);
  std::memcpy(area, fake_machine().fpu_registers, FakeMachine::fpu_bytes);
}
void fpu_load(const std::byte* area) {
  check_fpu(area);
  uint32_t sse_control;
  std::memcpy(&sse_control, area + 24, sizeof(sse_control));
  if (sse_control == 0 && !fake_machine().takes_any_fpu_area) stop_test("an XSAVE area that was never given its initial state");
  std::memcpy(fake_machine().fpu_registers, area, FakeMachine::fpu_bytes);
}
void fpu_initial_state(std::byte* area) {
  constexpr uint16_t x87_control = 0x37f;
  constexpr uint32_t sse_control = 0x1f80;
  std::memset(area, 0, FakeMachine::fpu_bytes);
  std::memcpy(area, &x87_control, sizeof(x87_control));
  std::memcpy(area + 24, &sse_control, sizeof(sse_control));
}

void resume_user(Registers& registers) {
  MachineCalls::leave(fake_machine(), {.to = Departure::To::user, .registers = &registers});
}
void power_off(int exit_code) {
  MachineCalls::leave(fake_machine(), {.to = Departure::To::power_off, .exit_code = exit_code});
}
void reset() { MachineCalls::leave(fake_machine(), {.to = Departure::To::reset}); }

}  // namespace machine
}  // namespace perdure
