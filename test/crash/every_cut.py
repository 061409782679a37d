# SPDX-License-Identifier: MIT
"""A busy session is recorded write by write; then every disk is built that a power cut could have
left: at each point all that was written, and subsets of what was not flushed, torn and reordered.
Each must verify, and be exactly the newest generation that the console had reported as committed,
or one that was being committed; a sample is booted, and answers what it had promised."""

import dataclasses
import shutil

from perdure_host import image, judges
from perdure_host.testing import main
from perdure_host.write_log import CrashDisk, WriteLog

TIME_LIMIT_SECONDS = 1200

ROUNDS = 12
PREFIXES, SUBSETS_EACH, BOOTS, CONTROLS = 250, 2, 10, 20


@dataclasses.dataclass
class Promise:
    """What the console had said when the write log had this size."""
    log_size: int
    generation: int
    counters: dict  # name: value; what the generation holds


def test(lab):
    disk = lab.new_image(size="16M", log_size="3M")
    base = lab.directory / "base.img"
    shutil.copyfile(disk, base)
    log_file = lab.directory / "write.log"
    promises = record(lab, disk, log_file)
    log = WriteLog.read(log_file)
    points = choose_points(lab, len(log.entries))
    crash = CrashDisk(base, log, lab.directory / "crash.img")
    booted = set(lab.random.sample(points, min(BOOTS, len(points))))
    states = 0
    for point in points:
        crash.move_to(point)
        crash.keep_all()
        check(crash.path, point, "all writes", log, promises)
        states += 1
        for number in range(SUBSETS_EACH):
            crash.keep_some(lab.random)
            check(crash.path, point, f"subset {number}", log, promises)
            states += 1
        if point in booted:
            boot_and_compare(lab, crash.path, promises)
    assert len(points) >= min(PREFIXES, len(log.entries)), "too few points"
    assert states > 200
    without_flushes_it_shows(lab, base, log, promises)
    print(f"{len(log.entries)} writes and flushes, {len(points)} points, {states} disks, "
          f"{len(booted)} booted, generations 0 to {promises[-1].generation}")


def without_flushes_it_shows(lab, base, log, promises):
    """The negative control: were no flush ever sent, some of these disks would break a promise."""
    forgetful = log.without_flushes()
    crash = CrashDisk(base, forgetful, lab.directory / "control.img")
    for point in sorted(lab.random.sample(range(len(log.entries) // 2, len(log.entries)), CONTROLS)):
        crash.move_to(point)
        crash.keep_some(lab.random)
        try:
            check(crash.path, point, "", log, promises)
        except AssertionError:
            return
    raise AssertionError("nobody notices if flushes are left out")


def record(lab, disk, log_file):
    """A session in which the promises of each generation are known: checkpoints only on request."""
    log_file.write_bytes(b"")
    machine = lab.boot(disk, "interval=0", write_log=log_file)
    counters = {}
    promises = [Promise(0, 0, {})]
    for number in range(ROUNDS * (5 if lab.long else 1)):
        work(lab, machine, counters, f"c{number}")
        generation = machine.checkpoint()
        promises.append(Promise(log_file.stat().st_size, generation, dict(counters)))
    machine.power_off(0x10)
    return promises


def work(lab, machine, counters, name):
    assert "started" in machine.run(f"start counter {name} 64")
    counters[name] = 0
    for known in list(counters):
        amount = lab.random.randrange(1, 1000)
        counters[known] += amount
        assert machine.run(f"call {known} add {amount}").endswith(str(counters[known]))
    if len(counters) > 3:
        victim = lab.random.choice(sorted(counters))
        assert "destroyed" in machine.run(f"destroy {victim} -y")
        del counters[victim]


def choose_points(lab, count):
    points = range(count + 1)
    if lab.long or count <= PREFIXES:
        return list(points)
    return sorted(lab.random.sample(points, PREFIXES))


def check(path, point, what, log, promises):
    told = f"cut after entry {point} of {len(log.entries)}, {what}"
    try:
        line = judges.judge(path)
    except AssertionError as wrong:
        raise AssertionError(f"{told}: {wrong}") from wrong
    generation = image.verified_generation_of(line)
    reported = [p.generation for p in promises if log.count_at(p.log_size) <= point]
    least = max(reported, default=0)
    assert generation >= least, f"{told}: generation {generation}, reported was {least}"
    later = [p.generation for p in promises if p.generation > least]
    most = min(later) if later else least + 1  # the power-off takes one more
    assert generation <= most, f"{told}: generation {generation}, of which nobody was told"


def boot_and_compare(lab, path, promises):
    copy = lab.directory / "booted.img"
    shutil.copyfile(path, copy)
    generation = image.verified_generation(copy)
    machine = lab.boot(copy, "interval=0")
    assert f"generation {generation} of" in machine.banner, machine.banner
    machine.clear_line()
    known = [p for p in promises if p.generation <= generation][-1]
    for name, value in known.counters.items():
        answer = machine.run(f"call {name} get")
        assert answer.endswith(str(value)), f"generation {generation}: {name} answered {answer!r}"
    machine.checkpoint()
    machine.kill()
    assert image.verified_generation(copy) > generation


if __name__ == "__main__":
    main(test)
