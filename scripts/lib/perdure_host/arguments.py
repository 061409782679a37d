# SPDX-License-Identifier: MIT
"""Options of the scripts: one clear line and status 2 for what is wrong."""

import argparse
import os
import pathlib
import re
import sys

from .workplace import EXIT_USAGE


class Parser(argparse.ArgumentParser):
    def __init__(self, name, description):
        super().__init__(prog=name, description=description, allow_abbrev=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message):
        message = message.replace("unrecognized arguments", "unknown option")
        print(f"{self.prog}: {message} (see --help)", file=sys.stderr)
        sys.exit(EXIT_USAGE)

    def parse_with_rest(self):
        """What stands behind `--` is `further`, and nothing else is."""
        words = sys.argv[1:]
        place = words.index("--") if "--" in words else len(words)
        options = self.parse_args(words[:place])
        if options.further:
            self.error(f"unknown option: {options.further[0]}")
        options.further = words[place + 1:]
        return options


def count(least, most):
    """A type for add_argument: a whole number in these bounds."""
    def parse(text):
        if not re.fullmatch(r"[0-9]+", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text} is not a number from {least} to {most}")
        return int(text)
    return parse


def size(text):
    """A type for add_argument: bytes, or with K, M, G. Given on as it is."""
    if not re.fullmatch(r"[0-9]+[KMG]?", text):
        raise argparse.ArgumentTypeError(f"{text} is not a size like 64M or 1G")
    return text


def file_to_write(text):
    """A type for add_argument: a file that can be written, there or not; so it is refused before any work is done."""
    path = pathlib.Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a directory")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no directory {path.parent}")
    try:
        may_be_written(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be written: {error.strerror}") from None
    return path


def may_be_written(path):
    """Raises OSError, or leaves everything as it was."""
    if path.exists() and not path.is_file():
        return  # a pipe, a terminal: opening it waits
    is_new = not path.exists()
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND | (os.O_CREAT | os.O_EXCL if is_new else 0), 0o666))
    if is_new:
        path.unlink()
