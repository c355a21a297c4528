"""Which holds are over a budget."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from .holds import COUNTED, Hold

GROWTH = 1.2
"""A hold with an entry in the baseline is over it from so many times the entry's step on."""


@dataclass(frozen=True)
class Verdict:
    """Names the stalls that a budget counts.

    Attributes:
        count: The kinds.
        allow: Patterns of names, such as ``json:*``, that may hold the GIL for as long as they like.
        baseline: Seconds that a name may take, whatever the limit.
    """

    count: Collection[str] = COUNTED
    allow: Collection[str] = ()
    baseline: Mapping[str, float] = field(default_factory=dict)

    def counts(self, hold: Hold) -> bool:
        """Whether it matters. A hold without a name does not: there is nothing to do about it."""
        if hold.kind not in self.count or hold.name is None:
            return False
        return not any(fnmatchcase(hold.name, pattern) for pattern in self.allow)

    def is_over(self, hold: Hold, limit: float) -> bool:
        """Whether it is over a limit of that many seconds."""
        if hold.seconds < limit or not self.counts(hold):
            return False
        step = self.baseline.get(hold.name or "")
        return step is None or hold.seconds >= GROWTH * step
