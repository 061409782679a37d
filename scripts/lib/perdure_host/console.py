# SPDX-License-Identifier: MIT
"""A serial console as a program sees it: waits for what it expects, types, keeps everything."""

import re
import select
import time

from .patience import end_of


class ConsoleClosed(Exception):
    """The other end has gone: the machine ended."""


class Unexpected(AssertionError):
    """What was waited for did not come; the message says what came instead."""


class Console:
    """Over a connected stream socket. Carriage returns are left away, but for `raw`."""

    def __init__(self, connection):
        self._connection = connection
        self._connection.setblocking(False)
        self._taken = 0       # in `text`: what expect() has gone past
        self.text = ""
        self.raw = ""
        self.closed = False

    def expect(self, pattern, seconds):
        """Waits until the pattern stands in what was not yet taken, takes all up to its end, and
        returns the match."""
        end = end_of(seconds)
        while True:
            if found := self.take(pattern):
                return found
            if self.closed:
                raise ConsoleClosed(f"the machine ended while {pattern!r} was awaited; {self.tail()}")
            if not self.read(end - time.monotonic()):
                raise Unexpected(f"{pattern!r} did not come in {seconds} s; {self.tail()}")

    def take(self, pattern):
        """The same of what has been read; None: it does not stand there."""
        found = re.compile(pattern).search(self.text, self._taken)
        if found:
            self._taken = found.end()
        return found

    def read(self, seconds):
        """Reads what there is, waiting so long at most. False if the time was over."""
        ready, _, _ = select.select([self._connection], [], [], max(0, seconds))
        if not ready:
            return False
        try:
            received = self._connection.recv(65536)
        except ConnectionError:
            received = b""
        if received:
            arrived = received.decode("ascii", errors="replace")
            self.raw += arrived
            self.text += arrived.replace("\r", "")
        else:
            self.closed = True
        return True

    def drain(self, seconds):
        """Reads all that comes until nothing has come for so long."""
        while not self.closed and self.read(seconds):
            pass

    def untaken(self):
        return self.text[self._taken:]

    def give_back(self, count):
        """The last so many characters taken are there again."""
        self._taken -= count

    def take_all(self):
        self._taken = len(self.text)

    def type(self, text):
        data = text.encode("ascii")
        while data:
            select.select([], [self._connection], [], 10)
            try:
                data = data[self._connection.send(data):]
            except BlockingIOError:
                raise Unexpected(f"the machine takes no typing; {self.tail()}") from None
            except ConnectionError:
                raise ConsoleClosed(f"the machine ended while typing; {self.tail()}") from None

    def tail(self, lines=15):
        last = self.text.splitlines()[-lines:]
        return "the console's last lines:\n" + "\n".join("    | " + line for line in last)
