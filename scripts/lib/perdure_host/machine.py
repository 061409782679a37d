# SPDX-License-Identifier: MIT
"""A machine under test: QEMU, its console, its monitor, and the power switch.

Booted by the PVH note, without firmware and GRUB, because a test boots often. Console and monitor
are sockets on which we listen, so that not one byte is lost.
"""

import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from . import emulator
from .console import Console, ConsoleClosed, Unexpected
from .patience import end_of
from .roots import committed_generation
from .workplace import KERNEL

DEFAULT_MEMORY_MIB = 128
DEFAULT_SECONDS = 60


PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def end_with_parent():
    """In a new process. One in a session of its own does not end with the others of its terminal, or of its test."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    def __init__(self, image, arguments=(), memory_mib=DEFAULT_MEMORY_MIB, write_log=None,
                 can_hold_flushes=False, keep_transcript=None, counting=False, disk_delays=None,
                 nbd_socket=None, own_session=False, further=()):
        """`counting`: the time stamp counts instructions (emulator.COUNTING_WORDS). `disk_delays`: a file
        that says how slow the disk is (test/support/slow_disk.c). `own_session`: a ^C on the terminal is not for it."""
        self._disk_delays = disk_delays
        self._own_session = own_session
        self.image = pathlib.Path(image) if image else None
        self._transcript = keep_transcript
        self._directory = tempfile.mkdtemp(prefix="perdure-")
        self._process = None
        kind = (emulator.COUNTING_ACCELERATOR, emulator.COUNTING_PROCESSOR) if counting else ("tcg",)
        words = [emulator.QEMU, *emulator.machine_words(memory_mib, *kind), "-nodefaults",
                 *(emulator.COUNTING_WORDS if counting else ()),
                 *emulator.direct_boot_words(KERNEL, arguments), "-no-reboot",
                 "-d", "cpu_reset", "-D", self._file("qemu.log"),
                 "-chardev", f"socket,id=console,path={self._file('console')}",
                 "-serial", "chardev:console",
                 "-chardev", f"socket,id=monitor,path={self._file('monitor')}",
                 "-mon", "chardev=monitor,mode=control"]
        if image:
            words += emulator.disk_words(image, write_log, can_hold_flushes, nbd_socket)
        try:
            self._start([*words, *further])
        except BaseException:
            self.kill()
            raise

    def _file(self, name):
        return os.path.join(self._directory, name)

    def _start(self, words):
        listeners = [self._listen(name) for name in ("console", "monitor")]
        with open(self._file("qemu.err"), "wb") as errors:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=errors,
                                             stderr=errors, env=emulator.environment(self._disk_delays),
                                             start_new_session=self._own_session,
                                             preexec_fn=end_with_parent if self._own_session else None)
        console, monitor = [self._accept(listener) for listener in listeners]
        self.console = Console(console)
        self._monitor = monitor.makefile("rw", encoding="utf-8")
        self._monitor.readline()  # the greeting
        self.monitor("qmp_capabilities")

    def _listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self._file(name))
        listener.listen(1)
        listener.settimeout(0.2)
        return listener

    def _accept(self, listener):
        end = end_of(30)
        with listener:
            while time.monotonic() < end:
                try:
                    connection = listener.accept()[0]
                    connection.settimeout(30)
                    return connection
                except socket.timeout:
                    if self._process.poll() is not None:
                        break
        raise ConsoleClosed("QEMU did not start: " + self.qemu_errors())

    def qemu_errors(self):
        return pathlib.Path(self._file("qemu.err")).read_text(errors="replace").strip()

    # --- the console ------------------------------------------------------------------------

    def expect(self, pattern, seconds=DEFAULT_SECONDS):
        return self.console.expect(pattern, seconds)

    def type(self, text):
        self.console.type(text)

    # --- the monitor ------------------------------------------------------------------------

    def monitor(self, command, **arguments):
        """One QMP command, and its answer."""
        request = {"execute": command, "arguments": arguments} if arguments else {"execute": command}
        self._monitor.write(json.dumps(request) + "\n")
        self._monitor.flush()
        while True:
            line = self._monitor.readline()
            if not line:
                raise ConsoleClosed("QEMU's monitor has gone")
            answer = json.loads(line)
            if "error" in answer:
                raise AssertionError(f"QEMU: {answer['error']}")
            if "return" in answer:
                return answer["return"]

    def pause(self):
        self.monitor("stop")

    def resume(self):
        self.monitor("cont")

    def memory(self, start, length):
        """What stands in the machine's memory, by physical address."""
        path = pathlib.Path(self._file("memory"))
        self.monitor("pmemsave", val=start, size=length, filename=str(path))
        contents = path.read_bytes()
        path.unlink()
        return contents

    def registers(self):
        """The monitor's text on the processor's registers."""
        return self._human_monitor("info registers")

    def await_disk_write(self, counts, seconds=DEFAULT_SECONDS):
        """Until more writes have completed than are in these counts."""
        end = end_of(seconds)
        while self.disk_counts()[0] == counts[0]:
            assert time.monotonic() < end, "nothing is written; " + self.console.tail()
            self.console.read(0.002)  # unread, some 280 bytes stop a machine that writes them

    def await_disk_quiet(self, quiet_seconds, seconds=DEFAULT_SECONDS):
        """Until the disk has had nothing to do for so long; answers its counts."""
        end = end_of(seconds)
        counts, since = self.disk_counts(), time.monotonic()
        while time.monotonic() - since < quiet_seconds:
            assert time.monotonic() < end, "the disk is never quiet; " + self.console.tail()
            self.console.read(0.005)
            now = self.disk_counts()
            if now != counts:
                counts, since = now, time.monotonic()
        return counts

    def await_checkpoint(self, seconds=DEFAULT_SECONDS):
        """Until one is committed that was not declared before now. Only where something changes all
        the time, by a program that computes: of nothing new there is no checkpoint."""
        end = end_of(seconds)
        for _ in range(2):  # the next may be under way already; counted, for behind a cut a number is left out
            before = committed_generation(self.image)
            while committed_generation(self.image) == before:
                assert time.monotonic() < end, "nothing is committed; " + self.console.tail()
                if self.console.closed:
                    raise ConsoleClosed(f"the machine ended while a commit was awaited; {self.console.tail()}")
                self.console.read(0.01)

    def hold_next_flush(self):
        """The next flush of the disk begins and never ends: what it is for is never durable."""
        answer = self._human_monitor('qemu-io raw "break flush_to_disk held"')
        assert not answer.strip(), f"QEMU: {answer}"

    def _human_monitor(self, line):
        return self.monitor("human-monitor-command", **{"command-line": line})

    def disk_counts(self):
        """(completed writes, completed flushes, bytes written) since the start of QEMU."""
        for device in self.monitor("query-blockstats"):
            if device.get("qdev", "").find("disk") >= 0:
                stats = device["stats"]
                return stats["wr_operations"], stats["flush_operations"], stats["wr_bytes"]
        raise AssertionError("QEMU knows no disk")

    # --- the end ------------------------------------------------------------------------------

    def kill(self):
        """As if the plug were pulled, as far as the machine can tell. The host's cache survives,
        so that no write is lost: for that see write_log.py."""
        if self._process:
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._tidy()

    def pull_the_plug(self):
        """Ends QEMU and does nothing else: also from another thread than the one that listens."""
        self._process.send_signal(signal.SIGKILL)

    def wait_end(self, seconds=DEFAULT_SECONDS):
        """Waits until QEMU ends by itself; returns its exit status."""
        end = end_of(seconds)
        while self._process.poll() is None and time.monotonic() < end:
            if not self.console.closed:
                self.console.read(0.1)
            else:
                time.sleep(0.02)
        if self._process.poll() is None:
            raise Unexpected(f"the machine did not end in {seconds} s; {self.console.tail()}")
        self.console.drain(0.1)
        return self._process.returncode

    def expect_end(self, guest_number, seconds=DEFAULT_SECONDS):
        """The guest leaves with this number."""
        status = self.wait_end(seconds)
        found = emulator.guest_number(status)
        assert found == guest_number, (
            f"the machine ended with {self.describe_end(status)}, expected was {guest_number}; "
            + self.console.tail())
        self._tidy()

    def describe_end(self, status):
        number = emulator.guest_number(status)
        if number is not None:
            return f"number {number}"
        log = pathlib.Path(self._file("qemu.log"))
        fault = log.exists() and "Triple fault" in log.read_text(errors="replace")
        return "a triple fault" if fault else f"status {status} of QEMU itself {self.qemu_errors()}"

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    def _tidy(self):
        if self._transcript and hasattr(self, "console"):
            with open(self._transcript, "a") as transcript:
                transcript.write(self.console.text + "\n--- the machine ended ---\n")
            self._transcript = None
        shutil.rmtree(self._directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
