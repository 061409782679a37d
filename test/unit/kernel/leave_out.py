#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes one line of the kernel after the other, and tells which change no host test misses.

  test/unit/kernel/leave_out.py [--jobs N] [--kind KIND]... [FILE ...]
      default: every kind, all of kernel/ that runs on the host

Kinds of change:
  check        a line `if (...) return ...;`, or `continue` or `break`, is never taken
  effect       a line `++x;`, `--x;`, `x |= ...;` or `x &= ...;` is left out
  comparison   the first `==` of a line is `>=`
  operand      the first operand of `&&`, `||`, `|` or `&` is left out, or the last

The line is changed in a copy of the file, which is linked with the objects that the build has made of all
others; the host tests that have the file are run until one of them fails. Needs a build. It takes about
twenty seconds a change, and judges nothing: some checks stand for another, some only save time, some
only a disk's timing can tell, and some changes mean the same. One that is not missed is worth a look at
what should miss it. The last line is `N missed, N not missed, N not tried`; not tried is what does not compile
any more.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / "build"
TESTS = ("test/unit/kernel/address_space_test", "test/unit/kernel/kernel_test")
# Up to its condition, behind a declaration if it has one; the condition; the rest.
CHECK = re.compile(r"^(\s*(?:\}? ?else )?if \((?:[^;]*; )?)([^;]*)(\) (?:\[\[\w+\]\] )?(?:return|continue|break)\b.*;\s*)$")
EFFECT = re.compile(r"^(\s*)(?:(?:\+\+|--)[\w.\[\]()>-]+|[\w.\[\]()*>-]+ (?:\|=|&=) [^;]*);(\s*(?://.*)?)$")
# What can be left out of a chain: no parenthesis is open in it.
OPERAND = r"!?[\w.:>-]+(?:\([^()]*\))?(?:\.\w+(?:\([^()]*\))?)*(?: (?:==|!=|<|>|<=|>=) [\w.:>-]+(?:\([^()]*\))?)?"
FIRST = re.compile(rf"(?<=[(= ])({OPERAND}) (?:&&|\|\||\||&) (?=\S)")
LAST = re.compile(rf" (?:&&|\|\||\||&) ({OPERAND})(?=[;)])")
KINDS = ("check", "effect", "comparison", "operand")
TEST_SECONDS_MAX = 120  # eight times what they take; then it does not end any more


class Untried(Exception):
    """What follows needs what the check declares."""


def commands_of(test):
    """(how to compile each source, how to link) as lists of words."""
    listed = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", test], check=True,
                            stdout=subprocess.PIPE, text=True).stdout.splitlines()
    lines = [shlex.split(line) for line in listed]
    compiles = {str((BUILD / words[-1]).resolve().relative_to(ROOT)): words for words in lines if "-c" in words}
    return compiles, lines[-1]


def changes_of_line(line):
    """(kind, what the line becomes) of each."""
    code = line.split("//")[0]
    if not code.strip() or code.strip().startswith(("static_assert", "assert_that", "template", "#")):
        return
    if CHECK.match(line):
        yield "check", CHECK.sub(r"\1false && (\2)\3", line)
    if EFFECT.match(line):
        yield "effect", EFFECT.sub(r"\1;\2", line)
    if " == " in code:
        yield "comparison", line.replace(" == ", " >= ", 1)
    for pattern in (FIRST, LAST):
        found = pattern.search(code)
        if found:
            yield "operand", line[:found.start()] + line[found.end():]


def changes_of(file, kinds):
    """(number, line, kind, what it becomes) of each."""
    return [(number, line, kind, becomes)
            for number, line in enumerate((ROOT / file).read_text().splitlines())
            for kind, becomes in changes_of_line(line) if kind in kinds]


def is_missed(file, number, becomes, commands):
    """The test that fails with it; None: all pass. Raises Untried if it does not compile."""
    lines = (ROOT / file).read_text().splitlines()
    lines[number] = becomes
    with tempfile.TemporaryDirectory(prefix="leave-out-") as folder:
        source, fresh, program = (pathlib.Path(folder, name) for name in (pathlib.Path(file).name, "o", "test"))
        source.write_text("\n".join(lines) + "\n")
        for test, (compiles, link) in commands.items():
            if file in compiles and fails(test, compiles[file], link, source, fresh, program):
                return test
    return None


def verdict(file, number, becomes, commands):
    try:
        return "missed" if is_missed(file, number, becomes, commands) else "NOT MISSED"
    except Untried:
        return "not tried"


def fails(test, compile_words, link, source, fresh, program):
    stale = compile_words[compile_words.index("-o") + 1]
    command = compile_words[:compile_words.index("-MD")]
    compiled = subprocess.run([*command, "-w", "-I", ROOT / "kernel", "-o", fresh, "-c", source], cwd=BUILD,
                              capture_output=True, text=True)
    if compiled.returncode != 0:
        raise Untried
    words = [word for word in link if word != stale]
    words[words.index("-o") + 1] = program
    # It comes before the archive that has the old one, which is then not taken from there.
    words.insert(words.index("-o") + 2, fresh)
    subprocess.run(words, cwd=BUILD, check=True, capture_output=True)
    try:
        return subprocess.run([program, "--abort"], cwd=BUILD, capture_output=True,
                              timeout=TEST_SECONDS_MAX).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only changes of this kind")
    parser.add_argument("files", nargs="*", metavar="FILE", help="as in kernel/faults.cpp")
    options = parser.parse_args()
    commands = {test: commands_of(test) for test in TESTS}
    known = sorted({file for compiles, _ in commands.values() for file in compiles if file.startswith("kernel/")})
    for file in options.files:
        if file not in known:
            parser.error(f"no test on the host has {file}; they have: {' '.join(known)}")
    changes = [(file, *change) for file in options.files or known
               for change in changes_of(file, options.kind or KINDS)]
    counts = dict.fromkeys(("missed", "NOT MISSED", "not tried"), 0)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda change: verdict(change[0], change[1], change[4], commands), changes)
        for (file, number, line, kind, becomes), word in zip(changes, found):
            counts[word] += 1
            shown = line if kind in ("check", "effect") else becomes
            print(f"{word:12}{kind:12}{file}:{number + 1}: {shown.strip()}", flush=True)
    print(", ".join(f"{count} {word.lower()}" for word, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
