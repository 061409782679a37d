# SPDX-License-Identifier: MIT
"""userland/spinner from outside: its registers, and what they must hold after n steps.

One step, for n = 1, 2, ...: sum += n; mixed = (mixed rotated left by 5) xor n. Both have closed
forms, so that any n can be checked without running the steps.
"""

import re
import time

from .patience import end_of

MASK = 2**64 - 1
SEED_WORD = 0x0123456789ABCDEF
MARK = int.from_bytes(b"spinner", "little")
ROTATION = 5
GLIMPSE_STEPS_MAX = 1 << 20  # between two registers of one glimpse: some hundredths of a second
PERIOD = 64  # rotations come back after so many steps: 5 and 64 have no common divisor


def rotated(word, bits):
    bits %= 64
    return (word << bits | word >> (64 - bits)) & MASK


def xor_up_to(n):
    """0 ^ 1 ^ ... ^ n"""
    return (n, 1, n + 1, 0)[n % 4]


def xor_of_class(n, distance):
    """The xor of all k in 1 ... n with k = n - distance (modulo PERIOD)."""
    last = n - distance
    if last < 1:
        return 0
    low, high = last % PERIOD, last // PERIOD
    return xor_up_to(high) * PERIOD ^ (low if (high + 1) % 2 else 0)


def sum_after(n):
    return n * (n + 1) // 2 & MASK


def mixed_after(n):
    word = rotated(SEED_WORD, ROTATION * n)
    for distance in range(PERIOD):
        word ^= rotated(xor_of_class(n, distance), ROTATION * distance)
    return word


class Registers:
    """From the monitor's `info registers`."""

    def __init__(self, text):
        self.privilege = int(re.search(r"\bCPL=(\d)", text)[1])
        numbered = re.findall(r"\b(R[A-D]X|R1?[0-9]|R[SD]I|R[SB]P) ?=([0-9a-f]{16})", text)
        self.integer = {name.strip().lower(): int(value, 16) for name, value in numbered}
        # With AVX the monitor shows all 256 bits; the low half comes last.
        vectors = re.findall(r"[XY]MM(\d+)=([0-9a-f ]+)", text)
        self.vector = {int(number): [int(half, 16) for half in re.findall("[0-9a-f]{16}", halves)[-2:]]
                       for number, halves in vectors}

    def are_of_the_spinner(self):
        return self.privilege == 3 and self.integer.get("r15") == MARK  # early on: 32 bits, no r15

    def check(self):
        """Raises AssertionError unless they are what some number of steps makes them; returns the
        number. We may look in the middle of a step: then some registers are a step ahead."""
        n = self.integer["rbx"]
        assert self.integer["r14"] == 0, f"the spinner itself found a difference at step {self.integer['r14']}"
        steps = (n - 1, n) if n > 0 else (n,)
        mixed = [mixed_after(step) for step in steps]
        mixed_or_rotated = mixed + [rotated(word, ROTATION) for word in mixed]
        # psllq, then por: the shifted word stands alone for a moment.
        shifted = [word << ROTATION & MASK for word in mixed]
        shifted_inverse = [(word ^ MASK) << ROTATION & MASK for word in mixed]
        self._expect("r12", self.integer["r12"], map(sum_after, steps))
        self._expect("r13", self.integer["r13"], mixed_or_rotated)
        for half in (0, 1):
            self._expect("xmm1", self.vector[1][half], steps)
            self._expect("xmm2", self.vector[2][half], map(sum_after, steps))
        inverse = [word ^ MASK for word in mixed_or_rotated]
        self._expect("xmm3 low", self.vector[3][1], mixed_or_rotated + shifted)
        self._expect("xmm3 high", self.vector[3][0], inverse + shifted_inverse)
        return n

    def agree_while_running(self):
        """False if rbx is another program's. The monitor reads the registers of a running processor
        one after the other, and the kernel may hold rbx at the first and have gone at the last;
        only the spinner counts in rbx and xmm1 alike, and xmm1 is read a little later."""
        later = self.vector[1][1] - self.integer["rbx"]
        return -1 <= later < GLIMPSE_STEPS_MAX  # -1: rbx is incremented first

    def _expect(self, name, value, allowed):
        assert value in list(allowed), f"{name} is {value:#x} at step {self.integer['rbx']}"


def glimpse(machine, seconds=30):
    """The step that it has reached, without stopping it."""
    end = end_of(seconds)
    while time.monotonic() < end:
        registers = Registers(machine.registers())
        if registers.are_of_the_spinner() and registers.agree_while_running():
            return registers.integer["rbx"]
        machine.console.read(0.001)  # unread, some 280 bytes stop a machine that writes them
    raise AssertionError("the spinner does not run; " + machine.console.tail())


def look(machine, seconds=30):
    """Stops the machine in the middle of the spinner and checks its registers; the machine stays
    stopped. Returns the step."""
    end = end_of(seconds)
    while time.monotonic() < end:
        # To stop it QEMU flushes the image, which takes its time on a busy host: not before it is worth it.
        if Registers(machine.registers()).are_of_the_spinner():
            machine.pause()
            registers = Registers(machine.registers())
            if registers.are_of_the_spinner():
                return registers.check()
            machine.resume()
        machine.console.read(0.003)
    raise AssertionError("the spinner does not run; " + machine.console.tail())
