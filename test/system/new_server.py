# SPDX-License-Identifier: MIT
"""scripts/new-server in a copy of the tree: the server that it makes builds without a change, its
tests pass, on the host and in the machine, and it does no more than it says: bad and used names are
refused in one line, and then nothing has changed."""

import hashlib
import json
import pathlib
import subprocess
import sys

from perdure_host import tree_copy
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 1200
CHAOS = False

NAME = "note_book"
KEPT_NAMES = ("root", "shell")  # as at the prompt
BAD_NAMES = ("", "9lives", "Upper", "with-dash", "with space", "a" * 17, "../up", "caf\u00e9", "_x", "--bogus",
             *KEPT_NAMES, "word", "message", "perdure",  # what the runtime calls its own
             "counter", "log", "keeper", "bank")  # what there is
MADE = f"""made     userland/interfaces/{NAME}.hpp
made     userland/{NAME}/{NAME}.cpp
made     test/unit/userland/{NAME}_test.cpp
made     test/system/{NAME}.py
changed  userland/meson.build
changed  test/unit/userland/meson.build
changed  userland/image.description
next:
  scripts/test unit {NAME}
  scripts/test system {NAME}
  scripts/run --disk build/{NAME}.img """


def test(lab):
    tree = lab.directory / "tree"
    tree_copy.make(tree)
    before = digests(tree)
    for name in BAD_NAMES:
        refuses(tree, name)
    refuses(tree)
    assert digests(tree) == before, "a refusal has changed something"
    made = new_server(tree, NAME)
    assert made.returncode == 0 and made.stdout.startswith(MADE), made
    changed = digests(tree)
    refuses(tree, NAME)
    assert digests(tree) == changed, "a refusal has changed something"
    assert {name for name in before if before[name] != changed[name]} == {
        "userland/meson.build", "test/unit/userland/meson.build", "userland/image.description"}
    second = new_server(tree, "zz")  # behind the last one of each list
    assert second.returncode == 0, second
    own_names_hide_the_systems(tree / "userland" / "zz" / "zz.cpp")
    builds_and_passes(lab, tree)


def own_names_hide_the_systems(source):
    """A server's author does not know what the system calls its own."""
    text = source.read_text()
    own = "struct Account {\n  Word owner;\n};\nstruct Kind {\n  Account account;\n};\n\n"
    assert "struct ZzState {\n" in text
    text = text.replace("struct ZzState {\n", own + "struct ZzState {\n  Kind kind;\n")
    source.write_text(text)


def digests(tree):
    return {str(path.relative_to(tree)): hashlib.sha256(path.read_bytes()).digest()
            for path in tree.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def new_server(tree, *words):
    return subprocess.run([tree / "scripts" / "new-server", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=tree_copy.environment(tree))


def refuses(tree, *words):
    result = new_server(tree, *words)
    assert result.returncode == 2 and not result.stdout, (words, result)
    assert len(result.stderr.splitlines()) == 1, (words, result)
    if words and words[0] in KEPT_NAMES:
        assert f"{words[0]} is what banks calls a bank of the system" in result.stderr, result


def builds_and_passes(lab, tree):
    build = tree / "build"
    run("meson", "setup", build, tree)
    unit_tests = [f"test/unit/userland/{name}_test" for name in (NAME, "zz")]
    run("ninja", "-C", build, "kernel/kernel.elf", "tools/perdure", "test/simulation/judge_image", *programs_of(build), *unit_tests)
    for test_program in unit_tests:
        assert "All tests passed" in run(build / test_program)
    for name in (NAME, "zz"):
        directory = lab.directory / name
        directory.mkdir()
        run(sys.executable, tree / "test" / "system" / f"{name}.py", "--directory", directory,
            env=tree_copy.environment(tree))


def programs_of(build):
    targets = json.loads(run("meson", "introspect", "--targets", build))
    files = [pathlib.Path(file).relative_to(build) for target in targets for file in target["filename"]]
    programs = [str(file) for file in files if file.parent.name == "userland" and file.suffix == ".elf"]
    assert f"userland/{NAME}.elf" in programs and "userland/zz.elf" in programs, programs
    return programs


def run(*command, env=None):
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env=env)
    assert result.returncode == 0, f"{command}: {result.stdout[-4000:]}"
    return result.stdout


if __name__ == "__main__":
    main(test)
