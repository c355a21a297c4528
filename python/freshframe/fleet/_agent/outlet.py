"""The end of an output on its agent: results go to the outboxes of readers, and losses are counted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ... import _native
from ..._graph.nodes import NativeNode
from ..._graph.queue import Queue
from ..._pipeline.pipeline import Pipeline, is_live
from .._wire import loss_name

_QUEUE = Queue(64, "drop_oldest")  # before a live output's outlet


class Outlet(NativeNode[Any, None]):
    """Puts the results of an output into the outboxes of its readers, and counts them."""

    _freshframe_types = (Any, None)

    def __init__(self, stream: _native.FleetStream, output: str) -> None:
        self._handle = stream.outlet(output)
        self._stream = stream
        self._name = self._handle.default_name

    @property
    def name_in_pipeline(self) -> str:
        """Says which output it is of; src/fleet/pipeline_look.cpp knows how it begins."""
        return self._name

    @property
    def counts(self) -> Counter[str]:
        """Counts the results that were kept, those after the lease's end, and those that are too large."""
        stream = self._stream
        return Counter(kept=stream.kept, refused=stream.refused, too_large=stream.too_large)


def add_outlet(pipeline: Pipeline, port: Any, stream: _native.FleetStream, output: str) -> Outlet:
    """Gives a pipeline the end of one of its outputs."""
    outlet = Outlet(stream, output)
    queue = _QUEUE if is_live(pipeline) else None
    pipeline.add(outlet, port, name=outlet.name_in_pipeline, queue=queue)
    return outlet


def counts_of(outlets: Iterable[Outlet]) -> Counter[str]:
    """Adds up what the outlets of this process have counted so far."""
    counts: Counter[str] = Counter()
    for outlet in outlets:
        counts.update(outlet.counts)
    return counts


def final_counts_of(pipeline: Pipeline, outlets: Sequence[Outlet]) -> Counter[str]:
    """Adds up the counts of a pipeline that has ended, with its frames and losses, also those in queues."""
    counts = counts_of(outlets)
    stats = pipeline.stats()
    names = {outlet.name_in_pipeline for outlet in outlets}
    way = set(names)  # nodes on the way to the outlets
    while more := {edge.parent for edge in stats.edges if edge.child in way} - way:
        way |= more
    edges = [edge for edge in stats.edges if edge.child in way]
    fed = {edge.child for edge in edges}
    for name in way:
        node = stats.nodes[name]
        counts.update(_lost(node.drops))
        if name not in fed:
            counts["frames"] += node.processed + node.dropped
    for edge in edges:
        counts.update(_lost(edge.drops))
        counts["stopped"] += edge.waiting
    # A result in whose midst the pipeline failed was delivered to the outlet and is none.
    delivered = sum(edge.delivered for edge in edges if edge.child in names)
    counts["failed"] = max(0, delivered - counts["kept"] - counts["refused"])
    return counts


def _lost(drops: Mapping[Any, int]) -> Counter[str]:
    return Counter({loss_name(cause): count for cause, count in drops.items()})
