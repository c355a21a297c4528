"""The books of one edge, which hold at any moment."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import freshframe as ff


def faults_of(edge: ff.stats.EdgeStats) -> list[str]:
    """Each sample has one fate, each drop a cause, and no more wait than the queue has room for."""
    found = []
    if edge.passed_in != edge.delivered + edge.dropped + edge.waiting:
        found.append(f"an edge does not balance: {edge}")
    if edge.dropped != sum(edge.drops.values()):
        found.append(f"an edge's drops have no cause: {edge}")
    if edge.waiting > max(1, edge.queue.depth) * max(1, edge.sources):
        found.append(f"more samples wait than the queue has room for: {edge}")
    return found
