# SPDX-License-Identifier: MIT
"""An assertion stops the machine before anything more is committed, and leaves a report that the
host tool shows. An NMI, which nothing in our machine may cause, stands for the kernel's own bug."""

from perdure_host import image
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 120
GUEST_BUG = 0x11


def report_of(disk):
    return image.tool("image", "report", disk).stdout


def test(lab):
    disk = lab.new_image()
    assert report_of(disk).startswith("no report"), report_of(disk)
    machine = lab.boot(disk, "interval=0")
    machine.run("start counter c1")
    machine.run("call c1 add 7")
    machine.run("checkpoint")
    machine.run("call c1 add 100")
    machine.monitor("inject-nmi")
    machine.expect("KERNEL BUG: ")
    machine.expect_end(GUEST_BUG)

    report = report_of(disk)
    assert "assertion: exception 2 (non-maskable interrupt)" in report, report
    assert "last committed generation 1" in report, report
    assert "invocation " in report, report

    after = lab.boot(disk, "interval=0")
    after.clear_line()
    assert after.run("call c1 get").endswith("7")


if __name__ == "__main__":
    main(test)
