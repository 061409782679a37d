# SPDX-License-Identifier: MIT
"""A busy host, for as long as tests run: its processors taken, and machines stopped for moments in the middle of
whatever they do. (A slow disk is emulator.SLOW_DISK.) Touches only processes of the groups that it is told."""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading

HOGS_PER_PROCESSOR = 3
STOPPED_SECONDS = (0.05, 1.5)
BETWEEN_SECONDS = (0.2, 2.0)
MACHINE = "qemu-system"


class Load:
    """`groups`: the process groups of the tests that run; it changes while they do."""

    def __init__(self, groups):
        self._groups = groups
        self._over = threading.Event()
        self._stopper = threading.Thread(target=self._stop_machines, daemon=True)
        self._hogs = []

    def __enter__(self):
        self._hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"], stdin=subprocess.DEVNULL)
                      for _ in range(HOGS_PER_PROCESSOR * (os.cpu_count() or 1))]
        self._stopper.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._stopper.join()
        for hog in self._hogs:
            hog.kill()
            hog.wait()

    def _stop_machines(self):
        while not self._over.wait(random.uniform(*BETWEEN_SECONDS)):
            machines = self._machines()
            if not machines:
                continue
            machine = random.choice(machines)
            # It may have ended since; its number is not given to another so soon.
            with contextlib.suppress(ProcessLookupError):
                os.kill(machine, signal.SIGSTOP)
                self._over.wait(random.uniform(*STOPPED_SECONDS))
                os.kill(machine, signal.SIGCONT)

    def _machines(self):
        """Those of the tests that run now."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                name, _, rest = (folder / "stat").read_text().partition("(")[2].rpartition(")")
                if name.startswith(MACHINE) and int(rest.split()[2]) in self._groups:
                    found.append(int(folder.name))
        return found
