# SPDX-License-Identifier: MIT
"""scripts/release, as the person has it who unpacks the archive: the sums are right, the line of README.txt boots to the
prompt, what was done survives a pulled plug, and the host tool looks into the image and makes another one."""

import re
import shlex
import subprocess

from perdure_host.terminal import PROMPT, Terminal
from perdure_host.testing import main
from perdure_host.workplace import ROOT, SCRIPTS

TIME_LIMIT_SECONDS = 300
CHAOS = False


def test(lab):
    version = (ROOT / "VERSION").read_text().strip()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version), version
    archive = made(lab.directory, f"perdure-{version}")
    subprocess.run(["tar", "--extract", "--file", archive], cwd=lab.directory, check=True)
    folder = lab.directory / f"perdure-{version}"
    assert run(folder, "sha256sum", "--check", "--quiet", "SHA256SUMS").returncode == 0
    listed = {line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert there - listed == {"SHA256SUMS"}, there - listed
    lab.will_judge(folder / "perdure.img", serves=True)
    boots(lab, folder)
    tool(folder)


def made(directory, name):
    refused = run(ROOT, SCRIPTS / "release", "--output", "/proc/nowhere", "--changed")
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1, refused
    result = run(ROOT, SCRIPTS / "release", "--output", directory, "--changed")
    assert result.returncode == 0, result
    archive = directory / f"{name}.tar.gz"
    assert archive.stat().st_size < 30e6, archive.stat()
    assert run(directory, "sha256sum", "--check", "--quiet", f"{archive.name}.sha256").returncode == 0
    assert sorted(path.name for path in directory.glob("perdure-*")) == [archive.name, f"{archive.name}.sha256"]
    return archive


def boots(lab, folder):
    lines = [line for line in (folder / "README.txt").read_text().splitlines() if line.startswith("qemu-system-x86_64 ")]
    assert len(lines) == 1, lines
    first = start(lab, folder, lines[0])
    first.expect("power cuts survived: 0")
    first.expect(PROMPT)
    first.say("start counter c1", "started")
    first.say("call c1 add 42", "42")
    first.say("checkpoint", r"checkpoint \d+ committed")
    first.type("\x01x")
    first.status()
    second = start(lab, folder, lines[0])
    second.expect("power cuts survived: 1")
    second.expect(PROMPT)
    second.type("\x15")
    second.say("call c1 get", "42")
    second.type("poweroff\r")
    second.status()


def tool(folder):
    text = (folder / "README.txt").read_text()
    command = re.search(r"\./perdure image build other\.img .*", text)[0]
    built = run(folder, *shlex.split(command))
    assert built.returncode == 0, built
    verified = run(folder, "./perdure", "image", "verify", "other.img")
    assert verified.returncode == 0, verified


def start(lab, folder, line):
    terminal = Terminal(shlex.split(line), directory=folder)
    lab.at_end(terminal.close)
    return terminal


def run(directory, *words):
    return subprocess.run([str(word) for word in words], cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True)


if __name__ == "__main__":
    main(test)
