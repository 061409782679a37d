# SPDX-License-Identifier: MIT
"""How long a test waits for what has to come before it gives up. No verdict depends on it: on a busy host
(scripts/test --load) all limits are longer."""

import os
import time

FACTOR = "PERDURE_PATIENCE"  # environment: by how much


def end_of(seconds):
    """The moment, on the monotonic clock, at which one gives up."""
    return time.monotonic() + seconds * int(os.environ.get(FACTOR, 1))
