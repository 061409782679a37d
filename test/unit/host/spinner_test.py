# SPDX-License-Identifier: MIT
"""What the scripts read from the monitor of a running machine: a step counts only if the
registers are the spinner's, all of them."""

import unittest

from perdure_host import spinner

STEP = 0x3869CEF1
KERNEL_DATA = 0xFFFFFFFF8011EBC0


def dump(rbx, xmm1, privilege=3, r15=spinner.MARK):
    """As the monitor prints it, cut to the lines that are read."""
    return (f"RAX={0:016x} RBX={rbx:016x} RCX={0:016x} RDX={0:016x}\n"
            f"R12={0:016x} R13={0:016x} R14={0:016x} R15={r15:016x}\n"
            f"RIP=000000000040003c RFL=00000246 [---Z-P-] CPL={privilege} II=0 A20=1 SMM=0 HLT=0\n"
            f"YMM01={0:016x} {0:016x} {xmm1:016x} {xmm1:016x}\n")


class Silent:
    def read(self, seconds):
        return False


class Machine:
    """Answers one dump after the other, and says nothing."""

    console = Silent()

    def __init__(self, *dumps):
        self._dumps = iter(dumps)

    def registers(self):
        return next(self._dumps)


class Glimpse(unittest.TestCase):
    def test_a_running_spinner_is_read_at_once(self):
        for later in (-1, 0, 2404):  # rbx first; by xmm1 it has gone on
            self.assertEqual(STEP, spinner.glimpse(Machine(dump(STEP, STEP + later))))

    def test_what_the_kernel_holds_in_rbx_is_no_step(self):
        self.passed_over(dump(KERNEL_DATA, STEP, privilege=0))

    def test_nor_if_it_has_returned_before_the_last_register_is_read(self):
        for held in (KERNEL_DATA, 2, 0x946C3ACE3, STEP + 1000):
            self.passed_over(dump(held, STEP))

    def test_nor_are_the_registers_of_another_program(self):
        self.passed_over(dump(STEP, STEP, r15=0))

    def passed_over(self, other):
        self.assertEqual(STEP, spinner.glimpse(Machine(other, dump(STEP, STEP))))


if __name__ == "__main__":
    unittest.main()
