# SPDX-License-Identifier: MIT
"""QEMU's command line, and what its end means.

The guest leaves through the isa-debug-exit device, so that an orderly end can be told from every
other one: QEMU itself answers 0 for a kill and for a triple fault alike. The device turns the
guest's number N into QEMU's exit status 2N + 1.
"""

import os
import pathlib

from . import firmware
from .workplace import BUILD, EXIT_FAILED, EXIT_KILLED, EXIT_REFUSED

QEMU = "qemu-system-x86_64"
SLOW_DISK = "PERDURE_SLOW_DISK"  # set: for tests of what waits for the disk (test/support/slow_disk.c)
DISK_DELAYS = "PERDURE_DISK_DELAYS"  # a file that says how slow it is

# The numbers of kernel/machine.hpp (exit_code_...), and of a machine that the kernel cannot use.
GUEST_ORDERLY = 0x10
GUEST_BUG = 0x11
GUEST_REFUSED = 0x12
GUEST_UNSUITABLE = 1

STATUS_OF_GUEST = {
    GUEST_ORDERLY: 0,
    GUEST_BUG: EXIT_FAILED,
    GUEST_REFUSED: EXIT_REFUSED,
    GUEST_UNSUITABLE: EXIT_REFUSED,
}


def guest_number(qemu_status):
    """The number with which the guest left, or None if it did not leave."""
    return qemu_status >> 1 if qemu_status > 1 and qemu_status & 1 else None


def environment(disk_delays=None):
    """For QEMU's process. `disk_delays`: the file in which a test says how slow the disk is."""
    told = {DISK_DELAYS: str(disk_delays)} if disk_delays else {}
    if not told and not os.environ.get(SLOW_DISK):
        return None
    return {**os.environ, **told, "LD_PRELOAD": str(BUILD / "test" / "support" / "slow_disk.so")}


def accelerator():
    """KVM only where it is the real thing: /dev/kvm also exists where ring 0 is emulated."""
    chosen = os.environ.get("PERDURE_ACCEL")
    if chosen:
        return chosen
    modules = any(pathlib.Path("/sys/module", name).exists() for name in ("kvm_intel", "kvm_amd"))
    return "kvm" if modules and os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"


def machine_words(memory_mib, accel, processor="max"):
    return ["-machine", "q35", "-accel", accel, "-cpu", processor, "-m", str(memory_mib),
            "-display", "none", "-vga", "none", "-nic", "none",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]


# Each instruction advances the time stamp by one, the same on every run. QEMU counts each round of
# a `rep` instruction; programs use it for bytes only if the processor says that it is fast (erms).
COUNTING_ACCELERATOR = "tcg,thread=single"
COUNTING_PROCESSOR = "max,-erms"
COUNTING_WORDS = ["-icount", "shift=0,sleep=off", "-smp", "1"]


def quoted(path):
    """A file name inside an option of QEMU: a comma is doubled."""
    return str(path).replace(",", ",,")


# A server of the disk that has gone may come back for so long; what was asked meanwhile waits.
RECONNECT_SECONDS = 600


def disk_words(image, write_log=None, can_hold_flushes=False, nbd_socket=None):
    """The disk. With a write log, each write and flush is recorded there (an existing file). With a
    socket, `image` is what an NBD server behind it hands out."""
    words = ["-blockdev", f"driver=file,node-name=file,filename={quoted(image)}"]
    if nbd_socket:
        words = ["-blockdev", "driver=nbd,node-name=file,server.type=unix,"
                              f"server.path={quoted(nbd_socket)},reconnect-delay={RECONNECT_SECONDS}"]
    bottom = "file"
    if can_hold_flushes:
        words += ["-blockdev", f"driver=blkdebug,node-name=debug,image={bottom}"]
        bottom = "debug"
    words += ["-blockdev", f"driver=raw,node-name=raw,file={bottom}"]
    top = "raw"
    if write_log:
        words += ["-blockdev", f"driver=file,node-name=logfile,filename={quoted(write_log)}",
                  "-blockdev", f"driver=blklogwrites,node-name=log,file={top},log=logfile,"
                               "log-sector-size=512"]
        top = "log"
    # An error of the host's disk is the guest's to know: QEMU's own way is to stop the machine.
    return words + ["-device", f"virtio-blk-pci,id=disk,drive={top},disable-legacy=on,"
                               "werror=report,rerror=report"]


def uefi_words():
    """UEFI firmware instead of the BIOS that QEMU has built in. Its variables last as long as QEMU."""
    file, form = firmware.uefi_flash()
    return ["-drive", f"if=pflash,unit=0,format={form},readonly=on,file={quoted(file)}"]


def direct_boot_words(kernel, kernel_arguments):
    """By the PVH note: no firmware, no GRUB, some 80 ms."""
    return ["-kernel", str(kernel), "-append", " ".join(kernel_arguments)]


def script_status(qemu_status):
    """Exit status of scripts/run for an end that was neither a reset nor a triple fault."""
    number = guest_number(qemu_status)
    if number is not None:
        return STATUS_OF_GUEST.get(number, number)
    # 1 is QEMU's own: it told why it could not start, or go on.
    return EXIT_FAILED if qemu_status == 1 else EXIT_KILLED
