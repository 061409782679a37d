# SPDX-License-Identifier: MIT
"""One measured value."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Figure:
    value: float  # whole where it is exact
    unit: str
