"""Snapshots of what the engine counts. All numbers come from its one registry."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ._queue import Queue

NodeState = Literal["opening", "waiting", "working", "blocked", "waiting_gil", "ended", "failed"]
DropCause = Literal["queue_full", "no_waiter", "skipped", "stale", "stop"]
NodeDropCause = Literal["device", "decode", "pool", "error", "worker"]


@dataclass(frozen=True, slots=True)
class NodeStats:
    """One node.

    Attributes:
        state: What its thread does now.
        processed: Samples that it has finished.
        fps: Samples per second, over the last second; over the whole run once it has ended.
        busy: Share of the run that it spent working, 0 to 1.
        p50: Median seconds per sample.
        p99: 99th percentile of seconds per sample.
        gil_wait: Seconds in total that a Python node waited for the GIL.
        gil_hold: Seconds in total that it computed with the GIL, keeping it from others. What it sleeps or
            waits for without the GIL does not count; nor does a C function that blocks with the GIL held.
        errors: Exceptions.
        dropped: Frames lost in this node: the sum of drops.
        drops: By cause; only causes that happened.
    """

    state: NodeState
    processed: int
    fps: float
    busy: float
    p50: float
    p99: float
    gil_wait: float
    gil_hold: float
    errors: int
    dropped: int
    drops: dict[NodeDropCause, int]


@dataclass(frozen=True, slots=True)
class EdgeStats:
    """One edge. ``passed_in == delivered + dropped + waiting`` in every snapshot.

    Attributes:
        parent: The node that offers samples.
        child: The node or reader that takes them.
        queue: The policy chosen at start().
        passed_in: Samples offered.
        delivered: Samples taken by the consumer.
        waiting: Samples in the queue.
        dropped: The sum of drops.
        drops: By cause; only causes that happened.
        age_p50: Median seconds from capture to the consumer.
        age_p99: 99th percentile of the same.
    """

    parent: str
    child: str
    queue: Queue
    passed_in: int
    delivered: int
    waiting: int
    dropped: int
    drops: dict[DropCause, int]
    age_p50: float
    age_p99: float


@dataclass(frozen=True, slots=True)
class GilStats:
    """What this pipeline's Python nodes have to do with the GIL, in seconds in total."""

    wait: float
    hold: float


@dataclass(frozen=True, slots=True)
class PoolStats:
    """Picture memory.

    Attributes:
        bound: Frames that the engine may hold at once.
        published: Frames that it holds now.
        allocated: Buffers taken from the system by this process.
        reused: Requests served from idle buffers.
        idle_bytes: Bytes kept for reuse.
    """

    bound: int
    published: int
    allocated: int
    reused: int
    idle_bytes: int


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot of a pipeline.

    Attributes:
        nodes: By name.
        edges: In the order of building.
        gil: Sums over the Python nodes.
        uptime: Seconds since start(), until the end.
        held_by_python_bytes: Picture memory held only outside the engine.
        pool: Picture memory of the engine.
    """

    nodes: dict[str, NodeStats]
    edges: list[EdgeStats]
    gil: GilStats
    uptime: float
    held_by_python_bytes: int
    pool: PoolStats


@dataclass(frozen=True, slots=True)
class Report(Stats):
    """What a run amounted to.

    Attributes:
        complete: Nothing was dropped anywhere and every node closed without error.
        elapsed: Seconds.
        frames: Samples that sources delivered.
    """

    complete: bool
    elapsed: float
    frames: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A tick of run(progress=).

    Attributes:
        done: Samples that sources delivered so far.
        total: How many there will be, when the sources know.
        elapsed: Seconds.
        fps: Samples per second since the tick before.
        dropped: Samples dropped on all edges.
        remaining: Seconds to go, when total is known.
    """

    done: int
    total: int | None
    elapsed: float
    fps: float
    dropped: int
    remaining: float | None


_Fields = tuple[dict[str, NodeStats], list[EdgeStats], GilStats, float, int, PoolStats]


def _fields(raw: tuple[Any, ...]) -> _Fields:
    nodes_raw, edges_raw, uptime, held, pool = raw
    nodes = {name: NodeStats(*values) for name, values in nodes_raw.items()}
    edges = [
        EdgeStats(parent, child, Queue(depth, when_full), *rest)
        for parent, child, depth, when_full, *rest in edges_raw
    ]
    gil = GilStats(
        sum(node.gil_wait for node in nodes.values()), sum(node.gil_hold for node in nodes.values())
    )
    return nodes, edges, gil, uptime, held, PoolStats(*pool)


def make_stats(raw: tuple[Any, ...]) -> Stats:
    """Makes a Stats of the engine's tuples."""
    return Stats(*_fields(raw))


def make_report(raw: tuple[Any, ...]) -> Report:
    """Makes a Report of the engine's tuples."""
    stats, complete, elapsed, frames = raw
    return Report(*_fields(stats), complete, elapsed, frames)
