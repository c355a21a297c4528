"""Makes the statistics from the engine's. All numbers come from its one registry."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from .. import _native
from .._graph.queue import Queue
from .._interpreter import gil_state
from .stats import (
    EdgeStats,
    GilCulprit,
    GilStats,
    InferenceStats,
    JoinStats,
    Nodes,
    NodeStats,
    PoolStats,
    RemovedStats,
    Report,
    SourceClock,
    SourceStats,
    SpoolStats,
    Stats,
    WorkerStats,
)


def _clock(source: _native.SourceStats) -> SourceClock | None:
    offset, drift, residual = source.clock_offset, source.clock_drift, source.clock_residual
    if offset is None or drift is None or residual is None:
        return None
    return SourceClock(offset, drift, residual, source.clock_reports, source.clock_steps)


def _source(source: _native.SourceStats) -> SourceStats:
    return SourceStats(
        state=source.state,
        outages=source.outages,
        outage_seconds=source.outage_seconds,
        reconnects=source.reconnects,
        stalls=source.stalls,
        size_changes=source.size_changes,
        decoder_delay=source.decoder_delay,
        behind=source.behind,
        clock=_clock(source),
        packets=source.packets,
        packets_lost=source.packets_lost,
        packets_late=source.packets_late,
        jitter=source.jitter,
        marker_faults=source.marker_faults,
        damaged=source.damaged,
        last_error=source.last_error,
        still=cast("Any", source.still),
        still_for=source.still_for,
        still_period=source.still_period,
        still_pictures=source.still_pictures,
        still_contents=source.still_contents,
        settings={name: "auto" if number is None else number for name, number in source.settings.items()},
        settings_refused=source.settings_refused,
    )


def _worker(worker: _native.WorkerStats) -> WorkerStats:
    return WorkerStats(
        pid=worker.pid,
        state=worker.state,
        samples=worker.samples,
        restarts=worker.restarts,
        rss_bytes=worker.rss_bytes,
        cpu=worker.cpu,
    )


def _inference(network: _native.InferenceStats) -> InferenceStats:
    return InferenceStats(
        provider=network.provider,
        threads=network.threads,
        runs=network.runs,
        p50=network.p50,
        p99=network.p99,
    )


def _spool(spool: _native.SpoolStats) -> SpoolStats:
    return SpoolStats(
        waiting=spool.waiting,
        size_bytes=spool.size_bytes,
        age=spool.age,
        sending=spool.sending,
        sent=spool.sent,
        refused=spool.refused,
        expired=spool.expired,
        lost=spool.lost,
        failures=spool.failures,
        last_error=spool.last_error,
    )


def _join(join: _native.JoinStats) -> JoinStats:
    return JoinStats(
        by=join.by,
        sets=join.sets,
        partial=join.partial,
        unmatched={parent.parent: parent.unmatched for parent in join.parents},
        late={parent.parent: parent.late for parent in join.parents},
        spread_p50=join.spread_p50,
        spread_p99=join.spread_p99,
        wait_p50=join.wait_p50,
        wait_p99=join.wait_p99,
        nearest={parent.parent: parent.nearest for parent in join.parents[1:]},
        trouble=join.trouble,
    )


def _node(node: _native.NodeStats) -> NodeStats:
    source, network, spool, join = node.source, node.inference, node.spool, node.join
    return NodeStats(
        state=node.state,
        processed=node.processed,
        fps=node.fps,
        busy=node.busy,
        p50=node.p50,
        p99=node.p99,
        gil_wait=node.gil_wait,
        gil_hold=node.gil_hold,
        errors=node.errors,
        dropped=node.dropped,
        drops=node.drops,
        source=None if source is None else _source(source),
        last_error=node.last_error,
        in_flight=node.in_flight,
        workers=tuple(_worker(worker) for worker in node.workers),
        batches=node.batches,
        inference=None if network is None else _inference(network),
        ticks=node.ticks,
        ticks_missed=node.ticks_missed,
        spool=None if spool is None else _spool(spool),
        join=None if join is None else _join(join),
    )


def _edge(edge: _native.EdgeStats) -> EdgeStats:
    return EdgeStats(
        parent=edge.parent,
        child=edge.child,
        queue=Queue.of(edge.queue),
        passed_in=edge.passed_in,
        delivered=edge.delivered,
        waiting=edge.waiting,
        dropped=edge.dropped,
        events_lost=edge.events_lost,
        age_p50=edge.age_p50,
        age_p99=edge.age_p99,
        drops=edge.drops,
        sources=edge.sources,
        only=edge.only or None,
        max_rate=edge.max_rate,
    )


def _removed(removed: _native.RemovedStats) -> RemovedStats:
    return RemovedStats(
        nodes=removed.nodes,
        frames=removed.frames,
        processed=removed.processed,
        errors=removed.errors,
        edges=removed.edges,
        passed_in=removed.passed_in,
        delivered=removed.delivered,
        dropped=removed.dropped,
        drops=removed.drops,
        node_drops=removed.node_drops,
    )


def _pool(pool: _native.PoolStats) -> PoolStats:
    return PoolStats(
        bound=pool.bound,
        published=pool.published,
        allocated=pool.allocated,
        reused=pool.reused,
        idle_bytes=pool.idle_bytes,
    )


# The findings of an active freshframe.gil.watch(), which sets this: stalls, seconds, the worst culprits.
watch: Callable[[], tuple[int, float, tuple[GilCulprit, ...]]] | None = None

_Fields = tuple[dict[str, NodeStats], list[EdgeStats], GilStats, float, int, PoolStats, RemovedStats]


def _fields(stats: _native.Stats, *more: _native.Stats) -> _Fields:
    parts = (stats, *more)
    nodes = Nodes((node.name, _node(node)) for part in parts for node in part.nodes)
    edges = [_edge(edge) for part in parts for edge in part.edges]
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
    return nodes, edges, gil, stats.uptime, stats.held_bytes, _pool(stats.pool), _removed(stats.removed)


def make_stats(stats: _native.Stats, *more: _native.Stats) -> Stats:
    """Makes a Stats of the engine's. ``more``: those of nodes that were removed together with its nodes."""
    return Stats(*_fields(stats, *more))


def make_report(report: _native.Report) -> Report:
    """Makes a Report of the engine's."""
    fields = _fields(report.stats)
    return Report(*fields, report.complete, report.elapsed, report.frames, tuple(report.failures))
