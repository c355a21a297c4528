"""A fleet's statistics in the text format of Prometheus."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, get_args

from ._stats import AgentStats, CameraStats, FleetReaderStats, FleetStats, ShownState

TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ALWAYS = ("queue_full", "decode")  # causes that are exported even if they have not occurred yet
_LOSSES = ("outbox_full", "expired", "fenced", "lost_with_agent")  # losses of readers

# Name, type, help text, and the function that returns the value, or None if there is none.
_CAMERA: tuple[tuple[str, str, str, Callable[[CameraStats], float | None]], ...] = (
    ("fps", "gauge", "Frames per second of the camera.", lambda camera: camera.fps),
    (
        "result_age_seconds",
        "gauge",
        "Seconds since the capture of the newest result.",
        lambda camera: camera.result_age,
    ),
    ("frame_age_seconds", "gauge", "Seconds since the latest frame.", lambda camera: camera.frame_age),
    ("frames_total", "counter", "Frames that the camera gave.", lambda camera: camera.produced),
    ("results_total", "counter", "Results that reached the outboxes.", lambda camera: camera.kept),
    ("starts_total", "counter", "Starts of the camera.", lambda camera: camera.starts),
    ("crashes", "gauge", "Crashes of agents that it may have caused.", lambda camera: camera.crashes),
    (
        "overlap_seconds_total",
        "counter",
        "Seconds for which it may have run twice.",
        lambda camera: camera.overlap,
    ),
)
_AGENT: tuple[tuple[str, str, str, Callable[[AgentStats], float]], ...] = (
    ("up", "gauge", "1 if it reports.", lambda agent: agent.state == "up"),
    ("cameras", "gauge", "Its cameras.", lambda agent: agent.camera_count),
    ("load_ratio", "gauge", "Share of the processor time that the agent may use.", lambda agent: agent.load),
    ("lost_ratio", "gauge", "Share of the frames that its pipelines lose.", lambda agent: agent.lost_share),
    ("outbox_results", "gauge", "Results that wait in its outboxes.", lambda agent: agent.waiting),
    ("launches_total", "counter", "Starts of its process.", lambda agent: agent.launches),
    ("deaths_total", "counter", "Ends of its process.", lambda agent: agent.deaths),
    ("silent_seconds", "gauge", "Seconds since its latest report.", lambda agent: agent.silent_for),
)
_READER: tuple[tuple[str, str, str, Callable[[FleetReaderStats], float]], ...] = (
    ("delivered_total", "counter", "Results that the program got.", lambda reader: reader.delivered),
    ("waiting", "gauge", "Results on their way.", lambda reader: reader.waiting),
    (
        "unreported_possible_total",
        "counter",
        "Starts of cameras whose last results may be in no counter.",
        lambda reader: reader.unreported_possible,
    ),
)


def metrics_text(stats: FleetStats) -> str:
    """Formats all metrics of a fleet."""
    lines: list[str] = []
    fleet = ("fleet", stats.name)
    _add_states(lines, stats)
    for name, kind, text, value in _CAMERA:
        rows = [((fleet, ("camera", each.name)), value(each)) for each in stats.cameras.values()]
        _add(lines, f"camera_{name}", kind, text, rows)
    causes = sorted({*_ALWAYS, *(cause for each in stats.cameras.values() for cause in each.drops)})
    drops = [
        ((fleet, ("camera", each.name), ("cause", cause)), each.drops.get(cause, 0))
        for each in stats.cameras.values()
        for cause in causes
    ]
    _add(lines, "camera_dropped_total", "counter", "Frames and results that were lost, by cause.", drops)
    for name, kind, text, measure in _AGENT:
        agents = [((fleet, ("agent", each.name)), measure(each)) for each in stats.agents.values()]
        _add(lines, f"agent_{name}", kind, text, agents)
    _add_readers(lines, stats)
    cpu = [((fleet,), stats.controller_cpu)]
    _add(lines, "controller_cpu_seconds_total", "counter", "Processor time of the controller's thread.", cpu)
    return "".join(f"{line}\n" for line in lines)


def _add_states(lines: list[str], stats: FleetStats) -> None:
    fleet, counts = ("fleet", stats.name), stats.states()
    rows = [((fleet, ("state", state)), counts.get(state, 0)) for state in get_args(ShownState)]
    _add(lines, "cameras", "gauge", "Cameras in a state.", rows)
    each = [
        ((fleet, ("camera", one.name), ("agent", one.agent or ""), ("state", one.state)), 1)
        for one in stats.cameras.values()
    ]
    _add(lines, "camera_state", "gauge", "1 for the state that the camera is in, with its agent.", each)


def _add_readers(lines: list[str], stats: FleetStats) -> None:
    labels = [
        (("fleet", stats.name), ("output", each.output), ("reader", each.name or str(each.number)))
        for each in stats.readers
    ]
    for name, kind, text, value in _READER:
        rows = [(label, value(each)) for label, each in zip(labels, stats.readers, strict=True)]
        _add(lines, f"reader_{name}", kind, text, rows)
    lost = [
        ((*label, ("cause", cause)), getattr(each, cause))
        for label, each in zip(labels, stats.readers, strict=True)
        for cause in _LOSSES
    ]
    _add(lines, "reader_lost_total", "counter", "Results that the program did not get, by cause.", lost)


def _add(lines: list[str], name: str, kind: str, text: str, rows: Iterable[tuple[Any, float | None]]) -> None:
    name = f"freshframe_fleet_{name}"
    lines += (f"# HELP {name} {text}", f"# TYPE {name} {kind}")
    for labels, value in rows:
        if value is None:
            continue
        shown = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels)
        lines.append(f"{name}{{{shown}}} {float(value):.10g}")


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
