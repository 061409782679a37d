# SPDX-License-Identifier: MIT
"""First light: a server, a number, a checkpoint, the plug; then everything is still there.
Breaks if anything that a person sees does not come back: the number, the line typed by half."""

import re

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 180

BANNER = (r"Perdure: store [0-9a-f]{16}, generation (\d+) of .+\n"
          r"running: (.+)\n"
          r"power cuts survived: (\d+) \(boot (\d+)\)\n"
          r"checkpoints: every (\d+) ms")


def banner_of(machine):
    found = re.search(BANNER, machine.banner)
    assert found, f"not a restart banner: {machine.banner!r}"
    return int(found[1]), found[2], int(found[3]), int(found[4]), int(found[5])


def test(lab):
    disk = lab.new_image()
    first = lab.boot(disk, "interval=3600000")
    generation, running, cuts, boot, interval = banner_of(first)
    assert (generation, running, cuts, boot, interval) == (0, "shell", 0, 1, 3600000), first.banner
    assert "started" in first.run("start counter c1")
    assert first.run("call c1 add 42").endswith("42")
    committed = first.checkpoint()
    assert first.run("banks").startswith("root ")
    first.type("call c1 g")
    first.expect("call c1 g")
    first.kill()

    # The line was typed after the checkpoint: it is gone, what was before is not.
    second = lab.boot(disk, "interval=300")
    generation, running, cuts, boot, _ = banner_of(second)
    assert (generation, running, cuts, boot) == (committed, "shell, c1 (counter)", 1, 2), second.banner
    second.clear_line()
    assert second.run("call c1 get").endswith("42")
    counts = second.disk_counts()
    second.type("call c1 g")
    second.await_disk_write(counts)
    second.await_disk_quiet(1)  # several intervals: all that was typed is committed
    second.kill()

    # This time checkpoints came after it: the line is back, and can be finished.
    third = lab.boot(disk, "interval=300")
    assert banner_of(third)[2:4] == (2, 3), third.banner
    third.expect("call c1 g")
    third.type("et\r")
    third.expect(r"et\n.*42\n")


if __name__ == "__main__":
    main(test)
