# SPDX-License-Identifier: MIT
"""What the scripts read of an image while its machine runs: the newest root that is written, and
from two readings, that a checkpoint began and was committed in between."""

import pathlib
import struct
import tempfile
import unittest

from perdure_host import machine, roots
from perdure_host.console import ConsoleClosed


def write_root(path, copy, sequence, generation, magic=roots.MAGIC):
    with open(path, "r+b") as file:
        file.seek(roots.PLACES[copy])
        file.write(struct.pack(roots.FORMAT, magic, 2, 0, 77, sequence, generation))


class Roots(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name, "image")
        self.path.write_bytes(bytes(roots.PLACES[-1] + roots.BLOCK))
        for copy, sequence in enumerate((1, 1, 2, 2)):
            write_root(self.path, copy, sequence, generation=0)

    def test_the_highest_sequence_wins(self):
        write_root(self.path, 0, sequence=9, generation=3)
        write_root(self.path, 2, sequence=8, generation=4)  # withdrawn, or of an older life
        self.assertEqual(3, roots.committed_generation(self.path))

    def test_what_is_no_root_is_passed_over(self):
        write_root(self.path, 0, sequence=9, generation=3)
        write_root(self.path, 1, sequence=10, generation=4, magic=0)
        self.assertEqual(3, roots.committed_generation(self.path))

    def test_a_checkpoint_is_awaited_that_was_not_under_way(self):
        watched = Watched(self.path)
        watched.await_checkpoint()
        self.assertEqual(2, roots.committed_generation(self.path))

    def test_and_not_for_ever(self):
        with self.assertRaises(AssertionError):
            Watched(self.path, commits_at_most=1).await_checkpoint(seconds=0.1)

    def test_nor_of_a_machine_that_has_ended(self):
        with self.assertRaises(ConsoleClosed):
            Watched(self.path, commits_at_most=1, ends=True).await_checkpoint()


class Watched(machine.Machine):
    """Commits a generation each time that we look at its console, and may end then."""

    def __init__(self, image, commits_at_most=9, ends=False):
        self.image, self.console = image, self
        self._commits_left, self._ends = commits_at_most, ends

    @property
    def closed(self):
        return self._ends and self._commits_left == 0

    def read(self, _):
        if self._commits_left > 0:
            self._commits_left -= 1
            generation = roots.committed_generation(self.image) + 1
            write_root(self.image, 2 * (generation % 2), sequence=2 + generation, generation=generation)

    def tail(self):
        return ""


if __name__ == "__main__":
    unittest.main()
