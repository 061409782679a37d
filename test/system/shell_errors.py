# SPDX-License-Identifier: MIT
"""Wrong input at the prompt gets one clear line and changes nothing; what people type from habit
is answered with the real name; what has no place in this system is not hollow but unknown."""

import re

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 180

ONE_LINE = [
    ("frobnicate", "unknown command frobnicate"),
    ("wrap c1", "usage: wrap"),
    ("wrap nobody a1", "no server nobody"),
    ("wrap c1 c1", "in use"),
    ("wrap c1 1a", "name"),
    ("block c1", "not an alias"),
    ("unblock nobody", "no alias nobody"),
    ("revoke c1", "not an alias"),
    ("revoke c1 --now", "unknown option"),
    ("forget nobody", "no alias nobody"),
    ("describe nobody", "no server nobody"),
    ("start", "usage: start"),
    ("start counter", "usage: start"),
    ("start nothing x", "no program nothing"),
    ("start counter 1x", "name"),
    ("start counter a-name-that-is-too-long", "name"),
    ("start counter c1", "in use"),
    ("start counter c2 many", "not a number"),
    ("start counter c2 1", "at least"),
    ("start counter c2 99999999999999999999999", "not a number"),
    ("call", "usage: call"),
    ("call nobody get", "no server nobody"),
    ("call c1 add", "add"),
    ("call c1 add x", "add"),
    ("call c1 add 1 2", "add"),
    ("destroy nobody", "no server nobody"),
    ("destroy c1 --force", "unknown option"),
    ("destroy --force c1", "unknown option"),
    ("call --fast c1 get", "unknown option"),
    ("call c1 add -1", "-1 is not a number"),
    ("reboot --now", "unknown option"),
    ("checkpoint now", "usage: checkpoint"),
    ("banks all", "no bank all"),
    ("banks c1 c1", "usage: banks"),
]
HABITS = [("ps", "servers"), ("ls", "programs"), ("kill 1", "destroy"), ("sync", "checkpoint"),
          ("exit", "poweroff"), ("shutdown now", "poweroff")]
COMMANDS = ("help programs start servers banks describe call wrap block unblock revoke forget destroy "
            "checkpoint generations status uptime demo "
            "reboot poweroff").split()


def test(lab):
    machine = lab.boot(lab.new_image(), "interval=0")
    machine.run("start counter c1")
    machine.run("call c1 add 3")
    for line, words in ONE_LINE + HABITS:
        answer = machine.run(line)
        assert answer.startswith("error: ") and words in answer, f"{line!r} answered {answer!r}"
        assert "\n" not in answer, f"{line!r} answered in several lines: {answer!r}"
    assert machine.run("call c1 multiply 2").startswith("error: c1 has no method multiply")
    assert machine.run("") == ""
    assert "c2 started" in machine.run("start counter c2")
    assert machine.run("wrap c2 a2").startswith("a2 stands for c2")
    assert machine.run("revoke --wait a2").splitlines()[-1].startswith("revoked, durable from checkpoint ")
    assert "c2 destroyed" in machine.run("destroy -y c2")
    editing(machine)
    helpful(machine)
    assert machine.run("call c1 get").endswith("3")


def editing(machine):
    machine.type("call c1 mult\x08\x08\x08\x08get\r")  # backspaces
    machine.expect("call c1 mult")
    assert machine.await_prompt().endswith("3")
    machine.type("destroy c1 -y\x15call c1 ge\t\r")   # Ctrl-U empties the line; tab completes
    machine.expect("-y")
    assert machine.await_prompt().endswith("3")
    machine.type("nonsense\x03")           # Ctrl-C abandons the line
    machine.expect(r"\^C")
    machine.await_prompt()
    machine.type("\x1b[A\r")               # arrow up: the line before
    assert machine.await_prompt().endswith("3")


def helpful(machine):
    listed = machine.run("help")
    for command in COMMANDS:
        assert re.search(rf"^{command}\b", listed, re.MULTILINE), f"help does not name {command}"
        assert "usage: " + command in machine.run(f"help {command}")
        assert "usage: " + command in machine.run(f"{command} --help")
    assert "counter" in machine.run("programs")
    assert "c1" in machine.run("servers")
    assert "store" in machine.run("status")
    assert "boots 1" in machine.run("uptime")
    assert "generation" in machine.run("generations")


if __name__ == "__main__":
    main(test)
