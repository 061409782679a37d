#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots arch_test.elf in QEMU, in one of several situations, and judges what it says.

Every situation has a time limit. The verdict is a number that is chosen here, at the start, and
must come back as QEMU's exit status: a machine that dies, resets or ends by accident has another.

usage: run_arch_test.py QEMU KERNEL SITUATION
"""
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

TIME_LIMIT_SECONDS = 60 * int(os.environ.get("PERDURE_PATIENCE", 1))  # scripts/lib/perdure_host/patience.py
DISK_BYTES = 16 << 20
FAULTS = ("null", "text", "constant", "identity", "guard", "execute", "stack", "invalid",
          "user_execute", "user_read", "user_write")


class Failure(Exception):
    pass


class Machine:
    def __init__(self, qemu, kernel, folder):
        self.qemu, self.kernel, self.folder = qemu, kernel, folder
        self.disk = f"{folder}/disk.img"
        with open(self.disk, "wb") as image:
            image.truncate(DISK_BYTES)

    def command(self, options, machine="q35", cpu="max", memory=256, disk="", device="", before=(), extra=(),
                has_disk=True, restarts=False):
        line = [self.qemu, "-machine", machine, "-accel", "tcg", "-cpu", cpu, "-m", str(memory),
                "-display", "none", "-serial", "stdio",
                "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
                "-kernel", self.kernel, "-append", options]
        line += before
        if has_disk:
            line += ["-drive", f"file={self.disk},format=raw,if=none,id=d0{disk}",
                     "-device", f"virtio-blk-pci,drive=d0{device}"]
        if not restarts:
            line += ["-no-reboot"]
        return line + list(extra)

    def run(self, options, typed=b"", **how):
        done = subprocess.run(self.command(options, **how), input=typed, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIME_LIMIT_SECONDS, check=False)
        return done.returncode, done.stdout.decode(errors="replace")

    def run_typing(self, options, typed, awaited):
        """Types when the machine says that it listens: it empties the port when it sets it up."""
        with subprocess.Popen(self.command(options), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as qemu:
            limit = threading.Timer(TIME_LIMIT_SECONDS, qemu.kill)
            limit.start()
            said = b""
            while awaited not in said and (piece := qemu.stdout.read1()):
                said += piece
            said += qemu.communicate(typed)[0]
            limit.cancel()
        return qemu.returncode, said.decode(errors="replace")

    def expect(self, options="", words=(), run=None, **how):
        """A run that must end with the verdict chosen here and say all of `words`."""
        verdict = random.randrange(2, 120)
        status, text = (run or self.run)(f"verdict={verdict} {options}", **how)
        if status != (verdict << 1 | 1):
            raise Failure(f"exit status {status}, wanted {verdict << 1 | 1}:\n{text}")
        for word in words:
            if word not in text:
                raise Failure(f"it does not say {word!r}:\n{text}")

    def expect_refusal(self, words, **how):
        """A run that must end with status 3 and exactly one line."""
        status, text = self.run("", **how)
        lines = [line for line in text.splitlines() if line.startswith("perdure: ")]
        if status != 3 or len(lines) != 1 or words not in lines[0]:
            raise Failure(f"exit status {status}, wanted 3 and {words!r}:\n{text}")


def boot(machine):
    machine.expect(words=["user mode: ok", "disk: ok", "none writable"])


def memory_sizes(machine):
    for chipset in ("q35", "pc"):
        for memory, words in ((64, []), (4096, ["above 4 GiB: ", "used by the disk"]), (16384, ["above 4 GiB: "])):
            machine.expect(machine=chipset, memory=memory, words=words)


def processors(machine):
    for cpu in ("max,fsgsbase=off", "max,avx=off", "max,smep=off,smap=off,umip=off",
                "max,pdpe1gb=off", "Skylake-Client-v3"):
        machine.expect(cpu=cpu)


def counted_instructions(machine):
    machine.expect(extra=["-icount", "shift=0,sleep=off"])


def disks(machine):
    machine.expect(device=",disable-legacy=on")
    machine.expect(device=",queue-size=16")
    machine.expect(device=",queue-size=1024")
    machine.expect(device=",write-cache=off,config-wce=off", disk=",cache=writethrough")
    machine.expect(device=",bus=root", before=["-device", "pcie-root-port,id=root"])
    machine.expect(device=",logical_block_size=4096,physical_block_size=4096")


def refusals(machine):
    machine.expect_refusal("no disk", has_disk=False)
    machine.expect_refusal("no disk", device=",disable-modern=on,disable-legacy=off")
    machine.expect_refusal("MSI-X", device=",vectors=0")
    machine.expect_refusal("XSAVE", cpu="qemu64")
    machine.expect_refusal("NX", cpu="max,nx=off")
    machine.expect_refusal("SYSCALL", cpu="max,syscall=off")
    machine.expect_refusal("RDTSCP", cpu="max,rdtscp=off")


def faults(machine):
    for fault in FAULTS:
        machine.expect(f"fault={fault}", words=["kernel_bug: exception"])


def console(machine):
    typed = bytes(random.randrange(32, 127) for _ in range(5000))
    total = 0
    for byte in typed:
        total = (total * 31 + byte) % 1_000_000_007
    machine.expect("console", words=[f"typed {len(typed)} sum {total}"], run=machine.run_typing,
                   typed=typed + b"\n", awaited=b"type a line")


def non_maskable_interrupt(machine):
    command = machine.command("verdict=7 fault=nmi", extra=["-monitor", "stdio"])
    command[command.index("-serial") + 1] = f"file:{machine.folder}/serial"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as qemu:
        try:
            wait_for(f"{machine.folder}/serial", "waiting for an NMI", qemu)
            qemu.communicate(b"nmi\n", timeout=TIME_LIMIT_SECONDS)
        finally:
            qemu.kill()
    text = open(f"{machine.folder}/serial", encoding="utf-8").read()
    if qemu.returncode != 15 or "non-maskable interrupt" not in text:
        raise Failure(f"exit status {qemu.returncode}:\n{text}")


def wait_for(path, words, qemu):
    deadline = time.monotonic() + TIME_LIMIT_SECONDS
    while time.monotonic() < deadline and qemu.poll() is None:
        try:
            if words in open(path, encoding="utf-8").read():
                return
        except FileNotFoundError:
            pass
        time.sleep(0.02)
    raise Failure(f"it never says {words!r}")


def restart(machine):
    """Three starts without leaving QEMU: nothing of the first is left in the second."""
    with subprocess.Popen(machine.command("reset", restarts=True), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE) as qemu:
        try:
            starts = 0
            for line in qemu.stdout:
                if b"FAILED" in line or b"kernel_bug" in line:
                    raise Failure(line.decode())
                starts += b"arch_test: ok" in line
                if starts == 3:
                    return
        finally:
            qemu.kill()
    raise Failure(f"it ended after {starts} starts")


SITUATIONS = {f.__name__: f for f in (boot, memory_sizes, processors, counted_instructions, disks,
                                      refusals, faults, console, non_maskable_interrupt, restart)}


def main():
    if len(sys.argv) != 4 or sys.argv[3] not in SITUATIONS:
        sys.exit(f"{__doc__}\nsituations: {' '.join(SITUATIONS)}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            SITUATIONS[sys.argv[3]](Machine(sys.argv[1], sys.argv[2], folder))
        except (Failure, subprocess.TimeoutExpired) as failure:
            sys.exit(f"{sys.argv[3]}: {failure}")
    print(f"{sys.argv[3]}: ok")


if __name__ == "__main__":
    main()
