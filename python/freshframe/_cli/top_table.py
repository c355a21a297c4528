"""The page that `freshframe top` shows: edges with the most drops first, then nodes, then what happened."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import time
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

_EVENTS = 5
_STYLES = {
    "running": "green",
    "working": "green",
    "failed": "bold red",
    "blocked": "yellow",
    "waiting_gil": "magenta",
}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and line end
_WIDTH = 110  # columns, where there is no terminal that has its own


def plain_console() -> Console:
    """For output that goes into a file or a pipe."""
    return Console(width=_WIDTH, highlight=False)


def page(state: dict[str, Any], trouble: str | None) -> RenderableType:
    """All of it.

    Args:
        state: As /api/state delivers it.
        trouble: Why it is not new; None: it is.
    """
    state = _printable(state)
    parts: list[RenderableType] = [_head(state)]
    if trouble is not None:
        age = max(0.0, time.time() - state["time"])
        parts.append(Text(f"{trouble}; trying again, the numbers are {age:.0f} s old", style="bold yellow"))
    if state["error"] is not None:
        parts.append(_error(state["error"]))
    if state["gil"].get("stalled_now"):
        parts.append(_frozen(state["gil"]))
    parts += ["", _edges(state), "", _nodes(state)]
    if state["events"]:
        parts += ["", _events(state["events"])]
    return Group(*parts)


def _printable(value: Any) -> Any:
    """The same without what a terminal would obey: names and errors may come from anywhere."""
    if isinstance(value, str):
        return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {key: _printable(member) for key, member in value.items()}
    return [_printable(member) for member in value] if isinstance(value, list) else value


def _head(state: dict[str, Any]) -> Text:
    falling = sum(_falling(item) for item in [*state["edges"], *state["nodes"]])
    text = Text.assemble(
        (state["name"], "bold"),
        "  ",
        (state["phase"], _STYLES.get(state["phase"], "")),
        f"  {state['uptime']:.0f} s  ",
    )
    return text.append(f"{falling:.1f} dropped/s", style="bold red" if falling > 0 else "")


def _error(error: dict[str, Any]) -> Text:
    text = Text(error["message"], style="bold red")
    if error.get("traceback"):
        text.append("\n" + error["traceback"].rstrip(), style="not bold")
    return text


def _frozen(gil: dict[str, Any]) -> Text:
    by = gil.get("stalled_by") or {}
    who = by.get("native") or by.get("python") or by.get("thread") or "somebody"
    place = f", called at {by['python']}," if by.get("native") and by.get("python") else ""
    return Text(
        f"Python has been frozen for {gil['stalled_now']:.1f} s: {who}{place} holds the GIL",
        style="bold magenta",
    )


def _table(*columns: str) -> Table:
    """The first two columns are words, the others numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index < 2 else "right", no_wrap=index > 0)
    return table


def _edges(state: dict[str, Any]) -> Table:
    table = _table("edge", "queue", "per s", "dropped/s", "dropped", "waiting", "age p50", "age p99", "why")
    table.columns[-1].justify = "left"
    for edge in sorted(state["edges"], key=lambda edge: (-_falling(edge), -edge["dropped"])):
        falling = _falling(edge)
        queue = edge["queue"]
        style = "red" if falling > 0 else ""
        causes = edge["drop_rate"] if falling > 0 else edge["drops"]
        table.add_row(
            Text(f"{edge['parent']} → {edge['child']}"),
            Text(queue.get("name") or queue["when_full"]),
            f"{edge['rate']:.1f}",
            Text(f"{falling:.1f}", style=style),
            Text(str(edge["dropped"]), style=style),
            f"{edge['waiting']}/{queue['depth']}",
            _time(edge["age_p50"] if edge["delivered"] else None),
            _time(edge["age_p99"] if edge["delivered"] else None),
            Text(", ".join(cause for cause, number in causes.items() if number > 0)),
        )
    return table


def _nodes(state: dict[str, Any]) -> Table:
    table = _table(
        "node", "state", "fps", "busy", "time p50", "time p99", "GIL wait", "GIL hold", "errors", "lost"
    )
    for node in state["nodes"]:
        python = node["language"] == "python"
        table.add_row(
            Text(node["name"]),
            Text(node["state"], style=_STYLES.get(node["state"], "")),
            f"{node['fps']:.1f}",
            f"{node['busy'] or 0:.0%}",
            _time(node["p50"]),
            _time(node["p99"]),
            _share(node["gil_wait_rate"]) if python else "",
            _share(node["gil_hold_rate"]) if python else "",
            _count(node["errors"]),
            _count(node["dropped"]),
        )
    return table


def _events(events: list[dict[str, Any]]) -> Group:
    lines = []
    for event in reversed(events[-_EVENTS:]):
        at = time.strftime("%H:%M:%S", time.localtime(event["time"]))
        subject = event["subject"].replace("->", " → ")
        last = event["text"].rstrip().rpartition("\n")[2]  # of a traceback
        lines.append(Text(f"{at}  {event['kind']:<9}  {subject}: {last}", style="dim", no_wrap=True))
    return Group(*lines)


def _falling(item: dict[str, Any]) -> float:
    return float(sum(item["drop_rate"].values()))


def _count(number: int) -> Text:
    return Text(str(number), style="red") if number else Text("0", style="dim")


def _share(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.0%}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
