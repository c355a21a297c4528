"""The summary of a `track` run: results, speed, and lost frames with their causes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import freshframe as ff

from .._look.stats_text import lost_samples


class Tally(ff.Node[Any, None]):
    """Counts frames, circles or boxes, and track ids."""

    def __init__(self) -> None:
        self.frames = 0
        self.found = 0
        self.identities: set[int] = set()

    def process(self, sample: ff.Sample[Any]) -> None:
        """Counts the circles or boxes of one frame."""
        self.frames += 1
        self.found += len(sample.value)
        if sample.value.tracker_id is not None:
            self.identities.update(sample.value.tracker_id.tolist())


def summarise(
    stats: ff.stats.Stats, tally: Tally, *, label: str, finder: str, live: bool, things: str = "circles"
) -> list[str]:
    """Returns the lines of the summary of a finished run."""
    seconds = stats.elapsed
    rate = f" ({tally.frames / seconds:.1f} per second)" if seconds > 0 else ""
    found = f"{tally.found} {things}"
    if tally.identities:
        found += f", {len(tally.identities)} identities"
    lines = [f"{label}: {tally.frames} frames in {seconds:.1f} s{rate}, {found}"]
    node = stats.nodes.get(finder)
    if node is not None and tally.frames:
        lines.append(
            f"{finder}: {node.duration_p50 * 1e3:.2f} ms per frame (median), 99 % within "
            f"{node.duration_p99 * 1e3:.2f} ms"
        )
    if live:
        everywhere = [edge.parent for edge in stats.edges]
        dropped = lost_samples(stats, stopped_below=everywhere)
        lines += [f"live: {line}" for line in dropped] or ["live: no frame was dropped"]
        lines += [f"live: {line}" for line in interruptions(stats)]
    return lines


def interruptions(stats: ff.stats.Stats) -> list[str]:
    """Returns a line for each live source whose connection was interrupted."""
    lines = []
    for name, node in stats.nodes.items():
        source = node.source
        if source is None:
            continue
        if source.outages:
            lines.append(
                f"{name} was without a connection {_times(source.outages)}, for {source.away_for:.1f} "
                f"s in total; the last reason: {source.last_error}"
            )
        if source.stalls:
            lines.append(f"{name} stalled {_times(source.stalls)}")
        if source.size_changes:
            lines.append(f"{name} changed its frame size {_times(source.size_changes)}")
    return lines


def never_opened(stats: ff.stats.Stats) -> str | None:
    """Returns why a source never delivered a frame, or None."""
    for node in stats.nodes.values():
        if node.source is not None and node.source.outages and not node.processed:
            return node.source.last_error
    return None


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def causes(drops: Mapping[Any, int]) -> str:
    """Returns the drops by cause, most frequent first, as in `queue_full 12, stop 1`."""
    return ", ".join(f"{cause} {n}" for cause, n in sorted(drops.items(), key=lambda item: -item[1]))
