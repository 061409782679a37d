# SPDX-License-Identifier: MIT
"""A busy machine whose power is cut again and again, and the books on what it has promised. For what
the words mean see scripts/powercut.

What it holds, and what of it is judged after each cut:

  counters   four servers, each with one number
  entries    a key-value server with 20,000 entries behind wrappers of their own: a digest over all of them
  world      a program with memory, capability pages, wrappers of which it has revoked some, and processes that are in the
             middle of calls, all of one step; it changes more than a segment of the log holds (test/powercut)
  aliases    of the shell's, wrapped, revoked and forgotten

All of it together has to be what it was at one instant. Each third cut comes while a generation is written that is larger
than a segment of the log; the others at random instants of a busy session.
"""

import contextlib
import dataclasses
import random
import re
import shutil
import threading
import time

from . import image, judges
from .console import ConsoleClosed
from .patience import end_of
from .roots import BLOCK, areas_of, segment_blocks_of
from .shell import Shell
from .workplace import BUILD
from .write_log import FLUSH, CrashDisk, WriteLog

COUNTERS = 4
ENTRIES = 20_000
CHANGING = tuple(f"fill-{number:09}" for number in range(1, ENTRIES, ENTRIES // 16))  # keys
ALIASES = 4
INTERVAL_MS = 100        # checkpoints by the clock, so that many cuts fall into one
CHECKPOINT_SHARE = 0.15  # of the commands
SECONDS_MAX = 1.5        # from the first command to the time at which it is switched off
AT_A_WRITE = 0.3         # of the cuts come after any write since the last report,
BEFORE_A_FLUSH = 0.5     # of them just before a flush, and the others at that time
SIZE, LOG_SIZE = "32M", "6M"

WORLD = BUILD / "test" / "powercut"
WORLD_TARGET = "test/powercut/world.elf"
RECIPE = "program world\nrecipe world\n  program world\n  stack 2\n"
ON_THEIR_WAY = "error: w says: callers are on their way"

ABSENT, GOOD, VOID = "absent", "good", "void"


def fnv1a(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & (1 << 64) - 1
    return value


def word(text):
    return text.encode().ljust(16, b"\0")


def digest_of(entries):
    """As `kv` has it (EntryStore::digest): the sum over all entries."""
    return sum(fnv1a(word(key) + word(value)) for key, value in entries) % (1 << 64)


@dataclasses.dataclass(frozen=True)
class State:
    """Of everything, at one instant."""
    counters: tuple = (0,) * COUNTERS
    values: tuple = CHANGING           # of the keys CHANGING; None: removed
    step: int = 0
    aliases: tuple = (ABSENT,) * ALIASES

    def with_counter(self, number, amount):
        counters = list(self.counters)
        counters[number] += amount
        return dataclasses.replace(self, counters=tuple(counters))

    def with_value(self, place, value):
        return dataclasses.replace(self, values=(*self.values[:place], value, *self.values[place + 1:]))

    def with_alias(self, number, alias):
        return dataclasses.replace(self, aliases=(*self.aliases[:number], alias, *self.aliases[number + 1:]))


class Entries:
    """What the key-value server has to say of its entries, by the values of those that change."""
    def __init__(self):
        self._others = digest_of((key, key) for key in (f"fill-{number:09}" for number in range(1, ENTRIES + 1))
                                 if key not in CHANGING)

    def seen(self, values):
        there = [(key, value) for key, value in zip(CHANGING, values) if value is not None]
        return ENTRIES - len(CHANGING) + len(there), (self._others + digest_of(there)) % (1 << 64)


class Books:
    """All that may be true, one state after the other, and which of it was reported as committed."""

    def __init__(self, first, seen=lambda state: state):
        self._states = [first]
        self._safe = 0     # which of them the last reported checkpoint has at least
        self._seen = seen  # what a state looks like from outside
        self.acknowledged = self.lost = self.torn = 0

    def newest(self):
        return self._states[-1]

    def may_become(self, state):
        """It may be done, whether or not we hear of it."""
        self._states.append(state)

    def is_safe(self, number):
        """A checkpoint was reported that was begun when there were so many changes."""
        self.acknowledged += number - self._safe
        self._safe = number

    def changes(self):
        return len(self._states) - 1

    def judge(self, seen):
        """Then what it knows is the newest that is true; but it may not yet be on the disk, so that
        the next cut may take it back, as far as the last reported checkpoint. → whether it was ever true."""
        # The newest of those that look alike: what cannot be told apart is not held against it.
        places = [place for place, state in enumerate(self._states) if self._seen(state) == seen]
        if not places:
            self.torn += 1
            return False
        place = places[-1]
        self.lost += max(0, self._safe - place)
        self._states = self._states[min(self._safe, place):place + 1]
        self._safe = 0
        return True

    def begin_again(self, state):
        self._states, self._safe = [state], 0


class Session:
    """One image over many cuts."""

    def __init__(self, directory, seed):
        self.random = random.Random(seed)
        self.directory = directory
        self.disk = directory / "powercut.img"
        self.base = directory / "before.img"
        self.log = directory / "write.log"
        self.entries = Entries()
        self.books = Books(State(), self.seen)
        self.reported_log_size = 0  # of the write log, when a checkpoint was last reported

    def seen(self, state):
        return state.counters, self.entries.seen(state.values), state.step, state.aliases

    def prepare(self):
        description = self.directory / "powercut.description"
        description.write_text(image.DESCRIPTION.read_text() + RECIPE)
        programs = image.gathered_programs(self.directory, (image.PROGRAMS, WORLD))
        image.make(self.disk, description, SIZE, LOG_SIZE, programs)
        with Shell(self.disk, ["interval=0"]) as machine:
            machine.boot()
            for number in range(COUNTERS):
                assert "started" in machine.run(f"start counter c{number} 32")
            assert "started" in machine.run("start kv k 1400")
            assert machine.run(f"call k fill {ENTRIES}", 300) == str(ENTRIES)
            assert "started" in machine.run("start world w 900")
            assert self.ask_world(machine, "look") == "0"
            machine.checkpoint()

    def cut(self, number):
        if number % 3 == 0:
            self._cut_large_generation()
        else:
            self._cut_busy_session(is_something_at_stake=number % 2 == 1)

    def _cut_busy_session(self, is_something_at_stake):
        """At stake is what was reported in this session. On a slow host the plug may be pulled before there is anything."""
        with self._begin(INTERVAL_MS) as machine:
            self._compare(machine)
            if is_something_at_stake:
                self._add(machine)
                self._checkpoint(machine)
            plug = threading.Timer(self.random.random() * SECONDS_MAX, machine.pull_the_plug)
            plug.start()
            try:
                while True:
                    self._command(machine)
            except ConsoleClosed:
                plug.join()
        log = WriteLog.read(self.log)
        self._leave_what_a_disk_may(log, self.instant(log))

    def _cut_large_generation(self):
        """Nothing else begins a checkpoint meanwhile, so it does not depend on the host how large it is. That it is
        committed is not noted: the cut is as if it had come earlier."""
        with self._begin(interval=0) as machine:
            self._compare(machine)
            self._checkpoint(machine)
            self._stir(machine)
            machine.checkpoint()
            machine.pull_the_plug()
        log = WriteLog.read(self.log)
        blocks, first, end = self.largest_generation(log)
        assert blocks > segment_blocks_of(self.base), f"the largest generation has only {blocks} blocks"
        self._leave_what_a_disk_may(log, self.random.randint(first, end))

    @contextlib.contextmanager
    def _begin(self, interval):
        """A machine at its prompt, whose writes are logged."""
        shutil.copyfile(self.disk, self.base)
        self.log.write_bytes(b"")
        self.reported_log_size = 0
        with Shell(self.disk, [f"interval={interval}"], write_log=self.log) as machine:
            machine.boot()
            machine.clear_line()
            yield machine

    def last_look(self):
        with Shell(self.disk, ["interval=0"]) as machine:
            machine.boot()
            machine.clear_line()
            self._compare(machine)
        judges.judge(self.disk)

    # --- what it does ---------------------------------------------------------------------------------

    def _command(self, machine):
        if self.random.random() < CHECKPOINT_SHARE:
            self._checkpoint(machine)
            return
        actions = (self._add, self._change_entry, self._stir, self._change_alias, self._start_and_destroy)
        self.random.choices(actions, (45, 20, 15, 15, 5))[0](machine)

    def _checkpoint(self, machine):
        done = self.books.changes()
        machine.checkpoint()
        self._is_reported(done)

    def _start_and_destroy(self, machine):
        machine.run("start counter scratch 32")
        machine.run("destroy scratch -y")

    def _add(self, machine):
        number, amount = self.random.randrange(COUNTERS), self.random.randrange(1, 1000)
        self.books.may_become(self.books.newest().with_counter(number, amount))
        answer = machine.run(f"call c{number} add {amount}")
        assert answer == str(self.books.newest().counters[number]), answer

    def _change_entry(self, machine):
        place = self.random.randrange(len(CHANGING))
        is_removed = self.books.newest().values[place] is not None and self.random.random() < 0.2
        value = None if is_removed else f"v{self.random.randrange(10**12)}"
        self.books.may_become(self.books.newest().with_value(place, value))
        answer = machine.run(f"call k remove {CHANGING[place]}" if is_removed else f"call k put {CHANGING[place]} {value}")
        assert answer == "", answer

    def _stir(self, machine):
        step = self.books.newest().step + 1
        self.books.may_become(dataclasses.replace(self.books.newest(), step=step))
        answer = self.ask_world(machine, "stir")
        assert answer == str(step), answer

    def _change_alias(self, machine):
        number = self.random.randrange(ALIASES)
        now = self.books.newest().aliases[number]
        waits = now == GOOD and self.random.random() < 0.3
        after = {ABSENT: GOOD, GOOD: VOID, VOID: ABSENT}[now]
        self.books.may_become(self.books.newest().with_alias(number, after))
        done = self.books.changes()
        line = {ABSENT: f"wrap c0 a{number}", GOOD: f"revoke a{number}", VOID: f"forget a{number}"}[now]
        answer = machine.run(line + (" --wait" if waits else ""))
        assert not answer.startswith("error: "), answer
        if waits:
            assert re.fullmatch(r"revoked, durable from checkpoint \d+", answer), answer
            self._is_reported(done)

    def _is_reported(self, changes):
        self.books.is_safe(changes)
        self.reported_log_size = self.log.stat().st_size

    def ask_world(self, machine, method):
        """Its callers call again when they get to it. One that was lost on the way never does."""
        end = end_of(60)
        while (answer := machine.run(f"call w {method}")) == ON_THEIR_WAY:
            assert time.monotonic() < end, "torn: a caller of the world has got no answer, or makes no call"
        return answer

    def _leave_what_a_disk_may(self, log, instant):
        crash = CrashDisk(self.base, log, self.disk)
        crash.move_to(instant)
        crash.keep_some(self.random)
        crash.close()
        judges.judge(self.disk)

    def instant(self, log):
        """Any since the last report will do: what was done later may be done, or not. Most of the time nothing is
        written, so that few cuts by the clock would come where a flush matters."""
        reported, end = log.count_at(self.reported_log_size), len(log.entries)
        flushes = [place for place in range(reported, end) if log.entries[place].flags & FLUSH]
        dice = self.random.random()
        if dice < BEFORE_A_FLUSH and flushes:
            return self.random.choice((flushes[0], self.random.choice(flushes)))  # the first: what was reported is at stake
        return self.random.randint(reported, end) if dice < BEFORE_A_FLUSH + AT_A_WRITE else end

    def largest_generation(self, log):
        """Of those written since the last report: (blocks of the log, its first entry, the entry behind its first
        root)."""
        areas = areas_of(self.base)
        first, blocks, generations = log.count_at(self.reported_log_size), set(), []
        for place in range(first, len(log.entries)):
            entry = log.entries[place]
            written = range(entry.offset // BLOCK, (entry.offset + len(entry.data)) // BLOCK)
            if written and written.start in areas["roots"]:
                generations.append((len(blocks), first, place + 1))
                first, blocks = place + 1, set()
            blocks.update(block for block in written if block in areas["log"])
        return max(generations)

    # --- what it knows --------------------------------------------------------------------------------

    def _compare(self, machine):
        seen = self.look(machine)
        if not self.books.judge(seen):
            values = [machine.run(f"call k get {key}") for key in CHANGING]
            values = tuple(None if value == "error: k says: not found" else value for value in values)
            self.books.begin_again(State(seen[0], values, seen[2], seen[3]))

    def look(self, machine):
        """What `seen` says of a state, asked of the machine."""
        counters = tuple(int(machine.run(f"call c{number} get")) for number in range(COUNTERS))
        entries = self.look_at_entries(machine)
        step = self.ask_world(machine, "look")
        assert step.isdecimal(), f"torn: {step}"
        aliases = tuple(self._look_at_alias(machine, f"a{number}", counters[0]) for number in range(ALIASES))
        return counters, entries, int(step), aliases

    @staticmethod
    def look_at_entries(machine):
        return tuple(int(machine.run(f"call k {method}")) for method in ("count", "digest"))

    @staticmethod
    def _look_at_alias(machine, name, number_behind):
        answer = machine.run(f"call {name} get")
        told = {f"error: there is no server {name}; servers lists them": ABSENT, "error: capability is void": VOID,
                str(number_behind): GOOD}
        assert answer in told, f"torn: {name} answers {answer!r}"
        return told[answer]
