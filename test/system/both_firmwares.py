# SPDX-License-Identifier: MIT
"""The same ISO and the same disk under SeaBIOS and under OVMF in turn, on a terminal: the counter
goes on over kills, and over a reboot by the guest under either. Breaks if a loader hands over
something that the kernel cannot use, or if anything of the firmware gets into the image."""

import hashlib
import pathlib
import shlex
import subprocess

from perdure_host import boot_iso
from perdure_host.terminal import Terminal
from perdure_host.testing import main
from perdure_host.workplace import SCRIPTS

TIME_LIMIT_SECONDS = 400
CHAOS = False

RUN = SCRIPTS / "run"
PROMPT = "\nperdure> "
OVMF_SPEAKS = "BdsDxe: starting"  # what no BIOS says on the serial line
TURNS = ("bios", "uefi", "bios", "uefi")


def test(lab):
    disk = lab.directory / "world.img"
    lab.will_judge(disk, serves=True)
    assert iso_of("bios", disk) == iso_of("uefi", disk) == boot_iso.DEFAULT
    before = None
    for number, firmware in enumerate(TURNS):
        machine = boot(lab, disk, firmware, cuts=number)
        if number == 0:
            say(machine, "start counter c1", "started")
        machine.type("\x15")
        say(machine, "call c1 add 1", rf"\n{number + 1}\n")
        say(machine, "checkpoint", r"checkpoint \d+ committed")
        machine.type("\x01x")
        assert machine.status() == 130, machine.text
        now = hashlib.sha256(boot_iso.DEFAULT.read_bytes()).digest()
        assert before in (None, now), "the ISO has changed in between"
        before = now
    for firmware in ("uefi", "bios"):
        rebooted(lab, disk, firmware)


def iso_of(firmware, disk):
    printed = subprocess.run([RUN, *options(firmware, disk), "--print"], stdout=subprocess.PIPE, text=True,
                             check=True)
    words = shlex.split(printed.stdout)
    return pathlib.Path(words[words.index("-cdrom") + 1])


def options(firmware, disk):
    return ["--disk", disk] + (["--uefi"] if firmware == "uefi" else [])


def boot(lab, disk, firmware, cuts):
    fresh = [] if disk.exists() else ["--size", "32M", "--log-size", "4M"]
    machine = Terminal([RUN, *options(firmware, disk), *fresh])
    lab.at_end(machine.close)
    machine.expect(rf"power cuts survived: {cuts} ")
    assert (OVMF_SPEAKS in machine.text) == (firmware == "uefi"), machine.text
    machine.expect(PROMPT)
    return machine


def rebooted(lab, disk, firmware):
    """The guest's own reset goes through the firmware once more; then an orderly end."""
    machine = boot(lab, disk, firmware, cuts=len(TURNS))
    machine.type("\x15")
    say(machine, "call c1 get", rf"\n{len(TURNS)}\n")
    machine.type("reboot\r")
    machine.expect("power cuts survived: ")
    machine.expect(PROMPT)
    machine.type("\x15")
    say(machine, "call c1 get", rf"\n{len(TURNS)}\n")
    machine.type("poweroff\r")
    assert machine.status() == 0, machine.text


def say(machine, line, answer):
    machine.type(line + "\r")
    machine.expect(line + " *(?=\n)")
    machine.expect(answer)
    machine.expect("(?<=\n)perdure> ")


if __name__ == "__main__":
    main(test)
