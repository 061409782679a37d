#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves the guest suite: seeds one fault after the other in the kernel, and requires that the tests named with it
turn red, in the machine.

  test/guest/mutations.py [NAME]
      only the fault NAME, or all whose name contains it

`scripts/test mutations` tries each.
"""

import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))
from perdure_host import changed_tree  # noqa: E402
from perdure_host.changed_tree import Fault  # noqa: E402

SCRIPT = "test/guest/mutations.py"
TARGETS = ["bootable", "test/guest/guest.elf"]
JUDGE = "--red"   # what main says to itself in the changed tree: tell the names of the red tests
SECONDS_MAX = 30  # five times what the suite takes: the test that hangs is red, too

INVOCATION, MESSAGES, FAST = "kernel/invocation.cpp", "kernel/invoke/messages.cpp", "kernel/fast_path.cpp"
REQUEST = "kernel/invoke/request.cpp"
CAPABILITIES = "kernel/capabilities/"

# name, file, text, what it becomes, and the tests that turn red
FAULTS = [Fault(*one) for one in (
    (changed_tree.NOTHING, MESSAGES, "Outcome Messages::invoke_entry", "Outcome Messages::invoke_entry", ()),
    # --- messages
    ("the fast path leaves a word out", FAST, "  to.r8 = from.r8;\n", "",
     ("messages: six words go there",)),
    ("the fast path leaves what is moved", FAST, "  if (moves_anything(sender.registers)) take_moved(sender);\n", "",
     ("messages: what is moved is gone, and only that: first",)),
    ("a process may call itself", MESSAGES, "    if (at->slot == processor_.slot()) return std::unexpected(Outcome::refuse(Result::in_use));\n", "",
     ("messages: a process cannot call",)),
    ("a refused call leaves what was to be received", "kernel/register_view.cpp",
     "      if (number != 0) caller.capability_registers[number] = {};\n    }\n  }\n  registers.rax", "    }\n  }\n  registers.rax",
     ("messages: a refused call leaves void",)),
    ("callers of an old receiver are not woken", CAPABILITIES + "endpoint.cpp", "  scheduler.wake_callers(before);\n", "",
     ("messages: who waits for a receiver that is taken away",)),
    # --- resume capabilities
    ("the count of calls stands still", "kernel/processes/process_states.hpp", "  ++control.call_count;\n", "",
     ("resume: the resume capability of the call before",)),
    ("a resume capability can be called", MESSAGES, "  if (request.kind == Invocation::call) return Outcome::refuse(Result::bad_argument);\n", "",
     ("resume: a resume capability cannot be called",)),
    ("callers of a destroyed server are not answered", "kernel/invoke/destruction.cpp",
     "  if (const Outcome o = answer_all(process.capability_registers, capability_register_count);\n      o.is_obstacle()) {\n    return o;\n  }\n", "",
     ("resume: the destruction of the server",)),
    ("a stopped caller is not told", "kernel/processes/process_states.cpp", "    if (control.fault == FaultCode::none) answer_refusal(committed, process, Result::interrupted);\n", "",
     ("resume: a caller that was stopped",)),
    # --- deadlines
    ("a deadline in the past is none", INVOCATION, "    if (time.has_passed(registers.r15)) return Outcome::refuse(Result::timed_out);\n", "",
     ("deadlines: a deadline in the past delivers nothing",)),
    ("nobody looks at the deadline of an accepted call", MESSAGES, "  if (deadline_ns != 0) deadlines_.await_deadline(committed, own, deadline_ns);\n", "",
     ("deadlines: a deadline ends the wait for an answer",)),
    ("a send may have a deadline", INVOCATION, "    if (kind != Invocation::call) return Outcome::refuse(Result::unsupported);\n", "",
     ("deadlines: no deadline is taken by a send",)),
    ("a sleep does not know another boot", CAPABILITIES + "clock.cpp", "epoch != 0 && epoch != time.boot_epoch();", "false && epoch != 0;",
     ("deadlines: a sleep for another boot",)),
    # --- notices
    ("a post forgets those before it", MESSAGES, "    process.control.pending_notices |= bits;\n    return request.answer(committed);",
     "    process.control.pending_notices = bits;\n    return request.answer(committed);", ("notices: bits of several posts",)),
    ("a reduced notice is as good as a whole one", CAPABILITIES + "notice.cpp", "  reduced.restrictions |= restriction::post_only;\n", "",
     ("notices: a reduced notice",)),
    ("a delivery of notices leaves the old resume capability", MESSAGES,
     "  process.capability_registers[resume_register] = {};\n  process.control.pending_notices = 0;", "  process.control.pending_notices = 0;",
     ("notices: a delivery of notices clears",)),
    ("notices are delivered and stay", MESSAGES, "  process.control.pending_notices = 0;\n", "",
     ("messages: ",)),
    # --- wrappers
    ("the outermost wrapper's payload is told", REQUEST, "    request.wrapper_payload = wrapper.payload;",
     "    if (depth == 0) request.wrapper_payload = wrapper.payload;",
     ("wrappers: the innermost payload is told, and no other, by wrappers in number 2",)),
    ("a blocked wrapper lets all pass", REQUEST, "if (wrapper.flags & Wrapper::flag_blocked) {", "if (false) {",
     ("wrappers: who waits at a blocked wrapper is answered when",)),  # it hangs there, and no test behind it is tried
    ("nine wrappers are allowed", REQUEST, "wrapper_depth_max = 8;", "wrapper_depth_max = 9;", ("wrappers: nine wrappers",)),
    ("the fast path hands nothing over", FAST, "    if (wrapper->flags & Wrapper::flag_hand_over) [[unlikely]] {", "    if (false) {",
     ("wrappers: a waiting server is handed the control",)),
    ("a weak wrapped capability invokes programs", REQUEST, "(restrictions & restriction::weak) && !capability->is_memory()", "false",
     ("wrappers: a weak wrapped capability",)),
    ("an endpoint recognizes other endpoints' entries", CAPABILITIES + "endpoint.cpp",
     "  return capability.type == CapabilityType::entry &&\n         names(capability, request.capability.object, request.capability.version);",
     "  return (void)request, capability.type == CapabilityType::entry;", ("wrappers: an endpoint does not recognize what is not its own",)),
    # --- capabilities
    ("a weak fetch yields what has authority", "objects/capability.hpp", "    default:\n      return {};", "    default:\n      return capability;",
     ("capabilities: a weak fetch yields what it may of a process", "capabilities: of entries, resume capabilities and banks")),
    ("versions of a row repeat", "objects/frame_life.cpp", "  const Version version = take_version(identity);\n  std::byte* object",
     "  const uint64_t before = (identity.source.value - 64) & ~uint64_t{63};\n"
     "  const Version version = identity.source.value >> 32 ? Version{before + index} : take_version(identity);\n  std::byte* object",
     ("capabilities: it never comes to life again once it was freed: a wrapper",)),
    ("restrictions are replaced", CAPABILITIES + "memory.cpp", "reduced.restrictions |= static_cast", "reduced.restrictions = static_cast",
     ("capabilities: restrictions only grow",)),
    # --- refusals
    ("an opaque node can be looked at", CAPABILITIES + "node.cpp",
     "  if (request.forbids<type>(restriction::opaque)) return Outcome::refuse(Result::missing_right);\n  const bool weak", "  const bool weak",
     ("refusals: the right is missing to look at an opaque node",)),
    ("what is weak can be changed", CAPABILITIES + "slots.hpp", "restriction::opaque | restriction::read_only | restriction::weak)) {",
     "restriction::opaque | restriction::read_only)) {", ("refusals: the right is missing to store into a weak node",)),
    ("priorities know no ceiling", CAPABILITIES + "schedule.cpp", "  if (priority > request.object_as<Schedule>().ceiling) return Outcome::refuse(Result::limit_reached);\n", "",
     ("refusals: it is a bad argument: a priority above the ceiling",)),
    ("the schedule of a process can be had", CAPABILITIES + "process.cpp",
     "  if (request.word(1) == process_slot::schedule) return Outcome::refuse(Result::missing_right);\n", "",
     ("refusals: the right is missing to fetch the schedule",)),
    # --- storage
    ("half a page is copied", CAPABILITIES + "page.cpp", "request.attempt.store.bytes(from->slot), frame_bytes);", "request.attempt.store.bytes(from->slot), frame_bytes / 2);",
     ("storage: a page is copied",)),
    ("two slots of a node are one", CAPABILITIES + "node.cpp", "request.object_as<Node>().slots[index]);\n}", "request.object_as<Node>().slots[index == 14 ? 13 : index]);\n}",
     ("storage: each slot of a node",)),
    # --- address spaces
    ("a changed slot voids nothing", CAPABILITIES + "node.cpp", "if (!slot.is_void()) tables.forget_node(request.capability.object);", "",
     ("address_spaces: what is taken from a node is taken from every space",)),
    ("a changed slot size voids nothing", CAPABILITIES + "node.cpp", "  const Commit committed = request.attempt.commit();\n  tables.forget_node(request.capability.object);\n", "  const Commit committed = request.attempt.commit();\n",
     ("address_spaces: the pocket of a node counts as void, as soon",)),
    ("a destroyed node stays mapped", "kernel/invoke/destruction.cpp", "      tables_.forget_node(id);\n", "",
     ("address_spaces: its destruction takes it from a running reader: the lowest node",)),
    ("a node is entered whatever its guard", "kernel/memory/space_walk.cpp", "  if (offset_ >> span != guard) return end_with(FaultCode::no_memory);\n", "  (void)guard;\n",
     ("restrictions: another guard keeps a running reader out: the lowest node",)),
    ("keepers are told below no_call", "kernel/memory/space_walk.cpp", "  if (restrictions_ & restriction::no_call) outcome_.fault = {.code = code};\n", "",
     ("restrictions: no keeper of the space is told below no_call",)),
    ("the highest keeper is told", "kernel/memory/space_walk.cpp", "  if (!node.keeper.is_void()) note_keeper(object, node);", "  if (!node.keeper.is_void() && !outcome_.fault.has_keeper) note_keeper(object, node);",
     ("restrictions: of the nodes with a keeper the nearest one's is told: the lowest",)),
    ("weak memory can be written", "kernel/memory/space_walk.cpp", "!(restrictions_ & (restriction::read_only | restriction::weak));", "!(restrictions_ & restriction::read_only);",
     ("restrictions: a running writer is stopped when it becomes weak",)),
    # --- faults
    ("a division by zero is any exception", "kernel/invoke/faults.cpp", "    case 0: return FaultCode::divide_error;\n", "",
     ("faults: without a keeper it stops the process, which says so: a division by zero",)),
    ("a keeper is not told of a jump", "kernel/invoke/faults.cpp", "(execute ? detail_execute : 0)", "(execute ? 0 : 0)",
     ("faults: the status tells address and kind of a jump to nothing",)),
    ("a refusal of the space's keeper stops the process", MESSAGES, "  if (control.flags & ProcessControl::flag_with_own_keeper) return false;\n", "  return false;\n",
     ("address_spaces: a keeper's refusal is passed on",)),
    # --- processes
    ("a process that runs can be started", CAPABILITIES + "process.cpp",
     "  if (process.control.state != ProcessState::stopped) return Outcome::refuse(Result::in_use);\n  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;\n  const auto activity",
     "  if (const Outcome o = request.attempt.prepare_write(request.object.slot, Need::reserve); o.is_obstacle()) return o;\n  const auto activity",
     ("processes: a process that runs cannot be started",)),
    ("two processes have one activity", CAPABILITIES + "process.cpp",
     "  if (!*unbound) return std::unexpected(Outcome::refuse(Result::in_use));\n", "",
     ("processes: an activity is of one process",)),
    # --- schedules
    ("a new priority counts later", CAPABILITIES + "schedule.cpp", "  if (before != priority) scheduler.schedule_changed(request.object.slot, request.object.index, false);\n", "  (void)before;\n",
     ("schedules: who is raised while ready",)),
    ("clients lend nothing", "kernel/run/priorities.cpp", "    now.priority = std::max(now.priority, std::min(its.priority, ceiling));\n", "",
     ("schedules: those in line lend to their receiver",)),
    ("clients lend above the ceiling", "kernel/run/priorities.cpp", "std::min(its.priority, ceiling));", "its.priority);",
     ("address_spaces: a keeper may stand behind a wrapper",)),
    # --- bytes
    ("nobody is told of a cut message", MESSAGES, "receiver.room.length() < message.bytes.length() ? delivery_flag::truncated : 0;\n  if (request.is_wrapped)",
     "0;\n  if (request.is_wrapped)",
     ("transfer: a receiver gets what there is room for",)),
    ("a caller's buffer is not looked at", MESSAGES, "  if (is_call) {\n    if (const Outcome o = buffers_.probe_own(request.caller); o.is_obstacle()) return o;\n  }\n", "",
     ("transfer: a buffer that is not there",)),
    # --- lives
    ("an activity is of two processes", "kernel/processes/disbelief.cpp", "  if (found) return !is_bound(process_in(store_, found->slot), ref);\n", "  if (found) return true;\n",
     ("processes: an activity is of one process",)),
    # --- registers
    ("vector registers are not saved", "kernel/run/processor.cpp", "  machine::fpu_save(process_->fpu_area);\n", "",
     ("registers: two processes each have their own, and a third has none of them: vectors",)),
    ("the direction flag is lost", "kernel/arch/x86_64/entry.S", "andl $(0x244cd5 |", "andl $(0x2448d5 |",
     ("registers: the flags of a program outlast the end of its turn",)),
    ("a single step is lost with the processor", "kernel/arch/x86_64/entry.S", "3:  load_rflags REGISTERS_RFLAGS(%rdi), %r11d, 1\n",
     "3:  load_rflags REGISTERS_RFLAGS(%rdi), %r11d, 0\n", ("faults: single steps, each of one instruction",)),
    ("a single step is followed by others", "kernel/arch/x86_64/interrupts.cpp", "registers.rflags &= ~flag_trap;", ";",
     ("faults: single steps, each of one instruction",)),
    ("the fs base is shared by all", "kernel/arch/x86_64/entry.S", "    wrfsbase %rax\n", "", ("registers: ",)),
)]


def tell_red_tests():
    """The names of the tests that failed, and that of the one which never ended."""
    from perdure_host.console import ConsoleClosed, Unexpected
    from perdure_host.machine import Machine
    from perdure_host.testing import Lab
    suite = changed_tree.module_of("guest", ROOT / "test" / "system" / "guest.py")
    with tempfile.TemporaryDirectory() as directory:
        lab = Lab(directory, 1)
        with Machine(suite.new_image(lab, 1)) as machine:
            try:
                machine.expect(suite.END, SECONDS_MAX)
            except (ConsoleClosed, Unexpected):
                begun = re.findall(suite.BEGIN, machine.console.text)
                print(begun[-1] if begun else "no test has begun")
        red = [complaint.partition(": guest: FAILED")[0] for complaint in suite.complaints(machine.console.text)]
    for name in dict.fromkeys(red):
        print(name)


def main():
    if JUDGE in sys.argv:
        return tell_red_tests()
    return changed_tree.main(__doc__, FAULTS, TARGETS, SCRIPT, [JUDGE])


if __name__ == "__main__":
    sys.exit(main())
