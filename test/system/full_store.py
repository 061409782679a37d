# SPDX-License-Identifier: MIT
"""A store that is full to the last frame: whoever asks for more is told so, and what is there goes
on. Names are used up so that the shell's table is full at the same moment as the store; then
everything is given back, and nothing of it is missing."""

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 300

FULL = "error: the shell's bank has too few frames left"
NO_PLACE = "error: no place for another name"


def root_line(machine):
    return machine.run("banks").splitlines()[0]


def fill(machine):
    """As many servers as there is room for -> their names, and what was said to the last one."""
    names = []
    while True:
        name = f"s{len(names)}"
        said = machine.run(f"start idle {name}")
        if "started" not in said:
            return names, said
        names.append(name)


def test(lab):
    disk = lab.new_image(size="14M", log_size="6M")
    machine = lab.boot(disk, "interval=0")
    before = root_line(machine)
    names, _ = fill(machine)
    growth = 8
    while growth < len(names):
        growth *= 2
    for name in names:
        machine.run(f"destroy {name} -y")
    machine.kill()  # nothing of this was committed

    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    for i in range(min(growth - len(names), 60)):
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
    # The shell's own table has grown beyond what it had at hand, and keeps that.
    assert before.split()[0] == "root" and len(machine.run("banks").splitlines()) == 2


if __name__ == "__main__":
    main(test)
