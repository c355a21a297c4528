"""Converts the engine's statistics to the public dataclasses."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

from .. import _native
from .._graph.queue import make_queue
from .._interpreter import gil_state
from .sender_stats import SenderStats
from .stats import (
    ClockStats,
    EdgeStats,
    GilCulprit,
    GilStats,
    InferenceStats,
    JoinStats,
    Nodes,
    NodeStats,
    PoolStats,
    PublishStats,
    RemovedStats,
    Report,
    SourceStats,
    SpoolStats,
    Stats,
    WorkerStats,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def _clock(source: _native.SourceStats) -> ClockStats | None:
    offset, drift, residual = source.clock_offset, source.clock_drift_ppm, source.clock_residual
    if offset is None or drift is None or residual is None:
        return None
    return ClockStats(offset, drift, residual, source.clock_reports, source.clock_steps)


_Kind = TypeVar("_Kind", bound="DataclassInstance")


@functools.cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _make_kind(kind: type[_Kind], engines: object, **others: object) -> _Kind:
    """Creates a dataclass from the engine's struct, whose fields have the same names, and from `others`."""
    return kind(*[others[name] if name in others else getattr(engines, name) for name in _names(kind)])


def _source(source: _native.SourceStats) -> SourceStats:
    settings = {name: "auto" if number is None else number for name, number in source.settings.items()}
    sender = source.sender
    return _make_kind(
        SourceStats,
        source,
        clock=_clock(source),
        settings=settings,
        sender=None if sender is None else _make_kind(SenderStats, sender, failures=tuple(sender.failures)),
    )


def _join(join: _native.JoinStats) -> JoinStats:
    return _make_kind(
        JoinStats,
        join,
        unmatched={parent.parent: parent.unmatched for parent in join.parents},
        late={parent.parent: parent.late for parent in join.parents},
        nearest={parent.parent: parent.nearest for parent in join.parents[1:]},
    )


def _node(node: _native.NodeStats) -> NodeStats:
    source, network, spool, publish, join = node.source, node.inference, node.spool, node.publish, node.join
    return _make_kind(
        NodeStats,
        node,
        source=None if source is None else _source(source),
        workers=tuple(_make_kind(WorkerStats, worker) for worker in node.workers),
        inference=None if network is None else _make_kind(InferenceStats, network),
        spool=None if spool is None else _make_kind(SpoolStats, spool),
        publish=None if publish is None else _make_kind(PublishStats, publish),
        join=None if join is None else _join(join),
    )


def _edge(edge: _native.EdgeStats) -> EdgeStats:
    return _make_kind(EdgeStats, edge, queue=make_queue(edge.queue))


# Set by an active freshframe.gil.watch(): returns the number of stalls, their seconds, the worst culprits.
watch: Callable[[], tuple[int, float, tuple[GilCulprit, ...]]] | None = None

_Fields = tuple[dict[str, NodeStats], list[EdgeStats], GilStats, float, int, int, PoolStats, RemovedStats]


def _fields(stats: _native.Stats) -> _Fields:
    nodes = Nodes((node.name, _node(node)) for node in stats.nodes)
    edges = [_edge(edge) for edge in stats.edges]
    seen = watch
    stalls, stalled, culprits = seen() if seen is not None else (None, 0.0, ())
    gil = GilStats(
        sum(node.gil_wait for node in nodes.values()),
        sum(node.gil_hold for node in nodes.values()),
        stalls,
        stalled,
        culprits,
        gil_state.enabled(),
        gil_state.enabled_by(),
    )
    return (
        nodes,
        edges,
        gil,
        stats.elapsed,
        stats.held_bytes,
        stats.device_bytes,
        _make_kind(PoolStats, stats.pool),
        _make_kind(RemovedStats, stats.removed),
    )


def make_stats(stats: _native.Stats) -> Stats:
    """Converts the engine's Stats."""
    return Stats(*_fields(stats))


def make_report(report: _native.Report) -> Report:
    """Converts the engine's Report."""
    parts = _fields(report.stats)
    return Report(*parts, report.complete, report.samples, tuple(report.failures), tuple(report.silent))
