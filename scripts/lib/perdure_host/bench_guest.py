# SPDX-License-Identifier: MIT
"""Benchmarks that run in the guest: an image of its own for each, a machine that counts
instructions, and the lines `bench: NAME VALUE UNIT` that it writes.

A run counts only if its known loop took exactly what it has to take: else the time stamp does not
count instructions here, and no figure means anything.
"""

import dataclasses
import re

from . import emulator, image
from .bench_figure import Figure
from .machine import Machine
from .workplace import BUILD, ROOT, Refusal

DESCRIPTIONS = ROOT / "test" / "bench"
PROGRAM_FOLDERS = (image.PROGRAMS, BUILD / "test" / "bench")
KNOWN_LOOP_INSTRUCTIONS = 200_000
SECONDS = 600


@dataclasses.dataclass(frozen=True)
class Guest:
    """One image of test/bench, and the machine that runs it."""
    image: str
    program: str = None  # that measures; None: it has the image's name
    arguments: tuple = ()
    memory_mib: int = 512
    size: str = "256M"
    log_size: str = "64M"

    def __call__(self, directory):
        """{row: Figure} of one run."""
        with self.start(directory) as machine:
            figures = read_figures(machine)
            machine.expect_end(emulator.GUEST_ORDERLY, SECONDS)
        refuse_unless_counting(figures)
        return figures

    def start(self, directory, *further):
        return Machine(self.new_image(directory), self.arguments, self.memory_mib, counting=True,
                       further=further)

    def new_image(self, directory):
        disk = directory / f"{self.image}.img"
        image.make(disk, DESCRIPTIONS / f"{self.image}.description", self.size, self.log_size,
                   image.gathered_programs(directory, PROGRAM_FOLDERS))
        return disk


def read_figures(machine):
    """All lines up to `bench: done`."""
    figures = {}
    while figure := take_figure(machine):
        figures.update([figure])
    return figures


def take_figure(machine):
    """(row, Figure) of the next line; None: that was all."""
    line = machine.expect(r"bench: (.*)\n", SECONDS)[1]
    if line == "done":
        return None
    found = re.fullmatch(r"(\w+) ([0-9.]+) (\w+)", line)
    if not found:
        raise Refusal(f"the guest says: {line}")
    return found[1], Figure(number(found[2]), found[3])


def refuse_unless_counting(figures):
    counted = figures["known_loop"].value if "known_loop" in figures else None
    if counted != KNOWN_LOOP_INSTRUCTIONS:
        raise Refusal(f"a loop of {KNOWN_LOOP_INSTRUCTIONS} instructions was counted as {counted}: "
                      "the time stamp does not count instructions here")


def number(text):
    return float(text) if "." in text else int(text)
