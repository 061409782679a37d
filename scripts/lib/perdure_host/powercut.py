# SPDX-License-Identifier: MIT
"""A busy machine whose power is cut again and again, and the books on what it has promised. For what
the words mean see scripts/powercut."""

import random
import shutil
import threading

from . import image, judges
from .console import ConsoleClosed
from .shell import Shell
from .write_log import CrashDisk, WriteLog

COUNTERS = 4
INTERVAL_MS = 100        # checkpoints by the clock, so that many cuts fall into one
CHECKPOINT_SHARE = 0.15  # of the commands
SECONDS_MAX = 1.5        # from the first command to the cut
SIZE, LOG_SIZE = "16M", "3M"


class Session:
    """One image over many cuts, and all that may be true of it."""

    def __init__(self, directory, seed):
        self.random = random.Random(seed)
        self.disk = directory / "powercut.img"
        self.base = directory / "before.img"
        self.log = directory / "write.log"
        self.acknowledged = self.lost = self.torn = 0
        self._states = [(0,) * COUNTERS]  # what the counters held, one after the other
        self._safe = 0                    # which of them the last reported checkpoint has at least

    def promise(self, states, safe):
        """What may be true, and which of it was reported as committed."""
        self._states, self._safe = states, safe

    def prepare(self):
        image.make(self.disk, size=SIZE, log_size=LOG_SIZE)
        with Shell(self.disk, ["interval=0"]) as machine:
            machine.boot()
            for number in range(COUNTERS):
                assert "started" in machine.run(f"start counter c{number} 32")
            machine.checkpoint()

    def cut_once(self):
        shutil.copyfile(self.disk, self.base)
        self.log.write_bytes(b"")
        with Shell(self.disk, [f"interval={INTERVAL_MS}"], write_log=self.log) as machine:
            machine.boot()
            machine.clear_line()
            self._compare(machine)
            plug = threading.Timer(self.random.random() * SECONDS_MAX, machine.pull_the_plug)
            plug.start()
            try:
                while True:
                    self._command(machine)
            except ConsoleClosed:
                plug.join()
        self._leave_what_a_disk_may()

    def last_look(self):
        with Shell(self.disk, ["interval=0"]) as machine:
            machine.boot()
            machine.clear_line()
            self._compare(machine)
        judges.judge(self.disk)

    def _command(self, machine):
        if self.random.random() < CHECKPOINT_SHARE:
            self._checkpoint(machine)
        elif self.random.random() < 0.1:
            machine.run("start counter scratch 32")
            machine.run("destroy scratch -y")
        else:
            self._add(machine)

    def _add(self, machine):
        number, amount = self.random.randrange(COUNTERS), self.random.randrange(1, 1000)
        counters = list(self._states[-1])
        counters[number] += amount
        self._states.append(tuple(counters))  # it may be done, whether or not we hear of it
        answer = machine.run(f"call c{number} add {amount}")
        assert answer == str(counters[number]), answer

    def _checkpoint(self, machine):
        done = len(self._states) - 1
        machine.checkpoint()
        self.acknowledged += done - self._safe
        self._safe = done

    def _leave_what_a_disk_may(self):
        crash = CrashDisk(self.base, WriteLog.read(self.log), self.disk)
        crash.move_to(crash.entry_count())
        crash.keep_some(self.random)
        crash.close()
        judges.judge(self.disk)

    def _compare(self, machine):
        self.judge(tuple(int(machine.run(f"call c{number} get")) for number in range(COUNTERS)))

    def judge(self, known):
        """Then what it knows is the newest that is true; but it may not yet be on the disk, so that
        the next cut may take it back, as far as the last reported checkpoint."""
        if known not in self._states:
            self.torn += 1
            self._states, self._safe = [known], 0
            return
        place = self._states.index(known)
        self.lost += max(0, self._safe - place)
        self._states = self._states[min(self._safe, place):place + 1]
        self._safe = 0
