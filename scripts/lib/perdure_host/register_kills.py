# SPDX-License-Identifier: MIT
"""Kills a machine that runs the spinner, again and again, and looks at its registers each time.

Every second kill comes between declare and commit. Both show from outside: after a time without
any request the first write belongs to a new generation, and as long as no flush has completed
since, its root cannot be durable. QEMU holds that flush for as long as we like to look.
"""

import time

from .patience import end_of
from .spinner import glimpse, look

INTERVAL_MS = 300
QUIET_SECONDS = 0.1  # without a request: the last generation is home
PATIENCE_SECONDS = 20  # on a busy host QEMU itself may not run for a while
ATTEMPTS_MAX = 20      # for one kill between declare and commit


def survive(lab, kills):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=0")
    assert "started" in machine.run("start spinner s1")
    floor = look(machine)
    machine.resume()
    machine.checkpoint()
    machine.kill()
    caught = missed = 0
    while caught + missed < kills or caught < kills / 2:
        machine = lab.start(disk, f"interval={INTERVAL_MS}", can_hold_flushes=True)
        resumed = look(machine)
        assert resumed >= floor, f"at step {resumed}, committed was {floor}"
        machine.resume()
        floor = run_over_a_commit(machine)
        if caught <= missed and goes_on_before_commit(machine):
            caught += 1
        else:
            time.sleep(lab.random.random() * INTERVAL_MS / 1000)
            missed += 1
        machine.kill()
        assert missed < kills + ATTEMPTS_MAX, "moments between declare and commit are too rare"
    machine = lab.boot(disk)
    machine.clear_line()
    assert "s1" in machine.run("servers")
    print(f"{caught + missed} kills, {caught} between declare and commit, step {look(machine)}")


def goes_on_before_commit(machine):
    """True when the spinner has been seen to go on between declare and commit; there we still are.
    False if the flush that is held is a later one, because ours came too late; another one cannot
    be asked for, for QEMU would first wait for the one that is held."""
    counts = machine.await_disk_quiet(QUIET_SECONDS)
    machine.hold_next_flush()
    machine.await_disk_write(counts)
    goes_on = await_step_after(machine, glimpse(machine))
    if machine.disk_counts()[1] != counts[1]:
        return False
    assert goes_on, f"no step was made between declare and commit:\n{machine.registers()}"
    return True


def await_step_after(machine, begin):
    """Looks without stopping the machine: to stop it, QEMU would wait for the flush."""
    end = end_of(PATIENCE_SECONDS)
    while time.monotonic() < end:
        if glimpse(machine) > begin:
            return True
        machine.console.read(0.002)
    return False


def run_over_a_commit(machine):
    """A step that the spinner had reached before a generation that is now committed."""
    step = look(machine)
    machine.resume()
    machine.await_checkpoint()
    return step
