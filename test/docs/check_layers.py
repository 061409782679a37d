# SPDX-License-Identifier: MIT
"""scripts/check_layers finds nothing wrong here, and does in a tree in which something is."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

from perdure_host.workplace import SCRIPTS

LICENCE = "// SPDX-License-Identifier: MIT\n"
WRONG = {
    "objects/twice.hpp": (LICENCE + "namespace perdure {\nstruct Twice {};\n}  // namespace perdure\n", None),
    "userland/runtime/twice.hpp": (LICENCE + "namespace perdure {\nclass Twice final : Other {\n};\n}  // namespace perdure\n",
                                   "perdure::Twice has a meaning already, in objects/twice.hpp"),
    "kernel/run/upwards.hpp": (LICENCE + '#include "kernel/invoke/faults.hpp"\n', "may not include kernel/invoke/faults.hpp"),
    "checkpoint/assembly.cpp": (LICENCE + 'void f() { asm("nop"); }\n', "assembly outside"),
    "checkpoint/conditional.cpp": (LICENCE + "#ifdef FAST\n", "conditional compilation"),
    "tools/nobodys.cpp": ("int x;\n", "no SPDX line"),
    # Right: names of one source's own, and a class within another.
    "checkpoint/own.cpp": (LICENCE + "namespace perdure {\nnamespace {\nstruct Twice {};\n}  // namespace\n"
                           "struct Twice::Part {};\n}  // namespace perdure\n", None),
}


def problems(tree):
    found = subprocess.run([tree / "scripts" / "check_layers"], stdout=subprocess.PIPE, text=True)
    return found.returncode, found.stdout


def finds_what_is_wrong():
    with tempfile.TemporaryDirectory() as directory:
        tree = pathlib.Path(directory)
        shutil.copytree(SCRIPTS, tree / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        for name, (text, _) in WRONG.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        subprocess.run(["git", "init", "--quiet", tree], check=True)
        status, told = problems(tree)
        expected = {name: problem for name, (_, problem) in WRONG.items() if problem}
        lines = told.splitlines()
        assert status == 1 and len(lines) == len(expected), told
        for name, problem in expected.items():
            assert any(line.startswith(name) and problem in line for line in lines), (name, problem, told)


finds_what_is_wrong()
status, told = problems(SCRIPTS.parent)
print(told, end="")
sys.exit(status)
