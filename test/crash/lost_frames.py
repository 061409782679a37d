# SPDX-License-Identifier: MIT
"""A server has a frame of each kind. One after the other is damaged at rest: the prompt is there, other servers
serve, `destroy` takes the server away with all that it had, and the image is whole behind that. Where the disk does
not even say what a frame is, the bank does not end: a person who waits for that leaves it with Ctrl-C, over a power cut, too.

What turns it red: a boot that stops at the first row of activities that it cannot read (kernel/processes/restart_list.cpp), a
bank whose frames cannot be rescinded because they cannot be read (kernel/capabilities/range.cpp), or a shell that calls
the bank so that a person cannot leave the call (userland/shell/server_commands.cpp)."""

import json
import shutil

from perdure_host import image
from perdure_host.roots import BLOCK, areas_of
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 400

TAGS_PER_FRAME = 127  # checkpoint/geometry.hpp
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
    lose_tags(lab)


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
    # The list of what ran still names the row of activities, and the next boot makes it anew.
    for is_whole in (False, True) if kind == "activity" else ():
        machine = lab.boot(disk, "interval=0", verdict)
        assert ("the list of what ran is not whole" in machine.banner) == (not is_whole), machine.banner
        assert machine.run("call struck get") == "5"
        machine.checkpoint()
        machine.power_off(number)
    lab.mended(disk)


def lose_tags(lab):
    """Both copies of the tags of the first frames that a server has bought, and of no other frame."""
    description = lab.directory / "large.description"
    description.write_text(image.DESCRIPTION.read_text() + "recipe large\n  program counter\n  stack 120\n")
    disk = lab.directory / "tags.img"
    image.make(disk, description, "32M", "4M")
    number, verdict = lab.verdict()
    machine = lab.boot(disk, "interval=0", verdict)
    machine.run("start large struck")
    machine.run("start counter other")
    machine.run("call other add 7")
    machine.checkpoint()
    machine.power_off(number)
    lose_tags_of_a_server(disk)
    lab.damaged(disk)
    lab.judge(disk)

    machine = lab.boot(disk, "interval=1000", verdict)
    assert machine.run("call other get") == "7"
    waits_for_the_bank(machine, "struck")
    leave_destroy(machine, "struck")
    assert machine.run("call other get") == "7"
    assert machine.run("destroy struck -y") == "error: struck is being destroyed; destroy tells when it is gone"
    machine.run("start spinner busy")  # so that there is something for a checkpoint
    waits_for_the_bank(machine, "other")  # it stands behind the one that does not end
    machine.await_checkpoint()
    machine.kill()
    machine = lab.start(disk, "interval=1000", verdict)
    machine.expect("destroy other -y is still waiting; Ctrl-C leaves it\n")
    leave_destroy(machine, "other")
    assert machine.run("destroy other -y") == "error: other is being destroyed; destroy tells when it is gone"
    machine.checkpoint()
    machine.power_off(number)


def waits_for_the_bank(machine, name):
    machine.type(f"destroy {name} -y\r")
    machine.expect(f"destroy {name} -y *\n")
    machine.console.drain(2)
    assert "perdure>" not in machine.console.untaken(), machine.console.untaken()


def leave_destroy(machine, name):
    machine.type("\x03")
    told = machine.await_prompt()
    assert f"interrupted: the bank had not answered; {name} may be destroyed all the same, destroy tells" in told, told


def lose_tags_of_a_server(disk):
    objects = json.loads(image.tool("image", "list", "--json", disk).stdout)
    accounts = {}
    for one in objects:
        accounts.setdefault(one["frame"] // TAGS_PER_FRAME, set()).add(one["account"])
    server = next(one["account"] for one in objects if one["kind"] == "process" and "large" in one["description"])
    tag_frame = next(number for number, owners in accounts.items() if owners == {server})
    areas = areas_of(disk)
    with open(disk, "r+b") as file:
        for copy in ("first tags", "second tags"):
            file.seek(areas[copy][tag_frame] * BLOCK + 100)
            file.write(bytes(64))


if __name__ == "__main__":
    main(test)
