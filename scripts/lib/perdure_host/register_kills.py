# SPDX-License-Identifier: MIT
"""Kills a machine that runs the spinner, again and again, and looks at its registers each time.

Every second kill comes between declare and commit, which the disk shows from outside: after a
time without any request the first write belongs to a new generation, and until the first flush
has completed its root cannot be durable. A slow disk makes that time long enough to be found.
"""

import time

from .spinner import look

SLOW_DISK = 60          # requests a second
QUIET_SECONDS = 0.15    # nothing is being written
INTERVAL_MS = 400


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
        machine = lab.start(disk, f"interval={INTERVAL_MS}", throttle=SLOW_DISK)
        resumed = look(machine)
        assert resumed >= floor, f"kill {number}: at step {resumed}, committed was {floor}"
        machine.resume()
        if number % 2 == 0:
            caught += kill_before_commit(machine)
        else:
            floor = max(floor, run_over_a_commit(machine))
            time.sleep(lab.random.random() * INTERVAL_MS / 1000)
            look(machine)
            machine.kill()
    assert caught == (kills + 1) // 2
    machine = lab.boot(disk)
    machine.clear_line()
    assert "s1" in machine.run("servers")
    print(f"{kills} kills, {caught} between declare and commit, step {look(machine)}")


def kill_before_commit(machine):
    """1, after a kill between declare and commit in which the spinner was seen to go on."""
    for _ in range(20):
        flushes = await_declare(machine)
        begin = look(machine)
        if machine.disk_counts()[1] == flushes:
            machine.resume()
            time.sleep(0.005)
            end = look(machine)
            if machine.disk_counts()[1] == flushes:
                assert end > begin, "no instruction was executed between declare and commit"
                machine.kill()
                return 1
        machine.resume()
    raise AssertionError("not one moment between declare and commit was found")


def await_declare(machine, seconds=60):
    """Until the first write after a quiet time; answers how many flushes there had been."""
    end = time.monotonic() + seconds
    counts, since = machine.disk_counts(), time.monotonic()
    while time.monotonic() < end:
        time.sleep(0.002)
        now = machine.disk_counts()
        if now == counts:
            continue
        if time.monotonic() - since >= QUIET_SECONDS and now[1] == counts[1]:
            return counts[1]
        counts, since = now, time.monotonic()
    raise AssertionError("no checkpoint begins; " + machine.console.tail())


def run_over_a_commit(machine):
    """A step that the spinner had reached before a checkpoint that is now committed."""
    step = look(machine)
    machine.resume()
    await_declare(machine)  # quiet came first, so this one was declared after the look
    await_declare(machine)  # and the next begins only when that one is home
    return step
