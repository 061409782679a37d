# SPDX-License-Identifier: MIT
"""A command on a terminal of its own, as a person has it: typed at, and read."""

import os
import pty
import re
import select
import subprocess
import time

from . import shell
from .console import Unexpected
from .patience import end_of

PROMPT = "\n" + shell.PROMPT


class Terminal:
    def __init__(self, command, directory=None, environment=None):
        self._mine, theirs = pty.openpty()
        self._process = subprocess.Popen([str(word) for word in command], stdin=theirs,
                                         stdout=theirs, stderr=theirs, cwd=directory,
                                         env=environment)
        os.close(theirs)
        self.text = ""
        self._taken = 0

    def expect(self, pattern, seconds=120):
        end = end_of(seconds)
        while True:
            found = re.compile(pattern).search(self.text, self._taken)
            if found:
                self._taken = found.end()
                return found
            if not self._read(end - time.monotonic()):
                raise Unexpected(f"{pattern!r} did not come; the terminal shows:\n{self.text[-2000:]}")

    def _read(self, seconds):
        if not select.select([self._mine], [], [], max(0, seconds))[0]:
            return False
        try:
            received = os.read(self._mine, 65536)
        except OSError:  # the other side has closed it
            return False
        self.text += received.decode("ascii", errors="replace").replace("\r", "")
        return bool(received)

    def taken(self):
        """How far into `text` expect() has gone."""
        return self._taken

    def type(self, text):
        os.write(self._mine, text.encode())

    def say(self, line, answer):
        """A line to the shell of a booted image: it answers so, and prompts again."""
        self.type(line + "\r")
        self.expect(line + " *\n")
        self.expect(answer)
        self.expect(PROMPT)

    def status(self, seconds=60):
        """Reads to the end, and returns the exit status."""
        end = end_of(seconds)
        while self._process.poll() is None and time.monotonic() < end:
            self._read(0.1)
        if self._process.poll() is None:
            raise Unexpected(f"it does not end; the terminal shows:\n{self.text[-2000:]}")
        return self._process.returncode

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._mine)
