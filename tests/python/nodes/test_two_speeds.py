"""The results of a file depend only on its `pts`: each step returns the same results at two speeds. For a
live source, silence of the source matters, but not the slowness of a step.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from rigs.counting import at
from support import WATCHDOG, Push, until

import freshframe as ff

STEP = 0.1  # seconds of pts between two samples
PAUSE = 0.35  # duration of the slow step in seconds, once or twice


class File(ff.Source[Any]):
    """A file of values."""

    live = False

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def read(self) -> Iterator[tuple[Any, float]]:
        for number, value in enumerate(self._values):
            is_picture = isinstance(value, np.ndarray)
            yield ff.Frame.from_array(value, "gray") if is_picture else value, number * STEP


def disc(x: int | None) -> npt.NDArray[np.uint8]:
    """A grey image with a white disc at x, or without one."""
    image = np.full((120, 160), 30, np.uint8)
    rows, columns = np.mgrid[:120, :160]
    if x is not None:
        image[(columns - x) ** 2 + (rows - 60) ** 2 < 15**2] = 220
    return image


KEYS = [{"yard"}] * 5 + [set()] * 2 + [{"yard"}] * 3 + [set()] * 6 + [{"door"}] * 3
ZONE = {"gate": [(0, 0), (100, 0), (100, 100), (0, 100)]}
# An object crosses a zone, is lost for some samples, and reappears.
WALK = (
    [at((50 + 10 * n, 50), ids=[1]) for n in range(4)]
    + [at(ids=[])] * 6
    + [at((90 - 20 * n, 50), ids=[1]) for n in range(8)]
)
# A disc moves, is away for less and for more than a tracker remembers it, and comes back each time.
DISCS = [disc(None if n in (6, 7) or 12 <= n < 26 else 30 + 2 * n) for n in range(34)]


def text(value: Any) -> str:
    return repr(value)


def circles_text(circles: ff.Circles) -> str:
    columns = ("tracker_id", "xyr", "velocity", "track_age", "track_confidence")
    return repr([getattr(circles, name).tolist() for name in columns])


def presence_text(event: ff.types.PresenceEvent) -> str:
    end = None if event.ended_utc is None else round(event.ended_utc - event.began_utc, 2)
    return f"{event.key} {event.reason} {end} {round(event.decided_utc - event.began_utc, 2)}"


def one(node: Any, **options: Any) -> Callable[[ff.Pipeline, Any], Any]:
    return lambda pipeline, port: pipeline.add(node(), port, **options)


def joined(pipeline: ff.Pipeline, port: Any) -> Any:
    other = pipeline.add(lambda value: value, port, name="other")
    return pipeline.add(lambda left, right: (left, right), [port, other], join=ff.Join())


def joined_by_pts(pipeline: ff.Pipeline, port: Any) -> Any:
    other = pipeline.add(File(list(range(30))), name="other file")
    join = ff.Join(within=STEP / 4, by="pts")
    return pipeline.add(lambda left, right: (left, right), [port, other], join=join)


def clocked(pipeline: ff.Pipeline, port: Any) -> Any:
    return pipeline.add(lambda values: values, port, batch=ff.Batch(4, max_wait=0.05))


STEPS: dict[str, tuple[list[Any], Callable[[ff.Pipeline, Any], Any], Callable[[Any], str]]] = {
    "Presence": (KEYS, one(lambda: ff.Presence(lambda keys: keys, max_gap=0.25)), presence_text),
    "Presence in a worker": (
        KEYS,
        one(lambda: ff.Presence(set, max_gap=0.25), process=True),
        presence_text,
    ),
    "ZoneCounter": (WALK, one(lambda: ff.ZoneCounter(ZONE, max_gap=0.25)), text),
    "ZoneCounter with loiter_after": (
        WALK,
        one(lambda: ff.ZoneCounter(ZONE, max_gap=2.0, loiter_after=0.6)),
        text,
    ),
    "LineCounter": (WALK, one(lambda: ff.LineCounter((70, 0), (70, 100))), text),
    "BoxTracker": (WALK, one(ff.BoxTracker), text),
    "CircleTracker": (DISCS, one(ff.CircleTracker), circles_text),
    "every": (list(range(20)), one(lambda: lambda value: value, every=3), text),
    "max_rate": (list(range(20)), one(lambda: lambda value: value, max_rate=4), text),
    "Join": (list(range(20)), joined, text),
    "Join by pts": (list(range(20)), joined_by_pts, text),
    "Batch": (list(range(20)), clocked, text),
}


def results(name: str, slow: str) -> list[str]:
    """Returns the results of the step. `slow`: where something pauses."""
    values, add, show = STEPS[name]
    pipeline = ff.Pipeline(stall_timeout=None)

    def pause(value: Any) -> Any:
        pause.count += 1  # type: ignore[attr-defined]
        if slow == "upstream" and pause.count in (3, 8):  # type: ignore[attr-defined]
            time.sleep(PAUSE)
        return value

    pause.count = 0  # type: ignore[attr-defined]
    port = add(pipeline, pipeline.add(pause, pipeline.add(File(values), name="file")))
    reader = pipeline.reader(port, queue=ff.Queue(1, "block"))
    found = []
    with pipeline:
        for number, sample in enumerate(reader):
            if slow == "downstream" and number in (0, 3):
                time.sleep(PAUSE)
            found.append(f"{sample.pts:.3f} {show(sample.value)}")
    return found


@pytest.mark.table
@pytest.mark.parametrize("slow", ["upstream", "downstream"])
@pytest.mark.parametrize("name", STEPS)
def test_the_results_of_a_file_do_not_depend_on_the_speed_of_the_steps(name: str, slow: str) -> None:
    assert results(name, slow) == results(name, "nowhere")


def spooled(folder: Path, slow: str) -> list[dict[str, Any]]:
    """Returns the four events of a Spool downstream of Presence, without the machine's clock readings."""
    pipeline = ff.Pipeline(stall_timeout=None)
    events: list[dict[str, Any]] = []

    def pause(keys: set[str]) -> set[str]:
        if slow == "upstream" and keys != pause.last:  # type: ignore[attr-defined]
            time.sleep(PAUSE)
        pause.last = keys  # type: ignore[attr-defined]
        return keys

    def send(batch: list[dict[str, Any]]) -> None:
        if slow == "downstream":
            time.sleep(PAUSE)
        events.extend(batch)

    pause.last = None  # type: ignore[attr-defined]
    port = pipeline.add(pause, pipeline.add(File(KEYS), name="file"))
    presence = pipeline.add(ff.Presence(lambda keys: keys, max_gap=0.25), port)
    pipeline.add(ff.Spool(folder, send, max_wait=WATCHDOG), presence)
    pipeline.run()
    until(lambda: len(events) >= 4, "the events, which are sent together at the end")
    for event in events:
        del event["captured"], event["spooled"], event["box"]
        value = event["value"]
        began = value["began_utc"]
        for name in ("began_utc", "ended_utc", "decided_utc"):
            value[name] = None if value[name] is None else round(value[name] - began, 2)
    return events


