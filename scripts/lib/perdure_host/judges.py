# SPDX-License-Identifier: MIT
"""The two judges of an image: `image verify`, and the kernel. They have one rule, and must agree.

The kernel's part: its store starts from the image and reads every frame, on the host and on a disk that
forgets what is written (test/simulation/judge_image.cpp); then a machine boots from a copy, which has to
serve its prompt and complain of nothing.
"""

import re
import shutil
import subprocess

from . import image
from .shell import CLEAR_LINE
from .workplace import BUILD

JUDGE = BUILD / "test" / "simulation" / "judge_image"
ALIKE = {0: True, 1: False}  # its exit statuses, and whether all can be read

SOUND = "sound"      # what a test leaves, unless it says otherwise
DAMAGED = "damaged"  # on purpose: both have to tell of it
FORGED = "forged"    # by lies that only `image verify` may see; what that passes, the kernel reads

# A disk that is slow is no complaint about the image.
COMPLAINT = r"perdure: (?!WARNING: the disk (?:gives|takes) nothing|the disk (?:gives|takes) again).*"


def judge(path, expected=SOUND):
    """→ the last line of `image verify`. Raises AssertionError if the two differ, or find what is not expected."""
    sound, line = image.verify(path)
    read = subprocess.run([JUDGE, path], stdout=subprocess.PIPE, text=True)
    told = f"{path}: image verify says: {line}; the store: {read.stdout.strip()}"
    assert read.returncode in ALIKE, f"judged differently: {told}"
    can_read = ALIKE[read.returncode]
    assert can_read or not sound, f"verified, and cannot be read: {told}"
    assert expected != SOUND or sound, told
    assert expected != DAMAGED or not can_read and not sound, f"the damage is not told: {told}"
    return line


def expect_served(lab, path):
    """Of a copy, so that what the test left stays as it is."""
    copy = lab.directory / "judged.img"
    shutil.copyfile(path, copy)
    machine = lab.switch_on(copy, ["interval=0"])
    told = machine.boot()
    complaint = re.search(COMPLAINT, told)
    assert not complaint, f"{path}: verified, and the kernel says: {complaint[0]}"
    machine.type(CLEAR_LINE + "uptime\r")
    machine.expect(r"boots \d+")  # others may write between the lines
    machine.kill()
    copy.unlink()
