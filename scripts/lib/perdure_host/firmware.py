# SPDX-License-Identifier: MIT
"""Where this host keeps UEFI firmware for QEMU (OVMF, Debian's package `ovmf`).

Distributions install a description of each build in QEMU's own folder; that says what the file is
called and what it demands. Only where there is none do we look in the places that we know. Taken is
a build without Secure Boot, which would refuse our loader. It is given to QEMU without the flash
that keeps its variables: OVMF then keeps them in memory, and each boot begins like the first.
"""

import json
import pathlib

from .workplace import EXIT_USAGE, Refusal

DESCRIPTIONS = ("/etc/qemu/firmware", "/usr/share/qemu/firmware")  # the first has precedence
UNWANTED = {"secure-boot", "requires-smm", "enrolled-keys"}
KNOWN_PLACES = (
    "/usr/share/OVMF/OVMF_CODE_4M.fd",              # Debian 12, Ubuntu 24.04
    "/usr/share/OVMF/OVMF_CODE.fd",                 # before
    "/usr/share/edk2/ovmf/OVMF_CODE.fd",            # Fedora
    "/usr/share/edk2/x64/OVMF_CODE.4m.fd",          # Arch
    "/usr/share/edk2-ovmf/x64/OVMF_CODE.fd",
    "/usr/share/qemu/ovmf-x86_64-4m-code.bin",      # openSUSE
    "/usr/share/qemu/edk2-x86_64-code.fd",          # QEMU's own
)


def uefi_flash():
    """(file, format) of the firmware's code."""
    for file, form in [*described(), *((place, "raw") for place in KNOWN_PLACES)]:
        if pathlib.Path(file).is_file():
            return file, form
    raise Refusal("no UEFI firmware for QEMU on this host (Debian's package is called ovmf)", EXIT_USAGE)


def described():
    files = {}  # one name in both folders: the first folder's
    for folder in DESCRIPTIONS:
        for path in sorted(pathlib.Path(folder).glob("*.json")):
            files.setdefault(path.name, path)
    for name in sorted(files):
        try:
            build = json.loads(files[name].read_text())
            if is_suitable(build):
                yield build["mapping"]["executable"]["filename"], build["mapping"]["executable"]["format"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # another one's mistake


def is_suitable(build):
    machines = [machine for target in build["targets"] if target["architecture"] == "x86_64"
                for machine in target["machines"]]
    return ("uefi" in build["interface-types"] and build["mapping"]["device"] == "flash"
            and any("q35" in machine for machine in machines)
            and not UNWANTED & set(build["features"]))
