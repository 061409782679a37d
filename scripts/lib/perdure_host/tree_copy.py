# SPDX-License-Identifier: MIT
"""A copy of the source tree, for tests of what changes it. What is there already and right is left
as it is, so that a second build of the copy is quick."""

import os
import shutil
import subprocess

from .workplace import ROOT

KEPT = {"build", ".perdure-lock"}  # not of the sources


def make(tree):
    """Afterwards `tree` has exactly our sources, committed or not, and its build if it had one."""
    sources = {name for name in source_names() if (ROOT / name).is_file()}
    for path in sorted(tree.rglob("*"), reverse=True):
        name = path.relative_to(tree)
        if name.parts[0] in KEPT or str(name) in sources:
            continue
        if path.is_file():
            path.unlink()
        elif not any(path.iterdir()):
            path.rmdir()
    for name in sources:
        copy(ROOT / name, tree / name)


def source_names():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"], check=True,
                            stdout=subprocess.PIPE, text=True)
    return listed.stdout.splitlines()


def copy(source, target):
    if target.exists() and target.read_bytes() == source.read_bytes():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)  # with the time of now: whatever was built of the old one is stale


def environment(tree):
    """For commands of the copy: nothing of this tree's own build is meant."""
    return {**os.environ, "PYTHONPATH": str(tree / "scripts" / "lib"), "PYTHONDONTWRITEBYTECODE": "1",
            "PERDURE_BUILD": str(tree / "build")}
