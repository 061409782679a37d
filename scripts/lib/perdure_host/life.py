# SPDX-License-Identifier: MIT
"""userland/life from outside: its lines on the console, and what they must say. A model of its own:
cell by cell, from the rule's table, where the program computes with whole words."""

import dataclasses
import re

CELLS = 64
FIRST = CELLS // 2  # the one cell that lives in the beginning, counted from the right
RULE = 30           # bit 4 left + 2 self + right: whether it lives in the next generation
LINE = r"\| life {1,6}(\d+)  ([# ]{64}) *\n"


class Model:
    def __init__(self):
        self._generations = [[place == FIRST for place in range(CELLS)]]

    def cells(self, generation):
        """As the program draws them."""
        while len(self._generations) <= generation:
            self._generations.append(successor(self._generations[-1]))
        return "".join("#" if cell else " " for cell in reversed(self._generations[generation]))


def successor(cells):
    def lives(place):
        left, right = cells[(place + 1) % CELLS], cells[place - 1]
        return bool(RULE >> (4 * left + 2 * cells[place] + right) & 1)
    return [lives(place) for place in range(CELLS)]


@dataclasses.dataclass
class Line:
    generation: int
    end: int  # where in the text


class Watcher:
    """Follows the lines of one program over many boots; raises AssertionError at the first that
    is not what comes next."""

    def __init__(self):
        self._model = Model()
        self.last = None

    def look(self, text, first_allowed=None):
        """All lines of one boot's console text. The first may be any from `first_allowed` to the
        one behind the last of the boot before: what the cut took back is done again, and nothing
        is left out. Each other one follows the one before it. Returns the lines."""
        lines = []
        for found in re.finditer(LINE, text):
            generation = int(found[1])
            if lines:
                assert generation == lines[-1].generation + 1, f"{generation} after {lines[-1].generation}"
            else:
                self._check_first(generation, first_allowed)
            assert found[2] == self._model.cells(generation), f"not generation {generation}: {found[0]!r}"
            lines.append(Line(generation, found.end()))
        if lines:
            self.last = lines[-1].generation
        return lines

    def _check_first(self, generation, first_allowed):
        if self.last is None:
            assert generation == 0, f"it begins with {generation}"
        else:
            assert first_allowed <= generation <= self.last + 1, (
                f"goes on with {generation}; allowed is {first_allowed} to {self.last + 1}")
