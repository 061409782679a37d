# SPDX-License-Identifier: MIT
"""scripts/bench as it is typed: rows from the tree and from a guest, exact rows the same in two
runs, the same when stepped through; the file that it writes and compares with, and what it says to wrong options. Asserts no
figure but the one of the known loop."""

import json
import subprocess

from perdure_host.testing import main
from perdure_host.workplace import SCRIPTS

TIME_LIMIT_SECONDS = 300
CHAOS = False

HEAD = ["name", "value", "unit", "target", "verdict"]


def test(lab):
    sizes = rows_of(lab, "kernel_*")
    assert [row["name"] for row in sizes] == ["kernel_lines", "kernel_text_bytes"], sizes
    assert all(row["value"] > 1000 for row in sizes), sizes
    loop = rows_of(lab, "known_*")
    assert [row["value"] for row in loop] == [200_000], loop
    assert rows_of(lab, "invoke_trivial") == rows_of(lab, "invoke_trivial"), "not the same in two runs"
    profiled(rows_of(lab, "invoke_trivial")[0]["value"])
    compared(lab, sizes)
    wrong_options(lab)


def bench(*words):
    return subprocess.run([SCRIPTS / "bench", *map(str, words)], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=TIME_LIMIT_SECONDS)


def rows_of(lab, pattern):
    """What stands in the file; the table has to say the same."""
    file = lab.directory / "rows.json"
    result = bench("--filter", pattern, "--json", file)
    assert result.returncode == 0, result.stdout + result.stderr
    rows = json.loads(file.read_text())
    table = [line.split() for line in result.stdout.splitlines()]
    assert table[0] == HEAD and len(table) == len(rows) + 1, result.stdout
    for row, words in zip(rows, table[1:]):
        assert list(row) == HEAD and words[0] == row["name"] and row["verdict"] in words, result.stdout
    return rows


def profiled(value):
    """Stepped through, it is as many instructions as the time stamp counted, and the loop's two."""
    result = bench("--profile", "invoke_trivial")
    assert result.returncode == 0, result.stderr
    counts = [(float(line.split()[0]), line.split(maxsplit=3)[3]) for line in result.stdout.splitlines()]
    assert counts[0] == (value + 2, "all"), f"{counts[0]}, and counted were {value}"
    functions = [count for count, name in counts if " " in name]
    assert abs(sum(functions) - counts[0][0]) < 1, result.stdout
    assert any("system_call_entry" in name for _, name in counts), result.stdout


def compared(lab, sizes):
    old = lab.directory / "old.json"
    sizes[0]["value"] *= 2
    old.write_text(json.dumps(sizes))
    result = bench("--filter", "k*", "--compare", old)
    assert result.returncode == 0, result.stderr
    changes = {line.split()[0]: line for line in result.stdout.splitlines()[1:]}
    assert changes["kernel_lines"].endswith("-50.0 %"), result.stdout
    assert changes["kernel_text_bytes"].endswith("as before"), result.stdout
    assert changes["known_loop"].endswith("new"), result.stdout


def wrong_options(lab):
    garbage = lab.directory / "garbage.json"
    garbage.write_text("{}}")
    for words in (["--nonsense"], ["--filter", "nothing_*"], ["--filter"], ["row"], ["--lines"],
                  ["--profile", "kernel_lines"],
                  ["--compare", garbage], ["--compare", lab.directory / "absent"]):
        result = bench(*words)
        assert result.returncode == 2, f"{words}: {result.returncode}"
        assert len(result.stderr.splitlines()) == 1 and result.stdout == "", f"{words}: {result.stderr}"


if __name__ == "__main__":
    main(test)
