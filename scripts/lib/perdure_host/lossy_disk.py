# SPDX-License-Identifier: MIT
"""A disk that loses, when the power is cut, what its machine wrote and did not flush: some of it, some torn, in any
order. What a machine that is killed leaves on an image is all that it ever wrote, which no real cut promises."""

import shutil

from .write_log import CrashDisk, WriteLog


class LossyDisk:
    def __init__(self, lab, image):
        self._random = lab.random
        self._image = image
        self._base = lab.directory / "before.img"
        self._log = lab.directory / "write.log"

    def begin(self):
        """→ the write log for the machine that is to be started on it."""
        shutil.copyfile(self._image, self._base)
        self._log.write_bytes(b"")
        return self._log

    def lose(self):
        """That machine has ended."""
        crash = CrashDisk(self._base, WriteLog.read(self._log), self._image)
        crash.move_to(crash.entry_count())
        crash.keep_some(self._random)
        crash.close()
