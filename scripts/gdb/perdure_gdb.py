# SPDX-License-Identifier: MIT
"""Commands of gdb for processes, capabilities, address spaces, frames and the trace of a machine that stands
still: `help perdure` lists them. scripts/debug loads this file; by hand: `source scripts/gdb/perdure_gdb.py`.
"""

import pathlib
import re
import sys

import gdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import kernel_memory as memory  # noqa: E402
import machine_link  # noqa: E402
import method_names  # noqa: E402
import space_tree  # noqa: E402
import user_programs  # noqa: E402
from kernel_memory import NotThere, constant, follow, name_of, object_name  # noqa: E402

WAITS_FOR = {  # by WaitChannel::Reason; all others are told by their name
    "frame": "a frame from the disk", "receiver": "a receiver that is busy", "endpoint": "an endpoint without receiver",
    "wrapper": "a blocked wrapper", "commit": "a checkpoint's commit", "time": "a time", "boot_epoch": "another boot",
}


class Command(gdb.Command):
    """One of ours: what is not in memory, and wrong arguments, are told in a line."""

    def __init__(self, name, words=0, most=None):
        self.word = name
        self._least, self._most = words, words if most is None else most
        super().__init__("perdure " + name, gdb.COMMAND_DATA)

    def invoke(self, text, _from_terminal):
        self.dont_repeat()
        words = self.split(text)
        if not self._least <= len(words) <= self._most:
            raise gdb.GdbError(self.__doc__.splitlines()[0])
        try:
            self.run(*words)
        except NotThere as reason:
            raise gdb.GdbError(str(reason)) from None

    def split(self, text):
        return gdb.string_to_argv(text)


def number(word):
    if not re.fullmatch(r"\d+|0x[0-9a-f]+", word):
        raise gdb.GdbError(f"{word} is not a number")
    return int(word, 0)


class Perdure(gdb.Command):
    """Processes, capabilities, address spaces, frames and the trace of the machine, as far as they are in memory."""

    def __init__(self):
        super().__init__("perdure", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)


class Processes(Command):
    """perdure processes: every process in memory, with its state and what it waits for."""

    def run(self):
        cache = memory.cache()
        frames = cache.frames_of_processes()
        print(f"{'frame':>8}  {'state':10} {'waits for':45} {'priority':9} {'rip':>10}  rsp")
        for frame in frames:
            try:
                process = cache.process(frame)
            except NotThere as reason:
                print(f"{frame:>8}  {reason}")
                continue
            registers = process["registers"]
            print(f"{frame:>8}  {name_of(process['control']['state']):10} {waits_for(cache, frame, process):45} "
                  f"{priority_of(cache, process):9} {int(registers['rip']):#10x}  {int(registers['rsp']):#x}")
        print(f"{len(frames)} processes in memory")


def activity_of(cache, process):
    capability = process["control"]["activity"]
    return cache.object_of(capability) if cache.is_valid(capability) else None


def waits_for(cache, frame, process):
    control = process["control"]
    state = name_of(control["state"])
    if state == "stopped":
        return "" if name_of(control["fault"]) == "none" else f"(fault: {name_of(control['fault'])})"
    if state == "receiving":
        return "a message"
    if state == "waiting":
        return f"an answer{of_whom(cache, frame, process)}"
    activity = activity_of(cache, process)
    if activity is None:
        return "(its activity is not in memory)"
    flags = int(activity["queue_flags"])
    reason = flags & int(memory.symbol(memory.REASON_BITS))
    if reason:
        return stalled_for(cache, process, reason)
    if flags & int(memory.symbol(memory.FLAG_READY)):
        return "the processor (ready)"
    return "(runs: registers as of its last entry)" if frame == cache.running_frame() else "(between two lines)"


def stalled_for(cache, process, reason):
    name = name_of(gdb.Value(reason).cast(memory.type_of("WaitChannel::Reason")))
    told = WAITS_FOR.get(name, name.replace("_", " "))
    receiver = cache.receiver_of(invoked(process)) if name == "receiver" else None
    return told if receiver is None else f"{told}: process {receiver}"


def invoked(process):
    """The capability of the call that it makes (objects/abi.hpp: rax)."""
    return process["capability_registers"][int(process["registers"]["rax"]) >> 8 & 31]


