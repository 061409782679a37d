# SPDX-License-Identifier: MIT
"""The ISO that GRUB boots. The kernel's command line stands in GRUB's configuration, so each
command line has an ISO of its own, made when it is first wanted and again when the kernel is newer.
"""

import hashlib
import pathlib
import shutil
import tempfile

from .workplace import BUILD, KERNEL, ROOT, alone_in, run_quietly

GRUB_CONFIG = ROOT / "kernel" / "arch" / "x86_64" / "grub.cfg"
BOOT_LINE = "multiboot2 /boot/kernel.elf"
# What the configuration uses, and nothing for menus and pictures: a fifth of the size.
GRUB_MODULES = "multiboot2 normal serial terminal part_gpt part_msdos iso9660 search all_video"


def path_for(kernel_arguments):
    """Where the ISO for this command line stands, whether or not it exists."""
    line = " ".join(kernel_arguments)
    name = "perdure" if not line else "perdure-" + hashlib.sha256(line.encode()).hexdigest()[:12]
    return BUILD / "boot" / f"{name}.iso"


def ensure(kernel_arguments):
    iso = path_for(kernel_arguments)
    with alone_in(iso.parent):
        if not is_current(iso):
            make(iso, kernel_arguments)
    return iso


def is_current(iso):
    sources = (KERNEL, GRUB_CONFIG)
    return iso.exists() and all(iso.stat().st_mtime > source.stat().st_mtime for source in sources)


def make(iso, kernel_arguments):
    with tempfile.TemporaryDirectory(dir=iso.parent) as directory:
        tree = pathlib.Path(directory) / "tree"
        (tree / "boot" / "grub").mkdir(parents=True)
        shutil.copy(KERNEL, tree / "boot" / "kernel.elf")
        text = GRUB_CONFIG.read_text()
        assert BOOT_LINE in text, GRUB_CONFIG
        line = " ".join([BOOT_LINE, *kernel_arguments])
        (tree / "boot" / "grub" / "grub.cfg").write_text(text.replace(BOOT_LINE, line))
        made = pathlib.Path(directory) / "made.iso"
        run_quietly(["grub-mkrescue", "-o", made, "--fonts=", "--themes=", "--locales=",
                     f"--install-modules={GRUB_MODULES}", tree], "the ISO could not be made")
        made.rename(iso)
