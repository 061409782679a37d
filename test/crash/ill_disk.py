# SPDX-License-Identifier: MIT
"""The delivered system on a disk that is ill for a while, in each phase of its life: an error that passes
costs time and nothing else. Programs in memory run on; one line says that it is ill, one that it is
well; what is reported committed is on the disk; and the image verifies and boots.

What turns it red: callers that wait for a commit woken by one that failed (kernel/kernel.cpp committed); an
error of a read that is taken for damage (checkpoint/io_queue.hpp is_waited_out), in the case `restart`."""

import re
import time

from perdure_host import image
from perdure_host.patience import end_of
from perdure_host.roots import committed_generation, newest_sequence
from perdure_host.sick_disk import SickDisk
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 600
CASES = ("boot", "restart", "reads", "writes", "full", "flushes", "slow", "gone")

ILL = {"read": "the disk gives nothing", "write": "the disk takes nothing"}
WELL = {"read": "the disk gives again", "write": "the disk takes again"}
PATIENCE_SECONDS = 120
DELAYS = {"slow": 1, "restart": 0.05}  # seconds for each request


def test(lab):
    disk_file = lab.new_image(log_size="3M")
    story = {"boot": at_boot, "restart": restart, "reads": reads, "writes": writes, "full": writes, "flushes": flushes, "slow": slow,
             "gone": gone}[lab.case]
    disk = SickDisk(disk_file, lab.directory, delay_seconds=DELAYS.get(lab.case, 0),
                    can_fail_flushes=lab.case == "flushes")
    lab.at_end(disk.vanish)
    if lab.case == "full":
        disk.set_full()
    machine, value = story(lab, disk)
    reported = machine.checkpoint()
    kill(machine, disk)
    disk.vanish()
    assert image.verified_generation(disk_file) == reported
    machine = lab.boot(disk_file, "interval=0")
    machine.clear_line()
    assert machine.run("call c1 get") == str(value)


def boot(lab, disk, *arguments):
    machine = lab.boot(disk.image, "interval=0", *arguments, nbd_socket=disk.socket)
    machine.clear_line()
    return machine


def start_counter(machine):
    machine.run("start counter c1")
    assert machine.run("call c1 add 5") == "5"
    return 5


def kill(machine, disk):
    """And what serves the disk: nbdkit may end with a client that is gone in the middle of a request."""
    machine.kill()
    disk.vanish()
    disk.come_back()


def at_boot(lab, disk):
    """Nothing can be read, then nothing written: there is no machine until it can."""
    machine = boot(lab, disk)
    value = start_counter(machine)
    machine.checkpoint()
    for kind in ("read", "write"):
        kill(machine, disk)
        # QEMU itself looks at the disk before the machine runs: that is not what is tried.
        machine = lab.start(disk.image, "interval=0", nbd_socket=disk.socket, further=["-S"])
        disk.begin(kind)
        machine.resume()
        machine.expect(ILL[kind])
        disk.end(kind)
        machine.expect(WELL[kind], PATIENCE_SECONDS)
        machine.boot()
        machine.clear_line()
        assert machine.run("call c1 get") == str(value)
    return machine, value


def restart(lab, disk):
    """All reads fail from the root on that a boot writes: while what ran is looked for, and the generation that
    the log still holds is brought home."""
    machine = boot(lab, disk)
    value = start_counter(machine)
    hit = 0
    for attempt in range(20):
        value = served(machine, value)
        machine.checkpoint()
        kill(machine, disk)
        before = newest_sequence(disk.image)
        machine = lab.start(disk.image, "interval=0", nbd_socket=disk.socket)
        await_newer_root(disk, before)
        disk.begin("read")
        told = machine.expect(f"{ILL['read']}|perdure> ", PATIENCE_SECONDS)
        disk.end("read")
        if told[0] == ILL["read"]:  # else all had been read before
            hit += 1
            machine.expect(WELL["read"], PATIENCE_SECONDS)
            machine.expect("perdure> ", PATIENCE_SECONDS)
        machine.clear_line()
        assert machine.run("call c1 get", PATIENCE_SECONDS) == str(value)
        if hit == 3:
            return machine, value
    raise AssertionError(f"in 20 starts the outage met a read only {hit} times")


