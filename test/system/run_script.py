# SPDX-License-Identifier: MIT
"""scripts/run as a person has it: on a terminal, through GRUB; the plug pulled with Ctrl-A X in
mid-sentence, a reboot, an orderly end; its exit statuses; and what it says to wrong options."""

import os
import signal
import subprocess

from perdure_host.terminal import PROMPT, Terminal
from perdure_host.testing import main
from perdure_host.workplace import BUILD, SCRIPTS

TIME_LIMIT_SECONDS = 300
CHAOS = False

RUN = SCRIPTS / "run"
CTRL_A = "\x01"
CTRL_A_X = CTRL_A + "x"


def test(lab):
    disk = lab.directory / "world.img"
    builds_what_it_boots()
    lab.will_judge(disk, serves=True)
    on_a_terminal(lab, disk)
    in_a_pipe(disk)
    killed(lab, disk)
    wrong_options(disk)


def builds_what_it_boots():
    """A test that does not compile does not keep a person from booting."""
    listed = subprocess.run(["ninja", "-C", BUILD, "-t", "inputs", "bootable"], check=True, capture_output=True, text=True)
    inputs = listed.stdout.splitlines()
    assert any(name.endswith("userland/shell/shell.cpp") for name in inputs), inputs[:20]
    tests = [name for name in inputs if "/test/" in name or name.startswith("test/")]
    assert not tests, tests
    nowhere = subprocess.run([RUN], env={**os.environ, "PERDURE_BUILD": "/proc/nowhere"}, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True)
    assert nowhere.returncode == 1 and len(nowhere.stderr.splitlines()) == 1, nowhere
    assert "nothing can be built in /proc/nowhere" in nowhere.stderr, nowhere


def on_a_terminal(lab, disk):
    transcript = lab.directory / "transcript.txt"
    first = start(lab, "--disk", disk, "--size", "32M", "--log-size", "4M", "--log", transcript)
    first.expect("new image: ")
    first.expect("power cuts survived: 0")
    first.expect(PROMPT)
    first.say("start counter c1", "started")
    first.say("call c1 add 42", "42")
    first.say("checkpoint", r"checkpoint \d+ committed")
    first.type("1 get")
    first.expect("1 get")
    first.type(CTRL_A + CTRL_A + "call c\r")  # typed twice it is the shell's, and goes to the beginning of the line
    first.expect("\n42")
    first.expect(PROMPT)
    first.type("call c1 g")
    first.expect("call c1 g")
    first.type(CTRL_A_X)
    assert first.status() == 130, first.text
    assert "call c1 add 42" in transcript.read_text()

    second = start(lab, "--disk", disk, "--interval", "500")
    second.expect("power cuts survived: 1")
    second.expect("every 500 ms")
    second.expect(PROMPT)
    second.type("\x15")
    second.say("call c1 get", "42")
    second.type("reboot\r")
    second.expect(r"power cuts survived: 1 \(boot 3\)")
    second.expect(PROMPT)
    second.type("\x15")
    second.say("call c1 get", "42")
    second.type("poweroff\r")
    assert second.status() == 0, second.text


def start(lab, *words):
    terminal = Terminal([RUN, *words])
    lab.at_end(terminal.close)
    return terminal


def in_a_pipe(disk):
    """What was typed in advance is not lost, and nothing but the machine is heard."""
    for boot in ([], ["--direct"]):
        result = run("--disk", disk, *boot, typed="call c1 get\rpoweroff\r")
        assert result.returncode == 0, result
        shown = result.stdout.replace("\r", "")
        assert "perdure> call c1 get\n42\n" in shown, shown


def killed(lab, disk):
    machine = start(lab, "--disk", disk, "--direct", "--", "-pidfile", lab.directory / "pid")
    machine.expect(PROMPT)
    os.kill(int((lab.directory / "pid").read_text()), signal.SIGKILL)
    assert machine.status() == 130, machine.text


def wrong_options(disk):
    for words in (["--bogus"], ["--memory", "lots"], ["--memory", "0"], ["--interval", "-1"], ["x"],
                  ["--size", "10X", "--fresh", "--yes"], ["--fresh"], ["--size", "64M"],
                  ["--uefi", "--direct"], ["--log", "/nowhere/log"], ["--log", disk.parent], ["--log", disk]):
        result = run("--disk", disk, *words)
        assert result.returncode == 2, result
        assert len(result.stderr.splitlines()) == 1, result
    for script in ("run", "test", "setup", "perdure", "new-server", "demo", "powercut", "debug", "release"):
        result = subprocess.run([SCRIPTS / script, "--help"], stdout=subprocess.PIPE, text=True)
        assert result.returncode == 0 and result.stdout, result
    printed = run("--disk", disk, "--memory", "77", "--print", "--", "-name", "x y")
    assert printed.stdout.startswith("qemu-system-x86_64 "), printed
    assert "-m 77" in printed.stdout and printed.stdout.endswith("-name 'x y'\n"), printed


def run(*words, typed=""):
    return subprocess.run([str(word) for word in (RUN, *words)], input=typed, timeout=120, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


if __name__ == "__main__":
    main(test)
