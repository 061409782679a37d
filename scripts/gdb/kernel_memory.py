# SPDX-License-Identifier: MIT
"""The kernel's memory as gdb sees it: which frames are in the cache, and the objects in them.

Everything is reached by the names of the C++ sources, which gdb knows from the kernel's ELF file: no
offset is written down here. A field that was renamed is an error with its name, and never a wrong answer.
What is read is what is in memory: a frame that only the disk has is told as such, and is not fetched.
"""

import functools
import pathlib

import gdb

# --- The access paths: all that this folder knows of the inside of the classes. If a field
# moves, one line changes here. (The fields of objects are public, and are named where they are used.)
KERNEL = "perdure::(anonymous namespace)::the_kernel"
DESCRIPTORS = "store.cache_.descriptors_"
BODIES = "store.cache_.bodies_"
KEPT = "store.cache_.kept_"  # two slots that are not evicted: first that of the process which runs
EPOCH = "store.epoch_"
BOOT_EPOCH = "store.parts_.roots.current_.boot_epoch"
READY = "scheduler.ready_map_"     # a bit for each priority at which a process is ready
TRACE_ENTRIES = "trace.entries_"
TRACE_NEXT = "trace.next_"
FLAG_READY = "perdure::(anonymous namespace)::flag_ready"    # kernel/run/scheduler.cpp: Activity::queue_flags
REASON_BITS = "perdure::(anonymous namespace)::reason_bits"
SPAN_BEGIN, SPAN_LENGTH, ARRAY_ELEMENTS = "_M_ptr", "_M_extent._M_extent_value", "_M_elems"  # GCC's library

ROOT = pathlib.Path(__file__).resolve().parents[2]
WRAPPERS_MAX = 8  # that a capability may lead through (kernel/invocation.cpp)


# gdb refuses larger values, even where only a field of them is read; the kernel is one object of that size.
gdb.execute("set max-value-size unlimited")


class NotThere(Exception):
    """Something that was asked for is not in memory, or is none of what was asked for."""


def type_of(name):
    return gdb.lookup_type("perdure::" + name)


def symbol(name):
    """Its value. Optimization at link time leaves several symbols of one name, of which one has a place."""
    found = [*gdb.lookup_static_symbols(name), *filter(None, [gdb.lookup_global_symbol(name)])]
    values = [one.value() for one in found]
    there = [value for value in values if not value.is_optimized_out]
    if not there:
        raise gdb.GdbError(f"the kernel's symbols have no {name}: is its ELF file loaded (file build/kernel/kernel.elf)?")
    return there[0]


def follow(value, path):
    for name in path.split("."):
        value = value[name]
    return value


def kernel(path):
    return follow(symbol(KERNEL), path)


def name_of(enumerated):
    """The last part of an enumerator's name; of a number that is none, the number."""
    return str(enumerated).rpartition("::")[2]


@functools.cache
def constant(type_name, field):
    """A static constant of a class."""
    kind = type_of(type_name)
    return int(gdb.Value(bytes(kind.sizeof), kind)[field])


@functools.cache
def place_in(type_name, path):
    """(offset, size) of a field, in bytes."""
    kind, offset = type_of(type_name), 0
    for name in path.split("."):
        field = {field.name: field for field in kind.strip_typedefs().fields()}[name]
        kind, offset = field.type, offset + field.bitpos // 8
    return offset, kind.sizeof


@functools.cache
def flag_names(type_name):
    """{bit: name} of a class's constants flag_..."""
    fields = [field.name for field in type_of(type_name).fields() if field.name and field.name.startswith("flag_")]
    return {constant(type_name, name): name.removeprefix("flag_") for name in fields}


@functools.cache
def restriction_names():
    """{bit: name} of restriction::Memory; `none` and `all` are no bits."""
    values = {int(field.enumval): field.name for field in type_of("restriction::Memory").fields()}
    return {value: name.rpartition("::")[2] for value, name in values.items() if value.bit_count() == 1}


