# SPDX-License-Identifier: MIT
"""Plays the demonstrations of the image (userland/demo) from outside: types `demo ROW`, and sees it
through to its verdict, over the power cuts that it asks for itself and those that are made here."""

import re

from .console import ConsoleClosed
from .shell import PROMPT

STEP_SECONDS = 240
BOOTS_MAX = 5  # to the banner, once


def rows(machine):
    """The names, in the order of the list."""
    return re.findall(r"^([A-Z]\d+) ", machine.run("demo"), re.MULTILINE)


class Playing:
    """One row, from the prompt to its verdict. Afterwards `machine` shows the prompt again; it is
    another one if power was cut. `went_on`: so many cuts found the demonstration under way. `lossy`: the disk, if
    it loses what was not flushed (lossy_disk.py); the machine has been started on it."""

    def __init__(self, lab, machine, row, arguments, cuts=0, lossy=None):
        self.lab, self.machine, self.row, self.arguments = lab, machine, row, arguments
        self.cuts, self.lossy = cuts, lossy
        self.committed = 0  # the generation that the row has told of last
        self.went_on = 0
        self._after_cut = False  # and nothing was seen since
        self._was_cut = False

    def run(self):
        self._type()
        while True:
            try:
                if self._next():
                    return self
            except ConsoleClosed:  # it cut the power itself
                self._expect_reset()
                self._boot()

    def _type(self):
        self.machine.type(f"demo {self.row}\r")
        self.machine.expect(f"{self.row}: [^\n]*\n", STEP_SECONDS)

    def _next(self):
        """Takes what comes next. True: that was the verdict."""
        found = self.machine.expect(
            rf"\n?  \S[^\n]*\n|demo {self.row}: (?P<verdict>[^\n]*)\n|(?P<prompt>{PROMPT})", STEP_SECONDS)
        if found["verdict"] is not None:
            assert found["verdict"] == "ok", found[0] + self.machine.console.tail(30)
            self.machine.console.give_back(1)
            self.machine.await_prompt()
            return True
        if found["prompt"] is not None:
            self._begin_again()
            return False
        self.went_on += self._after_cut
        self._after_cut = False
        if told := re.search(r"committed in generation (\d+)", found[0]):
            self.committed = int(told[1])
        if self.cuts > 0 and self.lab.random.random() < 0.5:
            self.cuts -= 1
            self.machine.kill()
            self._boot()
        return False

    def _begin_again(self):
        """The machine came back as it was before the command, perhaps in the row before it."""
        assert self._was_cut, "a prompt without a verdict; " + self.machine.console.tail(30)
        self.machine.clear_line()
        self._type()

    def _expect_reset(self):
        end = self.machine.describe_end(self.machine.wait_end())
        assert end == "status 0 of QEMU itself ", f"demo {self.row}: the machine ended with {end}"

    def _boot(self):
        """Up to the banner. If a checkpoint found the demonstration just before its own cut, it makes
        that once more, perhaps before the shell comes to speak."""
        self._after_cut = self._was_cut = True
        for _ in range(BOOTS_MAX):
            if self.lossy:
                self.lossy.lose()
            self.machine = self.lab.start(self.machine.image, *self.arguments,
                                          write_log=self.lossy.begin() if self.lossy else None)
            try:
                banner = self.machine.expect("generation (\\d+) of [^\n]*(.|\n)*\ncheckpoints: [^\n]*(?=\n)", STEP_SECONDS)
                assert int(banner[1]) >= self.committed, f"generation {self.committed} was committed; {banner[0]}"
                return
            except ConsoleClosed:
                self._expect_reset()
        raise AssertionError(f"demo {self.row} cuts the power at each boot, before the banner")
