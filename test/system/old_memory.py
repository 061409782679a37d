# SPDX-License-Identifier: MIT
"""A machine that was stopped with its memory goes on after another has booted from its disk and worked there:
it stops with one line, at whatever instant its memory was kept, and has not written one byte; but for an instant
at which it had just read the roots, and writes were on their way (docs/decisions/0045): such a round is played
again. If no other machine was there meanwhile it goes on as if nothing had been.

What turns it red: a write that the fence lets through without having read (checkpoint/fence.cpp submit)."""

import time

from perdure_host import image
from perdure_host.emulator import GUEST_REFUSED
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 400
ROUNDS, ATTEMPTS = 5, 30


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    machine.run("start counter c1")
    machine.run("start spinner s1")
    machine.checkpoint()
    machine.kill()
    nobody_was_there(lab, disk)
    without_a_byte = 0
    for attempt in range(ATTEMPTS):
        without_a_byte += another_was_there(lab, disk, without_a_byte)
        if without_a_byte == ROUNDS:
            return
    raise AssertionError(f"in {ATTEMPTS} rounds it wrote nothing only {without_a_byte} times")


def kept(lab, disk, words, seconds):
    """Runs for a while, is stopped, and its memory kept; → the file that holds it."""
    memory = lab.directory / "memory"
    machine = lab.boot(disk, *words)
    machine.clear_line()
    time.sleep(seconds)
    machine.pause()
    machine.monitor("migrate", uri=f"exec:cat > {memory}")
    while machine.monitor("query-migrate").get("status") != "completed":
        time.sleep(0.02)
    machine.kill()
    return memory


def goes_on(lab, disk, words, memory):
    machine = lab.start(disk, *words, further=["-incoming", f"exec:cat {memory}"])
    while machine.monitor("query-status")["status"] == "inmigrate":
        time.sleep(0.02)
    machine.resume()
    return machine


def nobody_was_there(lab, disk):
    words = ["interval=0"]
    machine = goes_on(lab, disk, words, kept(lab, disk, words, 0.1))
    machine.type("call c1 add 2\r")
    machine.await_prompt()
    reported = machine.checkpoint()
    machine.kill()
    assert image.verified_generation(disk) == reported


def another_was_there(lab, disk, round):
    """The spinner changes a frame all the time: with an interval so short it is kept in any phase of a checkpoint.
    → whether the machine with the old memory has written nothing."""
    words = ["interval=20" if round else "interval=500"]
    memory = kept(lab, disk, words, lab.random.random() / 2)
    other = lab.boot(disk, "interval=0")
    other.clear_line()
    value = other.run("call c1 add 1")
    reported = [other.checkpoint() for _ in range(lab.random.randrange(1, 3))][-1]
    other.kill()
    before = disk.read_bytes()
    ghost = goes_on(lab, disk, words, memory)
    # What it is told by: a root before its first write, or a tag that it reads before.
    ghost.expect("perdure: (another machine has written to this disk|copied while a machine was running: .*);"
                 " this machine stops, and writes nothing\n")
    ghost.expect_end(GUEST_REFUSED)
    wrote_nothing = disk.read_bytes() == before
    if not wrote_nothing:
        disk.write_bytes(before)
    assert image.verified_generation(disk) == reported
    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    assert machine.run("call c1 get") == value
    machine.kill()
    return wrote_nothing


if __name__ == "__main__":
    main(test)
