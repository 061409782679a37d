# SPDX-License-Identifier: MIT
"""A call from the prompt to a program that computes for ever makes it no more important than the other
programs are: these keep their turns while the call waits, behind a power cut, too. Breaks if the shell, which
is above all programs, lends what is above the ceiling of a program's schedule."""

from perdure_host.life import LINE
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 240


def lives_on(machine):
    for _ in range(6):
        machine.expect(LINE)


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=1000")
    machine.run("start spinner s1")
    machine.type("start life l1\r")
    machine.expect(LINE)
    machine.type("call s1 get\r")
    lives_on(machine)
    machine.await_checkpoint()  # the waiting call is in it
    lives_on(machine)
    machine.kill()
    machine = lab.start(disk, "interval=1000")
    lives_on(machine)
    machine.type("\x03")
    assert "interrupted: s1 had not answered" in machine.await_prompt()
    machine.checkpoint()  # the last image shows its prompt


if __name__ == "__main__":
    main(test)
