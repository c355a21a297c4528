"""One row of docs/benchmarks/gil-holds.md."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MEGABYTE = "MB"
OBJECTS = "100,000 objects"

Prepared = Callable[[], object]


@dataclass(frozen=True)
class Call:
    """One row.

    Attributes:
        package: Name of the package on the package index; "CPython" for the standard library.
        text: The call with its input, as the page shows it.
        prepare: Creates the input and returns the call to measure.
        amount: Amount of the input, in `unit`.
        objects: Whether it returns or reads Python objects, so that no other thread may run at the same time.
    """

    package: str
    text: str
    prepare: Callable[[], Prepared]
    amount: float
    unit: str = MEGABYTE
    objects: bool = False

    @property
    def modules(self) -> str:
        """Returns the package to install, or "" for the standard library."""
        return "" if self.package == "CPython" else self.package
