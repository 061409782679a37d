# SPDX-License-Identifier: MIT
"""A program that stops is told at once: its name, what it did, and where its source says so; a call that waits
for it is answered, through an alias, too, and over a power cut; the prompt is drawn again; other servers serve on.

What turns it red: a shell that does not watch what it starts (userland/shell/fault_watcher.cpp), or calls what has
stopped (userland/shell/interrupter.cpp)."""

import re
import subprocess

from perdure_host import image
from perdure_host.testing import main
from perdure_host.workplace import BUILD, ROOT

TIME_LIMIT_SECONDS = 240

FAULTY = BUILD / "test" / "faulty"
STOPPING = ("answers_once", "faulty", "late", "returns")
RECIPES = "".join(f"program {name}\n" for name in STOPPING) + "".join(
    f"recipe {name}\n  program {name}\n  stack 2\n" for name in STOPPING)

# line, what is told, the function in which it was
FAULTS = (
    ("read 16", "it read address 0x10, where nothing is", "read_from"),
    ("write 0x400000", "it wrote to address 0x400000, where it may not", "write_to"),
    ("divide 0", "a division by zero, or whose result is too large", "divided_by"),
    ("trap", "an invalid instruction (a trap, or a program that returned)", "run_into_trap"),
)


def test(lab):
    description = lab.directory / "faulty.description"
    description.write_text(image.DESCRIPTION.read_text() + RECIPES)
    disk = lab.directory / "faulty.img"
    image.make(disk, description, "32M", "4M", image.gathered_programs(lab.directory, (image.PROGRAMS, FAULTY)))
    machine = lab.boot(disk, "interval=0")
    machine.run("start counter c")
    machine.run("call c add 7")
    for number, (call, what, function) in enumerate(FAULTS):
        name = f"f{number}"
        machine.run(f"start faulty {name}")
        machine.run(f"wrap {name} g")
        told = machine.run(f"call {name if number % 2 else 'g'} {call}")
        found = re.search(rf"{name} \(faulty\) stopped: {re.escape(what)}; instruction (0x[0-9a-f]+) *\n"
                          r"  scripts/perdure where faulty \1 tells the line of its source\n", told)
        assert found, told
        assert re.search(rf"error: (f\d|g) stopped before it answered; destroy {name} ends it", told), told
        names_line("faulty", found[1], function, "faulty.cpp")
        assert machine.run("call c get") == "7"
        assert "is stopped" in machine.run(f"call {name} trap")
        assert f"stopped by a fault: {what}; instruction {found[1]}\n" in machine.run("servers") + "\n"
        machine.run(f"destroy {name} -y")
        machine.run("forget g")
    stops_between_two_calls(machine)
    stops_at_prompt(machine)
    stops_while_a_line_is_typed(machine)
    stand_in_rows_of_their_own(machine, 7)
    outlives_a_cut(lab, machine, disk)


def names_line(program, instruction, function, file):
    where = subprocess.run([ROOT / "scripts" / "perdure", "where", FAULTY / f"{program}.elf", instruction],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert function in where.stdout and f"{file}:" in where.stdout, where.stdout


def stops_between_two_calls(machine):
    """What has said what it is stops behind that. Mostly before the shell goes on and calls its method; if its turn ends
    in between, in that call. In none of the two the shell waits (that it does not call: the unit test `shell`)."""
    machine.run("start answers_once o")
    told = machine.run("call o get")
    found = re.search(r"o \(answers_once\) stopped: an invalid instruction[^\n]*; instruction (0x[0-9a-f]+) *\n", told)
    assert found and re.search(r"error: o (is stopped; servers shows why,|stopped before it answered;) destroy o ends it", told), told
    names_line("answers_once", found[1], "stop_behind_answer", "answers_once.cpp")
    assert machine.run("call c get") == "7"


def stops_at_prompt(machine):
    """And the prompt is there again."""
    machine.type("start returns r\r")
    found = machine.expect(r"r \(returns\) stopped: an invalid instruction[^\n]*; instruction (0x[0-9a-f]+) *\n[^\n]*\n")
    machine.expect("perdure> ")
    names_line("returns", found[1], "program_has_returned", "start.cpp")
    assert "stopped by a fault" in machine.run("servers")
    assert machine.run("call c get") == "7"


def stops_while_a_line_is_typed(machine):
    """Below, it stands as it was typed."""
    typed = "call c add 35" + " " * 50
    machine.type("start late l\r")
    machine.expect("start late l *\n")
    machine.await_prompt()
    machine.type(typed)
    machine.expect(r"l \(late\) stopped: [^\n]*\n[^\n]*\nperdure> call c add 35")
    machine.type("\r")
    assert machine.await_prompt().strip().endswith("42")


def stand_in_rows_of_their_own(machine, count):
    """On a terminal, which goes back to the beginning of a row when it is told to, and keeps what is not written over."""
    told = [row for row in rows(machine.console.raw) if " stopped: " in row]
    assert len(told) == count, told
    for row in told:
        assert re.fullmatch(r"\w+ \(\w+\) stopped: .*; instruction 0x[0-9a-f]+ *", row), told


def rows(received):
    shown, column = [[]], 0
    for character in received:
        row = shown[-1]
        if character == "\r":
            column = 0
        elif character == "\b":
            column -= 1
        elif character == "\n":
            shown.append([" "] * column)
        else:
            row[column:column + 1] = [character]
            column += 1
    return ["".join(row) for row in shown]


def outlives_a_cut(lab, machine, disk):
    """What stopped before a checkpoint is stopped behind a cut, and what is started then is watched."""
    machine.checkpoint()
    machine.kill()
    machine = lab.boot(disk, "interval=0")
    assert "stopped by a fault" in machine.run("servers")
    machine.run("start faulty f")
    assert "f (faulty) stopped: it read address 0x8, where nothing is" in machine.run("call f read 8")
    machine.checkpoint()
    machine.kill()


if __name__ == "__main__":
    main(test)
