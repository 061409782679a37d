# SPDX-License-Identifier: MIT
"""The time server: its page is refreshed while no client asks, it goes on after a power cut, and what
it tells after the cut is of the new boot."""

import re

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 180


def now(machine):
    """machine ns, wall seconds, boot epoch"""
    words = re.findall(r"0x([0-9a-f]+)", machine.run("call t now"))
    return [int(word, 16) for word in words[:3]]


def refreshes(machine):
    return int(machine.run("call t refreshes"))


def is_refreshed(machine):
    before = refreshes(machine)
    for _ in range(50):
        if refreshes(machine) > before:
            return True
        machine.console.drain(0.1)
    return False


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=0")
    assert "started" in machine.run("start clock t")
    assert "page -> capability" in machine.run("describe t")
    assert is_refreshed(machine)
    assert machine.run("call t page p").startswith("p bound; describe p tells")
    assert machine.run("describe p") == "p is a page, an object of the kernel: it has no methods of a server"
    first = now(machine)
    assert first[0] > 0 and first[1] > 1_600_000_000, first
    # A program that computes for ever takes its share and not the time.
    machine.run("start spinner s1")
    assert is_refreshed(machine)
    machine.run("destroy s1 -y")
    machine.checkpoint()
    machine.kill()

    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    second = now(machine)
    assert second[2] == first[2] + 1, (first, second)
    assert second[0] > first[0] and second[1] >= first[1], (first, second)
    assert is_refreshed(machine)
    assert "destroyed" in machine.run("destroy t -y")
    machine.kill()
    in_another_century(lab, disk)


def in_another_century(lab, disk):
    """The chip's years have two digits: what they are taken for is told."""
    for hundreds, is_told in ((19, True), (20, False), (21, True)):
        machine = lab.start(disk, "interval=0", further=["-S"])
        for port, value in ((0x70, 0x32), (0x71, int(str(hundreds), 16))):
            machine.monitor("human-monitor-command", **{"command-line": f"o /b {port} {value}"})
        machine.resume()
        banner = machine.boot()
        assert ("perdure: the clock is not between 2000 and 2099" in banner) == is_told, banner
        machine.kill()


if __name__ == "__main__":
    main(test)