@pytest.mark.parametrize("slow", ["upstream", "downstream"])
def test_the_events_of_a_file_that_are_spooled_do_not_depend_on_the_speed_of_the_steps(
    slow: str, tmp_path: Path
) -> None:
    found = spooled(tmp_path / "fast", "nowhere")
    assert spooled(tmp_path / "slow", slow) == found
    assert [event["n"] for event in found] == [1, 2, 3, 4]


RECORDERS: dict[str, Callable[[Path], Any]] = {
    "VideoFile": lambda folder: ff.VideoFile(folder / "out.mkv"),
    "VideoFile(every=)": lambda folder: ff.VideoFile(folder / "out.mkv", every=0.25, fps=10),
    "VideoFile(segment_every=)": lambda folder: ff.VideoFile(folder / "out-%03d.mkv", segment_every=1),
    "ClipRecorder": lambda _: ff.ClipRecorder(before=0.3, after=0.7),
}


def recorded(name: str, folder: Path, *, pauses: bool) -> dict[str, list[float]]:
    """Returns the `pts` of the frames in each file that a recorder writes."""
    folder.mkdir()
    recorder = RECORDERS[name](folder)
    pipeline = ff.Pipeline(stall_timeout=None)

    class Step(ff.Node[ff.Frame, ff.Frame]):
        def process(self, sample: ff.Sample[ff.Frame]) -> ff.Frame:
            if sample.seq == 30 and isinstance(recorder, ff.ClipRecorder):
                until(
                    lambda: pipeline.stats().nodes["recorder"].processed == 30, "the frames before the event"
                )
                recorder.save(folder / "clip.mkv", pts=sample.pts)
            if pauses and sample.seq in (3, 33):
                time.sleep(PAUSE)
            return sample.value

    source = pipeline.add(ff.open("demo:circles?frames=60&fps=20&size=64x48&pace=0"))
    pipeline.add(recorder, pipeline.add(Step(), source), name="recorder")
    pipeline.run()
    return {
        path.name: [round(sample.pts, 3) for sample in ff.stream(ff.open(str(path)))]
        for path in sorted(folder.iterdir())
    }


