# SPDX-License-Identifier: MIT
"""What the kernel's objects mean, tried in the machine: the guest suite (test/guest), more than two hundred
named tests by the public ABI alone, in each way in which the same has to come out: as it is; by the general path
alone; with time counted in instructions; with the kernel's own checks on; with caches dropped at random; with the plug pulled again and again,
where the suite goes on; and the same with a disk that loses what was not flushed."""

import re
import shutil

from perdure_host import image
from perdure_host.console import ConsoleClosed, Unexpected
from perdure_host.lossy_disk import LossyDisk
from perdure_host.machine import Machine
from perdure_host.testing import main
from perdure_host.workplace import BUILD, ROOT

TIME_LIMIT_SECONDS = 900
CHAOS = False  # one of the ways

CASES = ("plain", "general_path", "counted", "checked", "chaos", "cuts", "lossy_cuts")

TESTS_MIN = 220
BEGIN = r"guest: ([a-z_]+: .*)\n"
END = r"guest: (\d+) tests passed, (\d+) failed, (\d+) checks\n"
DESCRIPTION = ROOT / "test" / "guest" / "guest.description"
FOLDERS = (image.PROGRAMS, BUILD / "test" / "guest")
SIZE, LOG_SIZE = "32M", "8M"

INTERVAL_MS = 20         # so that a cut seldom takes back more than one test
CHAOS_SEEDS, CHAOS_SEEDS_LONG = 1, 6
ROUNDS_CUT, ROUNDS_CUT_LONG = 3, 30
CUTS_MIN, CUTS_MIN_LONG = 5, 50  # else the suite was over too soon to be tried
SECONDS_BETWEEN_CUTS = 0.5


def test(lab):
    rounds = 1
    if "cuts" in lab.case:
        rounds = ROUNDS_CUT_LONG if lab.long else ROUNDS_CUT
    disk = new_image(lab, rounds)
    {"plain": lambda: run(lab, disk),
     "general_path": lambda: run(lab, disk, "slow"),
     "counted": lambda: run(lab, disk, counting=True),
     "checked": lambda: run(lab, disk, "check", memory_mib=32),
     "chaos": lambda: chaos(lab, disk),
     "cuts": lambda: cuts(lab, disk, rounds),
     "lossy_cuts": lambda: cuts(lab, disk, rounds, LossyDisk(lab, disk))}[lab.case]()


def new_image(lab, rounds):
    description = lab.directory / "guest.description"
    description.write_text(DESCRIPTION.read_text().replace("argument ROUNDS", f"argument {rounds}"))
    disk = lab.directory / "guest.img"
    image.make(disk, description, SIZE, LOG_SIZE, image.gathered_programs(lab.directory, FOLDERS))
    return disk


def run(lab, disk, *words, **options):
    """The suite from its beginning to its end, in one boot."""
    number, verdict = lab.verdict()
    machine = lab.start(disk, verdict, *words, kind=Machine, **options)
    judge(machine.expect(END, TIME_LIMIT_SECONDS), machine.console.text)
    machine.expect_end(number)
    names = re.findall(BEGIN, machine.console.text)
    assert len(names) == len(set(names)), "two tests have the same name"


def judge(end, text, rounds=1):
    passed, failed, checks = map(int, end.groups())
    assert failed == 0 and passed >= TESTS_MIN * rounds, end[0] + "\n".join(complaints(text))
    print(f"{passed} tests, {checks} checks")


def complaints(text):
    """Each with the test in which it was made."""
    name = "before all tests"
    for line in text.splitlines():
        if line.startswith("guest: FAILED"):
            yield f"{name}: {line}"
        elif found := re.fullmatch(BEGIN, line + "\n"):
            name = found[1]


def chaos(lab, disk):
    fresh = lab.directory / "fresh.img"
    shutil.copyfile(disk, fresh)
    for _ in range(CHAOS_SEEDS_LONG if lab.long else CHAOS_SEEDS):
        seed = lab.random.randrange(1, 2**63)
        print(f"chaos={seed}", flush=True)
        shutil.copyfile(fresh, disk)
        run(lab, disk, f"chaos={seed}")


def cuts(lab, disk, rounds, lossy=None):
    """Pulls the plug at random moments, until the suite has come to its end: it goes on from the last commit, of
    which there is at least one in each boot."""
    number, verdict = lab.verdict()
    count, told = 0, ""
    while True:
        machine = lab.start(disk, verdict, f"interval={INTERVAL_MS}", kind=Machine,
                            write_log=lossy.begin() if lossy else None)
        end = run_until_cut(lab, machine)
        told += machine.console.text
        if end:
            judge(end, told, rounds)
            machine.expect_end(number)
            break
        machine.kill()
        count += 1
        if lossy:
            lossy.lose()
        lab.judge(disk)
    least = CUTS_MIN_LONG if lab.long else CUTS_MIN
    print(f"{count} cuts")
    assert count >= least, f"only {count} cuts before the end"


def run_until_cut(lab, machine):
    """→ the suite's last line if that has come first: maybe at once, where the cut before came behind it."""
    try:
        machine.await_checkpoint()
        machine.console.expect(END, lab.random.random() * SECONDS_BETWEEN_CUTS)
    except Unexpected:
        pass
    except ConsoleClosed:
        assert re.search(END, machine.console.text), "it ended before its end; " + machine.console.tail()
    return re.search(END, machine.console.text)


if __name__ == "__main__":
    main(test)
