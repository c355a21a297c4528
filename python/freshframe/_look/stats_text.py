"""Formats Stats and Report as text, for print()."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import _native

if TYPE_CHECKING:
    from .stats import ClockStats, EdgeStats, JoinStats, NodeStats, Report, Stats

_GAP = "  "


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Formats columns of equal width: the first left-aligned, the others right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        _GAP.join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _drops(dropped: int, causes: Mapping[Any, int]) -> str:
    if not dropped:
        return "0"
    return f"{dropped} ({', '.join(f'{cause} {count}' for cause, count in causes.items())})"


def _ticks(node: NodeStats) -> str:
    missed = node.ticks_missed
    return f", {missed} of {node.ticks + missed} ticks missed" if missed else ""


def _edge(edge: EdgeStats) -> str:
    return f"{edge.parent}{'' if edge.of is None else f'.of({edge.of!r})'} -> {edge.child}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def _join(name: str, join: JoinStats) -> str:
    partial = f" and {join.partial} partial" if join.partial else ""
    far = [f"{parent} {near:+.3f} s" for parent, near in join.nearest.items() if near is not None]
    spread = [
        f"spread {_milliseconds(join.spread_p50)} / {_milliseconds(join.spread_p99)} ms",
        *(["nearest " + ", ".join(far)] if far else []),
    ]
    return (
        f"join {name!r} by {join.by}: {join.sets}{partial} sets, waits {_milliseconds(join.wait_p50)} / "
        f"{_milliseconds(join.wait_p99)} ms"
        + "".join(f", {part}" for part in (spread if join.by != "seq" else []))
        + (f": {join.reason}" if join.reason else "")
    )


def _clock(clock: ClockStats) -> str:
    size = f"{abs(clock.offset):.1f} s" if abs(clock.offset) >= 1 else f"{abs(clock.offset) * 1000:.1f} ms"
    order = "behind" if clock.offset < 0 else "ahead of"
    within = f"{clock.reports} reports that are within {clock.residual * 1000:.1f} ms"
    return f"{size} {order} this machine's, by {within}"


def _last_error(node: NodeStats) -> str | None:
    """Returns the last exception of a node, or why its connection was lost."""
    connections = (node.source, node.publish)
    return node.last_error or next((one.last_error for one in connections if one and one.last_error), None)


def stats_text(stats: Stats) -> str:
    """Formats one line per node and edge."""
    nodes = [("node", "state", "processed", "rate", "busy", "p50 ms", "p99 ms", "errors", "dropped")]
    nodes += [
        (
            name,
            node.state if node.source is None else f"{node.state}, {node.source.state}",
            str(node.processed),
            f"{node.rate:.1f}",
            f"{node.busy:.0%}",
            _milliseconds(node.duration_p50),
            _milliseconds(node.duration_p99),
            str(node.errors),
            _drops(node.dropped, node.drops) + _ticks(node),
        )
        for name, node in stats.nodes.items()
    ]
    edges = [("edge", "in", "delivered", "waiting", "age p50 ms", "age p99 ms", "dropped")]
    edges += [
        (
            _edge(edge),
            str(edge.passed_in),
            str(edge.delivered),
            str(edge.waiting),
            _milliseconds(edge.age_p50),
            _milliseconds(edge.age_p99),
            _drops(edge.dropped, edge.drops),
        )
        for edge in stats.edges
    ]
    lines = [f"up {stats.elapsed:.2f} s", *_table(nodes)]
    if stats.edges:
        lines += _table(edges)
    lines += [_join(name, node.join) for name, node in stats.nodes.items() if node.join is not None]
    lines += [
        f"clock of {name!r}: {_clock(n.source.clock)}"
        for name, n in stats.nodes.items()
        if n.source and n.source.clock
    ]
    errors = {name: _last_error(node) for name, node in stats.nodes.items()}
    lines += [f"last error of {name!r}: {error}" for name, error in errors.items() if error]
    return "\n".join(lines)


def not_by_design(drops: Mapping[Any, int]) -> dict[Any, int]:
    """Returns the drops that no option asked for. A run without such drops is complete."""
    return {cause: count for cause, count in drops.items() if cause not in _native.BY_DESIGN}


def lost_samples(stats: Stats, stopped_below: Collection[str] = ()) -> list[str]:
    """Returns a sentence for each edge and node that lost samples. A run without losses is complete.

    Args:
        stats: The statistics of a run that has ended.
        stopped_below: Nodes that were stopped on purpose: samples left in their queues do not count.
    """
    found = []
    for edge in stats.edges:
        missing = not_by_design(edge.drops)
        if edge.parent in stopped_below:
            missing.pop("stop", None)
        if missing:
            drops = _drops(sum(missing.values()), missing)
            found.append(f"the edge {_edge(edge)} dropped {drops} of {edge.passed_in} samples")
        if edge.events_lost:
            found.append(f"the edge {_edge(edge)} lost the events of {edge.events_lost} samples")
    return found + [
        f"{name!r} lost {_drops(node.lost, not_by_design(node.drops))} samples"
        for name, node in stats.nodes.items()
        if node.lost
    ]


def losses(report: Report) -> tuple[str, ...]:
    """Returns where a run lost samples and which nodes failed; empty for a complete run."""
    if report.complete:
        return ()
    found = lost_samples(report)
    found += [f"{name!r} failed" for name, node in report.nodes.items() if node.state == "failed"]
    found += report.failures
    return tuple(found) or ("it was stopped before its sources had ended",)


def report_text(report: Report) -> str:
    """Formats the outcome, then the statistics."""
    outcome = "complete" if report.complete else "not complete"
    lines = [f"{outcome}: {report.samples} frames in {report.elapsed:.2f} s"]
    lines += [f"{_GAP}{text}" for text in (*losses(report), *report.silent)]
    return "\n".join([*lines, stats_text(report)])
