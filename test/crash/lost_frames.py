# SPDX-License-Identifier: MIT
"""A server has a frame of each kind. One after the other is damaged at rest: the prompt is there, other servers
serve, `destroy` takes the server away with all that it had, and the image is whole behind that.

What turns it red: a boot that stops at the first row of activities that it cannot read (kernel/restart_list.cpp), or a
bank whose frames cannot be rescinded because they cannot be read (kernel/capabilities/range.cpp)."""

import json
import shutil

from perdure_host import image
from perdure_host.roots import BLOCK, areas_of
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 400

SERVERS = ("before", "struck", "after")


def test(lab):
    whole = lab.new_image("whole.img")
    number, verdict = lab.verdict()
    machine = lab.boot(whole, "interval=0", verdict)
    for name in SERVERS:
        machine.run(f"start counter {name}")
        machine.run(f"call {name} add 7")
    machine.checkpoint()
    machine.power_off(number)
    frames = frames_of_server(whole, SERVERS.index("struck"))
    print({kind: frame for kind, frame in frames.items()})
    assert {"process", "node", "endpoint", "activity", "page"} <= frames.keys(), frames
    for kind, frame in frames.items():
        lose(lab, whole, kind, frame)


def frames_of_server(disk, which):
    """One frame of each kind that the bank of a server has sold, by kind."""
    listed = image.tool("image", "list", "--json", disk)
    assert listed.returncode == 0, listed.stderr
    objects = json.loads(listed.stdout)
    accounts = [one["account"] for one in objects
                if one["kind"] == "process" and one["description"].endswith("program counter")]
    return {one["kind"]: one["frame"] for one in objects if one["account"] == sorted(accounts)[which]}


def lose(lab, whole, kind, frame):
    disk = lab.directory / f"{kind.replace(' ', '-')}.img"
    shutil.copyfile(whole, disk)
    with open(disk, "r+b") as file:
        file.seek(areas_of(disk)["home"][frame] * BLOCK + 100)
        damage = bytes(byte ^ 0x5a for byte in file.read(64))
        file.seek(-64, 1)
        file.write(damage)
    lab.damaged(disk)
    lab.judge(disk)
    number, verdict = lab.verdict()
    machine = lab.boot(disk, "interval=0", verdict)
    for name in ("before", "after"):
        assert machine.run(f"call {name} get") == "7", kind
    assert "struck destroyed" in machine.run("destroy struck -y"), kind
    for name in ("before", "after"):
        assert machine.run(f"call {name} get") == "7", kind
    machine.run("start counter struck")  # in the same frames, it may be
    assert machine.run("call struck add 5") == "5"
    machine.checkpoint()
    machine.power_off(number)
    # A row of activities leaves a gap in the list, which the next boot closes.
    if kind == "activity":
        machine = lab.boot(disk, "interval=0", verdict)
        assert "the list of what ran had a gap, which is closed" in machine.banner, machine.banner
        assert machine.run("call struck get") == "5"
        machine.checkpoint()
        machine.power_off(number)
    lab.mended(disk)


if __name__ == "__main__":
    main(test)
