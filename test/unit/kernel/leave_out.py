#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes one line of the kernel after the other, and tells which change no host test misses.

  test/unit/kernel/leave_out.py [--jobs N] [--kind KIND]... [FILE ...]
      default: every kind, all of kernel/ that runs on the host, but for its checks of itself
  test/unit/kernel/leave_out.py --again TOLD
      only those that the file TOLD, which an earlier run has printed, tells as not missed

Kinds of change:
  check        a line `if (...) return ...;`, or `continue` or `break`, is never taken
  effect       a line `++x;`, `--x;`, `x |= ...;` or `x &= ...;` is left out
  call         a line that is only a call, whose answer nobody takes, is left out
  comparison   the first `==` of a line is `>=`, but for enumerators and what nothing is greater than
  operand      the first operand of `&&`, `||`, `|` or `&` is left out, or the last

A copy of the file is compiled with all its changes in it, of which the environment chooses one (line_changes.py), and
the host tests that have the file are run until one of them fails: the
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
import threading

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "scripts/lib"), str(pathlib.Path(__file__).resolve().parent)]
from left_out_on_purpose import ON_PURPOSE  # noqa: E402
from line_changes import CHOSEN, KINDS, changes_of, switched_text  # noqa: E402
from perdure_host import changed_source  # noqa: E402

UNIT_TESTS = ("test/unit/kernel/kernel_test", "test/unit/kernel/address_space_test")
SIMULATION = "test/simulation/kernel_simulation"
QUICK_CASE_SECONDS_MAX = 0.25
PROCESSOR_SECONDS_MAX = 60  # of one run; ten times what the longest takes
FINDERS_MAX = 24
SELF_CHECKS = ("_check.cpp",)  # find nothing while the kernel has no fault: no test could miss one
SEEDS = 3  # of each random case, which has some tens of them otherwise


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


class ChangedFile:
    """A source file and its tests with all its changes in it that can be there together."""

    def __init__(self, file, changes, runs, directory):
        self.file, self.directory = file, directory
        self.changes = changes
        self.text = (ROOT / file).read_text()
        self.runs = [run for run in runs if file in changed_source.sources_of(run[0])]
        self.programs = {}
        self.lock = threading.Lock()
        self.is_made = False
        self.together = set()

    def make(self):
        """What the compiler finds fault with is left out of it, until it finds none."""
        with self.lock:
            if self.is_made:
                return
            self.is_made = True
            together = [change if change.place else None for change in self.changes]
            while any(together):
                try:
                    text = switched_text(self.text, together)
                    self.programs = self.compiled(text, self.directory)
                except changed_source.DoesNotCompile as error:
                    rows = {number - 1 for number in error.lines_of(self.file)}
                    at_fault = [change for change in together if change and change.row in rows]
                    together = [change if change and at_fault and change.row not in rows else None for change in together]
                else:
                    self.together = {number for number, change in enumerate(together) if change}
                    return

    def compiled(self, text, directory):
        tests = list(dict.fromkeys(test for test, _ in self.runs))
        fresh = changed_source.compile_changed(tests[0], self.file, {self.file: text}, directory)
        return {test: changed_source.link_changed(test, self.file, fresh, directory) for test in tests}

    def programs_of(self, number, directory):
        """With that change in them once the environment chooses it."""
        self.make()
        if number in self.together:
            return self.programs
        lines = self.text.splitlines()
        lines[self.changes[number].row] = self.changes[number].becomes
        return self.compiled("\n".join(lines) + "\n", directory)

    def is_missed(self, number, finders, directory):
        programs = self.programs_of(number, directory)
        likely = [run for run in finders.runs(directory) if run[0] in programs]
        for place, (test, arguments) in enumerate([*likely, *self.runs]):
            ended = changed_source.run_limited(programs[test], arguments, directory, PROCESSOR_SECONDS_MAX,
                                               {CHOSEN: str(number)})
            if ended.returncode != 0:
                if test != SIMULATION and place <= len(likely) + 1:
                    finders.note(test, ended.stdout)
                return True
        return False

    def verdict(self, number, finders):
        with tempfile.TemporaryDirectory(prefix="change-", dir=self.directory) as folder:
            try:
                if self.is_missed(number, finders, pathlib.Path(folder)):
                    return "missed"
            except changed_source.DoesNotCompile:
                return "not tried"
        return "on purpose" if self.changes[number].key() in ON_PURPOSE else "NOT MISSED"


def not_missed_in(told):
    """The keys of those that an earlier run has told so."""
    lines = re.findall(r"^NOT MISSED +(\w+) +(\S+?):\d+: (.*)$", told.read_text(), re.MULTILINE)
    return {(file, kind, line) for kind, file, line in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only changes of this kind")
    parser.add_argument("--list", action="store_true", help="name the files, change none")
    parser.add_argument("--again", type=pathlib.Path, metavar="TOLD", help="only what an earlier run has told as not missed")
    parser.add_argument("files", nargs="*", metavar="FILE", help="as in kernel/invoke/faults.cpp")
    options = parser.parse_args()
    os.environ["PERDURE_RUNS"] = str(SEEDS)
    changed_source.build([*UNIT_TESTS, SIMULATION])
    known = sorted({file for test in (*UNIT_TESTS, SIMULATION) for file in changed_source.sources_of(test)
                    if file.startswith("kernel/") and not file.endswith(SELF_CHECKS)})
    if options.list:
        print("\n".join(known))
        return 0
    for file in options.files:
        if file not in known:
            parser.error(f"no test on the host has {file}; they have: {' '.join(known)}")
    kinds = options.kind or KINDS
    counts = dict.fromkeys(("missed", "on purpose", "NOT MISSED", "not tried"), 0)
    again = not_missed_in(options.again) if options.again else None
    files = options.files or [file for file in known if again is None or any(file == key[0] for key in again)]
    stale = {key for key in ON_PURPOSE if key[1] in kinds and key[0] in files} if again is None else set()
    with (tempfile.TemporaryDirectory(prefix="leave-out-") as folder,
          concurrent.futures.ThreadPoolExecutor(options.jobs) as pool):
        runs, finders = runs_of_tests(pathlib.Path(folder)), Finders()
        tried = []
        for place, file in enumerate(files):
            directory = pathlib.Path(folder) / str(place)
            directory.mkdir()
            changed = ChangedFile(file, changes_of(file, (ROOT / file).read_text(), kinds), runs, directory)
            tried += [(changed, number) for number, change in enumerate(changed.changes)
                      if again is None or change.key() in again]
        for (changed, number), word in zip(tried, pool.map(lambda one: one[0].verdict(one[1], finders), tried)):
            change = changed.changes[number]
            counts[word] += 1
            if word == "on purpose":
                stale.discard(change.key())
            print(f"{word:12}{change.kind:12}{change.file}:{change.row + 1}: {change.shown()}", flush=True)
    for file, kind, line in sorted(stale):
        print(f"left_out_on_purpose.py names what is missed, or is not there: {file}: {kind}: {line}")
    print(", ".join(f"{count} {word.lower()}" for word, count in counts.items()))
    return 1 if counts["NOT MISSED"] or stale else 0


if __name__ == "__main__":
    sys.exit(main())
