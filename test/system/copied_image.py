# SPDX-License-Identifier: MIT
"""An image that was copied at rest, and its copy: the same store until each has booted; then `image info` tells
them apart by the identity that each boot draws, and a boot more of either changes it again.

What turns it red: an identity that is the same at each boot (kernel/main.cpp kernel_main)."""

import json
import shutil

from perdure_host import image
from perdure_host.testing import main

TIME_LIMIT_SECONDS = 120


def test(lab):
    original = lab.new_image()
    assert told(original)["boot_identity"] == "0" * 16
    lab.boot(original, "interval=0").kill()
    copy = lab.directory / "copy.img"
    shutil.copyfile(original, copy)
    assert told(copy) == told(original)
    first = told(original)
    for path in (original, copy):
        lab.boot(path, "interval=0").kill()
    ours, other = told(original), told(copy)
    assert ours["store_id"] == other["store_id"] and ours["boots"] == other["boots"] == 2, (ours, other)
    assert len({identity["boot_identity"] for identity in (first, ours, other)}) == 3, (first, ours, other)


def told(path):
    result = image.tool("image", "info", path, "--json")
    assert result.returncode == 0, result.stderr
    information = json.loads(result.stdout)
    return {name: information[name] for name in ("store_id", "boots", "boot_identity")}


if __name__ == "__main__":
    main(test)
