# SPDX-License-Identifier: MIT
"""Tests of the machine in which a source file is changed: a copy of the tree with a build of its own, so that the
real one is left alone. A list of faults (test/guest/mutations.py, test/demonstrations/mutations.py) says what is
changed and what has to notice."""

import argparse
import contextlib
import dataclasses
import importlib.util
import subprocess
import sys

from . import tree_copy
from .workplace import BUILD, alone_in

TREE = BUILD / "changed-tree"
NOTHING = "no fault at all"  # the only one that has to pass


@dataclasses.dataclass
class Fault:
    name: str
    file: str
    old: str        # a text of the file, once in it
    new: str        # what it becomes
    noticed_by: tuple  # each the beginning of the name of something that has to turn red


def module_of(name, path):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Unfit(Exception):
    """A fault that cannot be tried: it is kept with the code, and is behind."""


@contextlib.contextmanager
def changed(fault):
    """The tree with that fault in it, and no other."""
    path = TREE / fault.file
    text = path.read_text()
    if text.count(fault.old) != 1:
        raise Unfit(f"its text stands {text.count(fault.old)} times in {fault.file}")
    path.write_text(text.replace(fault.old, fault.new))
    try:
        yield
    finally:
        path.write_text(text)


def build(targets):
    words = ["ninja", "-C", TREE / "build", *targets]
    built = subprocess.run(words, capture_output=True, text=True)
    if built.returncode != 0:
        errors = [line for line in built.stdout.splitlines() if "error" in line]
        raise Unfit("it does not compile: " + (errors[0] if errors else built.stdout[-200:]))


def try_fault(fault, targets, script, words):
    """`script` (of the copy) says in lines what is red, in the tree with that fault; behind `words` it is told which
    tests have to notice it. → (what is wrong, or None; what the tests that noticed it said)."""
    try:
        with changed(fault):
            build(targets)
            told = subprocess.run([sys.executable, TREE / script, *words, *fault.noticed_by], capture_output=True,
                                  text=True, env=tree_copy.environment(TREE))
    except Unfit as unfit:
        return str(unfit), []
    if told.returncode != 0:
        return f"it cannot be judged: {told.stderr[-300:]}", []
    red = told.stdout.splitlines()
    if fault.name == NOTHING:
        return (f"red without a fault: {red[0]}" if red else None), []
    missed = [name for name in fault.noticed_by if not any(line.startswith(name) for line in red)]
    if missed:
        return f"not noticed by {missed[0]}" + (f"; but {red[0]}" if red else ""), []
    return None, [next(line for line in red if line.startswith(name)) for name in fault.noticed_by]


def main(description, faults, targets, script, words):
    """The command line of a list of faults. The last line is `N passed, N failed`; a passed fault is one that all
    tests that should have noticed it did notice."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the faults, try none")
    parser.add_argument("--jobs", type=int, metavar="N", help="one at a time is tried, whatever is asked for")
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="only those whose name contains this")
    options = parser.parse_args()
    chosen = [fault for fault in faults if options.name == fault.name] or [
        fault for fault in faults if options.name in fault.name]
    if options.list:
        print("\n".join(fault.name for fault in chosen))
        return 0
    failed = 0
    with alone_in(TREE):
        tree_copy.make(TREE)
        if not (TREE / "build" / "build.ninja").exists():
            subprocess.run(["meson", "setup", TREE / "build", TREE], check=True, stdout=subprocess.DEVNULL)
        for fault in chosen:
            wrong, noticed = try_fault(fault, targets, script, words)
            failed += wrong is not None
            print(f"{'SURVIVED' if wrong else 'noticed' if fault.name != NOTHING else 'passes':10}{fault.name}"
                  + (f": {wrong}" if wrong else ""), *noticed, sep="\n          ", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 0 if failed == 0 and chosen else 1