def of_whom(cache, client, process):
    """The process that holds what answers this client, where it was delivered; else the one that was called: it
    keeps that elsewhere, or has handed it on."""
    for frame in cache.frames_of_processes():
        try:
            answer = cache.process(frame)["capability_registers"][1]
        except NotThere:
            continue
        if name_of(answer["type"]) == "resume" and object_name(answer["object"]) == f"{client}.0" and cache.is_valid(answer):
            return f" of process {frame}"
    called = cache.receiver_of(invoked(process))
    return f"; it has called process {called}" if called is not None else ""


def priority_of(cache, process):
    """Its schedule's; and behind it the one that it is lent, if it stands in a line by that."""
    schedule, activity = process["schedule"], activity_of(cache, process)
    if name_of(schedule["type"]) == "void_capability":
        own = 0
    elif cache.is_valid(schedule):
        own = int(cache.object_of(schedule)["priority"])
    else:
        return "not known"
    in_line = int(process["control"]["line_priority"])
    is_ready = activity is not None and int(activity["queue_flags"]) & int(memory.symbol(memory.FLAG_READY))
    return f"{own}, lent {in_line}" if is_ready and in_line > own else str(own)


class Capabilities(Command):
    """perdure capabilities FRAME: the slots and registers of the process in that frame that are not void."""

    def __init__(self):
        super().__init__("capabilities", 1)

    def run(self, frame):
        cache = memory.cache()
        process = cache.process(number(frame))
        for name in ("space", "keeper", "schedule", "brand"):
            self.show(cache, name, process[name])
        self.show(cache, "activity", process["control"]["activity"])
        registers = process["capability_registers"]
        first, last = registers.type.range()
        for register in range(first, last + 1):
            self.show(cache, f"{register}", registers[register])

    @staticmethod
    def show(cache, name, capability):
        if name_of(capability["type"]) != "void_capability":
            print(f"{name:>8}  {described(cache, capability)}")


def described(cache, capability):
    words = [name_of(capability["type"])]
    if memory.kind_named_by(int(capability["type"])) != "empty" or int(capability["object"]["value"]):
        words.append(object_name(capability["object"]))
    if int(capability["payload"]):
        words.append(f"payload {int(capability['payload']):#x}")
    words += memory.names_of_bits(int(capability["restrictions"]), memory.restriction_names())
    receiver = cache.receiver_of(capability)
    to_whom = f", to process {receiver}" if receiver is not None else ""
    return f"{' '.join(words)}{to_whom}: {cache.verdict(capability)}"


class Space(Command):
    """perdure space FRAME: the address space of the process in that frame, its nodes and pages."""

    def __init__(self):
        super().__init__("space", 1)

    def run(self, frame):
        cache = memory.cache()
        for line in space_tree.lines_of(cache, cache.process(number(frame))["space"]):
            print(line)


class Frame(Command):
    """perdure frame FRAME: what memory knows of a frame of the store: its descriptor, and the objects in it."""

    def __init__(self):
        super().__init__("frame", 1)

    def run(self, frame):
        cache = memory.cache()
        slot = cache.slot_of(number(frame))
        descriptor = cache.descriptor(slot)
        state, kind = name_of(descriptor["state"]), cache.kinds[slot]
        if state == "dirty" and int(descriptor["epoch"]) != int(memory.kernel(memory.EPOCH)):
            state = "dirty, frozen (the checkpoint that is being written has it)"
        flags = memory.names_of_bits(int(descriptor["flags"]), memory.flag_names("FrameDescriptor"))
        identity = descriptor["identity"]
        print(f"frame {number(frame)}: {memory.kind_name(kind)}, {state}")
        print(f"  version {int(identity['source']['value']):#x}, account {int(identity['account']['value'])}, "
              f"epoch {int(descriptor['epoch'])}, pins {int(descriptor['pins'])}, flags: {' '.join(flags) or 'none'}")
        print(f"  slot {slot} of the cache, at {cache.address_of(slot):#x}")
        if memory.is_row(kind):
            header = gdb.Value(cache.body(slot)[:memory.type_of("RowHeader").sizeof], memory.type_of("RowHeader"))
            there = [str(i) for i in range(memory.objects_per_frame(kind)) if int(header["allocated"]) >> i & 1]
            print(f"  objects: {' '.join(there) or 'none'}   (print $object({number(frame)}, {there[0] if there else 0}))")
        elif memory.kind_name(kind) == "process":
            print(f"  (print $object({number(frame)}))")


