# SPDX-License-Identifier: MIT
"""Kills a machine that runs the spinner, again and again, and looks at its registers each time.

Every second kill comes between declare and commit. Both show from outside: after a time without
any request the first write belongs to a new generation, and as long as no flush has completed
since, its root cannot be durable. QEMU holds that flush for as long as we like to look.
"""

import time

from .spinner import glimpse, look

INTERVAL_MS = 300
QUIET_SECONDS = 0.1  # without a request: the last generation is home


def survive(lab, kills):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=0")
    assert "started" in machine.run("start spinner s1")
    floor = look(machine)
    machine.resume()
    machine.checkpoint()
    machine.kill()
    caught = 0
    for number in range(kills):
        machine = lab.start(disk, f"interval={INTERVAL_MS}", can_hold_flushes=True)
        resumed = look(machine)
        assert resumed >= floor, f"kill {number}: at step {resumed}, committed was {floor}"
        machine.resume()
        floor = run_over_a_commit(machine)
        if number % 2 == 0:
            caught += go_on_before_commit(machine)
        else:
            time.sleep(lab.random.random() * INTERVAL_MS / 1000)
            look(machine)
        machine.kill()
    assert caught == (kills + 1) // 2
    machine = lab.boot(disk)
    machine.clear_line()
    assert "s1" in machine.run("servers")
    print(f"{kills} kills, {caught} between declare and commit, step {look(machine)}")


def go_on_before_commit(machine):
    """1, when the spinner has been seen to go on between declare and commit; there we still are."""
    for _ in range(20):
        counts = machine.await_disk_quiet(QUIET_SECONDS)
        machine.hold_next_flush()
        machine.await_disk_write(counts)
        begin = glimpse(machine)  # to stop the machine, QEMU would wait for the flush
        time.sleep(0.005)
        end = glimpse(machine)
        if machine.disk_counts()[1] == counts[1]:
            assert end > begin, "no instruction was executed between declare and commit"
            return 1
    raise AssertionError("not one moment between declare and commit was found")


def run_over_a_commit(machine):
    """A step that the spinner had reached before a generation that is now committed."""
    step = look(machine)
    machine.resume()
    counts = machine.await_disk_quiet(QUIET_SECONDS)  # so what comes now was declared after the look
    machine.await_disk_write(counts)
    machine.await_disk_quiet(QUIET_SECONDS)
    return step
