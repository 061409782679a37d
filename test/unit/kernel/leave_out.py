#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes one line of the kernel after the other, and tells which change no host test misses.

  test/unit/kernel/leave_out.py [--jobs N] [--kind KIND]... [FILE ...]
      default: every kind, all of kernel/ that runs on the host

Kinds of change:
  check        a line `if (...) return ...;`, or `continue` or `break`, is never taken
  effect       a line `++x;`, `--x;`, `x |= ...;` or `x &= ...;` is left out
  call         a line that is only a call, whose answer nobody takes, is left out
  comparison   the first `==` of a line is `>=`, but for what nothing is greater than
  operand      the first operand of `&&`, `||`, `|` or `&` is left out, or the last

The line is changed in a copy of the file, and the host tests that have the file are run until one of them fails: the
quick cases first (those that found a change of late before the others), then the simulation of the kernel, the
long cases last. A change that none of them misses
is worth a look at what should miss it: some checks stand for another, some only save time, some changes mean
the same. Those that may stay stand in left_out_on_purpose.py, with the reason; any other makes the run fail, and so
does one of that list that is missed, or is not there any more. The last line is
`N missed, N on purpose, N not missed, N not tried`; not tried is what does not compile any more.
"""

import argparse
import concurrent.futures
import html
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "scripts/lib"), str(pathlib.Path(__file__).resolve().parent)]
from left_out_on_purpose import ON_PURPOSE  # noqa: E402
from perdure_host import changed_source  # noqa: E402

UNIT_TESTS = ("test/unit/kernel/kernel_test", "test/unit/kernel/address_space_test")
SIMULATION = "test/simulation/kernel_simulation"
QUICK_CASE_SECONDS_MAX = 0.25
PROCESSOR_SECONDS_MAX = 60  # of one run; ten times what the longest takes
FINDERS_MAX = 24
SEEDS = 3  # of each random case, which has some tens of them otherwise
# Up to its condition, behind a declaration if it has one; the condition; the rest.
CHECK = re.compile(r"^(\s*(?:\}? ?else )?if \((?:[^;]*; )?)([^;]*)(\) (?:\[\[\w+\]\] )?(?:return|continue|break)\b.*;\s*)$")
EFFECT = re.compile(r"^(\s*)(?:(?:\+\+|--)[\w.\[\]()>-]+|[\w.\[\]()*>-]+ (?:\|=|&=) [^;]*);(\s*(?://.*)?)$")
CALL = re.compile(r"^(\s*)(?!return\b|assert_that\b)[\w.:>-]+\(.*\);(\s*(?://.*)?)$")
# What can be left out of a chain: no parenthesis is open in it.
OPERAND = r"!?[\w.:>-]+(?:\([^()]*\))?(?:\.\w+(?:\([^()]*\))?)*(?: (?:==|!=|<|>|<=|>=) [\w.:>-]+(?:\([^()]*\))?)?"
FIRST = re.compile(rf"(?<=[(= ])({OPERAND}) (?:&&|\|\||\||&) (?=\S)")
LAST = re.compile(rf" (?:&&|\|\||\||&) ({OPERAND})(?=[;)])")
# What has to do with the compiler, with the kernel's own faults (as commit() has where nobody takes it), only with how soon an interrupt is seen, or is text
# for people.
UNTRIED = ("static_assert", "template", "#", "assert_that", "trace.add", "machine::let_interrupts_in",
           "machine::console_write", "kernel.commit()")
KINDS = ("check", "effect", "call", "comparison", "operand")


class Change:
    def __init__(self, file, number, line, kind, becomes):
        self.file, self.number, self.line, self.kind, self.becomes = file, number, line, kind, becomes

    def shown(self):
        return (self.line if self.kind in ("check", "effect", "call") else self.becomes).strip()

    def key(self):
        return self.file, self.kind, self.shown()


def changes_of_line(line):
    """(kind, what the line becomes) of each."""
    code = line.split("//")[0]
    if not code.strip() or code.strip().startswith(UNTRIED):
        return
    if CHECK.match(line):
        yield "check", CHECK.sub(r"\1false && (\2)\3", line)
    if EFFECT.match(line):
        yield "effect", EFFECT.sub(r"\1;\2", line)
    if CALL.match(line):
        yield "call", CALL.sub(r"\1;\2", line)
    if re.search(r" == (?!no_slot|no_table|nullptr)", code):
        yield "comparison", line.replace(" == ", " >= ", 1)
    for pattern in (FIRST, LAST):
        found = pattern.search(code)
        if found:
            yield "operand", line[:found.start()] + line[found.end():]


def changes_of(file, kinds):
    return [Change(file, number, line, kind, becomes)
            for number, line in enumerate((ROOT / file).read_text().splitlines())
            for kind, becomes in changes_of_line(line) if kind in kinds]


class Finders:
    """The quick cases that have found changes last: what finds one of a line often finds the next."""

    def __init__(self):
        self.cases = {}  # (test, name), the latest at the end

    def note(self, test, told):
        names = re.findall(r'<TestCase name="(.*?)"', told)  # the last one is the case that failed
        if names:
            found = test, html.unescape(names[-1])
            self.cases.pop(found, None)
            self.cases[found] = None

    def runs(self, directory):
        latest = list(self.cases)[-FINDERS_MAX:]
        return [run_of_cases(test, [case for its, case in latest if its == test], directory / f"finders-{number}")
                for number, test in enumerate(UNIT_TESTS) if any(its == test for its, _ in latest)]


def run_of_cases(test, names, file):
    file.write_text("".join(name.replace(",", "\\,") + "\n" for name in names))
    return test, ["--abort", "--reporter", "xml", "--input-file", file]


def runs_of_tests(directory):
    """(test, arguments) of each run, in order: the unchanged tests are run once to see which cases are quick."""
    quick, long = [], []
    for test in UNIT_TESTS:
        told = subprocess.run([changed_source.BUILD / test, "--durations", "yes"], stdout=subprocess.PIPE, text=True)
        if told.returncode != 0:
            sys.exit(f"{test} fails without any change")
        cases = re.findall(r"^([\d.]+) s: (.*)$", told.stdout, re.MULTILINE)
        for runs, is_long in ((quick, False), (long, True)):
            names = [name for seconds, name in cases if (float(seconds) > QUICK_CASE_SECONDS_MAX) == is_long]
            if names:
                runs.append(run_of_cases(test, names, directory / f"{pathlib.Path(test).name}-{is_long}"))
    return [*quick, (SIMULATION, ["--runs", "25"]), *long]


def is_missed(change, runs, finders, directory):
    lines = (ROOT / change.file).read_text().splitlines()
    lines[change.number] = change.becomes
    runs = [run for run in runs if change.file in changed_source.sources_of(run[0])]
    fresh = changed_source.compile_changed(runs[0][0], change.file, {change.file: "\n".join(lines) + "\n"}, directory)
    likely = [run for run in finders.runs(directory) if run[0] in (test for test, _ in runs)]
    programs = {}
    for number, (test, arguments) in enumerate([*likely, *runs]):
        if test not in programs:
            programs[test] = changed_source.link_changed(test, change.file, fresh, directory)
        ended = changed_source.run_limited(programs[test], arguments, directory, PROCESSOR_SECONDS_MAX)
        if ended.returncode != 0:
            if test != SIMULATION and number <= len(likely) + 1:
                finders.note(test, ended.stdout)
            return True
    return False


def verdict(change, runs, finders):
    with tempfile.TemporaryDirectory(prefix="leave-out-") as folder:
        try:
            if is_missed(change, runs, finders, pathlib.Path(folder)):
                return "missed"
        except changed_source.DoesNotCompile:
            return "not tried"
    return "on purpose" if change.key() in ON_PURPOSE else "NOT MISSED"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only changes of this kind")
    parser.add_argument("--list", action="store_true", help="name the files, change none")
    parser.add_argument("files", nargs="*", metavar="FILE", help="as in kernel/faults.cpp")
    options = parser.parse_args()
    os.environ["PERDURE_RUNS"] = str(SEEDS)
    changed_source.build([*UNIT_TESTS, SIMULATION])
    known = sorted({file for test in (*UNIT_TESTS, SIMULATION) for file in changed_source.sources_of(test)
                    if file.startswith("kernel/")})
    if options.list:
        print("\n".join(known))
        return 0
    for file in options.files:
        if file not in known:
            parser.error(f"no test on the host has {file}; they have: {' '.join(known)}")
    kinds = options.kind or KINDS
    changes = [change for file in options.files or known for change in changes_of(file, kinds)]
    counts = dict.fromkeys(("missed", "on purpose", "NOT MISSED", "not tried"), 0)
    stale = {key for key in ON_PURPOSE if key[1] in kinds and key[0] in (options.files or known)}
    with (tempfile.TemporaryDirectory(prefix="leave-out-") as folder,
          concurrent.futures.ThreadPoolExecutor(options.jobs) as pool):
        runs, finders = runs_of_tests(pathlib.Path(folder)), Finders()
        for change, word in zip(changes, pool.map(lambda change: verdict(change, runs, finders), changes)):
            counts[word] += 1
            if word == "on purpose":
                stale.discard(change.key())
            print(f"{word:12}{change.kind:12}{change.file}:{change.number + 1}: {change.shown()}", flush=True)
    for file, kind, line in sorted(stale):
        print(f"left_out_on_purpose.py names what is missed, or is not there: {file}: {kind}: {line}")
    print(", ".join(f"{count} {word.lower()}" for word, count in counts.items()))
    return 1 if counts["NOT MISSED"] or stale else 0


if __name__ == "__main__":
    sys.exit(main())
