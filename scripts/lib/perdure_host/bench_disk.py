# SPDX-License-Identifier: MIT
"""What one checkpoint writes to the disk, seen in QEMU's log of all writes: blocks of the log for
each frame that had changed, and flushes up to the commit."""

import dataclasses

from . import emulator
from .bench_figure import Figure
from .bench_guest import SECONDS, Guest, read_figures, refuse_unless_counting, take_figure
from .machine import Machine
from .roots import BLOCK, PLACES
from .workplace import Refusal
from .write_log import FLUSH, WriteLog

LOG_START = 128 * BLOCK             # checkpoint/geometry.hpp
QUIET_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class WritesGuest(Guest):
    image: str = "writes"

    def __call__(self, directory):
        log_file = directory / "write.log"
        log_file.write_bytes(b"")
        with Machine(self.new_image(directory), self.arguments, self.memory_mib, counting=True,
                     write_log=log_file) as machine:
            refuse_unless_counting(dict([take_figure(machine)]))
            take_figure(machine)
            machine.await_disk_quiet(QUIET_SECONDS)
            before = log_file.stat().st_size
            machine.type("\n")
            figures = read_figures(machine)
            machine.expect_end(emulator.GUEST_ORDERLY, SECONDS)
        log = WriteLog.read(log_file)
        return self.figures_of(log.entries[log.count_at(before):], figures["frames_of_generation"].value)

    def figures_of(self, entries, frames):
        commit = commit_in(entries)
        written = WriteLog(entries[:commit]).written(LOG_START, LOG_START + self.log_bytes())
        return {"write_amplification_log": Figure(round(written / BLOCK / frames, 4), "ratio"),
                "flushes_per_checkpoint": Figure(flushes(entries[:commit]), "flushes")}

    def log_bytes(self):
        return int(self.log_size[:-1]) << {"M": 20, "G": 30}[self.log_size[-1]]


def commit_in(entries):
    """How many entries it takes to the flush behind the first write of a root."""
    roots = [i for i, entry in enumerate(entries) if entry.data and entry.offset in PLACES]
    for i in range(roots[0] if roots else len(entries), len(entries)):
        if entries[i].flags & FLUSH and not entries[i].data:
            return i + 1
    raise Refusal("no checkpoint was committed")


def flushes(entries):
    return sum(1 for entry in entries if entry.flags & FLUSH)
