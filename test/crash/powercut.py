# SPDX-License-Identifier: MIT
"""scripts/powercut with a few cuts: it must find nothing. Its books must: told of a state that is too
old, or that never was, they say so."""

import re
import subprocess

from perdure_host.powercut import Session
from perdure_host.testing import main
from perdure_host.workplace import SCRIPTS

TIME_LIMIT_SECONDS = 3600

CUTS, CUTS_LONG = 8, 300
LAST_LINE = r"powercut: (\d+) cuts, (\d+) operations acknowledged, 0 lost, 0 torn, image verified"


def test(lab):
    books_tell(lab)
    cuts = CUTS_LONG if lab.long else CUTS
    result = subprocess.run([SCRIPTS / "powercut", "--cuts", str(cuts), "--seed", str(lab.seed)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.fullmatch(LAST_LINE, result.stdout.rstrip("\n"))
    assert result.returncode == 0 and found, result.stdout
    assert int(found[1]) == cuts and int(found[2]) > 0, result.stdout
    print(result.stdout)


def books_tell(lab):
    """Four operations, of which a checkpoint was reported to hold the first three."""
    states = [(0, 0, 0, 0), (1, 0, 0, 0), (1, 2, 0, 0), (1, 2, 3, 0), (1, 2, 3, 4)]
    for known, lost, torn in [*((state, 0, 0) for state in states[3:]), (states[2], 1, 0), (states[0], 3, 0),
                              ((1, 0, 3, 0), 0, 1), ((1, 2, 3, 5), 0, 1)]:
        session = Session(lab.directory, lab.seed)
        session.promise(states, safe=3)
        session.judge(known)
        assert (session.lost, session.torn) == (lost, torn), (known, session.lost, session.torn)
        session.judge(known)  # what it knew once may come again
        assert (session.lost, session.torn) == (lost, torn), known


if __name__ == "__main__":
    main(test)
