# SPDX-License-Identifier: MIT
"""A session with the kernel's own checks on: the checksum of each frozen frame at the cut against
the one at its submission, every translation in a page table against a walk, every process and
activity against each other. It ends in an assertion if any of them is wrong."""

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 300

SMALL_MIB = 32  # the checks go over all memory
ROUNDS = 3


def test(lab):
    disk = lab.new_image()
    value = 0
    for boot in range(ROUNDS):
        number, verdict = lab.verdict()
        machine = lab.boot(disk, "interval=200", verdict, check=True, memory_mib=SMALL_MIB)
        machine.clear_line()
        if boot == 0:
            machine.run("start counter c1")
            machine.run("start spinner s1")
        for _ in range(ROUNDS):
            value += 10
            assert machine.run("call c1 add 10").endswith(str(value))
            machine.run("start counter brief")
            machine.run("call brief add 1")
            machine.run("destroy brief -y")
            machine.checkpoint()
        machine.power_off(number)


if __name__ == "__main__":
    main(test)
