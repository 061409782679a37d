# SPDX-License-Identifier: MIT
"""Programs of the image: their symbols, and breakpoints that stop in one process only.

All programs are linked at the same addresses (userland/runtime/layout.hpp), so gdb can know the symbols of one of
them at a time, and a breakpoint at an address is met by every program that has code there. That the right process has
met it is asked of the kernel, which keeps the frames of the process that runs."""

import os
import pathlib

import gdb

import kernel_memory as memory

BUILD = pathlib.Path(os.environ.get("PERDURE_BUILD", memory.ROOT / "build")).resolve()
FOLDERS = ("userland", "test/guest", "test/faulty", "test/hostile", "test/bench")

loaded = None


def elf_of(program):
    if "/" in program:
        found = [pathlib.Path(program)]
    else:
        found = [BUILD / folder / f"{program}.elf" for folder in FOLDERS]
    found = [file for file in found if file.is_file()]
    if not found:
        raise gdb.GdbError(f"there is no program {program} in {BUILD}; is it built?")
    return found[0]


class OnlyIn(gdb.Breakpoint):
    """Stops if the process in one frame has come here; all others pass."""

    def __init__(self, frame, place):
        super().__init__(place, gdb.BP_HARDWARE_BREAKPOINT, internal=False)
        self._frame = frame

    def stop(self):
        memory.forget()
        return memory.cache().running_frame() == self._frame


def define(command, number):
    class Program(command):
        """perdure program NAME: symbols of that program of the build (or of an ELF file), in place of the one before."""

        def __init__(self):
            super().__init__("program", 1)

        def run(self, name):
            global loaded
            file = elf_of(name)
            if loaded:
                gdb.execute(f"remove-symbol-file '{loaded}'", to_string=True)
                loaded = None
            gdb.execute(f"add-symbol-file '{file}'", to_string=True)
            loaded = file
            print(f"symbols of {name}")

    class Break(command):
        """perdure break FRAME PLACE: a breakpoint (function, FILE:LINE, *ADDRESS) for the process in that frame only."""

        def __init__(self):
            super().__init__("break", 2)

        def run(self, frame, place):
            found = OnlyIn(number(frame), place)
            if found.pending:
                found.delete()
                raise gdb.GdbError(f"there is no code at {place}: load the program's symbols (perdure program NAME), and note "
                                   "that programs are optimized as wholes: *ADDRESS always works")

    Program()
    Break()
