# SPDX-License-Identifier: MIT
"""Wrappers at the prompt, with the power cut between the steps: what was blocked, revoked, forgotten
and committed stays so; what was not committed comes back with everything else. Storage is exactly
as before."""

import re

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 300

VOID = "error: capability is void"


def root_line(machine):
    return machine.run("banks").splitlines()[0]


def boot(lab, disk):
    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    return machine


def test(lab):
    disk = lab.new_image()
    machine = boot(lab, disk)
    machine.run("start counter c1")
    before = root_line(machine)
    for line in ("wrap c1 a1", "wrap c1 a2", "wrap a1 a3"):
        assert "takes it back" in machine.run(line)
    assert machine.run("call a3 add 5").endswith("5")
    machine.checkpoint()
    machine = cut(lab, machine, disk)

    assert machine.run("call a3 add 1").endswith("6")
    blocked(machine)
    machine.checkpoint()
    machine = cut(lab, machine, disk)

    assert "unblocked" in machine.run("unblock a1")
    assert machine.run("call a3 get").endswith("6")
    machine.checkpoint()
    assert machine.run("revoke a1").startswith("revoked, will be durable with a checkpoint to come")
    assert machine.run("call a1 get") == VOID and machine.run("call a3 get") == VOID
    assert machine.run("call a2 get").endswith("6")  # selective
    machine = cut(lab, machine, disk)
    assert machine.run("call a3 get").endswith("6")  # the revocation was not committed
    answer = machine.run("revoke a1 --wait")
    assert re.fullmatch(r"revoked, durable from checkpoint \d+", answer.splitlines()[-1]), answer
    machine = cut(lab, machine, disk)
    assert machine.run("call a1 get") == VOID and machine.run("call a3 get") == VOID

    for name in ("a1", "a2", "a3"):
        assert machine.run(f"forget {name}") == f"{name} forgotten"
    assert root_line(machine) == before
    machine.run("wrap c1 a1")
    assert "destroyed" in machine.run("destroy c1 -y")
    assert machine.run("call a1 get") == VOID


def cut(lab, machine, disk):
    machine.kill()
    return boot(lab, disk)


def blocked(machine):
    """A call waits, ^C leaves it, and the server knows nothing of it."""
    assert "blocked" in machine.run("block a1")
    machine.type("call a3 add 100\r")
    assert not machine.pending_line(2).strip().endswith("perdure>")
    machine.type("\x03")
    assert "interrupted: a3 had not answered" in machine.await_prompt()
    assert machine.run("call c1 get").endswith("6")


if __name__ == "__main__":
    main(test)
