"""The counters of edges, and the times of sources: what holds at any moment."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import freshframe as ff


def faults_of(edge: ff.stats.EdgeStats) -> list[str]:
    """Each sample has one fate, each drop a cause, and the queue has room for all that wait."""
    found = []
    if edge.passed_in != edge.delivered + edge.dropped + edge.waiting:
        found.append(f"an edge does not balance: {edge}")
    if edge.dropped != sum(edge.drops.values()):
        found.append(f"an edge's drops have no cause: {edge}")
    if edge.waiting > max(1, edge.queue.depth) * max(1, edge.source_count):
        found.append(f"more samples wait than the queue has room for: {edge}")
    return found


def faults_in(stats: ff.stats.Stats) -> list[str]:
    """The faults of all edges."""
    return [fault for edge in stats.edges for fault in faults_of(edge)]


class Times:
    """The times of each source at each node, which never go back."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], float] = {}

    def fault_of(self, node: str, sample: ff.Sample[Any]) -> str | None:
        """Notes the sample's time; returns a text if it is before the time of the sample before."""
        place = node, sample.source
        before, self._latest[place] = self._latest.get(place, sample.pts), sample.pts
        return f"{node}: pts {sample.pts} of {sample.source} after {before}" if sample.pts < before else None
