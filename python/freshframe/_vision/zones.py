"""Zones: the results of a ZoneCounter."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .._results.circles import Circles
from .._results.detections import Detections
from .crossing import with_class_names
from .zone_counts import ZoneCounts


@dataclass(frozen=True, slots=True, eq=False)
class Zones(Mapping[str, ZoneCounts]):
    """The counts of a ZoneCounter by zone name: ``zones["till"].inside``. Compares by identity.

    Attributes:
        tracks: The tracker's result that was counted.
    """

    _zones: Mapping[str, ZoneCounts]
    tracks: Circles | Detections

    def __post_init__(self) -> None:
        ids = self.tracks.tracker_id
        seen = frozenset(() if ids is None else ids.tolist())
        zones = {
            name: replace(
                zone,
                crossings=with_class_names(zone.crossings, self.tracks),
                visible=tuple(each for each in zone.inside if each in seen),
            )
            if zone.inside or zone.crossings  # replace() takes 5 us, and there may be 1000 zones
            else zone
            for name, zone in self._zones.items()
        }
        object.__setattr__(self, "_zones", zones)

    def __getitem__(self, name: str) -> ZoneCounts:
        """The counts of one zone."""
        return self._zones[name]

    def __iter__(self) -> Iterator[str]:
        """The zones' names."""
        return iter(self._zones)

    def __len__(self) -> int:
        """How many zones there are."""
        return len(self._zones)

    def __repr__(self) -> str:
        """The number of objects in each zone."""
        inside = ", ".join(f"{name} {len(zone.inside)}" for name, zone in self.items())
        return f"<Zones: {inside} inside>"
