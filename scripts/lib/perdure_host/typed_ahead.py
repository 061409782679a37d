# SPDX-License-Identifier: MIT
"""Input that does not come from a terminal, but lies ready: a pipe, a file. Firmware and boot
loader reset the serial port and throw away what has arrived by then, so such input is held back
until the kernel or a program has spoken.
"""

import os
import pathlib
import select
import sys
import time

from .patience import end_of

FIRST_WORD = b"erdure"  # of kernel and shell alike
PATIENCE_SECONDS = 10   # for an image whose programs say nothing


class TypedAhead:
    """Standard input, for one machine. `transcript` is where QEMU writes what the console shows."""

    def __init__(self, transcript):
        self._transcript = pathlib.Path(transcript)
        self._start = self._transcript.stat().st_size if self._transcript.exists() else 0
        self.for_machine, self._writer = os.pipe()

    def feed(self, process):
        """Until the input or the machine ends."""
        self._await_first_word(process)
        while process.poll() is None:
            if not select.select([sys.stdin], [], [], 0.1)[0]:
                continue
            typed = os.read(sys.stdin.fileno(), 4096)
            if not typed:
                break
            os.write(self._writer, typed)
        os.close(self._writer)

    def _await_first_word(self, process):
        end = end_of(PATIENCE_SECONDS)
        while process.poll() is None and time.monotonic() < end:
            if self._transcript.exists() and FIRST_WORD in self._transcript.read_bytes()[self._start:]:
                return
            time.sleep(0.02)