def names_of_bits(bits, names):
    told = [name for bit, name in names.items() if bits & bit]
    rest = bits & ~sum(names)
    return told + ([hex(rest)] if rest else [])


def table(name):
    return symbol(name)[ARRAY_ELEMENTS]


@functools.cache
def objects_per_frame(kind):
    return int(table("perdure::kind_table")[kind]["objects_per_frame"])


@functools.cache
def is_row(kind):
    return bool(table("perdure::kind_table")[kind]["is_row"])


@functools.cache
def kind_named_by(capability_type):
    """Name of the kind of object that such a capability names; `empty`: none."""
    return name_of(table("perdure::capability_type_table")[capability_type]["object_kind"])


def object_name(object_id):
    """FRAME.INDEX"""
    bits = constant("ObjectId", "index_bits")
    number = int(object_id["value"])
    return f"{number >> bits}.{number & ((1 << bits) - 1)}"


def read(address, length):
    return bytes(gdb.selected_inferior().read_memory(address, length))


class Cache:
    """All descriptors, as they are now: read at once, because there is one for each frame of memory."""

    def __init__(self):
        span = kernel(DESCRIPTORS)
        self.begin, count = int(follow(span, SPAN_BEGIN)), int(follow(span, SPAN_LENGTH))
        if count == 0:
            raise NotThere("the store is not open yet: go on to where the machine runs (`perdure await`, `continue`)")
        self.size = type_of("FrameDescriptor").sizeof
        self.bodies = int(kernel(BODIES))
        self.data = read(self.begin, count * self.size)
        state, _ = place_in("FrameDescriptor", "state")
        kind, _ = place_in("FrameDescriptor", "identity.kind")
        number, _ = place_in("FrameDescriptor", "number")
        self.kinds = self.data[kind::self.size]
        numbers = memoryview(self.data).cast("Q")[number // 8::self.size // 8].tolist()
        vacant = enumerator("FrameState", "vacant")
        self.slots = {number: slot for slot, (number, is_in) in enumerate(zip(numbers, self.data[state::self.size]))
                      if is_in != vacant}

    def descriptor(self, slot):
        begin = slot * self.size
        return gdb.Value(self.data[begin:begin + self.size], type_of("FrameDescriptor"))

    def slot_of(self, frame):
        if frame not in self.slots:
            raise NotThere(f"frame {frame} is not in memory")
        return self.slots[frame]

    def address_of(self, slot):
        return self.bodies + slot * type_of("Process").sizeof  # a whole frame

    def body(self, slot):
        """Its 4096 bytes, as they read."""
        descriptor = self.descriptor(slot)
        flags = int(descriptor["flags"])
        if name_of(descriptor["state"]) not in ("clean", "dirty") or flags & constant("FrameDescriptor", "flag_body_absent"):
            raise NotThere(f"the contents of frame {descriptor['number']['value']} are not in memory")
        if flags & constant("FrameDescriptor", "flag_all_zero"):
            return bytes(type_of("Process").sizeof)
        return read(self.address_of(slot), type_of("Process").sizeof)

    def process(self, frame):
        slot = self.slot_of(frame)
        if self.kinds[slot] != enumerator("Kind", "process"):
            raise NotThere(f"frame {frame} holds no process but: {kind_name(self.kinds[slot])}")
        return gdb.Value(self.body(slot), type_of("Process"))

    def frames_of_processes(self):
        process = enumerator("Kind", "process")
        return sorted(frame for frame, slot in self.slots.items() if self.kinds[slot] == process)

    def running_frame(self):
        """Of the process that the processor runs, or last ran for; None: of none."""
        slot = int(kernel(KEPT)[0])
        return int(self.descriptor(slot)["number"]["value"]) if slot < len(self.kinds) else None

    def is_at_rest(self):
        """No process runs, and none is ready."""
        return self.running_frame() is None and int(kernel(READY)) == 0

    def object_in_row(self, frame, index, type_name):
        """The small object, whichever is there now."""
        size = type_of(type_name).sizeof
        begin = type_of("RowHeader").sizeof + index * size
        return gdb.Value(self.body(self.slot_of(frame))[begin:begin + size], type_of(type_name))

    def version_at(self, frame, index):
        slot = self.slot_of(frame)
        if not is_row(self.kinds[slot]):
            return int(self.descriptor(slot)["identity"]["source"]["value"])
        return int(self.object_in_row(frame, index, class_of_kind(kind_name(self.kinds[slot])))["version"]["value"])

    def object_of(self, capability):
        """What a valid capability to a small object or a process names, by its class."""
        frame, index = map(int, object_name(capability["object"]).split("."))
        name = kind_named_by(int(capability["type"]))
        return self.process(frame) if name == "process" else self.object_in_row(frame, index, class_of_kind(name))

    def verdict(self, capability):
        """`valid`, `void: WHY`, or what of it cannot be told because it is not in memory."""
        named, kind = name_of(capability["type"]), kind_named_by(int(capability["type"]))
        if named == "void_capability":
            return "void"
        if named == "console" and int(capability["payload"]) != int(kernel(BOOT_EPOCH)):
            return "void: minted in another boot"
        if kind == "empty":
            return "valid"
        frame, index = map(int, object_name(capability["object"]).split("."))
        try:
            slot = self.slot_of(frame)
            if name_of(self.descriptor(slot)["state"]) not in ("clean", "dirty"):
                return f"not known: frame {frame} is {name_of(self.descriptor(slot)['state'])}"
            if kind_name(self.kinds[slot]) != kind:
                return f"void: frame {frame} is now: {kind_name(self.kinds[slot])}"
            if index >= objects_per_frame(self.kinds[slot]):
                return f"void: there is no object {index} in a frame of that kind"
            if self.version_at(frame, index) != int(capability["version"]["value"]):
                return "void: its object has another version now"
            if named == "resume":
                control = self.process(frame)["control"]
                if name_of(control["state"]) != "waiting" or int(control["call_count"]) != int(capability["payload"]):
                    return "void: that call is over"
        except NotThere as reason:
            return f"not known: {reason}"
        return "valid"

    def is_valid(self, capability):
        return self.verdict(capability) == "valid"

    def behind_wrappers(self, capability):
        """What an invocation of it reaches in the end, as far as memory tells."""
        for _ in range(WRAPPERS_MAX):
            if name_of(capability["type"]) != "wrapped" or not self.is_valid(capability):
                break
            capability = self.object_of(capability)["target"]
        return capability

    def receiver_of(self, capability):
        """Frame of the process to which a message through this capability goes; None if memory does not tell."""
        capability = self.behind_wrappers(capability)
        if name_of(capability["type"]) != "entry" or not self.is_valid(capability):
            return None
        receiver = self.object_of(capability)["receiver"]
        return int(object_name(receiver["object"]).split(".")[0]) if name_of(receiver["type"]) == "process" else None


@functools.cache
def enumerator(type_name, name):
    return next(int(field.enumval) for field in type_of(type_name).fields() if field.name.rpartition("::")[2] == name)


@functools.cache
def kind_name(number):
    return next((field.name.rpartition("::")[2] for field in type_of("Kind").fields() if field.enumval == number), str(number))


def class_of_kind(kind):
    """`capability_page` holds no class of its own; all others are called like their kind."""
    return kind.title().replace("_", "")


_now = None


def cache():
    """Of this stop of the machine."""
    global _now
    if _now is None:
        _now = Cache()
    return _now


def forget(_event=None):
    global _now
    _now = None


gdb.events.cont.connect(forget)
gdb.events.memory_changed.connect(forget)
gdb.events.inferior_call.connect(forget)
