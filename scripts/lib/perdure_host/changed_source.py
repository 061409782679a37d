# SPDX-License-Identifier: MIT
"""Tests in which one source file is changed: a copy of it is compiled, and linked with the objects that a build
has made of all the others.

That build is one of its own, without sanitizers: what counts here is the number of changes.
"""

import functools
import os
import pathlib
import re
import resource
import shlex
import subprocess

from . import workplace
from .workplace import ROOT, alone_in, run_quietly

BUILD = workplace.BUILD / "changes"
MEMORY_BYTES_MAX = 4 << 30  # what wants more has lost its way


class DoesNotCompile(Exception):
    def __init__(self, told):
        super().__init__(next((line for line in told.splitlines() if "error:" in line), "no reason given"))
        self.told = told

    def lines_of(self, file):
        """Those of that file that the compiler speaks of as errors, from 1."""
        return {int(number) for number in re.findall(rf"{re.escape(file)}:(\d+):(?:\d+:)? error:", self.told)}


def build(tests):
    """`tests` as ninja names them: test/unit/kernel/kernel_test."""
    with alone_in(BUILD):
        if not (BUILD / "build.ninja").exists():
            run_quietly(["meson", "setup", BUILD, ROOT, "-Dsanitizers=false", "-Ddebug=false"], "configuring failed")
        run_quietly(["ninja", "-C", BUILD, *tests], "the build failed")


@functools.cache
def commands_of(test):
    """How the build compiles what is in it, by source, and how it links it: lists of words."""
    listed = subprocess.run(["ninja", "-C", BUILD, "-t", "commands", test], check=True, stdout=subprocess.PIPE,
                            text=True).stdout.splitlines()
    lines = [shlex.split(line) for line in listed]
    return {str((BUILD / words[-1]).resolve().relative_to(ROOT)): words for words in lines if "-c" in words}, lines[-1]


@functools.cache
def sources_of(test):
    """Those whose objects the linker takes: an archive has others, too."""
    compiles, link = commands_of(test)
    place = link.index("-o") + 1
    told = subprocess.run([*link[:place], "/dev/null", *link[place + 1:], "-Wl,--trace"], cwd=BUILD, check=True,
                          stdout=subprocess.PIPE, text=True).stdout.splitlines()
    taken = {(BUILD / line).resolve() for line in told}
    return [source for source, words in compiles.items()
            if (BUILD / words[words.index("-o") + 1]).resolve() in taken]


def compile_changed(test, source, texts, directory):
    """The object of `source`, compiled as for this test (and fit for all). `texts`: what files of the tree become."""
    for file, text in {source: (ROOT / source).read_text(), **texts}.items():
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    words = commands_of(test)[0][source]
    words = words[words[0] == "ccache":words.index("-MD")]
    fresh = directory / "changed.o"
    # The changed files come before those of the tree.
    done = subprocess.run([words[0], "-I", directory, *words[1:], "-w", "-o", fresh, "-c", directory / source],
                          cwd=BUILD, capture_output=True, text=True)
    if done.returncode != 0:
        raise DoesNotCompile(done.stderr)
    return fresh


def link_changed(test, source, fresh, directory):
    """The test's program with this object of `source` in it."""
    compiles, link = commands_of(test)
    stale = compiles[source][compiles[source].index("-o") + 1]
    program = directory / pathlib.Path(test).name
    words = [word for word in link if word != stale]
    place = words.index("-o") + 1
    # The fresh object comes before the archive that has the old one, which is then not taken from there.
    words[place:place + 1] = [program, fresh]
    subprocess.run(words, cwd=BUILD, check=True, capture_output=True)
    return program


def fails(program, arguments, directory, processor_seconds_max):
    """Also if it does not come to an end. Its own time is what counts, so no host is too slow."""
    return run_limited(program, arguments, directory, processor_seconds_max).returncode != 0


def run_limited(program, arguments, directory, processor_seconds_max, environment=None):
    """`environment`: what there is in it besides what there is in ours."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds_max, processor_seconds_max))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))

    return subprocess.run([program, *arguments], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, errors="replace", preexec_fn=limit, env={**os.environ, **(environment or {})})
