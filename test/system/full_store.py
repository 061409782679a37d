# SPDX-License-Identifier: MIT
"""A store that is full to the last frame: a program that asks for more is told so, and what is there goes
on. Names are used up so that the shell's table is full at the same moment as the store; then
everything is given back, and nothing of it is missing."""

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 300

SIZE, LOG_SIZE = "14M", "6M"
FULL = "error: the shell's bank has too few frames left"
NO_PLACE = "error: no place for another name"


def used(machine):
    """Frames, of the root bank."""
    return int(machine.run("banks").split()[2])


def fill(machine):
    """As many servers as there is room for -> their names, and what was said to the last one."""
    names = []
    while True:
        name = f"s{len(names)}"
        said = machine.run(f"start idle {name}")
        if "started" not in said:
            return names, said
        names.append(name)


def capacity(lab):
    """How many servers such a store has room for."""
    machine = lab.boot(lab.new_image("first.img", size=SIZE, log_size=LOG_SIZE), "interval=0")
    names, _ = fill(machine)
    machine.kill()
    return len(names)


def test(lab):
    room = capacity(lab)
    growth = 8
    while growth < room:
        growth *= 2
    assert growth - room < 60, "destroyed names have to make up the difference: take another SIZE"
    disk = lab.new_image(size=SIZE, log_size=LOG_SIZE)
    machine = lab.boot(disk, "interval=0")
    before = used(machine)
    for i in range(growth - room):
        machine.run(f"start idle early{i}")
        machine.run(f"destroy early{i} -y")
    names, said = fill(machine)
    assert said.startswith((FULL, NO_PLACE)), said
    for _ in range(3):
        said = machine.run("start counter another")
        assert said.startswith((FULL, NO_PLACE)), said
    assert machine.run(f"call {names[0]} nothing").startswith(f"error: {names[0]} has no method")
    machine.checkpoint()
    machine.kill()

    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    lab.random.shuffle(names)
    for name in names[:100]:
        assert "destroyed" in machine.run(f"destroy {name} -y")
    assert "started" in machine.run("start counter another")
    assert machine.run("call another add 7").endswith("7")
    machine.run("destroy another -y")
    for name in names[100:]:
        assert "destroyed" in machine.run(f"destroy {name} -y")
    # Its table has grown beyond the names that the shell has at hand; but for that all is back.
    assert used(machine) - before in range(10), (before, machine.run("banks"))


if __name__ == "__main__":
    main(test)
