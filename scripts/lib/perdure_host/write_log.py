# SPDX-License-Identifier: MIT
"""What a machine wrote to its disk, and every disk that a power cut could have left.

The log is that of QEMU's blklogwrites driver (the format of Linux' dm-log-writes, little endian):
a super sector, then for each write a sector that describes it, and its data. A flush is an entry
without data.

Fault model. A write counts as durable from the next flush in the log on; of the others a power
cut keeps any subset, in any order, each torn at 512-byte sectors. Entries are logged when they
complete. That is exact as long as no write is in flight while a flush is: the checkpointer sends
a flush only after all writes that it is for have completed, and relies on none that it submits
while one is under way.
"""

import bisect
import dataclasses
import shutil
import struct

MAGIC = 0x6A736677736872
SUPER_FORMAT = "<QQQI"
ENTRY_FORMAT = "<QQQQ"
FLUSH, FUA, DISCARD = 1, 2, 4
SECTOR = 512

LOST, TORN = 0.4, 0.2  # shares of the writes that were not flushed


@dataclasses.dataclass
class Entry:
    offset: int  # on the disk, bytes
    flags: int
    data: bytes
    log_end: int  # where the entry ends in the log file


class WriteLog:
    def __init__(self, entries):
        self.entries = entries

    @classmethod
    def read(cls, path):
        with open(path, "rb") as file:
            content = file.read()
        magic, version, _, sector = struct.unpack_from(SUPER_FORMAT, content)
        assert (magic, version, sector) == (MAGIC, 1, SECTOR), "not a write log"
        return cls(list(cls._parse(content)))

    @staticmethod
    def _parse(content):
        """To the end of the file: the count in the super sector is behind after a kill."""
        place = SECTOR
        while place + SECTOR <= len(content):
            first, count, flags, _ = struct.unpack_from(ENTRY_FORMAT, content, place)
            place += SECTOR
            length = count * SECTOR
            if flags & DISCARD:
                data = bytes(length)
            else:
                data = content[place:place + length]
                place += length
                if len(data) < length:
                    return
            yield Entry(first * SECTOR, flags, data, place)

    def without_flushes(self):
        """As if the machine had never asked for one."""
        return WriteLog([dataclasses.replace(entry, flags=0) for entry in self.entries])

    def count_at(self, log_size):
        """How many entries there were when the log file had this size."""
        return bisect.bisect_right([entry.log_end for entry in self.entries], log_size)

    def written(self, start, end):
        """Bytes written to this part of the disk, altogether."""
        return sum(max(0, min(end, entry.offset + len(entry.data)) - max(start, entry.offset))
                   for entry in self.entries)


class CrashDisk:
    """One file that becomes, in turn, disks that a power cut could have left. It holds what was
    flushed before the last point asked for; a state is written over it and taken back after."""

    def __init__(self, base, log, path):
        shutil.copyfile(base, path)
        self.path = path
        self._file = open(path, "r+b", buffering=0)
        self._entries = log.entries
        self._point = 0
        self._pending = []  # entries before the point that no flush has followed
        self._undo = []

    def entry_count(self):
        return len(self._entries)

    def move_to(self, point):
        """The power cut comes just after this many entries. Points only grow."""
        self.restore()
        for entry in self._entries[self._point:point]:
            if entry.flags & FLUSH:
                for earlier in self._pending:
                    self._write(entry=earlier)
                self._pending = []
                self._undo = []
            if entry.data:
                self._pending.append(entry)
        self._point = point

    def keep_all(self):
        """Nothing that was written is lost: the plain prefix."""
        self.restore()
        for entry in self._pending:
            self._write(entry)

    def keep_some(self, random):
        """Of what no flush followed: some lost, some torn, in any order."""
        self.restore()
        for entry in random.sample(self._pending, len(self._pending)):
            dice = random.random()
            if dice < LOST:
                continue
            self._write(entry, random if dice < LOST + TORN else None)

    def restore(self):
        for offset, data in reversed(self._undo):
            self._put(offset, data)
        self._undo = []

    def _write(self, entry, tearing=None):
        self._file.seek(entry.offset)
        self._undo.append((entry.offset, self._file.read(len(entry.data))))
        if tearing is None:
            self._put(entry.offset, entry.data)
            return
        for place in range(0, len(entry.data), SECTOR):
            if tearing.random() < 0.5:
                self._put(entry.offset + place, entry.data[place:place + SECTOR])

    def _put(self, offset, data):
        self._file.seek(offset)
        self._file.write(data)

    def close(self):
        self._file.close()
