# SPDX-License-Identifier: MIT
"""Disk images: making one, looking before we boot one, and whether it is in use.

What is right and wrong about an image is decided by the kernel's own code in `scripts/perdure`;
here stands only how it is called.
"""

import fcntl
import os
import re
import struct
import subprocess
import sys

from .workplace import BUILD, EXIT_REFUSED, EXIT_USAGE, ROOT, Refusal

DESCRIPTION = ROOT / "userland" / "image.description"
PROGRAMS = BUILD / "userland"
TOOL = BUILD / "tools" / "perdure"

# fcntl's names for locks that belong to the open file, as QEMU takes them on its images. Python's
# standard library has them from 3.9 on some builds only.
F_OFD_GETLK = 36
FLOCK_FORMAT = "hhqqi4x"  # type, whence, start, length, process; padded as the kernel has it


def tool(*words, shows_progress=False):
    """As `scripts/perdure WORDS`, after a build; both outputs are caught, but for progress on a terminal."""
    errors = None if shows_progress and sys.stderr.isatty() else subprocess.PIPE
    return subprocess.run([TOOL, *map(str, words)], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=errors, text=True)


def one_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "no reason was given"


def in_use(path):
    """True if a running machine (or another program) has a lock on the file."""
    with open(path, "rb+") as file:
        wanted = struct.pack(FLOCK_FORMAT, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = fcntl.fcntl(file, F_OFD_GETLK, wanted)
        return struct.unpack(FLOCK_FORMAT, answer)[0] != fcntl.F_UNLCK


def make(path, description=DESCRIPTION, size=None, log_size=None, programs=PROGRAMS):
    """Makes generation 0 of a new image, over whatever the file held."""
    if not path.parent.is_dir():
        raise Refusal(f"no directory for the image: {path.parent}", EXIT_REFUSED)
    if path.exists() and in_use(path):
        raise Refusal(f"{path} is in use by another machine", EXIT_REFUSED)
    words = ["image", "build", path, description, "--programs", programs]
    words += ["--size", size] if size else []
    words += ["--log-size", log_size] if log_size else []
    words += ["--force"] if path.exists() else []
    result = tool(*words, shows_progress=True)
    if result.returncode != 0 and result.stderr is None:  # it has said why
        raise SystemExit(result.returncode)
    if result.returncode != 0:
        raise Refusal(bare(one_line(result.stderr or result.stdout)), result.returncode)


def gathered_programs(directory, folders):
    """A folder with what a description names: links to what was built in several."""
    programs = directory / "programs"
    programs.mkdir(exist_ok=True)
    for file in (file for folder in folders for file in folder.glob("*.elf")):
        link = programs / file.name
        link.unlink(missing_ok=True)
        link.symlink_to(file)
    return programs


def refuse_unless_bootable(path):
    """One line and status 3 for whatever cannot be booted. Only reads."""
    if not path.exists():
        raise Refusal(f"no image at {path}", EXIT_REFUSED)
    if not os.access(path, os.R_OK | os.W_OK):
        raise Refusal(f"{path} cannot be read and written", EXIT_REFUSED)
    if not path.is_file():
        raise Refusal(f"{path} is not a file", EXIT_REFUSED)
    if in_use(path):
        raise Refusal(f"{path} is in use by another machine", EXIT_REFUSED)
    result = tool("image", "info", path)
    if result.returncode == EXIT_USAGE:
        raise Refusal(bare(one_line(result.stderr)))
    if result.returncode != 0:
        raise Refusal(bare(one_line(result.stderr or result.stdout)), EXIT_REFUSED)


def bare(line):
    """Without the name of the tool in front: our own script's stands there already."""
    return re.sub(r"^(scripts/)?perdure: ", "", line)


def verify(path):
    """(whether the image is sound, the last line of what the verifier says)."""
    result = tool("image", "verify", path)
    lines = (result.stdout + result.stderr).strip().splitlines()
    return result.returncode == 0, lines[-1] if lines else f"status {result.returncode}"


def verified_generation(path):
    """The generation that recovery finds in a sound image; raises AssertionError if it is not."""
    sound, line = verify(path)
    assert sound, f"{path}: {line}"
    return verified_generation_of(line)


def verified_generation_of(line):
    found = re.fullmatch(r"image verified: \d+ objects, \d+ banks, generation (\d+)", line)
    assert found, line
    return int(found[1])
