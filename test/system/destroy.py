# SPDX-License-Identifier: MIT
"""Destroying a server's bank gives back exactly what it had, voids every capability to it at once
and, after a checkpoint, for ever; destroyed after the last checkpoint, a power cut takes that
back with everything else."""

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 240

VOID = "error: capability is void"


def root_line(machine):
    return machine.run("banks").splitlines()[0]


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=0")
    before = root_line(machine)
    assert before.startswith("root ") and "used" in before, before
    machine.run("start counter c1")
    machine.run("call c1 add 1")
    assert root_line(machine) != before
    machine.checkpoint()
    assert "destroyed" in machine.run("destroy c1 -y")
    assert machine.run("call c1 get") == VOID
    assert root_line(machine) == before
    machine.kill()

    machine = lab.boot(disk, "interval=0")  # the destruction was not committed
    machine.clear_line()
    assert machine.run("call c1 get").endswith("1")
    destroy_by_answer(machine)
    assert machine.run("call c1 get") == VOID
    machine.checkpoint()
    machine.kill()

    machine = lab.boot(disk, "interval=0")  # this one was
    machine.clear_line()
    assert machine.run("call c1 get") == VOID
    assert root_line(machine) == before
    reuse(machine)
    assert machine.run("call c1 get") == VOID


def destroy_by_answer(machine):
    """Asked, a person says no, then yes."""
    for answer, outcome in (("no", "nothing was destroyed"), ("yes", "c1 destroyed")):
        machine.type("destroy c1\r")
        machine.expect("type yes to go on: ")
        machine.type(answer + "\r")
        assert outcome in machine.await_prompt()


def reuse(machine):
    """The storage is used again, many times over, for the same kind of things and for others."""
    for name in ("d1", "d2", "d3", "d4"):
        assert "started" in machine.run(f"start counter {name}")
        assert machine.run(f"call {name} add 9").endswith("9")
    machine.checkpoint()
    assert "started" in machine.run("start spinner s1")


if __name__ == "__main__":
    main(test)
