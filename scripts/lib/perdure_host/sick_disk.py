# SPDX-License-Identifier: MIT
"""A disk that can be made ill while a machine runs on it: nbdkit behind a socket, with the image's file.

What is wrong is said by files that exist or not, so that it begins and ends at once.
"""

import contextlib
import pathlib
import shutil
import signal
import subprocess
import time

from .patience import end_of

START_SECONDS = 30


class SickDisk:
    def __init__(self, image, directory, delay_seconds=0, can_fail_flushes=False):
        """`can_fail_flushes`: each request is a small program, which is slow."""
        self.image = pathlib.Path(image)
        self.socket = pathlib.Path(directory) / "nbd.sock"
        self._triggers = {kind: pathlib.Path(directory) / f"{kind}.ill" for kind in ("read", "write", "flush")}
        self._delay_seconds = delay_seconds
        self._can_fail_flushes = can_fail_flushes
        self._error = "EIO"
        self._process = None
        self.come_back()

    def _words(self):
        words = [shutil.which("nbdkit"), "--foreground", "--exit-with-parent", "--unix", str(self.socket), "--filter=error"]
        words += ["--filter=delay"] if self._delay_seconds else []
        words += self._plugin()
        for kind, name in (("read", "pread"), ("write", "pwrite")):
            words += [f"error-{name}={self._error}", f"error-{name}-rate=100%", f"error-{name}-file={self._triggers[kind]}"]
        delay = f"{round(self._delay_seconds * 1000)}ms"
        return words + ([f"rdelay={delay}", f"wdelay={delay}"] if self._delay_seconds else [])

    def _plugin(self):
        if not self._can_fail_flushes:
            return ["file", str(self.image)]
        size = self.image.stat().st_size
        copy = "status=none iflag=skip_bytes,count_bytes,fullblock oflag=seek_bytes conv=notrunc bs=1M"
        return ["eval", f"get_size=echo {size}", "can_write=exit 0", "can_flush=exit 0",
                f"pread=dd if='{self.image}' skip=$4 count=$3 {copy}",
                f"pwrite=dd of='{self.image}' seek=$4 {copy}",
                f"flush=if [ -e '{self._triggers['flush']}' ]; then echo EIO >&2; exit 1; fi"]

    def come_back(self):
        self.socket.unlink(missing_ok=True)
        with open(self.socket.with_suffix(".log"), "ab") as log:  # a line for each error that was asked for
            self._process = subprocess.Popen(self._words(), stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
        end = end_of(START_SECONDS)
        while not self.socket.exists():
            assert self._process.poll() is None, "nbdkit did not start"
            assert time.monotonic() < end, "nbdkit does not listen"
            time.sleep(0.01)

    def vanish(self):
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        if self._process:
            self._process.wait()

    def set_full(self):
        """From the next start of the server on, a write that fails says that there is no room."""
        self._error = "ENOSPC"
        self.vanish()
        self.come_back()

    def begin(self, *kinds):
        """All requests of these kinds (read, write, flush) fail."""
        for kind in kinds:
            self._triggers[kind].touch()

    def end(self, *kinds):
        for kind in kinds or self._triggers:
            self._triggers[kind].unlink(missing_ok=True)

    @contextlib.contextmanager
    def ill(self, *kinds):
        self.begin(*kinds)
        try:
            yield
        finally:
            self.end(*kinds)
