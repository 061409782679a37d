# SPDX-License-Identifier: MIT
"""As test/system/registers.py, with fifty kills on one image, at least half of them between
declare and commit."""

from perdure_host.register_kills import survive
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 1200


def test(lab):
    survive(lab, kills=50)


if __name__ == "__main__":
    main(test)
