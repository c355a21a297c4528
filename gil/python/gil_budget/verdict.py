"""Decides which holds exceed a budget."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .holds import COUNTED, Hold

GROWTH = 1.2
"""A hold with a baseline entry exceeds it from this multiple of the entry's duration on."""


@dataclass(frozen=True)
class Verdict:
    """Decides which holds a budget counts.

    Attributes:
        count: The kinds that count.
        allow: Patterns of names that do not count, such as ``json:*``.
        baseline: Seconds that a hold of a name may take, regardless of the limit.
    """

    count: Collection[str] = COUNTED
    allow: Collection[str] = ()
    baseline: Mapping[str, float] = field(default_factory=dict)

    def counts(self, hold: Hold) -> bool:
        """Returns True if the hold counts. One without a name does not, because nobody could fix it."""
        if hold.kind not in self.count or hold.name is None:
            return False
        return not any(fnmatchcase(hold.name, pattern) for pattern in self.allow)

    def is_over(self, hold: Hold, limit: float) -> bool:
        """Returns True if the hold exceeds a limit in seconds."""
        if hold.seconds < limit or not self.counts(hold):
            return False
        step = self.baseline.get(hold.name or "")
        return step is None or hold.seconds >= GROWTH * step
