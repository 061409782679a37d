# SPDX-License-Identifier: MIT
"""Where the instructions of one row go: QEMU is stepped through it, instruction by instruction,
and each is counted to the function, or the source line, that it stands in.

The guest's program marks where a row begins. One that is measured in a loop (bench_row_begins) is
stepped through for a few rounds of it, warm; any other one once, from its beginning to its end
(bench_span_begins, bench_span_ends). Which program an address of the user half belongs to is found
by comparing its text with that of the program files. Rows of a Watched guest are not stepped
through: they are seen in a run of their own.
"""

import collections

from . import gdb_remote
from .bench_elf import Elf
from .bench_guest import PROGRAM_FOLDERS, SECONDS
from .bench_watch import Watched
from .gdb_remote import GdbRemote, MachineEnded
from .workplace import KERNEL, Refusal

WARM_ROUNDS = 40
ROUNDS = 4
STEPS_MAX = 2_000_000
USER_END = 1 << 47
PAGE_BYTES = 4096
COMPARED_BYTES = 1024  # of a page of text; what QEMU reads at once
NAME_COLUMNS = 110
STOP_CHANCES = 20000  # stops at a breakpoint's address in another program


class Stepper:
    """Stands on one guest; counts the instructions that it lets it execute."""

    def __init__(self, gdb, kernel, programs):
        self.gdb, self.kernel, self.programs = gdb, kernel, programs
        self.counts = collections.Counter()  # (Elf, address)
        self._elf_of_page = {}

    def elf_at(self, address):
        """None: that page is not mapped now, so its instruction faults and is not executed."""
        if address >= USER_END:
            return self.kernel
        key = (self.gdb.register(gdb_remote.CR3), address // PAGE_BYTES)
        if key not in self._elf_of_page:
            page = address // PAGE_BYTES * PAGE_BYTES
            there = self.gdb.memory(page, COMPARED_BYTES)
            if there is None:
                return None
            self._elf_of_page[key] = self._find_elf(page, there)
        return self._elf_of_page[key]

    def _find_elf(self, page, there):
        for elf in self.programs:
            text = elf.text(page, COMPARED_BYTES)
            if text and there.startswith(text):
                return elf
        raise Refusal(f"no program file has the text that is executed at {page:#x}")

    def run_to(self, elf, addresses):
        """Until one of them is reached, in this program. Its address."""
        for address in addresses:
            self.gdb.set_breakpoint(address)
        for _ in range(STOP_CHANCES):
            self.gdb.step()  # off a breakpoint that we stand on
            self.gdb.run()
            address = self.gdb.register(gdb_remote.RIP)
            if address in addresses and self.elf_at(address) is elf:
                break
        else:
            raise Refusal(f"{elf.name} does not come to any of {len(addresses)} places")
        for other in addresses:
            self.gdb.clear_breakpoint(other)
        return address

    def step_to(self, elf, goal):
        """Counts each instruction from here until `goal`, in this program, is next."""
        address = self.gdb.register(gdb_remote.RIP)
        here = self.elf_at(address)
        for _ in range(STEPS_MAX):
            if here:
                self.counts[here, address] += 1
            self.gdb.step()
            before, address = address, self.gdb.register(gdb_remote.RIP)
            # The address space cannot change but in the kernel, and text does not within a page.
            if (before ^ address) // PAGE_BYTES:
                here = self.elf_at(address)
            if address == goal and here is elf:
                return
        raise Refusal(f"not done after {STEPS_MAX} instructions")


def profile(directory, row, guest):
    """(counts of each (Elf, address), rounds that they are of)"""
    if isinstance(guest, Watched):
        return guest.profile(directory, row)
    programs = [Elf(file) for folder in PROGRAM_FOLDERS for file in sorted(folder.glob("*.elf"))]
    main = next(elf for elf in programs if elf.name == f"bench_{guest.program or guest.image}")
    socket = directory / "gdb"
    with guest.start(directory, "-S", "-gdb", f"unix:{socket},server=on,wait=off"):
        stepper = Stepper(GdbRemote(socket, SECONDS), Elf(KERNEL), programs)
        try:
            rounds = step_through(stepper, main, row)
        except MachineEnded:
            raise Refusal(f"{main.name} marks no place where {row} begins and ends") from None
    return stepper.counts, rounds


def step_through(stepper, main, row):
    """How many rounds of the row that were."""
    if find_row(stepper, main, row) == main.marks["bench_row_begins"]:
        return step_through_loop(stepper, main)
    stepper.step_to(main, main.marks["bench_span_ends"])
    return 1


def find_row(stepper, main, row):
    while True:  # a program marks all that it measures, and then ends
        mark = stepper.run_to(main, [main.marks["bench_row_begins"], main.marks["bench_span_begins"]])
        gdb = stepper.gdb
        name = gdb.memory(gdb.register(gdb_remote.RDI), gdb.register(gdb_remote.RSI))
        if name == row.encode():
            return mark


def step_through_loop(stepper, main):
    loop = stepper.run_to(main, [address for name, address in main.marks.items()
                                 if name.startswith("bench_loop_")])
    for _ in range(WARM_ROUNDS):
        stepper.run_to(main, [loop])
    for _ in range(ROUNDS):
        stepper.step_to(main, loop)
    return ROUNDS


def table(counts, rounds, by_line):
    """The text: all of it, then each program, then each function (or line)."""
    places, details = collections.Counter(), collections.Counter()
    lines = lines_of(counts) if by_line else {}
    for (elf, address), count in counts.items():
        places[elf.name] += count
        what = lines[elf, address] if by_line else elf.function(address)
        details[f"{elf.name:20} {what}"] += count
    total = sum(places.values())
    for name, count in [("all", total), *places.most_common(), *details.most_common()]:
        yield f"{count / rounds:10.1f} {100 * count / total:6.1f} %  {name[:NAME_COLUMNS]}"


def lines_of(counts):
    found = {}
    for elf in {elf for elf, _ in counts}:
        told = elf.lines({address for other, address in counts if other is elf})
        found.update({(elf, address): text for address, text in told.items()})
    return found
