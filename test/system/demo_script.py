# SPDX-License-Identifier: MIT
"""scripts/demo without its pauses: it checks itself, and what it promises has to come in its order."""

import re
import subprocess

from perdure_host.testing import main
from perdure_host.workplace import SCRIPTS

TIME_LIMIT_SECONDS = 300
CHAOS = False

PROMISED = (r"switched on for the first time", r"boot 1\)", r"c1 started", r"\n42\n", r"life      0 ",
            r"The plug is pulled", r"Power on", r"boot 2\)", r"It went on with generation \d+", r"\n52\n",
            r"The plug is pulled", r"Power on", r"boot 3\)", r"It went on with generation \d+", r"\n52\n",
            r"l1 destroyed", r"error: capability is void", r"Everything you saw was checked")


def test(lab):
    result = subprocess.run([SCRIPTS / "demo", "--quick"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout[-3000:]
    place = 0
    for promise in PROMISED:
        found = re.compile(promise).search(result.stdout, place)
        assert found, f"{promise!r} did not come: {result.stdout[place:]}"
        place = found.end()


if __name__ == "__main__":
    main(test)
