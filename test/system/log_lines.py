# SPDX-License-Identifier: MIT
"""Lines of the log come while one is being typed: prompt and line are shown again below each, the cursor in its
place, and what is entered is what was typed, over a power cut, too."""

import re

from perdure_host.life import LINE
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 240


def stands_below_a_line(machine, shown):
    machine.expect(LINE + re.escape("perdure> " + shown))


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=1000")
    machine.run("start counter c1")
    machine.type("start life l1\r")
    machine.expect(LINE)
    machine.type("call c1 ad 5")
    stands_below_a_line(machine, "call c1 ad 5")
    machine.type("\x1b[D\x1b[D")
    stands_below_a_line(machine, "call c1 ad 5\b\b")
    machine.await_checkpoint()
    machine.kill()
    machine = lab.boot(disk, "interval=1000")
    stands_below_a_line(machine, "call c1 ad 5\b\b")
    machine.type("d\r")
    machine.expect("\n5\n")


if __name__ == "__main__":
    main(test)
