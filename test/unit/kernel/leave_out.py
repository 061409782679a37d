#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Leaves out one check of the kernel after the other, and tells which of them no host test misses.

  test/unit/kernel/leave_out.py [--jobs N] [FILE ...]     default: all of kernel/ that runs on the host

A check is a line `if (...) return ...;`, or `continue` or `break`. It is never taken in a copy of the
file, which is linked with the objects that the build has made of all others; the host tests that have the
file are run until one of them fails. Needs a build. It takes about twenty seconds a check, and judges
nothing: some checks stand for another, some only save time, some only a disk's timing can tell. A
check that is not missed is worth a look at what should miss it. The last line is
`N missed, N not missed, N not tried`; not tried is what does not compile any more.
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
TEST_SECONDS_MAX = 120  # eight times what they take; then it does not end any more


class Untried(Exception):
    """What follows needs what the check declares."""


def commands_of(test):
    """(how to compile each source, how to link) as lists of words."""
    listed = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", test], check=True,
                            stdout=subprocess.PIPE, text=True).stdout.splitlines()
    lines = [shlex.split(line) for line in listed]
    compiles = {str((BUILD / words[-1]).resolve().relative_to(ROOT)): words for words in lines
                if "-c" in words and f"{test}.p/" in words[words.index("-o") + 1]}
    return compiles, lines[-1]


def checks_of(file):
    """(number, line) of each."""
    return [(number, line) for number, line in enumerate((ROOT / file).read_text().splitlines())
            if CHECK.match(line)]


def is_missed(file, number, commands):
    """The test that fails without it; None: all pass. Raises Untried if it cannot be left out."""
    lines = (ROOT / file).read_text().splitlines()
    lines[number] = CHECK.sub(r"\1false && (\2)\3", lines[number])
    with tempfile.TemporaryDirectory(prefix="leave-out-") as folder:
        source, fresh, program = (pathlib.Path(folder, name) for name in (pathlib.Path(file).name, "o", "test"))
        source.write_text("\n".join(lines) + "\n")
        for test, (compiles, link) in commands.items():
            if file in compiles and fails(test, compiles[file], link, source, fresh, program):
                return test
    return None


def verdict(file, number, commands):
    try:
        return "missed" if is_missed(file, number, commands) else "NOT MISSED"
    except Untried:
        return "not tried"


def fails(test, compile_words, link, source, fresh, program):
    stale = compile_words[compile_words.index("-o") + 1]
    command = compile_words[:compile_words.index("-MD")]
    compiled = subprocess.run([*command, "-w", "-I", ROOT / "kernel", "-o", fresh, "-c", source], cwd=BUILD,
                              capture_output=True, text=True)
    if compiled.returncode != 0:
        raise Untried
    words = [fresh if word == stale else word for word in link]
    words[words.index("-o") + 1] = program
    subprocess.run(words, cwd=BUILD, check=True, capture_output=True)
    try:
        return subprocess.run([program], cwd=BUILD, capture_output=True,
                              timeout=TEST_SECONDS_MAX).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("files", nargs="*", metavar="FILE", help="as in kernel/faults.cpp")
    options = parser.parse_args()
    commands = {test: commands_of(test) for test in TESTS}
    known = sorted({file for compiles, _ in commands.values() for file in compiles if file.startswith("kernel/")})
    for file in options.files:
        if file not in known:
            parser.error(f"no test on the host has {file}; they have: {' '.join(known)}")
    checks = [(file, *check) for file in options.files or known for check in checks_of(file)]
    counts = dict.fromkeys(("missed", "NOT MISSED", "not tried"), 0)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda check: verdict(check[0], check[1], commands), checks)
        for (file, number, line), word in zip(checks, found):
            counts[word] += 1
            print(f"{word:12}{file}:{number + 1}: {line.strip()}", flush=True)
    print(", ".join(f"{count} {word.lower()}" for word, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
