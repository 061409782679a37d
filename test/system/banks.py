# SPDX-License-Identifier: MIT
"""`banks` shows every total that a person wants: used and effective limit of each bank, and of one
bank the frames by kind, which add up to what is used; and the totals are the same after a cut."""

import re

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 240


def numbers(line):
    found = re.search(r"used (\d+) of (\d+) frames", line)
    assert found, line
    return int(found[1]), int(found[2])


def check_kinds(machine, name):
    first, *kinds = machine.run(f"banks {name}").splitlines()
    used, _ = numbers(first)
    assert first.strip().startswith(name), first
    assert any(line.strip().startswith("page ") for line in kinds), kinds
    assert sum(int(re.search(r" (\d+) frames", line)[1]) for line in kinds) == used, (first, kinds)


def test(lab):
    disk = lab.new_image()
    machine = lab.boot(disk, "interval=0")
    assert "started" in machine.run("start counter c1 100")
    assert "error: the store has " in machine.run("start counter c2 4000000")
    assert "started" in machine.run("start counter c2 200")
    machine.run("call c1 add 1")
    lines = machine.run("banks").splitlines()
    assert lines[0].startswith("root ") and lines[0].count(" of ") == 2, lines[0]
    all_used, all_frames = numbers(lines[0])
    named = {line.split()[0]: line for line in lines}
    assert numbers(named["c1"])[1] == 100, named["c1"]
    assert numbers(named["c2"])[1] == 200 <= all_frames, named["c2"]
    assert numbers(named["shell"])[0] >= numbers(named["c1"])[0] + numbers(named["c2"])[0] + 4
    assert all_used > numbers(named["shell"])[0]
    for name in ("root", "shell", "c1"):
        check_kinds(machine, name)
    assert machine.run("banks nobody") == "error: there is no bank nobody; banks lists them"
    machine.checkpoint()
    machine.kill()

    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    assert machine.run("banks").splitlines() == lines
    check_kinds(machine, "root")


if __name__ == "__main__":
    main(test)
