// SPDX-License-Identifier: MIT
//
// Guests for the simulation of the whole kernel: clients that do random things with everything they hold, a
// server that all of them call, a keeper that maps pages into their spaces when they touch what is not
// there, and children that clients make, start and destroy.
//
// What a guest is about stands in its registers, as of any program: rsp says which operation is under way,
// rbp how many it has done, fs_base and gs_base what else it has to remember. So a power cut takes that
// back with all the rest. What guests were *told* is kept here and taken back by nothing: the promises.
#pragma once

#include <map>
#include <vector>

#include "test/simulation/oracle.hpp"
#include "test/simulation/simulated_machine.hpp"
#include "test/support/kernel_world.hpp"

namespace perdure {

class KernelGuests {
 public:
  static constexpr unsigned client_count = 4;
  // Each client has the range over so many frames, from here on.
  static constexpr uint64_t first_bought_frame = 80, frames_per_client = 24;
  static constexpr uint64_t frames_needed = first_bought_frame + client_count * frames_per_client;

  // Makes them. `random` also draws what they like to do.
  KernelGuests(KernelWorld&, Random& random);

  enum class Mode {
    busy,
    resting,  // a client that has done something sleeps for a while, so that each client has its turn
    ending,   // a client that has done something waits open, and no message comes
  };
  void set_mode(Mode mode) { mode_ = mode; }
  // Since it was last asked, every client has done something (is waiting open).
  bool has_everybody_acted() const;
  bool has_everybody_ended() const { return ended_ == (1u << client_count) - 1; }
  void forget_turns();

  // The power was cut: what is in this world has happened, and nothing else.
  void went_back_to(const World&);
  // What they were told is durable stands in this world of this generation. What was destroyed is gone:
  // durably, or, if nothing was cut since, at all.
  void check(const World&, uint64_t generation, bool is_after_cut) const;

  uint64_t operations() const { return operations_; }
  uint64_t acknowledgements() const { return acknowledgements_; }
  uint64_t destructions_told() const { return static_cast<uint64_t>(destroyed_for_good_.size()); }

 private:
  enum Operation : uint64_t {
    none, read, write, touch, map, call_server, cross_wrapper, keep, take_out, buy, destroy, probe, shape, compute, take_checkpoint,
    read_status, call_nobody, sleep, change_priority, post, raise_child, end_child, block, unblock,
    operation_count
  };
  struct Made {  // what a client bought, as it was given to it, and has not destroyed
    Capability capability;
    unsigned client;
  };
  struct Destroyed {
    Capability capability;
    unsigned client;
    uint64_t at;  // which of its operations
  };

  void equip(unsigned client);
  void act(unsigned client, Process&);
  void finish(unsigned client, Process&);
  void begin(unsigned client, Process&);
  void begin(unsigned client, Process&, Operation);
  void talk(Process&, unsigned through);
  void buy_something(unsigned client, Process&);
  void destroy_something(unsigned client, Process&);
  void shape_something(Process&);
  void raise(unsigned client, Process&, uint64_t stage);
  void bought(unsigned client, const Process&, uint64_t argument);
  void is_new(unsigned client, uint64_t at, uint64_t frame, const Capability&, bool in_row);
  void void_all(unsigned client, uint64_t at, uint64_t frame, const Capability* but, bool same_index_only, unsigned index);
  void promise(unsigned client, uint64_t at);
  void note_status(unsigned client, Process&);
  bool is_void(const Capability&) const;
  void serve(Process&);
  void answer(Process&);
  void keep_space(Process&);
  void live(Process&);
  uint32_t some(unsigned first, unsigned count) { return first + static_cast<uint32_t>(random_.below(count)); }

  KernelWorld& world_;
  Random& random_;
  Guest server_, keeper_, clients_[client_count];
  Capability nobody_, notice_;
  uint64_t weights_[operation_count] = {};
  uint64_t weight_sum_ = 0;
  Mode mode_ = Mode::busy;
  unsigned acted_ = 0, ended_ = 0;  // bit for each client
  std::vector<Made> made_;
  std::vector<Destroyed> destroyed_;
  // Promises.
  std::vector<Capability> destroyed_for_good_;
  uint64_t reached_[client_count] = {};  // as many operations are durable
  uint64_t told_generation_ = 0;
  uint64_t operations_ = 0, acknowledgements_ = 0;
};

}  // namespace perdure
