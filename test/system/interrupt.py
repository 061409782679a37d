# SPDX-License-Identifier: MIT
"""Ctrl-C leaves a call on a server that never answers, also when it hung before a power cut: then the
banner says so. At the prompt it belongs to the line; and what the server has stays as it is."""

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 240


def hangs(machine, line):
    machine.type(line + "\r")
    machine.expect(line + " *\n")
    machine.console.drain(1.5)
    assert "perdure>" not in machine.console.untaken()


def leaves(machine, name):
    machine.type("\x03")
    assert f"interrupted: {name} had not answered" in machine.await_prompt()


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=1000")
    machine.run("start spinner s1")  # computes for ever, takes no message
    machine.run("start counter c1")
    machine.run("call c1 add 7")
    hangs(machine, "call s1 get")
    leaves(machine, "s1")
    assert machine.run("call c1 get").endswith("7")

    machine.type("nonsense\x03")  # the line's
    machine.expect(r"\^C")
    machine.await_prompt()
    assert machine.run("call c1 get").endswith("7")

    hangs(machine, "call s1 get")
    for cuts in range(1, 4):
        machine.await_checkpoint()  # the hanging call is in it
        machine.kill()
        machine = lab.start(disk, "interval=1000")
        machine.expect(f"power cuts survived: {cuts} ")
        machine.expect("call s1 get is still waiting; Ctrl-C leaves it\n")
    machine.console.drain(2)
    assert "perdure>" not in machine.console.untaken()
    leaves(machine, "s1")
    machine.clear_line()
    assert machine.run("call c1 get").endswith("7")

    machine.run("wrap c1 g")  # a call of a blocked alias waits as well
    machine.run("block g")
    hangs(machine, "call g get")
    machine.await_checkpoint()
    machine.kill()
    machine = lab.start(disk, "interval=1000")
    machine.expect("call g get is still waiting; Ctrl-C leaves it\n")
    leaves(machine, "g")
    assert machine.run("call c1 get").endswith("7")
    assert "destroyed" in machine.run("destroy s1 -y")
    machine.checkpoint()  # the last image shows its prompt


if __name__ == "__main__":
    main(test)
