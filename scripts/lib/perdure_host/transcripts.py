# SPDX-License-Identifier: MIT
"""Plays what a document claims. Its fenced blocks, from the first to the last, are one session:

  a block without a language whose first line begins with `$ ` or `perdure> ` is a transcript. What
      stands behind these is typed, the lines below have to be the answer. `...` stands for any
      lines, `<- text` is a remark to the reader. A line at the prompt whose remark names Ctrl-A X
      is typed without the return key, and the plug is pulled; after the next boot it has to be
      there again, and the rest is typed behind it
  a block with a language and a path, as in ```cpp userland/x/x.cpp, is that file from then on

What no two runs have in common (store ids, dates, numbers of generations, seconds) matches any of
its kind. Everything else has to be as it is written.
"""

import dataclasses
import os
import re
import shlex
import subprocess
import time

from .shell import CLEAR_LINE, PROMPT
from .terminal import Terminal

HOST = "$ "
CTRL_A_X = "\x01x"
REMARK = re.compile(r" {2,}<- (.*)$")
FENCE = re.compile(r"^```(\w*) ?(\S*)$")
SAME_KIND = (r"\b[0-9a-f]{16}\b", r"\b(?:generation|checkpoint) \d+", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
             r" *\d+\.\d s\b")
INTERVALS_AWAITED = 3  # before the plug is pulled: the checkpoint of the last key has long begun


class Lie(AssertionError):
    """The document says one thing, the machine another."""


@dataclasses.dataclass
class Step:
    where: str
    kind: str  # HOST, PROMPT, or "file"
    text: str  # what is typed; the path of a file
    remark: str = ""
    lines: list = dataclasses.field(default_factory=list)  # the answer; the file's content

    def is_cut(self):
        return "Ctrl-A X" in self.remark


def steps_of(path, name):
    """All of a document, in its order."""
    steps = []
    for number, language, file, lines in blocks_of(path.read_text()):
        if file:
            steps.append(Step(f"{name}:{number}", "file", file, lines=lines))
        elif not language and lines and lines[0].startswith((HOST, PROMPT)):
            steps += transcript_steps(name, number, lines)
    return steps


def blocks_of(text):
    """(number of the first line, language, file, lines) of each fenced block."""
    block = None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence and block is None:
            block = (number + 1, fence[1], fence[2], [])
        elif fence:
            yield block
            block = None
        elif block is not None:
            block[3].append(line)


def transcript_steps(name, first, lines):
    steps = []
    for number, line in enumerate(lines, first):
        kind = next((kind for kind in (HOST, PROMPT) if line.startswith(kind)), None)
        if kind:
            remark = REMARK.search(line)
            typed = line[len(kind):remark.start()] if remark else line[len(kind):]
            steps.append(Step(f"{name}:{number}", kind, typed, remark[1] if remark else ""))
        else:
            steps[-1].lines.append(line)
    return steps


class Player:
    """`tree`: where host commands run. `disk`: taken for the image of a `scripts/run` that names
    none, so that the one in build/ is left alone."""

    def __init__(self, tree, environment=None, disk=None):
        self._tree = tree
        self._environment = {**os.environ, **(environment or {})}
        self._disk = disk
        self._terminal = None
        self._half_typed = ""
        self._interval_seconds = 3.0

    def play(self, steps):
        for step in steps:
            {HOST: self._host, PROMPT: self._guest, "file": self._write_file}[step.kind](step)

    def end(self):
        if self._terminal:
            self._terminal.close()
            self._terminal = None

    def _write_file(self, step):
        path = self._tree / step.text
        if not path.is_file():
            raise Lie(f"{step.where}: there is no {step.text} to be changed")
        path.write_text("\n".join(step.lines) + "\n")

    def _host(self, step):
        if self._terminal:
            raise Lie(f"{step.where}: the machine still runs")
        words = shlex.split(step.text)
        if words[0] == "scripts/run":
            self._boot(step, words)
            return
        result = subprocess.run(words, cwd=self._tree, env=self._environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        compare(step, result.stdout)
        if result.returncode != 0:
            raise Lie(f"{step.where}: exit status {result.returncode}")

    def _boot(self, step, words):
        if self._disk and "--disk" not in words:
            words += ["--disk", self._disk]
        self._terminal = Terminal(words, self._tree, self._environment)
        compare(step, self._up_to_prompt(600))
        interval = re.search(r"checkpoints: every (\d+) ms", self._terminal.text)
        self._interval_seconds = int(interval[1]) / 1000 if interval else 0
        self._find_half_typed(step)

    def _find_half_typed(self, step):
        if self._half_typed:
            self._terminal.expect(re.escape(self._half_typed), 10)

    def _guest(self, step):
        if not self._terminal:
            raise Lie(f"{step.where}: no machine runs")
        rest = step.text
        if self._half_typed and rest.startswith(self._half_typed):
            rest = rest[len(self._half_typed):]
        elif self._half_typed:
            self._terminal.type(CLEAR_LINE)
        self._half_typed = ""
        self._terminal.type(rest)
        if step.is_cut():
            self._pull_the_plug(step, rest)
        elif step.text == "poweroff":
            self._ends(step)
        else:
            self._terminal.type("\r")
            self._terminal.expect(re.escape(rest) + " *(?=\n)")
            compare(step, self._up_to_prompt(120))

    def _up_to_prompt(self, seconds):
        before = self._terminal.taken()
        found = self._terminal.expect("(?:^|\n)" + re.escape(PROMPT), seconds)
        return self._terminal.text[before:found.start()]

    def _pull_the_plug(self, step, typed):
        self._terminal.expect(re.escape(typed))
        time.sleep(INTERVALS_AWAITED * self._interval_seconds)
        self._terminal.type(CTRL_A_X)
        self._expect_status(step, 130)
        self._half_typed = step.text

    def _ends(self, step):
        self._terminal.type("\r")
        self._expect_status(step, 0)

    def _expect_status(self, step, wanted):
        status = self._terminal.status()
        self.end()
        if status != wanted:
            raise Lie(f"{step.where}: exit status {status} instead of {wanted}")


def compare(step, answered):
    seen = re.sub(r"[^\n]*\x1b\[K", "", answered.replace("\r", ""))  # progress, erased when it is over
    answer = "\n".join(line.rstrip() for line in seen.splitlines()).strip("\n")
    if not re.fullmatch(pattern_of(step.lines), answer + "\n" if answer else ""):
        raise Lie(f"{step.where}: {step.kind}{step.text}\nthe document says:\n" + indented(step.lines)
                  + "\nwhat came:\n" + indented(answer.splitlines()))


def pattern_of(lines):
    return "".join(r"(?:.*\n)*?" if line == "..." else line_pattern(line.rstrip()) + r"\n" for line in lines)


def line_pattern(line):
    kinds = "|".join(f"({kind})" for kind in SAME_KIND)
    pattern, place = "", 0
    for found in re.finditer(kinds, line):
        pattern += re.escape(line[place:found.start()]) + f"(?:{SAME_KIND[found.lastindex - 1]})"
        place = found.end()
    return pattern + re.escape(line[place:])


def indented(lines):
    return "\n".join("    | " + line for line in lines)
