// SPDX-License-Identifier: MIT
//
// What can be invoked, and what each operation may touch beside the objects themselves: one file per capability
// type, named after it. Void, entry, resume and wrapped are no kernel objects: they are the invocation's own
// business (kernel/invocation.cpp, which has the table).
#pragma once

#include "kernel/attempt/outcome.hpp"

namespace perdure {

struct Request;
class Buffers;
class Checkpoints;
class Console;
class Destruction;
class Lines;
class MachineTime;
class Messages;
class PageTables;
class ProcessStates;
class RestartList;
class Scheduler;

Outcome invoke_number(Request&);
Outcome invoke_page(Request&);
Outcome invoke_capability_page(Request&);
Outcome invoke_node(Request&, PageTables&);
Outcome invoke_process(Request&, ProcessStates&, Scheduler&, Buffers&);
Outcome invoke_endpoint(Request&, Scheduler&);
Outcome invoke_wrapper_control(Request&, Scheduler&);
Outcome invoke_notice(Request&, Messages&);
Outcome invoke_schedule(Request&, Scheduler&);
Outcome invoke_activity(Request&);
Outcome invoke_range(Request&, Destruction&, RestartList&);
Outcome invoke_checkpoint(Request&, Checkpoints&, Lines&, Buffers&, const MachineTime&);
Outcome invoke_devices(Request&, const MachineTime&);
Outcome invoke_console(Request&, Console&, Buffers&, const MachineTime&);
Outcome invoke_clock(Request&, const MachineTime&);
Outcome invoke_discriminator(Request&);

// What the memory types share: memory.reduce.
Outcome invoke_memory_reduce(Request&);

}  // namespace perdure
