#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Proves the demonstrations (userland/demo) and the hostile programs (test/hostile): seeds one fault after the other in
what they show, and requires that they turn red, in the machine, and for that reason.

  test/demonstrations/mutations.py [NAME]
      only the fault NAME, or all whose name contains it

A fault names who has to notice it, and what that one then says: `A2: REASON` is a row of the command `demo`,
`hostile.NAME: REASON` an attack. Each row and each attack is named by one of the faults at least
(test/unit/host/mutations_test.py). `scripts/test mutations` tries each fault, `scripts/test --long` too.
"""

import pathlib
import re
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/lib"))
from perdure_host import changed_tree, demonstrations  # noqa: E402
from perdure_host.changed_tree import Fault  # noqa: E402

SCRIPT = "test/demonstrations/mutations.py"
TARGETS = ["bootable", "test/simulation/judge_image", *(f"test/hostile/{name}.elf" for name in (
    "hostile", "hostile_judge", "hostile_target"))]
JUDGE = "--red"   # what main says to itself in the changed tree: tell which row or attack is red, and why
HANGS, ENDS = "it does not come to its end", "the machine ended"
SECONDS_MAX = 180  # of one step of a row, and of an attack: on a busy host, too, several times what the longest takes

INVOCATION, MESSAGES = "kernel/invocation.cpp", "kernel/invoke/messages.cpp"
REQUEST = "kernel/invoke/request.cpp"
CAPABILITIES = "kernel/capabilities/"

# name, file, text, what it becomes, and which rows and attacks notice
FAULTS = [Fault(*one) for one in (
    (changed_tree.NOTHING, MESSAGES, "Outcome Messages::invoke_entry", "Outcome Messages::invoke_entry", ()),
    # --- A: objects, wrappers, banks
    ("a destroyed page stays mapped", "kernel/invoke/destruction.cpp", "      tables_.unmap(slot);\n", "",
     ("A2: a destroyed page is still mapped",)),
    ("a destroyed node stays mapped", "kernel/invoke/destruction.cpp",
     "    case Kind::node:\n      tables_.forget_node(id);\n", "    case Kind::node:\n",
     ("A2: a destroyed node is still mapped",)),
    ("what is sold is not taken off the bill", "spacebank/bank_logic.cpp",
     "  books_.give_back(frame);\n  tree_.discharge_one(bank, kind);\n", "  books_.give_back(frame);\n  (void)kind;\n",
     ("A2: the bank uses",)),
    ("versions are not compared", "kernel/attempt/lookup.hpp",
     "  if (!names(capability, ObjectId::of(store.descriptor(slot).number, index), version)) {\n    return std::unexpected(Failure::is_void());\n  }\n",
     "  (void)version;\n", ("A6: the capability is still a capability",
      "B11: a copy of what was destroyed is still a capability", "hostile.bank_destroyed_in_request: not as promised")),
    ("each program is given its parent's bank", "userland/runtime/program_start.cpp",
     "done = bank().reduce(own_bank_restrictions, passing());", "done = start_.parent.reduce(own_bank_restrictions, passing());",
     ("A7: a server holds another's bank",)),
    # --- B: servers
    ("each small object has a frame of its own", "spacebank/bank_logic.cpp",
     "is_row(kind) ? books_.row_with_place(bank, kind) : Frame::none;", "Frame::none;", ("B1: filling the server: limit reached",)),
    ("the outermost wrapper's payload is told", REQUEST, "    request.wrapper_payload = wrapper.payload;",
     "    if (depth == 0) request.wrapper_payload = wrapper.payload;",
     ("B2: writing through an outer wrapper", f"hostile.forged_payload: {HANGS}")),
    ("an entry tells the low byte of its payload", CAPABILITIES + "endpoint.cpp", ".payload = request.word(1)});",
     ".payload = request.word(1) & 0xff});", ("B3: facet 256 answers 0",)),
    ("a facet costs a wrapper", "userland/runtime/distinguished.hpp",
     "  return endpoint.entry(payload, into);",
     "  (void)BankCapability{registers::bank}.allocate(Kind::wrapper, into);\n  return endpoint.entry(payload, into);",
     ("B3: the bank uses",)),
    ("the time page is handed out as it is", "userland/clock/clock.cpp",
     "page_writable.reduce(restriction::read_only | restriction::no_execute, 0, page_readable);",
     "page_writable.reduce(restriction::no_execute, 0, page_readable);", ("B4: a client has written the page",)),
    ("old time is taken for new", "userland/runtime/time_page.hpp",
     "  if (static_cast<uint32_t>(read.boot_epoch) != present_mark()) return std::nullopt;\n", "  (void)present_mark;\n",
     ("B4: a client took the time of an earlier boot for new",)),
    ("a bank that ends gives nothing back", "spacebank/bank_sweep.cpp", "  tree_.discharge(bank, freed);\n", "  (void)bank;\n",
     ("B5: the bank uses",)),
    ("a bank that ends takes its neighbours along", "spacebank/bank_sweep.cpp",
     "entry.use == FrameUse::bought && entry.owner == bank &&", "entry.use == FrameUse::bought &&",
     ("B5: it does not come to its end",)),
    ("what a process holds dies with it", "kernel/invoke/destruction.cpp", "  scheduler_.wake_callers(slot);\n  return Outcome::prepared();",
     "  for (Capability& held : process.capability_registers) {\n"
     "    if (held.type != CapabilityType::page) continue;\n"
     "    if (const auto found = find(held)) rescind(store.descriptor(found->slot).identity);\n  }\n"
     "  scheduler.wake_callers(slot);\n  return Outcome::prepared();", ("B5: a page whose users are gone", "B6: the page of who is gone")),
    ("who waits at a wrapper spins", REQUEST,
     "return Outcome::wait(WaitChannel::of(WaitChannel::Reason::wrapper, capability->object.value));",
     "return Outcome::give_way();", ("B7: a process that waits takes the idler's time",)),
    ("a blocked wrapper lets all pass", REQUEST, "if (wrapper.flags & Wrapper::flag_blocked) {", "if (false) {",
     ("B7: a blocked client does not wait",)),
    ("a wrapper takes its neighbours along", "spacebank/bank_logic.cpp",
     "if (!is_row(kind) || arena_.at(place.frame).allocated == this_place) {", "if ((void)this_place, true) {", ("B7: ",)),
    ("what is moved stays with the sender", MESSAGES,
     "  if (outcome.what == Outcome::What::done) take_moved(request.caller);\n", "", ("B10: the clerk still holds",)),
    ("a destroyed object of a row is not written", CAPABILITIES + "range.cpp",
     "  if (const Outcome o = request.attempt.prepare_write(*slot, Need::reserve); o.is_obstacle()) return o;\n  if (const Outcome o = destruction.retire_object",
     "  if (const Outcome o = destruction.retire_object", ("B11: a copy of what was destroyed was answered `ok`",)),
    # --- D: messages
    ("a resume capability is good for later calls", MESSAGES,
     "control.state != ProcessState::waiting || control.call_count != resume.payload) return std::nullopt;",
     "control.state != ProcessState::waiting) return std::nullopt;",
     ("D1: a reply was answered `ok`", "hostile.reply_twice: not as promised")),
    ("the count of calls is not stored", "objects/frame_life.cpp", "  control.root_identity = 0;",
     "  control.root_identity = 0;\n  control.call_count = 0;", ("D1: ",)),
    ("a caller's buffer is not looked at", MESSAGES,
     "  if (is_call) {\n    if (const Outcome o = buffers_.probe_own(request.caller); o.is_obstacle()) return o;\n  }\n", "",
     ("D2: it does not wait with its keeper", "hostile.silent_keeper: not as promised")),
    ("another's fault is the caller's", "kernel/invoke/buffers.cpp", "return pages(other, room, false);",
     "return pages(other, room, true);", ("D2: ",)),
    ("a long message gives way to nobody", "kernel/invoke/buffers.cpp", "return !lines_.must_give_way();", "return true;",
     ("D2: of 20000 long messages", "D3: of 10000 strikes")),
    ("who sleeps is not seen in the midst of a message", "kernel/run/lines.cpp",
     "return scheduler_.priorities.running_priority(due) > own; });", "return false && scheduler_.priorities.running_priority(due) > own; });",
     ("D2: of 20000 long messages", "D3: of 10000 strikes")),
    ("the receiver is told where the bytes came from", MESSAGES,
     "  registers.r15 = request.wrapper_payload;",
     "  registers.r15 = request.is_wrapped ? request.wrapper_payload : request.caller.registers.r13;",
     ("D3: the receiver is told where the sender's bytes lie",)),
    ("half a message is delivered", "kernel/invoke/buffers.cpp",
     "return is_done ? Outcome::prepared() : Outcome::give_way();", "return (void)is_done, Outcome::prepared();", ("D3: ",)),
    # --- the hostile programs
    ("what is no register is taken for one", INVOCATION, " &&\n         (registers.rbx & not_a_register) == 0;", ";",
     ("hostile.bad_registers: not as promised",)),
    ("read-only memory can be received into", "kernel/memory/space_walk.cpp", "(access_.write && !page.writable) || ", "",
     ("hostile.bad_addresses: not as promised",)),
    ("ports are open to programs", "kernel/arch/x86_64/processor.cpp", "uint16_t port_map = sizeof(TaskState);",
     "uint16_t port_map = 0;", (f"hostile.privileged_instructions: {ENDS}",)),
    # The address at which a program goes on is looked at, too, but the emulated processor faults there by itself.
    ("flags that are not the program's are loaded", "kernel/arch/x86_64/entry.S", "andl $(0x244cd5 |",
     "andl $(0x247cd5 |", ("hostile.not_canonical: not as promised",)),
    ("a fault in the kernel's half is one of memory", "kernel/invoke/faults.cpp", "if (!trap.address.is_in_user_memory()) {", "if (false) {",
     ("hostile.kernel_addresses: not as promised",)),
    ("a turn does not end", "kernel/kernel.cpp", "if (lead <= 0 && !processor.has_slice_ended(machine::now_ns())) return;",
     "if (lead <= 0) return;", (f"hostile.endless_loop: {HANGS}",)),
    ("who has had its turn stands first again", "kernel/run/scheduler.cpp",
     "  append({Reason::none, is_looked_at ? now.priority : unlooked + now.priority}, ref);",
     "  insert_behind({Reason::none, is_looked_at ? now.priority : unlooked + now.priority}, {}, ref);",
     (f"hostile.flood: {HANGS}",)),
    ("the bank answers through whatever it is given", "spacebank/server/bank_server.cpp",
     "  if (party->type != CapabilityType::resume) return Result::wrong_type;\n", "", (f"hostile.never_receives: {HANGS}",)),
    ("a stopped process stays in its line", "kernel/processes/process_states.cpp",
     "  scheduler_.remove(activity);\n  lines_.forget_place(scheduler_.at(activity));", "  lines_.forget_place(scheduler_.at(activity));",
     ("hostile.stopped_sender: not as promised",)),
    ("nine wrappers are allowed", REQUEST, "wrapper_depth_max = 8;", "wrapper_depth_max = 9;",
     ("hostile.deep_nesting: not as promised",)),
    ("a bank's limit is not looked at", "spacebank/bank_tree.cpp", "fits = fits && has_room(arena_.at(at), count);",
     "(void)count;", ("hostile.full_bank: ",)),
    ("the number of a slot is not looked at", CAPABILITIES + "capability_page.cpp",
     "  if (index >= capabilities_per_page) return Outcome::refuse(Result::bad_argument);\n", "",
     ("hostile.random_calls: ",)),
    ("bought memory is not all cleared", "checkpoint/store.cpp", "std::memset(cache_.body(slot), 0, frame_bytes);",
     "std::memset(cache_.body(slot), 0, frame_bytes - 8);", ("hostile.residue: not as promised",)),
    ("a server is no more important than its client", "kernel/run/priorities.cpp",
     "now.priority = std::max(now.priority, std::min(its.priority, ceiling));",
     "now.priority = std::min(its.priority, ceiling);", (f"hostile.priority_inversion: {HANGS}",)),
    ("a trap that cannot be told at once is forgotten", "kernel/run/lines.cpp",
     "  if (!attempt_.is_call()) keep_trap(processor_.process().control, attempt_.trap());\n", "", ("hostile.busy_keeper: not as promised",)),
    ("the schedule of a process can be had", CAPABILITIES + "process.cpp",
     "  if (request.word(1) == process_slot::schedule) return Outcome::refuse(Result::missing_right);\n", "",
     ("hostile.highest_priority: not as promised",)),
)]


# --- in the changed tree ------------------------------------------------------------------------------


def rows():
    text = (ROOT / "userland/interfaces/demo.hpp").read_text()
    return re.findall(r'^    \{"(\w+)", "', text.partition("demo_rows[]")[2], re.MULTILINE)


def attacks():
    text = (ROOT / "test/hostile/attacks.hpp").read_text()
    return re.findall(r'^    \{"(\w+)", \d+\}', text.partition("attacks[]")[2], re.MULTILINE)


def everybody():
    return rows() + [f"hostile.{name}" for name in attacks()]


def play(lab, row):
    demonstrations.STEP_SECONDS = SECONDS_MAX
    machine = lab.boot(lab.new_image(size="64M", log_size="16M"), "interval=1000")
    demonstrations.Playing(lab, machine, row, ("interval=1000",)).run()


def attack(lab, name):
    test = changed_tree.module_of("hostile", ROOT / "test/system/hostile.py")
    test.TIME_LIMIT_SECONDS = SECONDS_MAX
    lab.case = name
    test.test(lab)


def complaint_of(name):
    """What it says if it is red."""
    from perdure_host.console import ConsoleClosed, Unexpected
    from perdure_host.testing import Lab
    with tempfile.TemporaryDirectory() as directory:
        lab = Lab(directory, 1)
        try:
            kind, _, case = name.rpartition(".")
            (attack if kind else play)(lab, case)
        except Unexpected:
            return HANGS
        except ConsoleClosed:
            return ENDS
        except AssertionError as error:
            return re.sub(r"^(demo|hostile) \w+: failed: ", "", str(error).partition("\n")[0])
        finally:
            lab.end()


def tell_red(expected):
    for name in dict.fromkeys(one.partition(":")[0] for one in expected or everybody()):
        if complaint := complaint_of(name):
            print(f"{name}: {complaint}", flush=True)


def main():
    if JUDGE in sys.argv:
        return tell_red(sys.argv[sys.argv.index(JUDGE) + 1:])
    return changed_tree.main(__doc__, FAULTS, TARGETS, SCRIPT, [JUDGE])


if __name__ == "__main__":
    sys.exit(main())
