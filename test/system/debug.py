# SPDX-License-Identifier: MIT
"""gdb's commands (scripts/gdb) say of a machine that stands still what the machine, and its image, say themselves; a
field that is called otherwise is an error with its name; and scripts/debug boots, types, stops in one process of
several that have the same addresses, and leaves the image alone if it is told to.

What turns it red: a version or a call count that is not compared (Cache.verdict), a breakpoint that stops for every process
(OnlyIn.stop), an access path that leads elsewhere."""

import hashlib
import json
import os
import re
import subprocess

from perdure_host import image
from perdure_host.patience import end_of
from perdure_host.testing import main
from perdure_host.workplace import KERNEL, SCRIPTS

import time

TIME_LIMIT_SECONDS = 300
CHAOS = False  # what is looked at has to be in memory

COMMANDS = SCRIPTS / "gdb" / "perdure_gdb.py"
ROW = re.compile(r"^ *(\d+)  (running|receiving|waiting|stopped) +(.*?)  +(\d+|\d+, lent \d+|not known) +0x", re.MULTILINE)


def test(lab):
    disk = lab.new_image()
    stub = lab.directory / "stub"
    machine = lab.boot(disk, "interval=0", further=["-gdb", f"unix:{stub},server=on,wait=off"])
    machine.run("start counter c1")
    machine.run("call c1 add 42")
    machine.checkpoint()
    told = at_the_prompt(stub)
    everything_is_said_as_it_is(told, stub)
    what_is_wrong_is_told(stub)
    assert machine.run("call c1 add 1") == "43"  # gdb has let it go on
    machine.checkpoint()
    rows = rows_of(at_the_prompt(stub))
    machine.kill()
    agree_with_image(rows, disk)
    boots_by_itself(lab, disk)
    refuses(lab, disk)


def gdb(stub, *commands):
    words = ["gdb", "-nx", "-q", "-batch", KERNEL, "-ex", f"source {COMMANDS}", "-ex", f"target remote {stub}"]
    for command in commands:
        words += ["-ex", command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout


def at_the_prompt(stub):
    """What `processes` says as soon as all that follows the prompt is done."""
    end = end_of(60)
    while True:
        told = gdb(stub, "perdure processes", "perdure trace")
        if sum(waits == "console input" for _, waits in rows_of(told).values()) == 2:  # the shell, and what waits for ^C
            return told
        assert time.monotonic() < end, told


def rows_of(told):
    """{frame: (state, what it waits for)}"""
    return {int(row[1]): (row[2], row[3].strip()) for row in ROW.finditer(told)}


def everything_is_said_as_it_is(told, stub):
    rows = rows_of(told)
    assert f"{len(rows)} processes in memory" in told, told
    shell = next(frame for frame, (_, waits) in rows.items() if waits == "console input")
    assert re.search(rf"stall +process {shell} +console_input", told), told
    assert re.search(rf"invocation +process {shell} +call register \d+: console.read", told), told
    counter = max(frame for frame, (state, waits) in rows.items() if (state, waits) == ("receiving", "a message"))
    told = gdb(stub, f"perdure capabilities {shell}", f"perdure capabilities {counter}", f"perdure space {counter}",
               f"perdure frame {counter}", f"print $object({counter})->control.state", "perdure accounts")
    endpoint = re.search(r"^ +4  endpoint (\d+\.\d+): valid$", told, re.MULTILINE)
    assert endpoint, told
    # The shell's entry leads to the endpoint of the counter, and that to its process.
    assert f"entry {endpoint[1]}, to process {counter}: valid" in told, told
    # It has answered the shell: what was delivered with the call is good for nothing more.
    assert re.search(rf"^ +1  resume {shell}\.0 payload 0x[0-9a-f]+: void: that call is over$", told, re.MULTILINE), told
    assert re.search(r"^ +0x0000400000  page \d+\.0 read_only: in memory$", told, re.MULTILINE), told
    assert re.search(r"^ +0x000efff000  page \d+\.0 no_execute: in memory$", told, re.MULTILINE), told
    assert re.search(rf"^frame {counter}: process, (clean|dirty)", told, re.MULTILINE), told
    assert "perdure::ProcessState::receiving" in told, told
    assert re.search(r"account \d+ +\d+ frames in memory: .*\bprocess \d+", told), told


def what_is_wrong_is_told(stub):
    told = gdb(stub, "perdure capabilities 0x7fffffff", "perdure capabilities", "perdure space x", "perdure type x",
               "perdure processes")
    for line in ("frame 2147483647 is not in memory", "perdure capabilities FRAME: ", "x is not a number",
                 "only scripts/debug has the console"):
        assert line in told, told
    told = gdb(stub, "python memory.DESCRIPTORS = 'store.no_such_cache_'", "perdure processes")
    assert "no_such_cache_" in told and not rows_of(told), told


def agree_with_image(rows, disk):
    """All that changes between the checkpoint and the prompt: the shell, which is `running` at both."""
    listed = image.tool("image", "list", "--json", "--kind", "process", disk)
    there = {one["frame"]: one["description"] for one in json.loads(listed.stdout)}
    for frame, (state, _) in rows.items():
        assert there.get(frame, "").split(",")[0] == state, f"frame {frame}: {state}; the image says {there.get(frame)!r}"
    # (Of those that the image began with, it does not know the program.)
    assert any(there[frame].endswith("program counter") for frame in rows), there


def boots_by_itself(lab, disk):
    before = digest(disk)
    # The other instance has the same code at the same address, and is called first.
    words = ["perdure type start kv other", "perdure await other started", "perdure rest",
             "perdure type start kv k", "perdure await k started", "perdure rest", "perdure processes"]
    started = debug("--disk", disk, "--copy", "--prompt", "--interval", "0", commands=words)
    server = max(frame for frame, (state, waits) in rows_of(started.stdout).items() if (state, waits) == ("receiving", "a message"))
    words += ["perdure program kv", f"perdure break {server} perdure_invoke",
              "perdure type call other count", "perdure await count\\n0\\n", "perdure type call k put milk 3", "continue",
              "perdure processes", "stepi", "print/x $rip", "bt 1", f"perdure break {server} no_such_function", "perdure frame 5"]
    stopped = debug("--disk", disk, "--copy", "--prompt", "--interval", "0", commands=words)
    assert stopped.returncode == 0, stopped.stdout
    told = stopped.stdout
    assert "\ncall other count\n0\n" in told, told  # it has passed the breakpoint
    assert "perdure_invoke ()" in told.partition("call k put milk 3")[2], told
    last = told.rpartition("processes in memory")[0].rpartition("waits for")[2]
    assert rows_of(last)[server] == ("running", "(runs: registers as of its last entry)"), told
    assert "there is no code at no_such_function" in told, told
    assert digest(disk) == before, "a copy was asked for"


def debug(*words, commands=()):
    words = [SCRIPTS / "debug", *words, "--", "-nx", "-batch"]
    for command in commands:
        words += ["-ex", command]
    return subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def refuses(lab, disk):
    for words in (["--bogus"], ["--memory", "1"], ["--attach", "--copy"], ["x"]):
        wrong = debug("--disk", disk, *words)
        assert wrong.returncode == 2 and len(wrong.stdout.splitlines()) == 1, wrong
    (lab.directory / "garbage.img").write_bytes(bytes(1 << 20))
    wrong = debug("--disk", lab.directory / "garbage.img")
    assert wrong.returncode == 3 and len(wrong.stdout.splitlines()) == 1, wrong


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main(test)
