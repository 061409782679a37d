# SPDX-License-Identifier: MIT
"""Plays what a document claims. Its fenced blocks, from the first to the last, are one session:

  a block without a language whose first line begins with `$ `, `perdure> ` or `(gdb) ` is a transcript. What
      stands behind these is typed, the lines below have to be the answer. `...` stands for any
      lines, `<- text` is a remark to the reader. A line at the prompt whose remark names Ctrl-A X
      is typed without the return key, and the plug is pulled; after the next boot it has to be
      there again, and the rest is typed behind it
  a block with a language and a path, as in ```cpp userland/x/x.cpp, is that file from then on

What no two runs have in common (store ids, dates, numbers of generations, seconds) matches any of
its kind. Everything else has to be as it is written.

Behind the first scripts/debug, numbers of two digits and more and those in hexadecimal depend on the build: frames,
addresses, lines. There the machine's stand for the document's, the same for the same to the end, also in what is typed;
and blanks between words are one.
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
GDB = "(gdb) "
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
    kind: str  # HOST, PROMPT, GDB, or "file"
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
        elif not language and lines and lines[0].startswith((HOST, PROMPT, GDB)):
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
        kind = next((kind for kind in (HOST, PROMPT, GDB) if line.startswith(kind)), None)
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
        self._numbers = {}  # behind scripts/debug: the document's, the machine's
        self._has_debugged = False

    def play(self, steps):
        for step in steps:
            {HOST: self._host, PROMPT: self._guest, GDB: self._gdb, "file": self._write_file}[step.kind](step)

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
        words = shlex.split(self._of_machine(step.text))
        if words[0] in ("scripts/run", "scripts/debug"):
            {"scripts/run": self._boot, "scripts/debug": self._debug}[words[0]](step, words)
            return
        result = subprocess.run(words, cwd=self._tree, env=self._environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if self._has_debugged:
            self._compare_words(step, result.stdout)
        else:
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

    def _debug(self, step, words):
        if self._disk and "--disk" not in words:
            words += ["--disk", self._disk]
        self._has_debugged = True
        self._terminal = Terminal(words, self._tree, {**self._environment, "TERM": "dumb"})
        self._compare_words(step, self._up_to(GDB, 600))

    def _gdb(self, step):
        if not self._terminal:
            raise Lie(f"{step.where}: no machine runs")
        typed = self._of_machine(step.text)
        self._terminal.type(typed + "\n")
        self._terminal.expect(re.escape(typed) + " *(?=\n)")
        if typed == "quit":
            self._expect_status(step, 0)
        else:
            self._compare_words(step, self._up_to(GDB, 120))

    def _of_machine(self, text):
        return NUMBER.sub(lambda found: self._numbers.get(found[0], found[0]), text)

    def _compare_words(self, step, answered):
        answer = [line for line in map(of_words, answered.splitlines()) if line]
        wanted = [line for line in map(of_words, step.lines) if line]
        numbers = matched(wanted, answer, self._numbers)
        if numbers is None:
            raise Lie(f"{step.where}: {step.kind}{step.text}\nthe document says:\n" + indented(wanted)
                      + "\nwhat came:\n" + indented(answer))
        self._numbers = numbers

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
        return self._up_to(PROMPT, seconds)

    def _up_to(self, prompt, seconds):
        before = self._terminal.taken()
        found = self._terminal.expect("(?:^|\n)" + re.escape(prompt), seconds)
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


NUMBER = re.compile(r"\b(?:0x[0-9a-f]+|\d{2,})\b")


def of_words(line):
    return " ".join(line.split())


def matched(wanted, answer, numbers):
    """The numbers, with those that these lines add; None: the lines do not match."""
    if not wanted:
        return None if answer else numbers
    if wanted[0] == "...":
        rests = (matched(wanted[1:], answer[skipped:], numbers) for skipped in range(len(answer) + 1))
        return next((rest for rest in rests if rest is not None), None)
    if not answer or NUMBER.sub("N", wanted[0]) != NUMBER.sub("N", answer[0]):
        return None
    numbers = dict(numbers)
    for ours, theirs in zip(NUMBER.findall(wanted[0]), NUMBER.findall(answer[0])):
        if numbers.setdefault(ours, theirs) != theirs:
            return None
    return matched(wanted[1:], answer[1:], numbers)


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
