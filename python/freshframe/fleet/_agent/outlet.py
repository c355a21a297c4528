"""The end of an output on its agent: results go to the outboxes of readers, and losses are counted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import struct
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._errors import GraphError
from ..._graph.nodes import Node
from ..._graph.queue import Queue
from ..._native import Frame
from ..._pipeline.pipeline import Pipeline, is_live
from ..._process import pickling
from .._wire import loss_name

LARGEST = 8 << 20  # bytes of a result: an outbox takes none that is larger
_QUEUE = Queue(64, "drop_oldest")  # before a live output's pickling


class Outlet(Node[Any, None]):
    """Puts the results of an output into the outboxes of its readers."""

    def __init__(self, stream: Any, output: str) -> None:
        self._stream = stream
        self._output = output
        self.name_in_pipeline = f"fleet {output}"
        self.kept = 0  # they reached the outboxes, or no reader wanted them
        self.refused = 0  # captured after the lease's end
        self.too_large = 0  # of those that were kept: every reader counts them as outbox_full

    def process(self, sample: Any) -> None:
        """One result."""
        captured = sample.captured
        if not self._stream.wanted:
            self._count(self._stream.note(captured))
            return
        value = sample.value
        if isinstance(value, Frame):
            raise GraphError(
                f"the output {self._output!r} gives frames, and pictures stay on their machine; give an "
                "output of results, or one whose node makes bytes of them (a JPEG of sample.frame)"
            )
        result = packed(pickling.dumps(value, names=True))
        size = sum(map(len, result))
        if size > LARGEST:
            self._note_large(size)
        stamp = (sample.seq, sample.pts, captured, time.time() - (time.monotonic() - captured))
        self._count(self._stream.put(stamp, result))

    def _count(self, taken: bool) -> None:
        if taken:
            self.kept += 1
        else:
            self.refused += 1

    def _note_large(self, size: int) -> None:
        if self.too_large == 0:
            logging.getLogger("freshframe").warning(
                "output %r gives results of %.1f MiB: those above %d MiB reach no reader, and each reader "
                "counts them as outbox_full",
                self._output,
                size / 2**20,
                LARGEST >> 20,
            )
        self.too_large += 1


def packed(parts: tuple[bytes | memoryview, ...]) -> tuple[bytes | memoryview, ...]:
    """The parts of a pickle behind their lengths."""
    return struct.pack(f"<I{len(parts)}Q", len(parts), *map(len, parts)), *parts


def add_outlet(pipeline: Pipeline, port: Any, stream: Any, output: str) -> Outlet:
    """Gives a pipeline the end of one of its outputs."""
    outlet = Outlet(stream, output)
    queue = _QUEUE if is_live(pipeline) else None
    pipeline.add(outlet, port, name=outlet.name_in_pipeline, queue=queue)
    return outlet


def counts_of(outlets: Iterable[Outlet]) -> Counter[str]:
    """Their counts by now."""
    counts: Counter[str] = Counter()
    for outlet in outlets:
        counts.update(kept=outlet.kept, refused=outlet.refused, too_large=outlet.too_large)
    return counts


def final_counts_of(pipeline: Pipeline, outlets: Sequence[Outlet]) -> Counter[str]:
    """The same once the pipeline has ended, with its frames and losses, also those in queues."""
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
