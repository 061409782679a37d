# SPDX-License-Identifier: MIT
"""`reboot` takes a checkpoint and resets the machine; `reboot --cut` resets it without one. The
host sees a reset (by -no-reboot, an end), and the next boot has what it should have."""

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 180


def reset(machine, line):
    machine.type(line + "\r")
    status = machine.wait_end()
    assert machine.describe_end(status) == "status 0 of QEMU itself ", machine.describe_end(status)


def test(lab):
    disk = lab.new_image()
    first = lab.boot(disk, "interval=0")
    first.run("start counter c1")
    first.run("call c1 add 5")
    reset(first, "reboot")

    second = lab.boot(disk, "interval=0")
    assert "power cuts survived: 0 (boot 2)" in second.banner, second.banner
    assert "goes on" not in second.banner, second.banner
    second.clear_line()
    assert second.run("call c1 add 1").endswith("6")
    reset(second, "reboot --cut")

    third = lab.boot(disk, "interval=0")
    assert "power cuts survived: 1 (boot 3)" in third.banner, third.banner
    third.clear_line()
    assert third.run("call c1 get").endswith("5")


if __name__ == "__main__":
    main(test)
