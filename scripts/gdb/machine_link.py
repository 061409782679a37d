# SPDX-License-Identifier: MIT
"""The machine's console from inside gdb, where scripts/debug has started the machine: it relays the console to the
terminal, types what it is asked to, and makes the machine stand still when a text has appeared."""

import os
import re
import socket

import gdb

import kernel_memory as memory

SLEEPS = "perdure::machine::idle"
PLACE = "PERDURE_DEBUG_LINK"  # of the socket; scripts/debug sets it


def ask(word, text):
    place = os.environ.get(PLACE)
    if not place:
        raise gdb.GdbError("only scripts/debug has the console; elsewhere it is where the machine was started")
    with socket.socket(socket.AF_UNIX) as link:
        try:
            link.connect(place)
        except OSError:
            raise gdb.GdbError("scripts/debug has ended") from None
        link.sendall(f"{word} {text}\n".encode())
        answer = link.makefile().readline().strip()
    if answer not in ("ok", "shown"):
        raise gdb.GdbError(answer or "the machine has ended")
    return answer


class Sleeps(gdb.Breakpoint):
    """The place is inlined in others: that it is the one is asked of the state."""

    def stop(self):
        memory.forget()
        return memory.cache().is_at_rest()


def show_console(_event=None):
    """At each stop and before each prompt, so that what the machine has said stands above the prompt."""
    try:
        ask("show", "")
    except gdb.GdbError:
        pass  # it is shown elsewhere, or the machine has ended


if PLACE in os.environ:
    gdb.events.stop.connect(show_console)
    gdb.events.before_prompt.connect(show_console)  # the machine's end is no stop


def define(command):
    class Raw(command):
        def split(self, text):
            return [text] if text else []

    class Type(Raw):
        """perdure type LINE: types a line at the machine's console. It arrives when the machine goes on."""

        def __init__(self):
            super().__init__("type", 1)

        def run(self, text):
            ask("type", text)

    class Await(Raw):
        """perdure await PATTERN: goes on until the console has shown this (a regular expression) behind what was
        awaited before; a breakpoint stops it earlier."""

        def __init__(self):
            super().__init__("await", 1)

        def run(self, pattern):
            try:
                re.compile(pattern)
            except re.error as error:
                raise gdb.GdbError(f"{pattern} is no regular expression: {error}") from None
            if ask("await", pattern) == "shown":
                return
            gdb.execute("continue", to_string=True)
            ask("shown", "")

    class Rest(command):
        """perdure rest: goes on until no process runs or is ready."""

        def __init__(self):
            super().__init__("rest")

        def run(self):
            if memory.cache().is_at_rest():
                return  # it may sleep for ever
            sleeps = Sleeps(SLEEPS, gdb.BP_HARDWARE_BREAKPOINT, internal=True)
            try:
                gdb.execute("continue", to_string=True)
            finally:
                sleeps.delete()

    Type()
    Await()
    Rest()
