# SPDX-License-Identifier: MIT
"""The parts of the test suite, and the tests in each: a name, a command, a time limit.

  unit        executables of the build, on the host: pure logic, and the kernel on a fake machine
  simulation  the checkpointer on a simulated disk, cut after every write
  system      test/system and test/arch: the real thing in QEMU
  chaos       the same, with caches dropped at random (those with CHAOS = False left out)
  crash       test/crash: every disk that a power cut can leave
  docs        test/docs: layers, and what the documents claim
  mutations   whether the tests would notice: faults seeded in the sources, and the kernel changed line by line; for
              hours, and only if it is asked for. But with --long those that are tried in the machine belong to the
              usual ones
"""

import dataclasses
import json
import re
import subprocess
import sys

from .workplace import BUILD, ROOT, Refusal

USUAL_PARTS = ("unit", "simulation", "system", "chaos", "crash", "docs")
PARTS = (*USUAL_PARTS, "mutations")
MUTATORS_IN_MACHINE = ("test/guest/mutations.py", "test/demonstrations/mutations.py")
MUTATORS = ("test/simulation/mutations.py", "test/unit/kernel/leave_out.py", *MUTATORS_IN_MACHINE)
MUTATION_SECONDS_MAX = 4 * 3600
BUILT_TIME_LIMIT_SECONDS = 300
PART_OF_SUITE = {"simulation": "simulation", "machine": "system"}  # all others: unit


@dataclasses.dataclass
class Test:
    part: str
    name: str
    command: list
    seconds: int
    seed: int
    environment: dict
    working_directory: object = None  # None: one of its own, which it is told


def usual_tests(seed, is_long):
    found = [test for part in USUAL_PARTS for test in tests_of(part, seed, is_long)]
    return found + (mutation_tests(seed, MUTATORS_IN_MACHINE) if is_long else [])


def tests_of(part, seed, is_long):
    if part == "docs":
        return docs_tests(seed)
    if part == "mutations":
        return mutation_tests(seed, MUTATORS)
    return built_tests(part, seed, is_long) + machine_tests(part, seed, is_long)


def built_tests(part, seed, is_long):
    """What meson knows as tests, by their suite."""
    listed = subprocess.run(["meson", "introspect", "--tests", BUILD], stdout=subprocess.PIPE,
                            text=True)
    if listed.returncode != 0:
        raise Refusal("meson does not know its tests")
    found = []
    for test in json.loads(listed.stdout):
        suites = {suite.rpartition(":")[2] for suite in test["suite"]}
        if part not in {PART_OF_SUITE.get(suite, "unit") for suite in suites or {"unit"}}:
            continue
        environment = dict(test["env"], PERDURE_SEED=str(seed))
        if is_long:
            environment["PERDURE_LONG"] = "1"
        limit = max(test["timeout"] or 0, BUILT_TIME_LIMIT_SECONDS)
        found.append(Test(part, test["name"], test["cmd"], limit, seed, environment,
                          test["workdir"] or BUILD))
    return found


def machine_tests(part, seed, is_long):
    found = []
    folder = {"system": "system", "chaos": "system", "crash": "crash"}.get(part)
    for file in sorted((ROOT / "test" / folder).glob("*.py")) if folder else ():
        text = file.read_text()
        if part == "chaos" and re.search(r"^CHAOS = False$", text, re.MULTILINE):
            continue
        command = [sys.executable, file, "--seed", seed]
        command += ["--chaos"] if part == "chaos" else []
        command += ["--long"] if is_long else []
        limit = limit_in(text)
        limit *= 2 if part == "chaos" else 1
        found += [Test(part, file.stem + case, command + choice, limit, seed, python_path())
                  for case, choice in cases_of(text)]
    return found


def cases_of(text):
    """A file with a tuple of names CASES is a test for each of them."""
    cases = re.search(r"^CASES = \(([^)]*)\)$", text, re.MULTILINE)
    if not cases:
        return [("", [])]
    return [(f".{name}", ["--case", name]) for name in re.findall(r'"(\w+)"', cases[1])]


def docs_tests(seed):
    return [Test("docs", file.stem, [sys.executable, file],
                 limit_in(file.read_text()) or BUILT_TIME_LIMIT_SECONDS, seed, python_path(), ROOT)
            for file in sorted((ROOT / "test" / "docs").glob("*.py"))]


def mutation_tests(seed, mutators):
    found = []
    for file in mutators:
        listed = subprocess.run([sys.executable, ROOT / file, "--list"], stdout=subprocess.PIPE, text=True)
        if listed.returncode != 0:
            raise Refusal(f"{file} does not know what it changes")
        found += [Test("mutations", name, [sys.executable, file, "--jobs", "1", name], MUTATION_SECONDS_MAX, seed,
                       python_path(), ROOT) for name in listed.stdout.splitlines()]
    return found


def limit_in(text):
    """The test's own time limit, if it names one."""
    found = re.search(r"^TIME_LIMIT_SECONDS = (\d+)\b", text, re.MULTILINE)
    return int(found[1]) if found else None


def python_path():
    return {"PYTHONPATH": str(ROOT / "scripts" / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
