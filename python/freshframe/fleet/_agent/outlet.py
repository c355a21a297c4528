"""The end of an output on its agent: results go to the outboxes of readers, and what is lost is counted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import struct
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from ..._errors import GraphError
from ..._graph.nodes import Node
from ..._graph.queue import Queue
from ..._native import Frame
from ..._pipeline.pipeline import Pipeline, is_live
from ..._process import pickling

LARGEST = 8 << 20  # bytes of a result: an outbox takes none that is larger
_QUEUE = Queue(64, "drop_oldest")  # before a live output's pickling


class Outlet(Node[Any, None]):
    """Puts the results of an output into the outboxes of its readers."""

    def __init__(self, stream: Any, output: str) -> None:
        self._stream = stream
        self._output = output
        self.name_in_pipeline = f"fleet {output}"
        self.kept = 0  # they reached the outboxes, or no reader wanted them
        self.queue_full = 0  # dropped before this node, as far as it knows
        self.refused = 0  # captured after the lease's end
        self.too_large = 0  # of those that were kept: every reader counts them as outbox_full

    def process(self, sample: Any) -> None:
        """One result."""
        self.queue_full += sample.dropped
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
        result = packed(pickling.dumps(value))
        if len(result) > LARGEST:
            self._note_large(len(result))
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


def packed(parts: tuple[bytes | memoryview, ...]) -> bytes:
    """The parts of a pickle in one."""
    return b"".join((struct.pack(f"<I{len(parts)}Q", len(parts), *map(len, parts)), *parts))


def add_outlet(pipeline: Pipeline, port: Any, stream: Any, output: str) -> Outlet:
    """Gives a pipeline the end of one of its outputs."""
    outlet = Outlet(stream, output)
    queue = _QUEUE if is_live(pipeline) else None
    pipeline.add(outlet, port, name=outlet.name_in_pipeline, queue=queue)
    return outlet


def counts_of(outlets: Iterable[Outlet]) -> Counter[str]:
    """What they have counted by now."""
    counts: Counter[str] = Counter()
    for outlet in outlets:
        counts.update(
            kept=outlet.kept,
            queue_full=outlet.queue_full,
            refused=outlet.refused,
            too_large=outlet.too_large,
        )
    return counts


def final_counts_of(pipeline: Pipeline, outlets: Sequence[Outlet]) -> Counter[str]:
    """The same once the pipeline has ended: what was left in the queues counts, too."""
    counts = counts_of(outlets)
    names = {outlet.name_in_pipeline for outlet in outlets}
    edges = [edge for edge in pipeline.stats().edges if edge.child in names]
    lost = Counter({"queue_full": 0, "stopped": 0})
    for edge in edges:
        for cause, count in edge.drops.items():
            lost["queue_full" if cause == "queue_full" else "stopped"] += count
        lost["stopped"] += edge.waiting
    # A result in whose midst the pipeline failed was delivered to the outlet and is none.
    delivered = sum(edge.delivered for edge in edges)
    lost["failed"] = max(0, delivered - counts["kept"] - counts["refused"])
    counts.update(lost)
    counts["queue_full"] = lost["queue_full"]
    return counts
