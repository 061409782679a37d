# SPDX-License-Identifier: MIT
"""Values of options: what is wrong is refused before any work is done, and what is looked at stays as it was."""

import argparse
import pathlib
import tempfile
import unittest

from perdure_host.arguments import file_to_write


class FileToWrite(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def test_what_cannot_be_written(self):
        file = self.directory / "file"
        file.write_text("x")
        for path in (self.directory, self.directory / "none" / "log", file / "log", "/proc/log", ""):
            with self.assertRaises(argparse.ArgumentTypeError, msg=str(path)):
                file_to_write(str(path))

    def test_looking_changes_nothing(self):
        new, old = self.directory / "new", self.directory / "old"
        old.write_text("what was there")
        for path in (new, old):
            self.assertEqual(file_to_write(str(path)), path)
        self.assertFalse(new.exists())
        self.assertEqual(old.read_text(), "what was there")


if __name__ == "__main__":
    unittest.main()
