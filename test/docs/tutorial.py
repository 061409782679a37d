# SPDX-License-Identifier: MIT
"""The tutorial, done as it is written, in a copy of the tree: its files are compiled, its commands
run, its lines typed into the machine, the plug pulled where it says so."""

import sys

from perdure_host import transcripts, tree_copy
from perdure_host.transcripts import Player
from perdure_host.workplace import BUILD, ROOT, alone_in

TIME_LIMIT_SECONDS = 1800  # the first time everything is compiled once more
NAME = "docs/tutorial.md"


def main():
    steps = transcripts.steps_of(ROOT / NAME, NAME)
    typed = " ".join(step.text for step in steps if step.kind == transcripts.PROMPT)
    if sum(step.is_cut() for step in steps) < 2 or "revoke" not in typed or "destroy" not in typed:
        sys.exit(f"{NAME} does not show what it is for")
    tree = BUILD / "tutorial"
    with alone_in(tree):
        tree_copy.make(tree)
        for image in (tree / "build").glob("*.img"):
            image.unlink()
        player = Player(tree, tree_copy.environment(tree))
        try:
            player.play(steps)
        except AssertionError as failure:
            sys.exit(str(failure))
        finally:
            player.end()
    print(f"{len(steps)} steps, as they are written")


main()
