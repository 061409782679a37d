// SPDX-License-Identifier: MIT
//
// Messages between processes: a call or send through an entry, a reply through a resume
// capability, and the open wait. Each is prepared completely (receiver waiting, frames writable,
// bytes copied into a buffer that has no defined contents until delivery) and then committed in
// one piece, so that a power cut finds either the request or its delivery, never both or neither.
//
//   caller                                receiver
//   running --call--> waiting             receiving --delivery--> running
//   waiting <--reply-- (its call count moves on: the resume capability is void)
//
// While the receiver is busy the caller's activity stays runnable and stands in line (run/lines.hpp). From the
// acceptance of the call to its answer the caller has no runnable activity.
#pragma once

#include <optional>

#include "kernel/attempt/attempt.hpp"
#include "kernel/invoke/buffers.hpp"
#include "kernel/invoke/request.hpp"
#include "kernel/processes/process_states.hpp"

namespace perdure {

// What one message carries, wherever it comes from: registers, or a fault.
struct Outgoing {
  uint64_t words[message_word_count] = {};
  Capability capabilities[message_capability_count];
  Pieces bytes;
};

class Messages {
 public:
  constexpr Messages(Attempt& attempt, Processor& processor, Scheduler& scheduler, Lines& lines,
                     Deadlines& deadlines, ProcessStates& states,
                     Buffers& buffers)
      : attempt_(attempt), store_(attempt.store), processor_(processor), scheduler_(scheduler), lines_(lines),
        deadlines_(deadlines), states_(states), buffers_(buffers) {}

  Outcome invoke_entry(Request&);
  Outcome invoke_resume(Request&);
  Outcome reply_and_wait(Process& caller);
  // Sets bits in a process's pending word, and lets it run if it waits open. The sender waits for no program.
  Outcome post_notice(Request&, Capability& receiver, uint64_t bits);
  // A call on behalf of `caller`, which is current: the caller waits, the receiver runs. `deadline_ns`: of a
  // system call; 0: none.
  Outcome call_through(Process& caller, Capability& entry, const Outgoing&, const Request&, uint64_t deadline_ns);
  // Answers a waiting process from the kernel, in a step of its own.
  Outcome answer_caller(Capability& resume, Result);

 private:
  struct Receiver {  // waits open, can be written
    CacheSlot slot;
    ActivityRef activity;
    Pieces room;
    uint64_t endpoint_id;
    uint64_t entry_payload;
  };
  struct Waiting {  // waits for an answer, can be written
    CacheSlot slot;
    ActivityRef activity;
    Pieces room;
  };
  Expected<Receiver, Outcome> prepare_receiver(Capability& entry, uint32_t length);
  Expected<std::optional<Waiting>, Outcome> prepare_waiting(Capability& resume, uint32_t length);
  Expected<Outgoing, Outcome> outgoing(Process& caller);
  Outcome send_through(Process& caller, Capability& entry, const Outgoing&, const Request&);
  void deliver(const Commit&, const Receiver&, Delivery, const Outgoing&, const Capability& resume, const Request&);
  bool finish_fault(ProcessControl&, Result);
  bool finish_call(const Commit&, const Waiting&, const Outgoing&);
  void deliver_notices(const Commit&, Process&);

  Attempt& attempt_;
  FrameStore& store_;
  Processor& processor_;
  Scheduler& scheduler_;
  Lines& lines_;
  Deadlines& deadlines_;
  ProcessStates& states_;
  Buffers& buffers_;
};

}  // namespace perdure
