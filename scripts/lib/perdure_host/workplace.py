# SPDX-License-Identifier: MIT
"""Where things are, setting up, and building: the first half of every script."""

import contextlib
import fcntl
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPTS = ROOT / "scripts"
BUILD = pathlib.Path(os.environ.get("PERDURE_BUILD", ROOT / "build")).resolve()
KERNEL = BUILD / "kernel" / "kernel.elf"

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_KILLED = 130


class Refusal(Exception):
    """Something that one line on stderr and an exit status say completely."""

    def __init__(self, message, status=EXIT_FAILED):
        super().__init__(message)
        self.status = status


def main_of(name, main):
    """Runs a script's main, which returns its exit status."""
    try:
        status = main()
        sys.stdout.flush()
    except Refusal as refusal:
        print(f"{name}: {refusal}", file=sys.stderr)
        status = refusal.status
    except KeyboardInterrupt:
        status = EXIT_KILLED
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = EXIT_FAILED
    sys.exit(status)


def on_terminal():
    return sys.stdout.isatty()


def set_up(yes=False):
    command = [SCRIPTS / "setup", "--quiet"] + (["--yes"] if yes else [])
    status = subprocess.run(command).returncode
    if status != 0:
        raise SystemExit(status)


@contextlib.contextmanager
def alone_in(directory):
    """One at a time builds there; the others wait."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = open(directory / ".perdure-lock", "w")
    except OSError as error:
        raise Refusal(f"nothing can be built in {directory}: {error.strerror} (PERDURE_BUILD names another folder)") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if sys.stderr.isatty():
                print(f"waiting for another build in {directory}", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(*targets):
    """Configures if that was never done, and compiles: everything, or targets (`bootable` of meson.build: no
    tests). On a terminal one line says how far it is; else quiet."""
    with alone_in(BUILD):
        if not (BUILD / "build.ninja").exists():
            show_progress("configuring the build")
            # Another compiler may warn of more, and that is to keep no person from booting.
            strict = ["-Dwerror=true"] if os.environ.get("CI") else []
            run_quietly(["meson", "setup", BUILD, ROOT, *strict], "configuring failed")
        compile_targets(targets)


def compile_targets(targets):
    told = []  # what is no progress: said if it fails
    command = ["ninja", "-C", str(BUILD), *targets]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", env={**os.environ, "NINJA_STATUS": "[%f/%t] "}) as ninja:
        for line in ninja.stdout:
            step = re.match(r"\[(\d+)/(\d+)\] ", line)
            if step:
                show_progress(f"building: {step[1]} of {step[2]}")
            else:
                told.append(line)
    show_progress("")
    if ninja.returncode != 0:
        sys.stderr.writelines(told)
        raise Refusal("the build failed")


def show_progress(text):
    """One line of the terminal, in the place of the one before."""
    if on_terminal():
        print(f"\r\x1b[K{text}", end="", flush=True)


def run_quietly(command, failure):
    """What the command says is told only if it fails."""
    command = [str(word) for word in command]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    show_progress("")
    if result.returncode != 0:
        sys.stderr.write(result.stdout.decode(errors="replace"))
        raise Refusal(failure)
