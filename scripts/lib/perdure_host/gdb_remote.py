# SPDX-License-Identifier: MIT
"""The debugger's side of QEMU's gdb stub: registers, memory, breakpoints, single steps.

While it steps, QEMU delivers no interrupts and its clock stands still: what is stepped through is
what the program does undisturbed.
"""

import pathlib
import socket
import time

from .patience import end_of

RBP, RIP, CR3 = 6, 16, 29
RDI, RSI = 5, 4


class MachineEnded(Exception):
    """While it was to be stepped through."""


class GdbRemote:
    def __init__(self, path, seconds=60):
        end = end_of(seconds)
        while not pathlib.Path(path).exists() and time.monotonic() < end:
            time.sleep(0.01)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(seconds)
        self._socket.connect(str(path))
        self._buffer = b""
        self._acknowledging = True
        self._ask("QStartNoAckMode")
        self._acknowledging = False
        self._ask("qXfer:features:read:target.xml:0,1000")  # before that, QEMU reads no single register

    def register(self, number):
        return int.from_bytes(bytes.fromhex(self._ask(f"p{number:x}")), "little")

    def memory(self, address, length):
        """None if it is not mapped in the address space that is loaded."""
        answer = self._ask(f"m{address:x},{length:x}")
        return None if answer.startswith("E") else bytes.fromhex(answer)

    def set_breakpoint(self, address):
        self._expect_ok(f"Z1,{address:x},1")

    def clear_breakpoint(self, address):
        self._expect_ok(f"z1,{address:x},1")

    def run(self):
        """Until a breakpoint is hit."""
        self._ask("c")

    def step(self):
        self._ask("s")

    def _expect_ok(self, packet):
        answer = self._ask(packet)
        assert answer == "OK", f"QEMU's gdb stub answers {answer!r} to {packet}"

    def _ask(self, packet):
        data = packet.encode()
        self._socket.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xff))
        answer = self._receive()
        if self._acknowledging:
            self._socket.sendall(b"+")
        if answer.startswith("W"):
            raise MachineEnded
        return answer

    def _received(self):
        try:
            return self._socket.recv(65536)
        except ConnectionError:
            return b""

    def _receive(self):
        while True:
            begin, end = self._buffer.find(b"$"), self._buffer.find(b"#")
            if 0 <= begin < end <= len(self._buffer) - 3:
                packet = self._buffer[begin + 1:end]
                self._buffer = self._buffer[end + 3:]
                return packet.decode()
            received = self._received()
            if not received:
                raise MachineEnded
            self._buffer += received
