# SPDX-License-Identifier: MIT
"""Where things are, setting up, and building: the first half of every script."""

import contextlib
import fcntl
import os
import pathlib
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
    except BrokenPipeError:  # whoever read our output has gone
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
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / ".perdure-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build():
    """Configures if that was never done, and compiles. Progress on a terminal, else quiet."""
    with alone_in(BUILD):
        if not (BUILD / "build.ninja").exists():
            run_quietly(["meson", "setup", BUILD, ROOT], "configuring failed")
        run_quietly(["meson", "compile", "-C", BUILD], "the build failed")


def run_quietly(command, failure):
    """Shows the command's output on a terminal; in a pipe only if it fails."""
    command = [str(word) for word in command]
    if on_terminal():
        result = subprocess.run(command)
    else:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if result.returncode != 0:
        if not on_terminal():
            sys.stderr.write(result.stdout.decode(errors="replace"))
        raise Refusal(failure)
