#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a bootable ISO of a kernel and a GRUB configuration, for BIOS and UEFI.

Only the GRUB modules that are needed go in: with all of them the image is five times larger.

usage: make_iso.py GRUB-MKRESCUE OUTPUT KERNEL GRUB-CONFIG [OPTIONS-FOR-THE-KERNEL]
"""
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MODULES = "multiboot2 normal serial terminal part_gpt part_msdos iso9660 search all_video"
KERNEL_LINE = "multiboot2 /boot/kernel.elf"


def main():
    if len(sys.argv) not in (5, 6):
        sys.exit(__doc__)
    mkrescue, output, kernel, config = sys.argv[1:5]
    options = sys.argv[5] if len(sys.argv) == 6 else ""
    if any(character in options for character in "\n;|&{}$'\"\\"):
        sys.exit("make_iso: the options contain a character that GRUB would interpret")
    with tempfile.TemporaryDirectory() as folder:
        boot = Path(folder) / "boot"
        (boot / "grub").mkdir(parents=True)
        shutil.copy(kernel, boot / "kernel.elf")
        text = Path(config).read_text(encoding="utf-8")
        text = text.replace(KERNEL_LINE, f"{KERNEL_LINE} {options}".rstrip())
        (boot / "grub" / "grub.cfg").write_text(text, encoding="utf-8")
        done = subprocess.run(
            [mkrescue, "-o", output, "--fonts=", "--themes=", "--locales=",
             f"--install-modules={MODULES}", folder],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"make_iso: {mkrescue} failed:\n{done.stdout}")


if __name__ == "__main__":
    main()
