"""The sum of stalls by culprit, where no native watch of this package counts them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from .._gil_watch.stalls import GilStall
from .stats import GilCulprit


def culprits_of(stalls: Iterable[GilStall]) -> list[GilCulprit]:
    """One for each native function and line, the one with the most seconds first."""
    groups: dict[tuple[str | None, str | None], list[GilStall]] = {}
    for stall in stalls:
        groups.setdefault((stall.native, stall.python), []).append(stall)
    found = [
        GilCulprit(
            native,
            python,
            len(group),
            sum(each.duration for each in group),
            max(each.duration for each in group),
            median(each.duration for each in group),
            max(group, key=lambda each: each.duration).program,
        )
        for (native, python), group in groups.items()
    ]
    return sorted(found, key=lambda culprit: culprit.total, reverse=True)
