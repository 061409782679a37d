# SPDX-License-Identifier: MIT
"""The guest's shell, seen from the other end of the line: one command, one answer."""

import re

from .machine import DEFAULT_SECONDS, Machine

PROMPT = "perdure> "
CLEAR_LINE = "\x15"  # Ctrl-U: there may be a pending line from before the restart


class Shell(Machine):
    """A machine whose console shows the shell."""

    def await_prompt(self, seconds=DEFAULT_SECONDS):
        """Everything up to the next prompt, without it."""
        before = len(self.console.text)
        start = before - len(self.console.untaken())
        found = self.expect("(?:^|\n)" + re.escape(PROMPT), seconds)
        return self.console.text[start:found.start()]

    def boot(self, seconds=DEFAULT_SECONDS):
        """Waits for banner and prompt, and returns the banner. The pending line, if there is one,
        is left to be taken. A checkpoint may find the shell in the middle of an echo: then its rest
        stands in front of the prompt."""
        before = len(self.console.text) - len(self.console.untaken())
        found = self.expect(re.escape(PROMPT), seconds)
        return self.console.text[before:found.start()]

    def pending_line(self, seconds=1):
        """What stands behind the prompt by itself."""
        self.console.drain(seconds)
        return self.console.untaken()

    def run(self, line, seconds=DEFAULT_SECONDS):
        """Types a line at an empty prompt and returns what it answered, without the echo."""
        self.type(line + "\r")
        self.expect(re.escape(line) + " *\n", seconds)
        # An answer may be empty: then the prompt stands at the beginning of what follows.
        self.console.give_back(1)
        return self.await_prompt(seconds).strip("\n")

    def clear_line(self):
        """Ctrl-U, then waits until its echo is over. Empties what a restart brought back."""
        self.type(CLEAR_LINE)
        self.console.drain(0.3)
        self.console.take_all()

    def checkpoint(self, seconds=DEFAULT_SECONDS):
        """Takes one, and returns the generation that it reported as committed."""
        answer = self.run("checkpoint", seconds)
        found = re.fullmatch(r"checkpoint (\d+) committed", answer.splitlines()[-1])
        assert found, f"checkpoint answered {answer!r}"
        return int(found[1])

    def power_off(self, guest_number, seconds=DEFAULT_SECONDS):
        self.type("poweroff\r")
        self.expect_end(guest_number, seconds)
