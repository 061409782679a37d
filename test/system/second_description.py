# SPDX-License-Identifier: MIT
"""Nothing in kernel or builder knows the programs of the usual image: one with a single idle
program, without bank server and shell, builds, verifies, boots, and stays up."""

from perdure_host import image
from perdure_host.machine import Machine
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 60

DESCRIPTION = """\
program idle
bank root
schedule ordinary
  priority 4
process idle
  program idle
  schedule ordinary
"""


def test(lab):
    description = lab.directory / "idle.description"
    description.write_text(DESCRIPTION)
    disk = lab.new_image(description=description)
    assert image.verified_generation(disk) == 0
    for _ in range(2):
        machine = lab.start(disk, "interval=100", kind=Machine)
        machine.console.drain(1.5)
        assert machine.is_running(), machine.console.tail()
        assert "perdure: " not in machine.console.text, machine.console.tail()
        machine.kill()
        image.verified_generation(disk)


if __name__ == "__main__":
    main(test)
