# SPDX-License-Identifier: MIT
"""Every demonstration of the image, one after the other in one machine: each checks itself, and the
shell checks that nothing of it is left. Breaks if one of them fails, hangs, or says nothing, or if
Ctrl-C does not end one."""

from perdure_host.demonstrations import Playing, rows
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 600

ARGUMENTS = ("interval=1000",)

IMAGE = {"size": "64M", "log_size": "16M"}  # B1 alone makes ten megabytes dirty


def test(lab):
    machine = lab.boot(lab.new_image(**IMAGE), *ARGUMENTS)
    names = rows(machine)
    assert len(names) >= 10, names
    used = machine.run("banks").splitlines()[0]
    for name in names:
        machine = Playing(lab, machine, name, ARGUMENTS).run().machine
    assert machine.run("banks").splitlines()[0] == used
    leave(machine)
    assert machine.run("banks").splitlines()[0] == used
    assert machine.run("demo Z9").startswith("error: there is no demonstration Z9")


def leave(machine):
    """Ctrl-C ends a row in the middle of a step, and nothing of it is left either."""
    machine.type("demo B1\r")
    machine.expect("  a key-value server")
    machine.type("\x03")
    machine.expect("demo B1: failed: a step was not done: interrupted\n")
    machine.console.give_back(1)
    machine.await_prompt()


if __name__ == "__main__":
    main(test)