@pytest.mark.parametrize("name", RECORDERS)
def test_what_is_recorded_of_a_file_does_not_depend_on_the_speed_of_the_steps(
    name: str, tmp_path: Path
) -> None:
    found = recorded(name, tmp_path / "fast", pauses=False)
    assert recorded(name, tmp_path / "slow", pauses=True) == found
    assert found
    assert all(found.values())


class ClosesLate(ff.Node[Any, Any]):
    """Passes values on. Its close(), and so its end, waits for a gate."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    def process(self, sample: ff.Sample[Any]) -> Any:
        return sample.value

    def close(self) -> None:
        assert self.gate.wait(60)


@pytest.mark.parametrize("process", [False, True], ids=["here", "in a worker"])
@pytest.mark.parametrize(
    ("keep_running", "waits", "reason"),
    [(False, False, "stop"), (True, False, "stop"), (True, True, "gone")],
    ids=["ends", "keeps running", "waits for other sources"],
)
def test_the_last_key_of_a_file_stops_although_a_step_upstream_ends_late(
    keep_running: bool, waits: bool, reason: str, process: bool
) -> None:
    pipeline = ff.Pipeline(stall_timeout=None, keep_running=keep_running)
    step = ClosesLate()
    port = pipeline.add(step, pipeline.add(File([{"yard"}]), name="file"))
    node: ff.Presence[Any] = ff.Presence(set, max_gap=0.1)
    presence = pipeline.add(node, [] if waits else port, process=process)
    if waits:
        pipeline.connect(presence, port)
    reader = pipeline.reader(presence, queue=ff.Queue(8))
    with pipeline:
        until(lambda: pipeline.stats().nodes["file"].state == "ended", "the end of the file")
        ticks = pipeline.stats().nodes["Presence"].ticks
        until(lambda: pipeline.stats().nodes["Presence"].ticks >= ticks + 3, "ticks")
        step.gate.set()
        events = [reader.get().value for _ in range(2)]
    assert [(event.key, event.reason) for event in events] == [("yard", None), ("yard", reason)]


class Live:
    """Presence downstream of a live source, with a step between them that waits at a gate."""

    def __init__(self, step: Callable[[Any], Any], max_gap: float = 0.3, *, process: bool = False) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.calls = 0
        self.source = Push()
        self.pipeline = ff.Pipeline(stall_timeout=None)
        self._step = step
        port = self.pipeline.add(self._work, self.pipeline.add(self.source, name="camera"), name="step")
        self.presence = self.pipeline.add(ff.Presence(set, max_gap=max_gap), port, process=process)
        self.reader = self.pipeline.reader(self.presence, queue=ff.Queue(64))

    def _work(self, value: Any) -> Any:
        assert self.gate.wait(60)
        self.calls += 1
        return self._step(value)

    @property
    def ticks(self) -> int:
        return self.pipeline.stats().nodes["Presence"].ticks

    def tick(self, count: int) -> None:
        wanted = self.ticks + count
        until(lambda: self.ticks >= wanted, "ticks")

    def push(self, keys: set[str]) -> None:
        """Pushes a sample that is captured now, with its capture time as pts."""
        now = time.monotonic()
        self.source.push_stamped(keys, now, now)

    def events(self) -> list[tuple[Any, str | None]]:
        found: list[tuple[Any, str | None]] = []
        while (sample := self.reader.poll()) is not None:
            found.append((sample.value.key, sample.value.reason))
        return found


PLACES = pytest.mark.parametrize("process", [False, True], ids=["here", "in a worker"])


@PLACES
def test_a_live_key_outlasts_a_step_that_is_busy_for_longer_than_the_gap(process: bool) -> None:
    live = Live(lambda keys: keys, process=process)
    with live.pipeline:
        live.push({"yard"})
        until(lambda: live.calls == 1, "the first sample")
        for _ in range(2):
            live.gate.clear()
            live.push({"yard"})
            live.tick(12)  # three times the gap
            live.gate.set()
        until(lambda: live.calls == 3, "the last sample")
        found: list[tuple[Any, str | None]] = []

        def has_ended() -> bool:
            found.extend(live.events())
            return len(found) >= 2

        until(has_ended, "the end of the key")
        assert found == [("yard", None), ("yard", "gone")], "an earlier end would give four"


def test_a_live_key_outlasts_a_consumer_that_keeps_presence_waiting() -> None:
    pipeline = ff.Pipeline(stall_timeout=None)
    source = Push()
    gate = threading.Event()
    seen: list[tuple[Any, str | None]] = []

    def take(event: ff.types.PresenceEvent) -> None:
        seen.append((event.key, event.reason))
        gate.wait(60)

    keys = pipeline.add(source, name="camera")
    presence = pipeline.add(ff.Presence(lambda keys: keys, max_gap=0.2), keys, queue=ff.Queue(64))
    pipeline.add(take, presence, queue=ff.Queue(1, "block"))
    with pipeline:
        for number in range(8):  # Presence waits in its `yield` from the third key on
            now = time.monotonic()
            source.push_stamped({f"key {n}" for n in range(number + 1)}, now, now)
        until(lambda: pipeline.stats().nodes["Presence"].state == "blocked", "Presence waits for room")
        time.sleep(0.5)  # longer than the gap; makes a difference only if there is a bug
        now = time.monotonic()
        source.push_stamped({f"key {n}" for n in range(8)}, now, now)
        gate.set()
        until(lambda: len(seen) >= 8, "all beginnings")
        assert [reason for _, reason in seen[:8]] == [None] * 8


@PLACES
def test_a_live_key_ends_when_the_source_is_silent(process: bool) -> None:
    live = Live(lambda keys: keys, process=process)
    with live.pipeline:
        live.push({"yard"})
        found: list[tuple[Any, str | None]] = []

        def has_ended() -> bool:
            found.extend(live.events())
            return len(found) == 2

        until(has_ended, "the end")
        assert found == [("yard", None), ("yard", "gone")]


@PLACES
@pytest.mark.parametrize("is_slow", [False, True])
def test_a_live_key_ends_when_a_step_lets_nothing_pass_any_longer(is_slow: bool, process: bool) -> None:
    def step(keys: set[str]) -> set[str] | None:
        if is_slow:
            time.sleep(0.15)
        return keys or None

    live = Live(step, process=process)
    found: list[tuple[Any, str | None]] = []
    with live.pipeline:
        live.push({"yard"})
        until(lambda: live.calls == 1, "the key")

        def has_ended() -> bool:
            live.push(set())
            time.sleep(0.02)
            found.extend(live.events())
            return len(found) >= 2

        until(has_ended, "the end")
    assert found[:2] == [("yard", None), ("yard", "gone")]


def test_a_live_key_ends_although_another_source_keeps_a_shared_step_busy() -> None:
    pipeline = ff.Pipeline(stall_timeout=None)
    silent, busy = Push(), Push()
    ports = [pipeline.add(silent, name="silent"), pipeline.add(busy, name="busy")]

    def work(keys: set[str]) -> set[str]:
        time.sleep(0.02)
        return keys

    shared = pipeline.add(work, ports)
    reader = pipeline.reader(pipeline.add(ff.Presence(lambda keys: keys, max_gap=0.3), shared))
    found: list[tuple[Any, str | None]] = []
    with pipeline:
        now = time.monotonic()
        silent.push_stamped({"yard"}, now, now)

        def has_ended() -> bool:
            now = time.monotonic()
            busy.push_stamped(set(), now, now)
            time.sleep(0.005)
            while (sample := reader.poll()) is not None:
                found.append((sample.value.key, sample.value.reason))
            return len(found) >= 2

        until(has_ended, "the end")
    assert found == [("yard", None), ("yard", "gone")]
