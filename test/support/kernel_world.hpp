// SPDX-License-Identifier: MIT
//
// The whole generic kernel on the host: fake machine, a disk in memory or one of the test's, and guests
// that run functions of the test as programs. Objects are made directly in the store, as a range would make them.
//
// A guest does one thing at a time, and what it does stands in its registers, so that it survives
// a power cut like any program: rip says which thing (a call, a load, a store) and is put behind
// it when it is done. A stalled or faulted one is simply done again.
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>

#include "kernel/kernel.hpp"
#include "test/support/fake_machine.hpp"
#include "test/support/memory_disk.hpp"

namespace perdure {

// Where a guest's program counter stands before it does the thing.
inline constexpr uint64_t rip_of_call = 0x1000;   // the registers say what is invoked
inline constexpr uint64_t rip_of_load = 0x2000;   // one byte at [rdi], to rax
inline constexpr uint64_t rip_of_trap = 0x4000;   // the vector in rdi; raised when it is done, as int3 is
inline constexpr uint64_t rip_of_store = 0x3000;  // the low byte of rax to [rdi]
inline constexpr uint64_t rip_of_jump = 0x6000;   // to [rdi], where there is no instruction that changes anything
inline constexpr uint64_t rip_of_fpu = 0x5000;    // adds 1 to the first word of its vector registers

inline constexpr size_t fpu_word_offset = 160;    // of that word in the XSAVE area

struct Guest {
  Capability process;
  Capability activity;
  Capability endpoint;
  Capability root;   // node: 16 slots of one page
  Capability pages[2];
  // The two pages are at 0x10000 and 0x11000: slots 0 and 1 of a node with guard 1.
  static constexpr uint64_t memory = 0x10000;
};

// Small enough that checking the whole state behind every step takes no time.
struct WorldSize {
  size_t machine_bytes = 24u << 20;
  size_t table_pages = 16;
  size_t store_pages = 640;
  uint64_t disk_blocks = 4096;
  uint32_t log_segments = 24;
  uint32_t segment_blocks = 64;
};

class KernelWorld {
 public:
  // What a guest does next; sets rip and registers. Not called while something is undone.
  using Program = std::function<void(Process&)>;

  explicit KernelWorld(KernelOptions options = {}, WorldSize size = {});
  // On a disk of the test's, which holds an image; it has to outlive the next boot().
  KernelWorld(Disk&, KernelOptions, WorldSize);

  Kernel& kernel() { return *kernel_; }
  MemoryDisk& disk() { return disk_; }
  Process& process(const Guest& guest) { return *reinterpret_cast<Process*>(bytes(guest.process)); }

  // Before start(), or between steps: makes objects without asking the bank.
  Capability make(Kind);
  Capability make_in_new_row(Kind kind) {
    open_rows_.erase(kind);
    return make(kind);
  }
  void open_new_rows() { open_rows_.clear(); }  // for all small objects from now on
  void destroy(const Capability&);
  template <typename Object>
  Object& object(const Capability& capability) {  // to be written
    write(capability);
    return *row_object<Object>(bytes(capability), capability.object.index());
  }
  std::byte* bytes(const Capability&);
  void write(const Capability&);  // makes its frame dirty
  bool is_alive(const Capability&);
  Guest new_guest(Program, uint8_t priority = 1);
  // Without memory, and at the lowest priority: one frame and its share of two rows.
  Guest new_plain_guest(Program);
  void set_program(const Guest&, Program);
  // Puts a guest into the open wait, receiving into the given registers.
  void let_receive(const Guest&, uint64_t receive_into = 0);
  static Capability entry(const Guest&, uint64_t payload = 0);
  static Capability client_of(const Capability& wrapper_control);

  void start();              // the kernel finds what runs
  bool step();               // one kernel entry by the process that is chosen; false: none can run now
  void run(unsigned steps);  // at most
  void take_checkpoint();    // and wait for it
  // Everything in memory is lost.
  void cut_and_boot(std::initializer_list<FrameNumber> leave_stopped = {});
  void boot(Disk&);          // the same, from this disk; start() is to follow
  // Everything is on the disk, in its home, and the frames of these are only there.
  void page_out(std::initializer_list<Capability>);
  // The frames of these are in memory: each one's process, endpoint and schedule.
  void bring_in(std::initializer_list<Guest>);

  // Changes pages that are in memory, but for this one, until nothing more may be changed before the next
  // checkpoint. False: there are not enough of them.
  bool use_up_room(CacheSlot spared = no_slot);

  // System calls try the fast path first, as on the machine; how many it took.
  bool use_fast_path = false;
  uint64_t fast_count = 0;

  // Each system call is made behind a page fault of its program, as where another processor empties the page
  // tables all the time.
  bool tables_are_emptied = false;

  // DIRTY-BEFORE-WRITE, behind every step: no frame was changed that belongs to a checkpoint or is as it
  // is on the disk. A change that forgot to ask first would be lost.
  bool unwritable_is_watched = false;

  // Behind some steps: each frame is pinned once for each thing that hangs on what is in it. A test that
  // pins frames itself does not want this.
  bool pins_are_watched = true;

  // For programs: prepares registers.
  static void invoke(Process&, Invocation, unsigned capability_register, std::array<uint64_t, 6> words = {},
                     uint32_t send_registers = 0, uint32_t receive_registers = 0, uint32_t send_bytes = 0,
                     uint64_t send_address = 0, uint32_t receive_bytes = 0, uint64_t receive_address = 0);

 private:
  void open();
  CacheSlot resident(FrameNumber);
  void make_writable(CacheSlot);
  void poll();
  void enter(Process&, Registers&);
  void access(Registers&, bool write);
  void jump(Registers&);
  void compute(Registers&);
  bool faults_first(const Registers&);
  void check_unwritable();
  void check_pins();
  Capability make_small(Kind);

  void set_running(const Guest&);

  KernelOptions options_;
  WorldSize size_;
  MemoryDisk disk_;
  Disk* booted_from_ = &disk_;
  std::unique_ptr<Kernel> kernel_;
  std::map<FrameNumber, Program> programs_;
  std::map<Kind, FrameNumber> open_rows_;
  std::map<Kind, unsigned> next_index_;
  uint64_t next_frame_ = 1;
  std::map<FrameNumber, bool> has_faulted_;
  static constexpr unsigned steps_per_check_of_pins = 8;
  unsigned steps_ = 0;
  struct Unwritable {
    FrameNumber number;
    FrameIdentity identity;
    uint32_t epoch = 0;
    uint64_t checksum = 0;
  };
  std::map<CacheSlot, Unwritable> unwritable_;
};

}  // namespace perdure
