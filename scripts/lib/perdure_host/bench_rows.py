# SPDX-License-Identifier: MIT
"""The rows of the benchmark: what each is called, where its value comes from, and its target.

A target is the most that a value may be ("M1 + 500" is taken from M1's own target). Where the
disk's timing takes part in a row it is not exact, and `spread` says by how many per cent two runs
may differ.
"""

import dataclasses
import fnmatch

from . import bench_sizes
from .bench_disk import WritesGuest
from .bench_guest import Guest
from .bench_watch import Watched


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    measure: object        # called with a directory, answers {name: Figure} of several rows
    target: float = None   # None: nothing is asked of it
    spread: int = 0        # per cent; 0: exact


round_trip = Guest("round_trip")
storage = Guest("storage")
memory = Guest("memory")
revoke = Guest("revoke")
pause = Guest("pause_processes", "pause")
pause_dirty = Guest("pause_dirty", "pause", memory_mib=4096, size="8G", log_size="4G")
writes = WritesGuest()
watched = Watched("storage")

ROWS = (
    Row("known_loop", round_trip),
    Row("ipc_round_trip", round_trip, 446),
    Row("invoke_trivial", round_trip, 150),
    Row("wrapper_extra", round_trip, 40),
    Row("pause", pause, 10_000, spread=1),
    Row("pause_dirty_ratio", pause_dirty, 1.2, spread=1),
    Row("pause_processes_ratio", pause, 1.1, spread=1),
    Row("first_write_extra", memory, 800, spread=1),
    Row("first_write_very_first", memory, 8_000),
    Row("restart", watched, 20_000_000, spread=30),
    Row("revoke", revoke, 500),
    Row("revoke_copies_ratio", revoke, 1.05),
    Row("bank_alloc_page", storage, 446 + 500, spread=1),
    Row("bank_alloc_wrapper", storage, 446 + 500, spread=1),
    Row("destroy_bank_per_object", storage, 500, spread=1),
    Row("fault_rebuild", memory, 800),
    Row("fault_keeper", memory, 2_000),
    Row("create_process", storage, 60_000, spread=1),
    Row("destroy_process", storage, 25_000, spread=1),
    Row("write_amplification_log", writes, 1.05, spread=1),
    Row("flushes_per_checkpoint", writes, 2),
    Row("interrupts_off_longest", watched, 10_000, spread=20),
    Row("kernel_lines", bench_sizes.kernel, 12_000),
    Row("kernel_text_bytes", bench_sizes.kernel, 160 * 1024),
    Row("server_footprint_frames", storage, 12),
)


def matching(pattern):
    return [row for row in ROWS if fnmatch.fnmatchcase(row.name, pattern)]


def named(name):
    return next((row for row in ROWS if row.name == name), None)


def verdict(row, value):
    if row.target is None:
        return "-"
    return "ok" if value <= row.target else "missed"
