# SPDX-License-Identifier: MIT
"""More memory than a machine has below 4 GiB: what QEMU puts above is used, and told by `status`, booted directly, by BIOS
and by UEFI; what programs have stands up there, goes to the disk and comes back from it.

What turns it red: a kernel that takes only one of the pieces of memory, or an address of 32 bits anywhere between a
program's memory and the disk."""

import re

from perdure_host.terminal import Terminal
from perdure_host.testing import main
from perdure_host.workplace import SCRIPTS

TIME_LIMIT_SECONDS = 400
CHAOS = False

MIB = 1 << 20
BOUNDARY = 4 << 30
LOW_MIB = 2048  # of a q35 with so much memory; the rest stands above 4 GiB
CHUNK = 64 * MIB
FRAME_BYTES = 4096
USED_AT_LEAST = 0.95  # of all memory; the rest is for page tables, descriptors and copies


def test(lab):
    for memory_mib in (3072, 6144):
        disk = lab.new_image(f"{memory_mib}.img")
        needle = f"needle-{lab.random.randrange(10**8):08}"
        machine = lab.boot(disk, "interval=0", memory_mib=memory_mib)
        machine.run("start kv k1")
        machine.run(f"call k1 put key {needle}")
        stands_above(machine, memory_mib, needle)
        machine.checkpoint()
        machine.kill()
        machine = lab.boot(disk, "interval=0", memory_mib=memory_mib)
        machine.clear_line()
        assert machine.run("call k1 get key") == needle
        stands_above(machine, memory_mib, needle)
        is_told(machine.run("status"), memory_mib)
        machine.checkpoint()
        machine.kill()
        for firmware in ("--yes", "--uefi"):
            through_firmware(lab, disk, firmware, memory_mib, needle)


def is_told(status, memory_mib):
    found = re.search(r"memory +\d+ of (\d+) frames", status)
    assert found, status
    share = int(found[1]) * FRAME_BYTES / (memory_mib * MIB)
    assert USED_AT_LEAST < share < 1, f"{share:.3f} of {memory_mib} MiB are used: {status}"


def stands_above(machine, memory_mib, needle):
    """In the machine's own memory, looked at from outside."""
    top = BOUNDARY + (memory_mib - LOW_MIB) * MIB
    end = top
    while end > BOUNDARY and needle.encode() not in machine.memory(end - CHUNK, CHUNK):
        end -= CHUNK
    assert end > BOUNDARY, "nothing of it is above 4 GiB"


def through_firmware(lab, disk, firmware, memory_mib, needle):
    machine = Terminal([SCRIPTS / "run", "--disk", disk, "--memory", str(memory_mib), firmware])
    lab.at_end(machine.close)
    machine.expect("\nperdure> ")
    machine.type("\x15call k1 get key\r")
    machine.expect(rf"\n{needle}\n")
    machine.type("status\r")
    machine.expect("failed commits ")
    is_told(machine.text, memory_mib)
    machine.type("poweroff\r")
    assert machine.status() == 0, machine.text


if __name__ == "__main__":
    main(test)
