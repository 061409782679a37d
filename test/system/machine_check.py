# SPDX-License-Identifier: MIT
"""A machine check, which the monitor makes, is a bug of the machine: it stops with a line and a report, and
the next boot goes on from the last checkpoint. Without CR4.MCE it would be a reset without a word."""

from perdure_host import image
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 120
CHAOS = False
GUEST_BUG = 0x11


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=0")
    machine.run("start counter c1")
    machine.run("call c1 add 7")
    machine.checkpoint()
    # Uncorrected, its context not to be trusted: bank 1 of the first processor.
    machine.monitor("human-monitor-command", **{"command-line": "mce 0 1 0xb200000000000000 5 0 0"})
    machine.expect("KERNEL BUG: exception 18")
    machine.expect_end(GUEST_BUG)
    report = image.tool("image", "report", disk).stdout
    assert "assertion: exception 18 (machine check)" in report, report
    after = lab.boot(disk, "interval=0")
    after.clear_line()
    assert after.run("call c1 get").endswith("7")


if __name__ == "__main__":
    main(test)
