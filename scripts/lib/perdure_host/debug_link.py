# SPDX-License-Identifier: MIT
"""Between gdb and the console of the machine that it debugs (scripts/debug, scripts/gdb/machine_link.py): shows what
the console says, types what gdb asks for, and makes the machine stand still when a text has appeared.

Each request is a line over a connection of its own, each answer too: `type LINE`, `await PATTERN`, `shown` (whether that has come) and `show` (what the
console has said until now).
It is QEMU that is told to stop, not gdb: so no signal can arrive when nothing runs any more.
"""

import socket
import sys
import threading

from .console import ConsoleClosed

LOOK_SECONDS = 0.05  # between two looks at the console; nothing depends on it but how soon one sees what is there


class DebugLink:
    def __init__(self, machine, path):
        self._machine, self._console = machine, machine.console
        self._shown = 0           # of the console's text: what stands on the terminal
        self._pattern = None      # awaited
        self._ending = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._listener.settimeout(LOOK_SECONDS)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self):
        """When gdb has ended: what the machine said last is shown."""
        self._ending.set()
        self._thread.join()
        self._listener.close()

    def _run(self):
        while not self._ending.is_set():
            try:
                with self._listener.accept()[0] as connection:
                    connection.settimeout(None)
                    request = connection.makefile().readline().rstrip("\n")
                    connection.sendall((self._answer(*request.split(" ", 1)) + "\n").encode())
            except socket.timeout:
                pass
            except (ConsoleClosed, OSError):
                continue  # the machine has ended: gdb is told so by QEMU
            self._look()
        self._look()

    def _answer(self, word, text=""):
        self._look()
        if word == "type":
            self._console.type(text + "\r")
        elif word == "await":
            self._pattern = text
            if self._take():
                return "shown"
        elif word == "shown" and self._pattern is not None:
            return f"the console has not shown {self._pattern} yet"
        return "ok"

    def _look(self):
        """Takes what the console has said, and stops the machine if that is what was awaited."""
        while not self._console.closed and self._console.read(0):
            pass
        text = self._console.text
        sys.stdout.write(text[self._shown:])
        sys.stdout.flush()
        self._shown = len(text)
        if self._take() and not self._console.closed:
            try:
                self._machine.pause()
            except (ConsoleClosed, OSError):
                pass

    def _take(self):
        if self._pattern is None or not self._console.take(self._pattern):
            return False
        self._pattern = None
        return True