class Object(gdb.Function):
    """$object(FRAME [, INDEX]): a process, or a small object of a row, as a value of its C++ class, where it stands in
    memory: `print $object(66)->registers`."""

    def __init__(self):
        super().__init__("object")

    def invoke(self, frame, index=0):
        try:
            cache, frame, index = memory.cache(), int(frame), int(index)
            slot = cache.slot_of(frame)
            cache.body(slot)  # it can be read
            kind = cache.kinds[slot]
            if index >= memory.objects_per_frame(kind):
                raise NotThere(f"there is no object {index} in frame {frame}: {memory.kind_name(kind)}")
            named = memory.type_of(memory.class_of_kind(memory.kind_name(kind)))
        except NotThere as reason:
            raise gdb.GdbError(str(reason)) from None
        except gdb.error:
            raise gdb.GdbError(f"frame {frame} holds bytes or capabilities and no class: x/16gx, or perdure frame") from None
        begin = memory.type_of("RowHeader").sizeof + index * named.sizeof if memory.is_row(kind) else 0
        return gdb.Value(cache.address_of(slot) + begin).cast(named.pointer())


class Accounts(Command):
    """perdure accounts: how many frames in memory each account pays for, by kind. An account is the number of a bank;
    what banks there are, and all that they own, their program knows: `banks` in the shell."""

    def run(self):
        cache = memory.cache()
        counts, kinds = {}, set()
        for slot in cache.slots.values():
            account = int(cache.descriptor(slot)["identity"]["account"]["value"])
            kind = memory.kind_name(cache.kinds[slot])
            counts.setdefault(account, {}).setdefault(kind, 0)
            counts[account][kind] += 1
        for account in sorted(counts):
            told = ", ".join(f"{kind} {count}" for kind, count in sorted(counts[account].items()))
            print(f"account {account:<5} {sum(counts[account].values()):>6} frames in memory: {told}")


class Trace(Command):
    """perdure trace [COUNT]: the last things that the kernel did (20), the newest last."""

    def __init__(self):
        super().__init__("trace", 0, 1)

    def run(self, count="20"):
        ring = memory.kernel(memory.TRACE_ENTRIES)[memory.ARRAY_ELEMENTS]
        oldest, entries = int(memory.kernel(memory.TRACE_NEXT)), constant("Trace", "entry_count")
        shown = min(number(count), entries)
        for i in range(entries - shown, entries):
            entry = ring[(oldest + i) % entries]
            event = name_of(entry["event"])
            if event != "none":
                whose = f"process {int(entry['process'])}" if int(entry["process"]) else "kernel"
                print(f"{event:11} {whose:14} {meaning(event, int(entry['a']), int(entry['b']))}".rstrip())


def meaning(event, a, b):
    if event == "invocation":
        kind = name_of(gdb.Value(a & 0xff).cast(memory.type_of("Invocation")))
        return f"{kind} register {a >> 8 & 0xff}: {method_names.name_of(b)}"
    if event == "stall":
        reason, key = a >> 58, a & ((1 << 58) - 1)
        return f"{name_of(gdb.Value(reason).cast(memory.type_of('WaitChannel::Reason')))} {key}"
    if event == "fault":
        return f"address {a:#x}: {name_of(gdb.Value(b).cast(memory.type_of('FaultCode')))}"
    if event in ("declare", "committed"):
        return f"generation {a}" + (", failed" if event == "committed" and b else "")
    if event == "destroy":
        return f"frame {a}: {memory.kind_name(b)}" if b >> 32 == 0 else f"frame {a}: a damage that stops the kernel"
    return "" if event == "run" else f"{a}"


Perdure()
Processes("processes")
Capabilities()
Space()
Frame()
Object()
Accounts("accounts")
Trace()
machine_link.define(Command)
user_programs.define(Command, number)
