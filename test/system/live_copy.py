# SPDX-License-Identifier: MIT
"""Copies of an image, made piece by piece while its machine works, as `cp` makes them: `image verify` calls each
sound, or names it a copy of a running machine, or damaged. One that it calls sound boots, and serves one generation.
The kernel never serves from two: what it has to read and is newer than the root stops it, with the same words.

What turns it red: is_tag_newer (checkpoint/layout.hpp) that is never true: then no copy is named."""

import time

from perdure_host import image
from perdure_host.emulator import GUEST_REFUSED
from perdure_host.shell import PROMPT
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 400
COPIES = 6
PIECE = 1 << 20
COPIED = "copied while a machine was running"


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=50")
    machine.clear_line()
    for name in ("a", "b"):
        machine.run(f"start kv {name}")
    machine.run("start spinner s1")
    told = 0
    for number in range(COPIES):
        path = lab.directory / f"copy{number}.img"
        # Something new in both, all the time; the copy takes about as long as the machine needs for some generations.
        with open(disk, "rb") as source, open(path, "wb") as copy:
            while piece := source.read(PIECE):
                copy.write(piece)
                machine.run(f"call a put k {number}")
                machine.run(f"call b put k {number}")
                time.sleep(0.01)
        told += tried(lab, path)
        path.unlink()
    assert told > 0, "no copy was a mixture: this has shown nothing"


def tried(lab, path):
    """→ whether it was told as what it is."""
    lab.forged(path)  # a mixture may contradict itself in what only the verifier compares
    lab.judge(path)
    sound, line = image.verify(path)
    copy = lab.start(path, "interval=0")
    try:
        found = copy.expect(f"{PROMPT}|perdure: (image refused: .*|{COPIED}.*)\n")
        if found[0] != PROMPT:
            assert not sound, f"verified, and the kernel says: {found[0]}"
            copy.expect_end(GUEST_REFUSED)
            return COPIED in found[0] and COPIED in line
        if not sound:
            return COPIED in line  # nothing that is newer had to be read yet
        copy.clear_line()
        values = [copy.run(f"call {name} get k") for name in ("a", "b")]
        assert COPIED in copy.console.text or abs(int(values[0]) - int(values[1])) <= 1, values
        return False
    finally:
        copy.kill()


if __name__ == "__main__":
    main(test)
