# SPDX-License-Identifier: MIT
"""A program with its state in integer and vector registers only, which never makes a system
call, goes on exactly after kills, half of them between declare and commit. The long version, with
fifty kills, is test/crash/fifty_kills.py."""

from perdure_host.register_kills import survive
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 240


def test(lab):
    survive(lab, kills=6)


if __name__ == "__main__":
    main(test)
