# SPDX-License-Identifier: MIT
"""Killed three times before anything was committed, the machine boots a fourth time, from
generation 0 as at the first; and three boots without a commit in an older image do no harm."""

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 180


def test(lab):
    disk = lab.new_image()
    for boot in range(1, 5):
        machine = lab.boot(disk, "interval=0")
        assert f"power cuts survived: {boot - 1} (boot {boot})" in machine.banner, machine.banner
        assert "generation 0 of" in machine.banner, machine.banner
        assert "started" in machine.run("start counter c1")
        machine.kill()
    # Once more in the midst of the boot itself, at moments that differ.
    for pause in (0.05, 0.15, 0.3, 0.6):
        machine = lab.start(disk, "interval=0")
        machine.console.read(pause)
        machine.kill()
    last = lab.boot(disk, "interval=0")
    assert "generation 0 of" in last.banner, last.banner
    assert last.run("servers").startswith("none")


if __name__ == "__main__":
    main(test)
