# SPDX-License-Identifier: MIT
"""The roots of an image, read without the tool: the tool refuses an image that is in use, and this
looks at one while its machine runs. What a root holds: checkpoint/layout.hpp."""

import struct

BLOCK = 4096
PLACES = tuple(block * BLOCK for block in (0, 32, 64, 96))  # two slots of two copies: checkpoint/geometry.hpp
MAGIC = 0x746F6F7245445250
FORMAT = "<QIIQQQ"  # magic, format, clean, store, sequence, newest generation
LOG_START = 128  # block
GEOMETRY_PLACE, GEOMETRY_FORMAT = 176, "<QIIQQ"  # blocks, segments, blocks of each, tag frames, frames


def committed_generation(path):
    """The newest whose root is written: a machine that is killed now comes back with it, or with a
    later one."""
    with open(path, "rb") as file:
        roots = [root_at(file, place) for place in PLACES]
    return max(root for root in roots if root)[1]


def newest_sequence(path):
    """Of the last root that was written, by a commit or by a boot."""
    with open(path, "rb") as file:
        return max(root for root in (root_at(file, place) for place in PLACES) if root)[0]


def root_at(file, place):
    """(sequence, newest generation), or None where there is no root."""
    file.seek(place)
    magic, _, _, _, sequence, generation = struct.unpack(FORMAT, file.read(struct.calcsize(FORMAT)))
    return (sequence, generation) if magic == MAGIC else None


def geometry_of(path):
    """(blocks, segments, blocks of each, tag frames, frames): checkpoint/geometry.hpp."""
    with open(path, "rb") as file:
        file.seek(GEOMETRY_PLACE)
        return struct.unpack(GEOMETRY_FORMAT, file.read(struct.calcsize(GEOMETRY_FORMAT)))


def segment_blocks_of(path):
    return geometry_of(path)[2]


def areas_of(path):
    """By name, the blocks of each part of an image."""
    _, segments, segment_blocks, tag_frames, frames = geometry_of(path)
    log_end = LOG_START + segments * segment_blocks
    home = log_end + tag_frames
    return {"roots": range(0, LOG_START), "log": range(LOG_START, log_end), "first tags": range(log_end, home),
            "home": range(home, home + frames), "second tags": range(home + frames, home + frames + tag_frames)}
