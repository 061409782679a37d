# SPDX-License-Identifier: MIT
"""The plug is pulled while a cellular automaton draws on the console: after each restart it goes on
with the successor of the generation that was committed. Breaks if one line is wrong, left out, or
repeated though it was committed. Our own model of the automaton says what a line has to be."""

import re

from perdure_host.life import LINE, Watcher
from perdure_host.shell import CLEAR_LINE
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 400

EXACT_WANTED, EXACT_WANTED_LONG = 3, 20  # cuts for which only one generation is right
CUTS_MAX_FOR_EACH = 6


def test(lab):
    disk = lab.new_image()
    wanted = EXACT_WANTED_LONG if lab.long else EXACT_WANTED
    watcher = Watcher()
    first_allowed, exact, cuts = 0, 0, 0
    machine = lab.boot(disk, "interval=0")
    machine.type("start life l1\r")
    while exact < wanted:
        machine.type(CLEAR_LINE)
        for _ in range(lab.random.randrange(1, 5)):
            machine.expect(LINE)
        before, after = checkpoint(machine)
        for _ in range(lab.random.randrange(3)):
            machine.expect(LINE)
        machine.kill()
        watcher.look(machine.console.text, first_allowed)
        # Printed before the checkpoint was asked for: committed. Only by then unprinted: open.
        first_allowed = before + 1
        exact += before == after
        cuts += 1
        assert cuts <= CUTS_MAX_FOR_EACH * wanted, "lines always come in mid-checkpoint"
        machine = lab.boot(disk, "interval=0")
        if before == after:
            assert next_line(machine) == after + 1
    destroyed(machine)
    watcher.look(machine.console.text, first_allowed)
    print(f"{cuts} cuts, {exact} of them exact, generation {watcher.last}")


def checkpoint(machine):
    """The last generation printed when it was asked for, and when it was answered."""
    before = last_line(machine)
    machine.type("checkpoint\r")
    machine.expect(r"checkpoint \d+ committed")
    return before, last_line(machine)


def last_line(machine):
    return int(re.findall(LINE, machine.console.text)[-1][0])


def next_line(machine):
    machine.expect(LINE)
    return int(re.search(LINE, machine.console.text)[1])


def destroyed(machine):
    """Then it is silent, and its storage is back."""
    machine.type(CLEAR_LINE + "destroy l1 -y\r")
    machine.expect("l1 destroyed, .* returned")
    machine.await_prompt()
    machine.console.drain(1)
    assert not machine.console.untaken(), machine.console.tail()


if __name__ == "__main__":
    main(test)
