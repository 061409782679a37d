# SPDX-License-Identifier: MIT
"""Text, functions and lines of a program file, or of the kernel."""

import bisect
import re
import subprocess


class Elf:
    """Text and symbols of one program, or of the kernel."""

    def __init__(self, path):
        self.path, self.name = path, path.stem
        listed = subprocess.run(["nm", "--defined-only", "-n", "-C", path], check=True,
                                stdout=subprocess.PIPE, text=True).stdout.replace("perdure::", "")
        found = [(int(words[0], 16), words[2]) for words in
                 (line.split(maxsplit=2) for line in listed.splitlines()) if words[1] in "tTwW"]
        self.marks = {name: address for address, name in found if name.startswith("bench_")}
        functions = [(address, name) for address, name in found if not name.startswith("bench_loop_")]
        self.starts = [address for address, _ in functions]
        self.names = [name for _, name in functions]
        self.entry = int.from_bytes(path.read_bytes()[24:32], "little")
        self.segments = list(self._segments())

    def _segments(self):
        listed = subprocess.run(["readelf", "-lW", self.path], check=True, stdout=subprocess.PIPE,
                                text=True).stdout
        data = self.path.read_bytes()
        for found in re.finditer(r"LOAD\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) .*E ", listed):
            offset, address, length = (int(word, 16) for word in found.groups())
            yield address, data[offset:offset + length]

    def text(self, address, length):
        for start, data in self.segments:
            if start <= address < start + len(data):
                return data[address - start:address - start + length]
        return b""

    def function(self, address):
        place = bisect.bisect_right(self.starts, address) - 1
        return self.names[place] if place >= 0 else "?"

    def lines(self, addresses):
        """{address: "file:line (innermost function)"}"""
        addresses = sorted(addresses)
        asked = "\n".join(f"{address:x}" for address in addresses)
        told = subprocess.run(["addr2line", "-C", "-f", "-s", "-e", self.path], input=asked, check=True,
                              stdout=subprocess.PIPE, text=True).stdout.splitlines()
        return {address: f"{told[2 * i + 1].split(' ')[0]:32} {told[2 * i].replace('perdure::', '')}"
                for i, address in enumerate(addresses)}
