# SPDX-License-Identifier: MIT
"""The README's transcripts are typed into a real machine, the plug is pulled where they say so, and
every answer has to be what stands there. A transcript that is made to lie is found out, too."""

import pathlib
import sys
import tempfile

from perdure_host import transcripts
from perdure_host.transcripts import Player
from perdure_host.workplace import ROOT

TIME_LIMIT_SECONDS = 600


def play(steps):
    with tempfile.TemporaryDirectory(prefix="perdure-docs-") as directory:
        player = Player(ROOT, disk=str(pathlib.Path(directory, "perdure.img")))
        try:
            player.play(steps)
        finally:
            player.end()


def lies_are_found(steps):
    """Without this a player that compares nothing would pass. The first answer of one line is bent."""
    number = next(n for n, step in enumerate(steps) if step.kind == transcripts.PROMPT and len(step.lines) == 1)
    steps = steps[:number + 1]
    steps[number].lines[0] += " indeed"
    try:
        play(steps)
    except transcripts.Lie:
        return
    raise AssertionError(f"{steps[number].where}: a wrong answer was believed")


def main():
    steps = transcripts.steps_of(ROOT / "README.md", "README.md")
    kinds = [step.kind for step in steps]
    if kinds.count(transcripts.HOST) < 2 or kinds.count(transcripts.PROMPT) < 6:
        sys.exit("README.md has no transcript of a cut any more")
    try:
        play(steps)
        lies_are_found(steps)
    except AssertionError as failure:
        sys.exit(str(failure))
    print(f"{len(steps)} steps, as they are written")


main()
