# SPDX-License-Identifier: MIT
"""scripts/powercut with a few cuts: it must find nothing. Its books must: told of a state that is too
old, or that never was, they say so. So must each check: whatever of the world is spoilt, the world tells it,
and an answer that is wrong in one place is a state that never was."""

import dataclasses
import re
import shutil
import subprocess

from perdure_host.powercut import (ABSENT, CHANGING, GOOD, VOID, Books, Session, State)
from perdure_host.shell import Shell
from perdure_host.testing import main
from perdure_host.workplace import SCRIPTS
from perdure_host.write_log import FLUSH, Entry, WriteLog

TIME_LIMIT_SECONDS = 3600

CUTS, CUTS_LONG = 8, 300
LAST_LINE = r"powercut: (\d+) cuts, (\d+) operations acknowledged, 0 lost, 0 torn, image verified"

# What is spoilt, in the order of test/powercut/world.hpp, and what the world says then. A message: once it has been sent.
SPOILT = ("pages of memory are of different steps", "capabilities are of different steps",
          "a grant that was not revoked is void", "a grant that was revoked is good",
          "a caller has not got one answer for each step", "a message is not what was sent")
NEEDS_STEP = 5


def test(lab):
    books_tell()
    wrong_answers_are_found(lab)
    instants_are_since_the_report(lab)
    what_is_spoilt_is_told(lab)
    cuts = CUTS_LONG if lab.long else CUTS
    result = subprocess.run([SCRIPTS / "powercut", "--cuts", str(cuts), "--seed", str(lab.seed)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.fullmatch(LAST_LINE, result.stdout.rstrip("\n"))
    assert result.returncode == 0 and found, result.stdout
    assert int(found[1]) == cuts and int(found[2]) > 0, result.stdout
    print(result.stdout)


def books_tell():
    """Four operations, of which a checkpoint was reported to hold the first three."""
    states = [(0, 0, 0, 0), (1, 0, 0, 0), (1, 2, 0, 0), (1, 2, 3, 0), (1, 2, 3, 4)]
    for known, lost, torn in [*((state, 0, 0) for state in states[3:]), (states[2], 1, 0), (states[0], 3, 0),
                              ((1, 0, 3, 0), 0, 1), ((1, 2, 3, 5), 0, 1)]:
        books = Books(states[0])
        for state in states[1:]:
            books.may_become(state)
        books.is_safe(3)
        assert books.acknowledged == 3
        assert books.judge(known) == (torn == 0)
        assert (books.lost, books.torn) == (lost, torn), (known, books.lost, books.torn)
        if torn:
            books.begin_again(known)
        books.judge(known)  # what it knew once may come again
        assert (books.lost, books.torn) == (lost, torn), known


class Answers:
    """A machine that answers what it is told to."""

    def __init__(self, session, state):
        count, digest = session.entries.seen(state.values)
        self.said = {"call k count": str(count), "call k digest": str(digest), "call w look": str(state.step)}
        for number, value in enumerate(state.counters):
            self.said[f"call c{number} get"] = str(value)
        for number, alias in enumerate(state.aliases):
            self.said[f"call a{number} get"] = {
                ABSENT: f"error: there is no server a{number}; servers lists them", VOID: "error: capability is void",
                GOOD: str(state.counters[0])}[alias]

    def run(self, line):
        return self.said[line]


def wrong_answers_are_found(lab):
    """Each of them is from another instant than all others."""
    session = Session(lab.directory, lab.seed)
    old = State(counters=(4, 0, 0, 0))
    new = dataclasses.replace(old.with_counter(2, 7).with_value(3, "v1").with_value(5, None).with_alias(1, GOOD), step=1)
    session.books = Books(old, session.seen)
    session.books.may_become(new)
    for state in (new, old):
        assert session.books.judge(session.look(Answers(session, state))), state
        session.books = Books(old, session.seen)
        session.books.may_become(new)
    before, after = (Answers(session, state).said for state in (old, new))
    differing = [line for line in after if before[line] != after[line]]
    assert differing == ["call k count", "call k digest", "call w look", "call c2 get", "call a1 get"], differing
    for line in differing:
        machine = Answers(session, new)
        machine.said[line] = before[line]
        assert not session.books.judge(session.look(machine)), f"{line}: {before[line]} is believed"
    for line, answer in (("call w look", f"error: w says: {SPOILT[0]}"), ("call a0 get", "5"), ("call a1 get", "error: destroyed")):
        machine = Answers(session, new)
        machine.said[line] = answer
        try:
            session.look(machine)
        except AssertionError as failure:
            assert "torn: " in str(failure), failure
        else:
            raise AssertionError(f"{line}: {answer} is believed")


def instants_are_since_the_report(lab):
    """Before that there are none: what was reported has to be there. Each kind comes."""
    writes = [Entry(0, FLUSH if place % 5 == 4 else 0, b"" if place % 5 == 4 else bytes(512), 1000 * (place + 1))
              for place in range(40)]
    session = Session(lab.directory, lab.seed)
    session.reported_log_size = 1000 * 13 + 1  # in the middle of an entry: the first 13 are certain
    instants = {session.instant(WriteLog(writes)) for _ in range(2000)}
    assert instants == set(range(13, 41)), instants
    assert session.instant(WriteLog(writes[:13])) == 13
    before_flushes = sum(session.instant(WriteLog(writes)) % 5 == 4 for _ in range(2000))
    assert 800 < before_flushes < 1600, before_flushes


def what_is_spoilt_is_told(lab):
    """In the machine. And what `kv` says of its entries is what the books reckon."""
    session = Session(lab.directory, lab.seed)
    session.prepare()
    for what, told in enumerate(SPOILT):
        disk = lab.directory / f"spoilt-{what}.img"
        shutil.copyfile(session.disk, disk)
        machine = Shell(disk, ["interval=0"])
        lab.at_end(machine.kill)
        machine.boot()
        machine.clear_line()
        assert session.look(machine) == session.seen(State())
        assert session.ask_world(machine, "stir") == "1"
        assert session.ask_world(machine, "look") == "1"
        assert machine.run(f"call w spoil {what}") == ""
        if what == NEEDS_STEP:
            for step in ("2", "3"):  # what was sent already is right
                assert session.ask_world(machine, "stir") == step
        assert session.ask_world(machine, "look") == f"error: w says: {told}"
        assert machine.run(f"call k put {CHANGING[1]} v") == ""
        assert session.look_at_entries(machine) == session.entries.seen(State().with_value(1, "v").values)
        machine.kill()


if __name__ == "__main__":
    main(test)
