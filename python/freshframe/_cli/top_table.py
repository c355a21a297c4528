"""The output of `freshframe top`: edges, those with the most drops first, then nodes, then events."""
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
    "ok": "green",
    "idle": "dim",
    "away": "bold red",
    "failed": "bold red",
    "blocked": "yellow",
    "waiting_gil": "magenta",
}
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # control characters except tab and newline
_WIDTH = 110  # columns if the output is a file or a pipe
_NARROW = 100  # columns; narrower tables leave out some of their columns


def plain_console() -> Console:
    """Returns a console without colours, for a file or a pipe."""
    return Console(width=_WIDTH, highlight=False)


def page(state: dict[str, Any], trouble: str | None, width: int = _WIDTH) -> RenderableType:
    """Returns the complete output.

    Args:
        state: The object of /api/state.
        trouble: Why the state is outdated; None if it is current.
        width: Columns of the terminal.
    """
    state = _printable(state)
    parts: list[RenderableType] = [_head(state)]
    if trouble is not None:
        age = max(0.0, time.time() - state["time"])
        parts.append(Text(f"{trouble}; trying again; the numbers are {age:.0f} s old", style="bold yellow"))
    if state["error"] is not None:
        parts.append(_error(state["error"]))
    if state["gil"].get("stalled_for"):
        parts.append(_frozen(state["gil"]))
    parts += [_problem(problem) for problem in state.get("problems", [])]
    narrow = width < _NARROW
    parts += ["", _edges(state, narrow), "", _nodes(state, narrow)]
    if any(_is_stream(node) for node in state["nodes"]):
        parts += ["", _streams(state, narrow)]
    if state["events"]:
        parts += ["", _events(state["events"])]
    return Group(*parts)


def _printable(value: Any) -> Any:
    """Removes control characters, which names and errors may contain."""
    if isinstance(value, str):
        return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {key: _printable(member) for key, member in value.items()}
    return [_printable(member) for member in value] if isinstance(value, list) else value


def _head(state: dict[str, Any]) -> Text:
    falling = sum(_falling(item) for item in [*state["edges"], *state["nodes"]])
    losing = any(problem["kind"] == "loss" for problem in state.get("problems", []))
    text = Text.assemble(
        (state["name"], "bold"),
        "  ",
        (state["phase"], _STYLES.get(state["phase"], "")),
        f"  {state['elapsed']:.0f} s  ",
    )
    return text.append(f"{falling:.1f} dropped/s", style="bold red" if losing else "")


def _problem(problem: dict[str, Any]) -> Text:
    subject = problem["subject"].replace("->", " → ")
    words = f"{problem['text']} {problem.get('remedy', '')}".rstrip()
    return Text.assemble((f"{subject}: ", "bold red"), (words, "red"))


def _error(error: dict[str, Any]) -> Text:
    text = Text(error["message"], style="bold red")
    if error.get("traceback"):
        text.append("\n" + error["traceback"].rstrip(), style="not bold")
    return text


def _frozen(gil: dict[str, Any]) -> Text:
    by = gil.get("stalled_by") or {}
    who = by.get("native") or by.get("python") or by.get("thread") or "an unknown thread"
    place = f", called at {by['python']}," if by.get("native") and by.get("python") else ""
    return Text(
        f"Python has been frozen for {gil['stalled_for']:.1f} s: {who}{place} holds the GIL",
        style="bold magenta",
    )


