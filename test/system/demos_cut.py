# SPDX-License-Identifier: MIT
"""The demonstrations again, with the plug pulled between their steps: when a step has told what it
did the machine is killed and booted, and the demonstration has to go on to its `ok` from wherever
the last commit found it. Breaks if a cut at any place changes what a program was promised. Once with a disk
that keeps all that was written, and once with one that loses what was not flushed, also in those cuts that
a row makes itself."""

from perdure_host import image
from perdure_host.demonstrations import Playing, rows
from perdure_host.lossy_disk import LossyDisk
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 600

CASES = ("kept", "lossy")

CUTS_PER_ROW, CUTS_PER_ROW_LONG = 2, 30
ARGUMENTS = ("interval=20",)  # so that a cut seldom goes back to before the command

IMAGE = {"size": "64M", "log_size": "16M"}  # B1 alone makes ten megabytes dirty


def test(lab):
    disk = lab.new_image(**IMAGE)
    lossy = LossyDisk(lab, disk) if lab.case == "lossy" else None
    machine = lab.boot(disk, *ARGUMENTS, write_log=lossy.begin() if lossy else None)
    cuts = CUTS_PER_ROW_LONG if lab.long else CUTS_PER_ROW
    names = rows(machine)
    used = machine.run("banks").splitlines()[0]
    went_on = 0
    for name in names:
        playing = Playing(lab, machine, name, ARGUMENTS, cuts, lossy).run()
        machine = playing.machine
        went_on += playing.went_on
    assert went_on > 0, "no cut came in the middle of a demonstration"
    assert machine.run("banks").splitlines()[0] == used
    machine.checkpoint()
    machine.kill()
    image.verified_generation(disk)


if __name__ == "__main__":
    main(test)
