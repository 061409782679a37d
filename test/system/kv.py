# SPDX-License-Identifier: MIT
"""The key-value server: entries behind wrappers over power cuts, a bank at its limit that costs one
request and not the server, and what ten thousand objects cost (100,000 with --long)."""

import re

from perdure_host.testing import main

TIME_LIMIT_SECONDS = 600

VOID = "error: capability is void"
RECORD_BYTES = 40  # key, value, chain, number of openings


def test(lab):
    disk = lab.new_image(size="96M" if lab.long else "32M", log_size="24M" if lab.long else "4M")
    machine = boot(lab, disk)
    machine.run("start kv k1")
    entries(machine)
    machine.checkpoint()
    machine.kill()
    machine = boot(lab, disk)
    after_a_cut(machine)
    limit(machine)
    homogeneous(machine, 100_000 if lab.long else 10_000)


def boot(lab, disk):
    machine = lab.boot(disk, "interval=0")
    machine.clear_line()
    return machine


def entries(machine):
    assert machine.run("call k1 put blue whale") == ""
    assert machine.run("call k1 put red fox") == ""
    assert machine.run("call k1 get blue") == "whale"
    assert machine.run("call k1 get green") == "error: k1 says: not found"
    assert machine.run("call k1 open green g") == "error: k1 says: not found"
    assert "needs a name: call k1 open K NAME" in machine.run("call k1 open blue")
    for name in ("one", "two"):
        assert machine.run(f"call k1 open blue {name}").startswith(f"{name} bound")
    described = machine.run("describe one")
    assert "kv_entry" in described and described.endswith("errors of its own:\nremoved: the entry was removed"), described
    assert machine.run("call one put shark") == ""
    assert machine.run("call two get") == "shark"
    assert machine.run("call k1 count") == "2"


def after_a_cut(machine):
    """Each opening is a right of its own; none reaches another entry."""
    assert machine.run("call two get") == "shark"
    assert machine.run("call one close") == ""
    assert machine.run("call one get") == VOID
    assert machine.run("call two get") == "shark"
    assert machine.run("call k1 remove blue") == ""
    assert machine.run("call two get") == "error: two says: the entry was removed"
    assert machine.run("call k1 put violet crab") == ""
    assert machine.run("call two get") == "error: two says: the entry was removed"
    assert machine.run("call two close") == ""
    assert machine.run("call two get") == VOID
    assert machine.run("call k1 count") == "2"
    for name in ("one", "two"):
        assert machine.run(f"forget {name}") == f"{name} forgotten"


def limit(machine):
    """The request that needs more than the bank has fails; the server lives."""
    machine.run("start kv small 64")
    machine.run("call small put a b")
    assert machine.run("call small fill 100000", 300) == "error: small says: limit reached"
    count = int(machine.run("call small count"))
    assert count > 100, count
    assert machine.run("call small get a") == "b"
    assert machine.run("call small put a c") == ""
    assert machine.run("call small get a") == "c"
    assert machine.run("call small remove fill-000000001") == ""
    assert machine.run("call small count") == str(count - 1)
    assert "destroyed" in machine.run("destroy small -y")


def frames(machine, name):
    """By kind, of one bank."""
    found = re.findall(r"^  (\w+) +(\d+) frames", machine.run(f"banks {name}"), re.MULTILINE)
    return {kind: int(number) for kind, number in found}


def homogeneous(machine, count):
    machine.run(f"start kv big {count // 20 + 200}")
    machine.run("call big put a b")
    before = frames(machine, "big")
    assert machine.run(f"call big fill {count}", 500) == str(count + 1)
    after = frames(machine, "big")
    added = {kind: after[kind] - before.get(kind, 0) for kind in after}
    print(f"{count} entries: {added} frames")
    assert added["wrapper"] * 4096 <= 64 * count * 1.03, added
    assert sum(added.values()) * 4096 <= (64 + RECORD_BYTES) * count * 1.03, added
    assert machine.run("call big get fill-000000777") == "fill-000000777"
    assert "destroyed" in machine.run("destroy big -y", 200)


if __name__ == "__main__":
    main(test)
