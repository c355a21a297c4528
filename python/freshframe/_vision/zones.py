"""Zones: the results of a ZoneCounter."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .._results.circles import Circles
from .._results.detections import Detections
from .zone_counts import ZoneCounts


@dataclass(frozen=True, slots=True, eq=False)
class Zones(Mapping[str, ZoneCounts]):
    """The counts of a ZoneCounter by zone name: ``zones["till"].inside``. Compares by identity.

    Attributes:
        tracks: The tracker's result that was counted.
    """

    _zones: Mapping[str, ZoneCounts]
    tracks: Circles | Detections

    def __getitem__(self, name: str) -> ZoneCounts:
        """Returns the counts of one zone."""
        return self._zones[name]

    def __iter__(self) -> Iterator[str]:
        """Iterates over the zones' names."""
        return iter(self._zones)

    def __len__(self) -> int:
        """Number of zones."""
        return len(self._zones)

    def __repr__(self) -> str:
        """Returns the number of objects in each zone."""
        inside = ", ".join(f"{name} {len(zone.inside)}" for name, zone in self.items())
        return f"<Zones: {inside} inside>"
