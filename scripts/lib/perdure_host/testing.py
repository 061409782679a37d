# SPDX-License-Identifier: MIT
"""What a system test is given: a directory, a random source with a seed, images and machines.

A test is a file in test/system or test/crash with a function `test(lab)` and the line
`if __name__ == "__main__": main(test)`. scripts/test runs it in a process of its own, with the
time limit TIME_LIMIT_SECONDS of the file, and ends every machine that it leaves. Then each image on
which it has run a machine is judged (judges.py): it has to be sound, unless the test has said otherwise.
"""

import argparse
import pathlib
import random
import sys
import traceback

from . import image, judges
from .shell import Shell

DEFAULT_SIZE = "32M"
DEFAULT_LOG_SIZE = "4M"


class Lab:
    def __init__(self, directory, seed, chaos=False, long=False, case=None):
        self.directory = pathlib.Path(directory)
        self.seed = seed
        self.random = random.Random(seed)
        self.chaos = chaos
        self.long = long
        self.case = case  # one of the file's CASES, if it has any
        self._endings = []
        self._images = {}  # on which a machine has run: what it should be at the end
        self._served = set()  # of these, those that have shown a prompt

    def new_image(self, name="perdure.img", description=image.DESCRIPTION, size=DEFAULT_SIZE,
                  log_size=DEFAULT_LOG_SIZE):
        path = self.directory / name
        image.make(path, description, size, log_size)
        return path

    def start(self, path, *arguments, kind=Shell, check=False, **options):
        """A machine that has just been switched on. `check`: the kernel checks its whole state at
        each tick and before each checkpoint, which is slow unless the machine is small."""
        if path:
            self.will_judge(path)
        return self.switch_on(path, list(arguments) + (["check"] if check else []), kind, **options)

    def switch_on(self, path, words, kind=Shell, **options):
        words = words + ([f"chaos={self.random.randrange(1, 2**63)}"] if self.chaos else [])
        machine = kind(path, words, keep_transcript=self.directory / "console.txt", **options)
        self.at_end(machine.kill)
        return machine

    def boot(self, path, *arguments, **options):
        """A machine that shows its first prompt; its banner is `machine.banner`."""
        machine = self.start(path, *arguments, **options)
        machine.banner = machine.boot()
        self._served.add(path)
        return machine

    def will_judge(self, path, serves=False):
        """At the end. For an image on which a machine runs that we do not start; `serves`: it shows a prompt."""
        self._images.setdefault(path, judges.SOUND)
        if serves:
            self._served.add(path)

    def damaged(self, path):
        """On purpose: then verifier and kernel both have to tell of it."""
        self._images[path] = judges.DAMAGED

    def mended(self, path):
        """What was damaged on purpose is whole again."""
        self._images[path] = judges.SOUND

    def forged(self, path):
        """By lies that only the verifier may see; but what it passes, the kernel has to read."""
        self._images[path] = judges.FORGED

    def judge(self, path):
        return judges.judge(path, self._images.get(path, judges.SOUND))

    def verdict(self):
        """A number for the kernel's command line, with which an orderly power-off has to leave:
        chosen here, so that no end of the machine by accident is taken for success."""
        number = self.random.choice([n for n in range(2, 128) if n not in (0x10, 0x11, 0x12)])
        return number, f"verdict={number}"

    def at_end(self, action):
        """Done when the test is over, however it ends."""
        self._endings.append(action)

    def end(self):
        while self._endings:
            self._endings.pop(0)()

    def judge_all(self):
        """With the machines off. An image that the test has removed is not judged."""
        for path, expected in self._images.items():
            if path.exists():
                self.judge(path)
                if expected == judges.SOUND and path in self._served:
                    judges.expect_served(self, path)


def main(test):
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chaos", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--case")
    options = parser.parse_args()
    lab = Lab(options.directory, options.seed, options.chaos, options.long, options.case)
    try:
        test(lab)
        lab.end()
        lab.judge_all()
        status = 0
    except Exception as error:  # a verdict has to come whatever happened
        where = traceback.extract_tb(error.__traceback__)
        stops = [stop for stop in where if stop.filename == sys.argv[0]]
        line = f"line {stops[-1].lineno}: {stops[-1].line}\n" if stops else ""
        print(f"{line}{type(error).__name__}: {error}")
        if not isinstance(error, AssertionError):
            traceback.print_exc(file=sys.stdout)
        status = 1
    finally:
        lab.end()
    sys.exit(status)


