# SPDX-License-Identifier: MIT
"""Images of a machine that has worked, at rest and killed behind a commit; in each, one block after the other is
damaged in some way. `image verify` and the kernel's store, which reads everything, must say the same of all of
them; of a sample, a machine boots: it refuses what they call refused, and serves what they call sound.

What turns it red: a rule of the tool's own for which copy of a tag frame is believed (tools/image_view.cpp)."""

import collections
import re
import shutil

from perdure_host import judges
from perdure_host.console import ConsoleClosed, Unexpected
from perdure_host.emulator import GUEST_REFUSED
from perdure_host.roots import BLOCK, areas_of
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 600

FAULTS, FAULTS_LONG = 60, 1000  # of each image
BOOTS = 3  # of each image
SECTOR = 512


def test(lab):
    for is_at_rest in (True, False):
        disk = worked(lab, f"{'rest' if is_at_rest else 'killed'}.img", is_at_rest)
        lab.judge(disk)
        told = damage_it(lab, disk)
        print(disk.name, *(f"{area}: {dict(counts)}" for area, counts in told.items()), sep="\n  ")
        for area in ("first tags", "second tags"):  # one copy of two
            assert set(told[area]) == {"sound"}, f"one copy of a tag frame is damaged: {told[area]}"
        assert told["home"]["unreadable"] > 0, told


def worked(lab, name, is_at_rest):
    disk = lab.new_image(name)
    number, verdict = lab.verdict()
    machine = lab.boot(disk, "interval=0", verdict)
    machine.run("start kv k1")
    for round in range(4):
        machine.run(f"start counter c{round}")
        machine.run(f"call c{round} add {round}")
        machine.run("call k1 fill 200")
        machine.checkpoint()
    if is_at_rest:
        machine.power_off(number)
    else:
        machine.kill()
    return disk


def damage_it(lab, disk):
    """→ by area, how many of which outcome."""
    content = disk.read_bytes()
    used = {area: [block for block in blocks if any(content[block * BLOCK:(block + 1) * BLOCK])]
            for area, blocks in areas_of(disk).items()}
    told = collections.defaultdict(collections.Counter)
    path = lab.directory / "damaged.img"
    shutil.copyfile(disk, path)
    faults = FAULTS_LONG if lab.long else FAULTS
    booted = set(lab.random.sample(range(faults), BOOTS * (5 if lab.long else 1)))
    for number in range(faults):
        area = list(used)[number % len(used)]
        block = lab.random.choice(used[area])
        damaged = damage(lab.random, content, block)
        put(path, block, damaged)
        line = judges.judge(path, judges.FORGED)
        outcome = outcome_of(line)
        told[area][outcome] += 1
        if number in booted:
            boots_as_told(lab, path, outcome, f"seed {lab.seed}, {disk.name}, fault {number}, block {block}: {line}")
        put(path, block, content[block * BLOCK:(block + 1) * BLOCK])
    return told


def put(path, block, data):
    with open(path, "r+b") as file:
        file.seek(block * BLOCK)
        file.write(data)


def damage(random, content, block):
    """A bit turns, the block or a sector of it is lost, or it holds what another should."""
    data = bytearray(content[block * BLOCK:(block + 1) * BLOCK])
    kind = random.randrange(4)
    if kind == 0:
        data[random.randrange(BLOCK)] ^= 1 << random.randrange(8)
    elif kind == 1:
        data = bytearray(BLOCK)
    elif kind == 2:
        sector = random.randrange(BLOCK // SECTOR) * SECTOR
        data[sector:sector + SECTOR] = random.randbytes(SECTOR)
    else:
        other = random.randrange(len(content) // BLOCK)
        data = bytearray(content[other * BLOCK:(other + 1) * BLOCK])
    return data


def outcome_of(line):
    """Of what `image verify` says last."""
    if line.startswith("image verified"):
        return "sound"
    return "unreadable" if re.search(r"frame \d+ \(|cannot be known", line) else "refused"


def boots_as_told(lab, path, outcome, told):
    copy = lab.directory / "boot.img"
    shutil.copyfile(path, copy)
    machine = lab.switch_on(copy, ["interval=0"])
    try:
        found = machine.expect(r"KERNEL BUG|image refused|perdure> ")[0]
    except (ConsoleClosed, Unexpected):
        found = ""  # what serves the prompt may be what is damaged
    machine.console.drain(0.5)
    assert "KERNEL BUG" not in machine.console.text, f"{told}\n{machine.console.text}"
    assert (found == "image refused") == (outcome == "refused"), f"{told}\n{machine.console.text}"
    assert outcome != "sound" or found == "perdure> ", f"{told}\n{machine.console.text}"
    if outcome == "refused":
        machine.expect_end(GUEST_REFUSED)
    machine.kill()


if __name__ == "__main__":
    main(test)
