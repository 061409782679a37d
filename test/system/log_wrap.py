# SPDX-License-Identifier: MIT
"""Ten times the log's size is written: every segment is used again and again, every copy of the
root is overwritten. What was true before is true after, also over a kill in the midst."""

from perdure_host import image
from perdure_host.roots import BLOCK, PLACES
from perdure_host.testing import main
from perdure_host.write_log import SECTOR, WriteLog

TIME_LIMIT_SECONDS = 300
CHAOS = False

LOG_START = 128 * BLOCK  # bytes: checkpoint/geometry.hpp
LOG_MIB = 3
LOG_END = LOG_START + (LOG_MIB << 20)
ROUNDS_AT_ONCE = 40


def test(lab):
    disk = lab.new_image(log_size=f"{LOG_MIB}M")
    log_file = lab.directory / "write.log"
    log_file.write_bytes(b"")
    machine = lab.boot(disk, "interval=0", write_log=log_file)
    value = 0
    machine.run("start counter keep")
    written = 0
    generations = []
    while written < 10 * (LOG_END - LOG_START):
        for _ in range(ROUNDS_AT_ONCE):
            value += 1
            machine.run("start counter busy 64")
            machine.run("call keep add 1")
            machine.run("destroy busy -y")
            generations.append(machine.checkpoint())
        machine.pause()
        log = WriteLog.read(log_file)
        machine.resume()
        written = log.written(LOG_START, LOG_END)
    assert all(a < b for a, b in zip(generations, generations[1:])), "a generation came twice"
    every_place_was_used(log)
    machine.kill()
    assert image.verified_generation(disk) >= generations[-1]
    machine = lab.boot(disk)
    machine.clear_line()
    assert machine.run("call keep get").endswith(str(value))


def every_place_was_used(log):
    for place in PLACES:
        assert log.written(place, place + SECTOR) >= 2 * SECTOR, f"root at byte {place}"
    for segment in range(LOG_MIB):
        start = LOG_START + (segment << 20)
        assert log.written(start, start + BLOCK) >= 2 * BLOCK, f"segment {segment} was used only once"


if __name__ == "__main__":
    main(test)
