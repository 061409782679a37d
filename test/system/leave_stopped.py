# SPDX-License-Identifier: MIT
"""A program that an image runs above the shell keeps a person from the prompt, in every boot. The host
tells its frame; with the boot option it is left stopped, and the prompt is there, also in later boots. One
that was started at the prompt is found by its program, left stopped, and destroyed."""

import json

from perdure_host import image
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 300

RUNAWAY = """
schedule runaway
  priority 9
process runaway
  program spinner
  schedule runaway
"""


def frame_of(disk, program, state):
    """Of the one process of that program."""
    listed = image.tool("image", "list", "--json", "--kind", "process", disk)
    assert listed.returncode == 0, listed.stderr
    found = [(one["frame"], one["description"]) for one in json.loads(listed.stdout)
             if one["description"].endswith(f"program {program}")]
    (frame, description), = found
    assert description == f"{state}, program {program}", description
    return frame


def boot_without(lab, disk, frame, *arguments):
    machine = lab.boot(disk, f"leave-stopped={frame}", *arguments)
    assert f"perdure: left stopped: the process in frame {frame}\n" in machine.banner, machine.banner
    return machine


def test(lab):
    description = lab.directory / "runaway.description"
    description.write_text(image.DESCRIPTION.read_text() + RUNAWAY)
    disk = lab.new_image("runaway.img", description)
    runaway = frame_of(disk, "spinner", "running")
    machine = boot_without(lab, disk, runaway)
    machine.checkpoint()
    machine.kill()
    assert frame_of(disk, "spinner", "stopped") == runaway
    machine = lab.boot(disk)  # there is a prompt
    machine.run("start counter c")
    assert machine.run("call c add 3") == "3"
    machine.checkpoint()
    machine.kill()
    counter = frame_of(disk, "counter", "receiving")
    number, verdict = lab.verdict()
    machine = boot_without(lab, disk, counter, verdict)
    assert "c destroyed" in machine.run("destroy c -y")
    machine.power_off(number)
    image.verified_generation(disk)


if __name__ == "__main__":
    main(test)