def _table(columns: list[str], narrow: bool) -> Table:
    """Returns a table. The first column is a name and may wrap, the others are right-aligned numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 1 if narrow else 2, 0, 0), header_style="dim")
    for index, column in enumerate(columns):
        words = index == 0 or column in ("queue", "state", "why")
        table.add_column(
            column,
            justify="left" if words else "right",
            no_wrap=index > 0,
            overflow="fold" if index == 0 else "ellipsis",
        )
    return table


def _edges(state: dict[str, Any], narrow: bool) -> Table:
    columns = ["edge", "queue", "per s", "drop/s", "dropped", "waiting", "age p50", "age p99", "why"]
    left_out = {"queue", "age p99", "why"} if narrow else set()
    table = _table([column for column in columns if column not in left_out], narrow)
    for edge in sorted(state["edges"], key=_worst_first):
        falling = _falling(edge)
        queue = edge["queue"]
        style = "red" if edge.get("lost", 0) > 0 else ""
        causes = edge["drop_rate"] if falling > 0 else edge["drops"]
        cells: dict[str, str | Text] = {
            "edge": Text(f"{_parent(edge)} → {edge['child']}"),
            "queue": Text(_queue_name(queue) + _rate(queue)),
            "per s": f"{edge['rate']:.1f}",
            "drop/s": Text(f"{falling:.1f}", style=style),
            "dropped": Text(str(edge["dropped"]), style=style),
            "waiting": f"{edge['waiting']}/{queue['depth'] * queue.get('source_count', 1)}",
            "age p50": _time(edge["age_p50"] if edge["delivered"] else None),
            "age p99": _time(edge["age_p99"] if edge["delivered"] else None),
            "why": Text(", ".join(cause for cause, number in causes.items() if number > 0)),
        }
        table.add_row(*(cell for column, cell in cells.items() if column not in left_out))
    return table


def _parent(edge: dict[str, Any]) -> str:
    only = edge.get("of", "")
    return f"{edge['parent']}.of({only!r})" if only else str(edge["parent"])


def _worst_first(edge: dict[str, Any]) -> tuple[float, float, int]:
    return (-edge.get("lost", 0), -_falling(edge), -edge["dropped"])


def _queue_name(queue: dict[str, Any]) -> str:
    """Returns a short name for a queue: of Queue(...), the policy. The depth has its own column."""
    name = str(queue.get("name") or queue["when_full"])
    return str(queue["when_full"]).replace("drop_", "") if name.startswith("Queue(") else name


def _rate(queue: dict[str, Any]) -> str:
    every, rate = queue.get("every", 1), queue.get("max_rate")
    return ("" if every == 1 else f" 1 in {every}") + ("" if rate is None else f" {rate:g}/s")


def _nodes(state: dict[str, Any], narrow: bool) -> Table:
    columns = [
        "node",
        "state",
        "fps",
        "busy",
        "time p50",
        "time p99",
        "GIL wait",
        "GIL hold",
        "errors",
        "lost",
    ]
    left_out = {"time p99", "GIL wait"} if narrow else set()
    table = _table([column for column in columns if column not in left_out], narrow)
    for node in state["nodes"]:
        python = node["language"] == "python"
        source = node["kind"] == "source"  # no times: its duration would be the interval between frames
        word, style = _state(node)
        cells: dict[str, str | Text] = {
            "node": Text(node["name"] + "".join(about(node) for about in _ABOUT)),
            "state": Text(word, style=style),
            "fps": f"{node['rate'] or _undecoded(node):.1f}",
            "busy": f"{node['busy'] or 0:.0%}",
            "time p50": "" if source else _time(node["duration_p50"]),
            "time p99": "" if source else _time(node["duration_p99"]),
            "GIL wait": _share(node["gil_wait_rate"]) if python else "",
            "GIL hold": _share(node["gil_hold_rate"]) if python else "",
            "errors": _count(node["errors"]),
            "lost": _count(node["lost"]),
        }
        table.add_row(*(cell for column, cell in cells.items() if column not in left_out))
    return table


def _undecoded(node: dict[str, Any]) -> float:
    """Returns the frame rate of a camera that is not decoded because nothing uses its frames."""
    return float((node.get("source") or {}).get("undecoded_rate", 0))


def _is_stream(node: dict[str, Any]) -> bool:
    """Returns True for a source that can fall behind or lose frames."""
    source = node.get("source") or {}
    return source.get("behind") is not None or bool(source.get("packets") or source.get("outages"))


def _streams(state: dict[str, Any], narrow: bool) -> Table:
    table = _table(
        ["stream", "behind", "clock", "jitter", "packets", "lost", "delay", "outages", "returns", "stalls"],
        narrow,
    )
    for node in filter(_is_stream, state["nodes"]):
        source = node["source"]
        packets = source.get("packets", 0)
        table.add_row(
            Text(node["name"]),
            _time(source.get("behind")),
            _clock(source.get("clock_offset")),
            _time(source["jitter"] if packets else None),
            str(packets) if packets else "-",
            _count(source["packets_lost"]) if packets else "-",
            str(source["decoder_frames"]),
            _count(source["outages"]),
            str(source["reconnects"]),
            str(source["stalls"]),
        )
    return table


def _workers(node: dict[str, Any]) -> str:
    workers = node.get("workers", [])
    if not workers:
        return ""
    restarts = sum(worker["restarts"] for worker in workers)
    plural = "" if len(workers) == 1 else "s"
    return f" ({len(workers)} worker{plural}{f', {restarts} restarted' if restarts else ''})"


def _provider(node: dict[str, Any]) -> str:
    """Returns the execution provider of the neural network and the median duration of a run."""
    inference = node.get("inference")
    return "" if inference is None else f" ({inference['provider']} {_time(inference['duration_p50'])})"


def _decoder(node: dict[str, Any]) -> str:
    """Returns which GPU decodes, or a note that the CPU does although a GPU was requested."""
    source = node.get("source") or {}
    decoder = source.get("decoder")
    if decoder is None or (decoder == "cpu" and not source.get("decoder_reason")):
        return ""
    return " (CPU, not the GPU)" if decoder == "cpu" else f" ({decoder})"


def _spool(node: dict[str, Any]) -> str:
    """Returns the number of results waiting on disk, and the age of the oldest."""
    spool = node.get("spool")
    if spool is None:
        return ""
    age = f", oldest {_time(spool['oldest_age'])}" if spool["oldest_age"] else ""
    return f" ({spool['waiting']} to send{age})"


def _batches(node: dict[str, Any]) -> str:
    """Returns the mean number of samples per call."""
    batches = node.get("batches", [])
    calls = sum(count for _, count in batches)
    return f" (batches of {sum(size * count for size, count in batches) / calls:.1f})" if calls else ""


def _ticks(node: dict[str, Any]) -> str:
    missed = node.get("ticks_missed", 0)
    return f" ({missed} of {node['ticks'] + missed} ticks missed)" if missed else ""


def _sets(node: dict[str, Any]) -> str:
    """Returns the number of sets of a join, their spread and their waiting time."""
    join = node.get("join")
    if join is None:
        return ""
    partial = f" and {join['partial']} partial" if join["partial"] else ""
    spread = "" if join["by"] == "seq" else f", spread {_time(join['spread_p50'])}"
    return f" ({join['sets']}{partial} sets{spread}, waits {_time(join['wait_p50'])})"


_ABOUT = (_workers, _decoder, _provider, _batches, _spool, _ticks, _sets)


def _state(node: dict[str, Any]) -> tuple[str, str]:
    """Returns a node's state and its style. Shows one word for "working" and "waiting", which alternate."""
    away = (node.get("source") or {}).get("away_for")
    if away is not None:
        return f"away {away:.0f} s", _STYLES["away"]
    frozen = (node.get("source") or {}).get("frozen")
    if frozen:
        return f"{frozen} {node['source']['frozen_for']:.0f} s", _STYLES["away"]
    state = node["state"]
    if state in ("waiting", "working"):
        idle = "not decoded" if _undecoded(node) > 0 else "idle"
        state = "ok" if node["rate"] > 0 else "busy" if state == "working" else idle
    return state, _STYLES.get(state, "")


def _events(events: list[dict[str, Any]]) -> Group:
    lines = []
    for event in reversed(events[-_EVENTS:]):
        at = time.strftime("%H:%M:%S", time.localtime(event["time"]))
        subject = event["subject"].replace("->", " → ")
        last = event["text"].rstrip().rpartition("\n")[2]  # last line of a traceback
        lines.append(Text(f"{at}  {event['kind']:<9}  {subject}: {last}", style="dim", no_wrap=True))
    return Group(*lines)


def _falling(item: dict[str, Any]) -> float:
    return float(sum(item["drop_rate"].values()))


def _count(number: int) -> Text:
    return Text(str(number), style="red") if number else Text("0", style="dim")


def _share(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.0%}"


def _clock(offset: float | None) -> Text:
    """Returns by how much the camera's clock is ahead of this machine's."""
    if offset is None:
        return Text("-")
    size = f"{offset * 1e3:+.0f} ms" if abs(offset) < 1 else f"{offset:+.1f} s"
    return Text(size, style="red" if abs(offset) >= 1 else "")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.1 else f"{seconds:.2f} s"
