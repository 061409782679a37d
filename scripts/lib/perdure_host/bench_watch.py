# SPDX-License-Identifier: MIT
"""What is seen of a whole run from within QEMU (test/bench/machine_watch.c): how many instructions
the kernel's start took, and the longest stretch with interrupts off.

The kernel counts neither of them itself: reading the time stamp at each entry and each way out
would cost every system call what is measured here. A plugin costs the machine nothing, and also
knows what a stretch consists of.

Waiting for the disk is not in the restart: neither halting, nor the functions that ask it again
and again whether it is done.
"""

import collections
import dataclasses
import re

from . import emulator
from .bench_elf import Elf
from .bench_figure import Figure
from .bench_guest import SECONDS, Guest, read_figures
from .workplace import BUILD, KERNEL, Refusal

PLUGIN = BUILD / "test" / "bench" / "machine_watch.so"
NAMES = {"restart": "restart", "interrupts_off_longest": "longest"}  # of each row, in the file

ASK_THE_DISK = re.compile(r"(VirtioBlock::(poll|take_used)|WaitingDisk::carry_out"
                          r"|IoQueue::next_result|Store::(poll|take_completion|wait_for_root)|Kernel::await_disk)\(")


def words(out):
    """QEMU's options for a watched machine; when it has ended, `out` can be read."""
    kernel = Elf(KERNEL)
    return ["-plugin", f"{PLUGIN},out={emulator.quoted(out)},entry={kernel.entry:#x}"]


def read(out):
    """{"restart" or "longest": {address: instructions}}"""
    parts, part = {}, None
    for name, count in (line.split() for line in out.read_text().splitlines()):
        if name.startswith("0x"):
            part[int(name, 16)] += int(count)
        else:
            part = parts[name] = collections.Counter()
    if set(parts) != set(NAMES.values()):
        raise Refusal(f"{PLUGIN.name} saw no whole run")
    parts["restart"] = without_asking_the_disk(parts["restart"])
    return parts


def without_asking_the_disk(counts):
    kernel = Elf(KERNEL)
    return {address: count for address, count in counts.items()
            if not ASK_THE_DISK.match(kernel.function(address))}


@dataclasses.dataclass(frozen=True)
class Watched(Guest):
    """A guest of which only this is of interest."""

    def __call__(self, directory):
        parts = self.parts(directory)
        return {row: Figure(sum(parts[name].values()), "instructions") for row, name in NAMES.items()}

    def profile(self, directory, row):
        """(counts of each (Elf, address), 1)"""
        kernel = Elf(KERNEL)
        part = self.parts(directory)[NAMES[row]]
        return {(kernel, address): count for address, count in part.items()}, 1

    def parts(self, directory):
        out = directory / "watch"
        with self.start(directory, *words(out)) as machine:
            read_figures(machine)
            machine.expect_end(emulator.GUEST_ORDERLY, SECONDS)
        return read(out)
