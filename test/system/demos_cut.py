# SPDX-License-Identifier: MIT
"""The demonstrations again, with the plug pulled between their steps: when a step has told what it
did the machine is killed and booted, and the demonstration has to go on to its `ok` from wherever
the last commit found it. Breaks if a cut at any place changes what a program was promised."""

from perdure_host import image
from perdure_host.demonstrations import Playing, rows
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 600

CUTS_PER_ROW, CUTS_PER_ROW_LONG = 2, 30
ARGUMENTS = ("interval=20",)  # so that a cut seldom goes back to before the command

IMAGE = {"size": "64M", "log_size": "16M"}  # B1 alone makes ten megabytes dirty


def test(lab):
    disk = lab.new_image(**IMAGE)
    machine = lab.boot(disk, *ARGUMENTS)
    cuts = CUTS_PER_ROW_LONG if lab.long else CUTS_PER_ROW
    names = rows(machine)
    used = machine.run("banks").splitlines()[0]
    went_on = 0
    for name in names:
        playing = Playing(lab, machine, name, ARGUMENTS, cuts).run()
        machine = playing.machine
        went_on += playing.went_on
    assert went_on > 0, "no cut came in the middle of a demonstration"
    assert machine.run("banks").splitlines()[0] == used
    machine.checkpoint()
    machine.kill()
    image.verified_generation(disk)


if __name__ == "__main__":
    main(test)
