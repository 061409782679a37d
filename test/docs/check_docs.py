# SPDX-License-Identifier: MIT
"""scripts/check_docs finds nothing wrong."""

import subprocess
import sys

from perdure_host.workplace import SCRIPTS

sys.exit(subprocess.run([SCRIPTS / "check_docs"]).returncode)
