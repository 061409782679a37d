# SPDX-License-Identifier: MIT
"""The delivered image, as an enemy with the disk in hand makes it: fields and capabilities replaced at
random, all checksums right. Whether `image verify` refuses it or not, `image list` tells what is there, and
no boot of it ends with a kernel bug. Which lies: the seed (printed) and the case tell."""

import shutil
import subprocess

from perdure_host import image
from perdure_host.console import ConsoleClosed, Unexpected
from perdure_host.testing import main
from perdure_host.workplace import BUILD

TIME_LIMIT_SECONDS = 300
# The host's kernel test has many thousand cases.
CHAOS = False
CASES_TRIED = 6
SECONDS_WATCHED = 8
FORGER = BUILD / "test" / "support" / "forge_image"


def forge(disk, seed, lies):
    done = subprocess.run([FORGER, disk, str(seed), str(lies)], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def boot(lab, disk, told):
    """Until it is refused or shows a prompt, or has had time enough: a process that serves the prompt may be among
    the victims."""
    machine = lab.start(disk, "interval=500")
    try:
        machine.expect(r"KERNEL BUG|image refused|perdure> ", SECONDS_WATCHED)
        machine.type("help\ncheckpoint\n")
        machine.expect(r"KERNEL BUG|checkpoint \d+ committed", SECONDS_WATCHED // 2)
    except (ConsoleClosed, Unexpected):
        pass
    machine.console.drain(0.5)
    machine.kill()
    assert "KERNEL BUG" not in machine.console.text, f"{told}\n{machine.console.text}"


def list_objects(disk, told):
    """What is not sound is told, in words that do nothing to a terminal."""
    listed = image.tool("image", "list", disk)
    assert listed.returncode == 0 and listed.stdout.isascii(), f"{told}\n{listed.returncode} {listed.stderr}"


def test(lab):
    honest = lab.new_image()
    for case in range(CASES_TRIED * (5 if lab.long else 1)):
        disk = lab.directory / "forged.img"
        shutil.copy(honest, disk)
        told = f"seed {lab.seed}, case {case}:\n" + forge(disk, lab.seed * 1000 + case, 1 + case)
        lab.forged(disk)
        print(told, lab.judge(disk), flush=True)
        list_objects(disk, told)
        boot(lab, disk, told)
        lab.judge(disk)


if __name__ == "__main__":
    main(test)
