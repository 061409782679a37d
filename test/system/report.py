# SPDX-License-Identifier: MIT
"""An assertion stops the machine before anything more is committed, and leaves a report that the
host tool shows. An NMI, which nothing in our machine may cause, stands for the kernel's own bug.

It strikes while the migration reads the log, on a disk with reads and writes that take as long as
DELAYS says: a read that ends late must not land in the report, and a slow disk is waited for."""

from perdure_host import image
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 300
GUEST_BUG = 0x11
# Seconds of a read from just before the checkpoint, of a write from just before the bug.
DELAYS = ((0, 0), (0.5, 1.5), (1, 0), (1, 2))


def report_of(disk):
    return image.tool("image", "report", disk).stdout


def strike(lab, disk, reads, writes, number):
    delays = lab.directory / "delays"
    delays.unlink(missing_ok=True)
    machine = lab.boot(disk, "interval=0", disk_delays=delays)
    if number == 1:
        machine.run("start counter c1")
    machine.clear_line()
    machine.run("call c1 add 7")
    delays.write_text(f"{reads} 0\n")
    machine.run("checkpoint")
    machine.run("call c1 add 100")
    delays.write_text(f"{reads} {writes}\n")
    machine.monitor("inject-nmi")
    machine.expect("KERNEL BUG: ")
    machine.expect_end(GUEST_BUG)


def test(lab):
    disk = lab.new_image()
    assert report_of(disk).startswith("no report"), report_of(disk)
    for number, (reads, writes) in enumerate(DELAYS, 1):
        strike(lab, disk, reads, writes, number)
        report = report_of(disk)
        assert "assertion: exception 2 (non-maskable interrupt)" in report, report
        # Each boot has commits of its own; the report is this one's, not one that was left over.
        assert f"boot {number * 2 - 1}," in report, report
        assert "invocation " in report, report
        after = lab.boot(disk, "interval=0")
        after.clear_line()
        assert after.run("call c1 get").endswith(str(7 * number))
        after.kill()


if __name__ == "__main__":
    main(test)
