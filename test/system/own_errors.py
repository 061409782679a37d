# SPDX-License-Identifier: MIT
"""Whatever a server answers is told as its words, with its name before them, through an alias and over a power cut:
errors of its own as it describes them, those of the shared vocabulary by their names, and an error without a
description as just that. The shell never says by itself that this server is stopped, destroyed or void while it is not.

What turns it red: a shell that shows what is answered as what it has found out (userland/shell/call_command.cpp)."""

from perdure_host import image
from perdure_host.testing import main
from perdure_host.workplace import BUILD

TIME_LIMIT_SECONDS = 240

FAULTY = BUILD / "test" / "faulty"
RECIPE = "program refuses\nrecipe refuses\n  program refuses\n  stack 2\n"
DESCRIBED = """ is a refuses; its methods:
take N:number -> number
lie -> nothing
pass_on -> nothing
answer RESULT:number -> nothing
errors of its own:
empty: the purse is empty
gone: error: it is stopped; destroy ends it"""
VOID = "error: capability is void"
# objects/abi.hpp, from 1 on
SHARED_RESULTS = (
    "malformed invocation", "capability is void", "wrong type of capability", "missing right", "bad argument",
    "unknown method", "message too large", "limit reached", "exhausted", "destroyed", "restarted", "unreadable",
    "being destroyed", "not found", "in use", "unsupported", "interrupted", "deadline passed")


def test(lab):
    description = lab.directory / "refuses.description"
    description.write_text(image.DESCRIPTION.read_text() + RECIPE)
    disk = lab.directory / "refuses.img"
    image.make(disk, description, "32M", "4M", image.gathered_programs(lab.directory, (image.PROGRAMS, FAULTY)))
    machine = lab.boot(disk, "interval=0")
    machine.run("start refuses r")
    machine.run("wrap r g")
    machine.run("wrap g h")
    for name in ("r", "g", "h"):
        refuses(machine, name)
    machine.checkpoint()
    machine.kill()
    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    refuses(machine, "h")
    what_is_gone_is_told(machine)
    machine.checkpoint()


def refuses(machine, name):
    says = f"error: {name} says: "
    assert machine.run(f"describe {name}") == name + DESCRIBED
    assert machine.run(f"call {name} take 8") == says + "the purse is empty"
    assert machine.run(f"call {name} lie") == says + "error: it is stopped; destroy ends it"
    undescribed = machine.run(f"call {name} pass_on")
    assert undescribed.startswith(f"error: {name} answers an error that it does not describe: 0x"), undescribed
    for number, word in enumerate(SHARED_RESULTS, 1):
        assert machine.run(f"call {name} answer {number}") == says + word
    for number in (len(SHARED_RESULTS) + 1, 99, 0x7fffffffffffffff, 0x8000000000000002):
        assert machine.run(f"call {name} answer {number}") == (
            f"error: {name} answers an error that it does not describe: {number:#x}")
    assert machine.run(f"call {name} take 0") == "7"  # it has served all the time


def what_is_gone_is_told(machine):
    """The same words, and the shell's own now."""
    machine.run("revoke g")
    for name in ("g", "h"):
        assert machine.run(f"call {name} take 0") == VOID
    assert machine.run("call r take 0") == "7"
    machine.run("wrap r k")
    machine.run("destroy r -y")
    for name in ("r", "k"):
        assert machine.run(f"call {name} take 0") == VOID


if __name__ == "__main__":
    main(test)
