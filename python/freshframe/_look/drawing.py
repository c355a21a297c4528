"""The graph of a pipeline as an SVG drawing, for notebooks."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .._graph import queue

if TYPE_CHECKING:
    from .stats import EdgeStats, NodeStats, Stats

_WIDTH, _HEIGHT = 150, 40  # px of a node
_GAP, _SPACE = 120, 16  # px between columns, with the labels of edges, and between nodes
_LETTERS = 20  # maximum number of characters of a name that fit into a node
_STYLE = (
    "<style>text{font:12px sans-serif;fill:currentColor}.box{fill:none;stroke:currentColor}"
    ".edge{fill:none;stroke:currentColor;opacity:.5}.small{font-size:10px;opacity:.8}</style>"
)


def draw_stats(name: str, stats: Stats) -> str:
    """Draws nodes and readers as boxes, in columns by distance from a source, and edges as lines."""
    names = [
        *stats.nodes,
        *dict.fromkeys(edge.child for edge in stats.edges if edge.child not in stats.nodes),
    ]
    levels = _levels(names, stats.edges)
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for each in names:
        row = rows.get(levels[each], 0)
        rows[levels[each]] = row + 1
        places[each] = (levels[each] * (_WIDTH + _GAP) + 1, row * (_HEIGHT + _SPACE) + 1)
    lines = [_edge(edge, places) for edge in stats.edges]
    boxes = [_box(each, _state(stats.nodes.get(each)), places[each]) for each in names]
    width = (max(levels.values(), default=0) + 1) * (_WIDTH + _GAP) - _GAP + 2
    height = max(rows.values(), default=1) * (_HEIGHT + _SPACE) - _SPACE + 2
    return (
        f"<p><b>{escape(name)}</b></p>"
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img">{_STYLE}'
        f"{''.join(lines)}{''.join(boxes)}</svg>"
    )


def _levels(names: list[str], edges: list[EdgeStats]) -> dict[str, int]:
    levels = dict.fromkeys(names, 0)
    for _ in names:
        for edge in edges:
            levels[edge.child] = max(levels[edge.child], levels[edge.parent] + 1)
    return levels


def _state(node: NodeStats | None) -> str:
    if node is None:
        return "reader"
    errors = f", {node.errors} errors" if node.errors else ""
    return f"{node.rate:.1f} fps{errors}"


def _box(name: str, state: str, place: tuple[int, int]) -> str:
    x, y = place
    shown = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
    return (
        f'<g><title>{escape(name)}</title><rect class="box" x="{x}" y="{y}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" rx="6"/><text x="{x + 8}" y="{y + 17}">{escape(shown)}</text>'
        f'<text class="small" x="{x + 8}" y="{y + 32}">{escape(state)}</text></g>'
    )


def _edge(edge: EdgeStats, places: dict[str, tuple[int, int]]) -> str:
    (left, top), (right, bottom) = places[edge.parent], places[edge.child]
    x, y, end, to = left + _WIDTH, top + _HEIGHT // 2, right, bottom + _HEIGHT // 2
    rate = "" if edge.every == 1 else f", one in {edge.every}"
    rate += "" if edge.max_rate is None else f", at most {edge.max_rate:g}/s"
    dropped = f", {edge.dropped} dropped" if edge.dropped else ""
    bend = f"M{x} {y}C{x + _GAP // 2} {y} {end - _GAP // 2} {to} {end} {to}"
    return (
        f'<path class="edge" d="{bend}"/><text class="small" text-anchor="end" x="{end - 6}" '
        f'y="{to - 5}">{escape(queue.show_queue(edge.queue))}{rate}{dropped}</text>'
    )