def await_newer_root(disk, sequence):
    end = end_of(PATIENCE_SECONDS)
    while newest_sequence(disk.image) == sequence:
        assert time.monotonic() < end, "the boot writes no root"
        time.sleep(0.002)


def reads(lab, disk):
    """All reads fail while a generation migrates; while the machine runs; while another server starts."""
    machine = boot(lab, disk, "chaos=1")  # drops what is clean: so there is something to read
    value = start_counter(machine)
    for _ in range(3):
        machine.run("call c1 add 1")
        value += 1
        machine.checkpoint()
        disk.begin("read")
        machine.type("start counter c2\r")
        machine.expect(ILL["read"], PATIENCE_SECONDS)
        disk.end("read")
        machine.expect(WELL["read"], PATIENCE_SECONDS)
        assert machine.run("call c2 add 3", PATIENCE_SECONDS) == "3"
        machine.run("destroy c2 -y")
        assert machine.run("call c1 get") == str(value)
    return machine, value


def writes(lab, disk):
    """All writes fail: in the midst of a checkpoint, and behind its commit, while it is brought home."""
    machine = boot(lab, disk)
    value = start_counter(machine)
    for _ in range(3):
        checkpoint_while_ill(machine, disk, "write", "a checkpoint could not be written|the disk takes nothing")
        machine.run("call c1 add 1")
        value += 1
        machine.checkpoint()
        with disk.ill("write"):  # perhaps in the midst of the migration
            value = served(machine, value)
        machine.checkpoint()
    return machine, value


def flushes(lab, disk):
    """All flushes fail: nothing is reported, and a later attempt commits."""
    machine = boot(lab, disk)
    value = start_counter(machine)
    for _ in range(2):
        checkpoint_while_ill(machine, disk, "flush", "a checkpoint could not be written")
        value = served(machine, value)
        # The warning that was told is not told again so soon; the next round's comes after a restart.
        machine.checkpoint()
        kill(machine, disk)
        machine = boot(lab, disk)
    return machine, value


def slow(lab, disk):
    """Each request takes a second."""
    machine = lab.start(disk.image, "interval=0", nbd_socket=disk.socket)
    machine.boot(seconds=PATIENCE_SECONDS)
    machine.type("start counter c1\r")
    machine.await_prompt(PATIENCE_SECONDS)
    machine.type("call c1 add 7\r")
    machine.await_prompt(PATIENCE_SECONDS)
    return machine, 7


def gone(lab, disk):
    """The server of the disk dies, and another takes its place."""
    machine = boot(lab, disk)
    value = start_counter(machine)
    for _ in range(2):
        await_home(machine)
        disk.vanish()
        value = served(machine, value)
        machine.type("checkpoint\r")
        machine.expect(ILL["write"], PATIENCE_SECONDS)
        disk.come_back()
        machine.expect(WELL["write"], PATIENCE_SECONDS)
        machine.await_prompt(PATIENCE_SECONDS)
    return machine, value


def await_home(machine):
    """What the last checkpoint has to bring home yet would be read first, and nothing written before that."""
    end = end_of(PATIENCE_SECONDS)
    while "written home" not in machine.run("generations"):
        assert time.monotonic() < end, "the last checkpoint does not come home"
        time.sleep(0.05)


def served(machine, value):
    """A program in memory answers, whatever the disk does."""
    for _ in range(3):
        value += 1
        assert machine.run("call c1 add 1") == str(value)
    return value


def checkpoint_while_ill(machine, disk, kind, told):
    """It is not reported while it fails, and committed in the end, under a number of its own."""
    before = committed_generation(disk.image)
    disk.begin(kind)
    machine.type("checkpoint\r")
    machine.expect(told, PATIENCE_SECONDS)
    disk.end(kind)
    reported = re.search(r"checkpoint (\d+) committed", machine.await_prompt(PATIENCE_SECONDS))
    assert reported, machine.console.tail()
    assert before < int(reported[1]) <= committed_generation(disk.image), f"reported {reported[1]}, before it {before}"


if __name__ == "__main__":
    main(test)
