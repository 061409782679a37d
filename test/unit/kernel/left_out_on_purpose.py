# SPDX-License-Identifier: MIT
"""Changes of leave_out.py that no host test misses, and need not: (file, kind, line) and why.

The line is as leave_out.py shows it; for an operand or a comparison that is what it becomes.
"""

ON_PURPOSE = {
}
