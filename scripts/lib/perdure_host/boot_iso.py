# SPDX-License-Identifier: MIT
"""The ISO that GRUB boots. The kernel's command line stands in GRUB's configuration, so each
command line has an ISO of its own, made when it is first wanted and again when the kernel is newer.
The one without options comes from the build.
"""

import hashlib
import sys

from .workplace import BUILD, KERNEL, ROOT, alone_in, run_quietly

ARCH = ROOT / "kernel" / "arch" / "x86_64"
GRUB_CONFIG = ARCH / "grub.cfg"
DEFAULT = BUILD / "kernel" / "kernel.iso"


def path_for(kernel_arguments):
    """Where the ISO for this command line stands, whether or not it exists."""
    if not kernel_arguments:
        return DEFAULT
    name = hashlib.sha256(" ".join(kernel_arguments).encode()).hexdigest()[:12]
    return BUILD / "boot" / f"kernel-{name}.iso"


def ensure(kernel_arguments):
    """After a build."""
    iso = path_for(kernel_arguments)
    with alone_in(iso.parent):
        if not is_current(iso):
            made = iso.with_suffix(".new")
            run_quietly([sys.executable, ARCH / "make_iso.py", "grub-mkrescue", made, KERNEL,
                         GRUB_CONFIG, " ".join(kernel_arguments)], "the ISO could not be made")
            made.rename(iso)
    return iso


def is_current(iso):
    sources = (KERNEL, GRUB_CONFIG)
    return iso.exists() and all(iso.stat().st_mtime >= source.stat().st_mtime for source in sources)
