# SPDX-License-Identifier: MIT
"""An orderly power-off takes a checkpoint first, ends with the number that the host chose, and is
forgotten by the next boot: that shows a prompt, and does not switch the machine off again."""

from perdure_host.emulator import GUEST_ORDERLY
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 180


def test(lab):
    disk = lab.new_image()
    number, verdict = lab.verdict()
    first = lab.boot(disk, "interval=0", verdict)
    first.run("start counter c1")
    first.run("call c1 add 7")
    first.power_off(number)

    other_number, verdict = lab.verdict()
    second = lab.boot(disk, "interval=0", verdict)
    assert "power cuts survived: 0 (boot 2)" in second.banner, second.banner
    assert "goes on" not in second.banner, second.banner
    second.console.drain(2)
    assert second.is_running(), "the power-off came back with the restart"
    second.clear_line()
    assert second.run("call c1 get").endswith("7")
    second.power_off(other_number)

    third = lab.boot(disk)
    third.clear_line()
    third.power_off(GUEST_ORDERLY)


if __name__ == "__main__":
    main(test)
