"""Finds the edges of a pipeline on which results reach a camera's outputs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from freshframe.stats import EdgeStats, Stats


class Ways:
    """Traces edges upstream. If an edge accepts one source only, this also limits all edges upstream of it.

    Must match src/fleet/runs.cpp, which does the same while the pipeline runs.
    """

    def __init__(self, stats: Stats) -> None:
        self._stats = stats
        self._into: dict[str, list[EdgeStats]] = defaultdict(list)
        for edge in stats.edges:
            self._into[edge.child].append(edge)
        self._reached: dict[str, set[str]] = {}  # source -> nodes that its samples reach

    def to(self, nodes: Collection[str]) -> list[EdgeStats]:
        """Returns the edges whose samples can reach one of these nodes."""
        found: dict[int, EdgeStats] = {}
        todo = [(node, "") for node in nodes]  # (node, the only source that may pass; "" for all)
        seen = set(todo)
        while todo:
            child, only = todo.pop()
            for edge in self._into[child]:
                limit = self._limit(edge, only)
                if limit is None:
                    continue
                found[id(edge)] = edge
                if (edge.parent, limit) not in seen:
                    seen.add((edge.parent, limit))
                    todo.append((edge.parent, limit))
        return list(found.values())

    def _limit(self, edge: EdgeStats, only: str) -> str | None:
        """Returns the source that an edge limits its upstream to ("": no limit), or None if none can pass."""
        here = edge.of or ""
        if edge.child == only or not self._passes_on(edge):
            only = ""  # this node starts a stream, from all parents
        if only and here and here != only:
            return None
        limit = here or only
        if limit not in self._stats.nodes:
            return ""  # no limit, or the stream of a node under another name (as_source)
        return limit if edge.parent in self._below(limit) else None

    def _below(self, source: str) -> set[str]:
        """Returns the nodes that samples of a source reach."""
        if source not in self._reached:
            reached, grows = {source}, True
            while grows:
                more = {edge.child for edge in self._stats.edges if self._carries(edge, source, reached)}
                grows = not more <= reached
                reached |= more
            self._reached[source] = reached
        return self._reached[source]

    def _carries(self, edge: EdgeStats, source: str, reached: Collection[str]) -> bool:
        return edge.parent in reached and edge.of in (None, source) and self._passes_on(edge)

    def _passes_on(self, edge: EdgeStats) -> bool:
        """Returns True if the child's results have the sources of this edge.

        The results of a join have the sources of its first parent.
        """
        child = self._stats.nodes.get(edge.child)
        return child is None or child.join is None or edge is self._into[edge.child][0]
