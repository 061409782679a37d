# SPDX-License-Identifier: MIT
"""The session with gdb in docs/how_to_debug.md is typed into scripts/debug, and every answer has to be what stands
there, but for frames, addresses and lines, which have to be the same where they are the same. One that is made to lie
is found out, too."""

import re
import sys

from perdure_host import transcripts
from perdure_host.transcripts import Lie, Player
from perdure_host.workplace import ROOT

TIME_LIMIT_SECONDS = 600
NAME = "docs/how_to_debug.md"
IMAGE = "build/try.img"  # in its command lines


def play(steps):
    (ROOT / IMAGE).unlink(missing_ok=True)
    player = Player(ROOT)
    try:
        player.play(steps)
    finally:
        player.end()
        (ROOT / IMAGE).unlink(missing_ok=True)


def lies_are_found(steps):
    """A process is told that is another one than above."""
    number = next(n for n, step in enumerate(steps) if step.text.startswith("perdure capabilities"))
    steps = steps[:number + 1]
    frame = steps[number].text.split()[-1]
    steps[number].lines = [re.sub(rf"to process (?!{frame})\d+", f"to process {frame}", line) for line in steps[number].lines]
    try:
        play(steps)
    except Lie:
        return
    raise AssertionError(f"{steps[number].where}: a wrong answer was believed")


def main():
    steps = transcripts.steps_of(ROOT / NAME, NAME)
    typed = " ".join(step.text for step in steps)
    if any(word not in typed for word in ("scripts/debug", IMAGE, "perdure processes", "perdure break", "image report")):
        sys.exit(f"{NAME} does not show what it is for")
    try:
        play(steps)
        lies_are_found(steps)
    except AssertionError as failure:
        sys.exit(str(failure))
    print(f"{len(steps)} steps, as they are written")


main()
