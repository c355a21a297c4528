"""The rich pipeline: cameras, nodes that count their own calls, sinks, and the counters of all."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rigs.stamped_picture import read_stamp

import freshframe as ff
from night.chaos.cameras import Cameras
from night.edges import Times, faults_of

_LATE = 20.0  # seconds by which a slow node may lag a quick one, on a machine with other work
KEPT = 2e4  # bytes of each recording
_SETTLED = 15.0  # seconds after a fault in which its camera may still show what is left of it
_OVERLAP = 10  # pictures of a second
_UNSURE = ("half", "garbage", "still")  # after these a decoder may show what no camera has sent


@dataclass
class Books:
    """The counts of the nodes, and the findings. Thread-safe."""

    sources: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)  # calls of each node, by the parent of the sample
    )
    seen: defaultdict[str, list[tuple[float, int]]] = field(
        default_factory=lambda: defaultdict(list)  # times and numbers of a camera's pictures
    )
    faults: defaultdict[int, dict[str, float]] = field(
        default_factory=lambda: defaultdict(dict)  # for each camera, and when they are over
    )
    removed: defaultdict[str, Counter[str]] = field(
        default_factory=lambda: defaultdict(Counter)  # delivered on removed edges, by child and parent
    )
    looped: frozenset[int] = frozenset()  # cameras whose numbers begin again
    untold: set[str] = field(default_factory=set)  # parents whose last statistics were not returned
    findings: list[str] = field(default_factory=list)
    told: dict[str, float] = field(default_factory=dict)  # the counters of /metrics
    _last: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    comebacks: Counter[str] = field(default_factory=Counter)  # how often a removed camera has come again
    _times: Times = field(default_factory=Times)
    _backs: Counter[tuple[str, str]] = field(default_factory=Counter)  # how often its times began again
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, text: str) -> None:
        """Notes a finding, once."""
        with self._lock:
            if text not in self.findings:
                self.findings.append(text)

    def begin(self, camera: int, fault: str, seconds: float = 0.0) -> None:
        """A camera has a fault."""
        ends = time.monotonic() + seconds + _SETTLED
        self.faults[camera][fault] = max(ends, self.faults[camera].get(fault, 0.0))

    def has_now(self, camera: int, *faults: str) -> bool:
        """Whether one of these faults may still be seen."""
        now = time.monotonic()
        return any(self.faults[camera].get(fault, 0.0) > now for fault in faults)

    def had(self, camera: int) -> bool:
        """Whether it may ever have sent what no decoder can read."""
        return not self.faults[camera].keys().isdisjoint(_UNSURE)

    def called(self, node: str, parent: str) -> None:
        """A node was given a sample."""
        with self._lock:
            self.sources[node][parent] += 1

    def timed(self, node: str, sample: ff.Sample[Any]) -> None:
        """The times of a camera never go back, even when another source replaces it, unless it is new."""
        if fault := self._times.fault_of(node, sample):
            self._backs[node, sample.source] += 1
            if self._backs[node, sample.source] > self.comebacks[sample.source]:
                self.find(fault)

    def saw(self, node: str, sample: ff.Sample[Any], stamp: tuple[int, int] | None) -> None:
        """A node has seen a picture: its camera is right, and it is newer than the one before."""
        camera = int(sample.source.removeprefix("cam"))
        unsure = self.has_now(camera, *_UNSURE)
        if stamp is None:
            if not unsure:
                known = sorted(self.faults[camera])
                self.find(f"{node}: a picture of {sample.source} is no whole one, after {known}")
            return
        if stamp[0] != camera:
            self.find(f"{node}: a picture of camera {stamp[0]} came as one of {sample.source}")
        with self._lock:
            before = self._last.get((node, sample.source))
            self._last[node, sample.source] = (sample.seq, stamp[1])
        if before is None or camera in self.looped:
            return
        two_sessions = self.has_now(camera, "replaced")  # the new one may begin with a picture of before
        is_again = stamp[1] == before[1] and sample.seq != before[0] and not (unsure or two_sessions)
        if stamp[1] < before[1] - (_OVERLAP if two_sessions else 0) or is_again:
            self.find(f"{node}: picture {stamp[1]} of {sample.source} after {before[1]}")

    def removed_stats(self, stats: ff.stats.Stats | None) -> None:
        """The last statistics of nodes that were removed."""
        for edge in [] if stats is None else stats.edges:
            self.balance(edge)
            self.removed[edge.child][edge.parent] += edge.delivered
        if stats is not None:
            self._workers(stats)

    def _workers(self, stats: ff.stats.Stats) -> None:
        """A node in workers has finished or dropped what it has taken, one sample for each death."""
        for name, node in stats.nodes.items():
            taken = sum(edge.delivered for edge in stats.edges if edge.child == name)
            if node.workers and taken != node.processed + node.dropped + node.in_flight:
                self.find(f"{name} has taken {taken} samples: {node}")

    def counters(self, text: str) -> None:
        """Checks /metrics: no counter falls, unless its node was removed."""
        names = re.findall(r"^# TYPE (\S+) counter$", text, re.MULTILINE)
        for line in text.splitlines():
            key, _, value = line.rpartition(" ")
            if key.partition("{")[0] in names:
                if float(value) < self.told.get(key, 0.0):
                    self.find(f"{key} fell from {self.told[key]:g} to {value}")
                self.told[key] = float(value)

    def forget_counters(self, camera: str) -> None:
        """The camera is removed, and its name may come again."""
        for key in [key for key in self.told if f'"{camera}"' in key or f'"{camera}.' in key]:
            del self.told[key]

    def balance(self, edge: ff.stats.EdgeStats) -> None:
        """At any moment."""
        for fault in faults_of(edge):
            self.find(fault)

    def audit(self, stats: ff.stats.Stats) -> None:
        """At the end: what the edges have delivered is what the nodes were given."""
        self._workers(stats)
        for edge in stats.edges:
            self.balance(edge)
            self.removed[edge.child][edge.parent] += edge.delivered
        for node in {*self.sources, *filter(self._counts, self.removed)}:
            calls, delivered = self.sources[node], self.removed[node]
            if any(calls[each] != delivered[each] for each in {*calls, *delivered} - self.untold):
                self.find(f"{node} was called with {calls}, its edges have delivered {delivered}")

    @staticmethod
    def _counts(node: str) -> bool:
        """Whether it is one of the nodes that count their calls."""
        return node in Plant.MERGES or node.startswith(("single", "worked"))


class Reads(ff.Node[ff.Frame, "dict[str, Any]"]):
    """Reads the stamps."""

    def __init__(self, name: str, books: Books, pause: float = 0.0) -> None:
        self.name, self.books, self.pause = name, books, pause

    def process(self, sample: ff.Sample[ff.Frame], /) -> dict[str, Any]:
        """Camera and number."""
        began = time.monotonic()
        self.books.called(self.name, sample.source)
        stamp = read_stamp(sample.value.luma)
        self.books.saw(self.name, sample, stamp)
        self.books.timed(self.name, sample)
        if stamp is not None and stamp[0] not in self.books.looped:
            if self.pause:
                self._compare(sample.source, stamp[1], began)
            else:
                self.books.seen[sample.source].append((began, stamp[1]))
        time.sleep(self.pause)
        return {"camera": sample.source, "number": None if stamp is None else stamp[1]}

    def _compare(self, camera: str, number: int, began: float) -> None:
        """A slow node gets the newest picture: not an older one than others have long seen."""
        seen = self.books.seen[camera]
        old = [known for at, known in seen if at < began - _LATE]
        if old and number < max(old):
            self.books.find(f"{self.name}: got picture {number} of {camera}, long after {max(old)} was seen")
        del seen[: len(old) - 1]  # the newest of the old ones is enough


class Batches(Reads):
    """The same with batches."""

    def process_batch(self, samples: list[ff.Sample[ff.Frame]], /) -> list[dict[str, Any]]:
        """One for each."""
        return [self.process(sample) for sample in samples]


def in_worker(frame: ff.Frame) -> tuple[int, int] | None:
    """The stamp of a picture, in a worker process that is at work most of the time."""
    time.sleep(0.15)
    return read_stamp(frame.luma)


class Plant:
    """The pipeline, whose nodes come and go.

    Attributes:
        books: Counters of all nodes.
        pipeline: It.
        ports: Of the nodes that are there.
        disk: A folder for what is written.
    """

    MERGES = ("quick", "slow", "batch")

    def __init__(self, cameras: Cameras, send: Callable[[list[dict[str, Any]]], None], disk: Path) -> None:
        looped = (camera for camera, url in enumerate(cameras.urls) if url.startswith("rtsp"))
        self.books, self.disk = Books(looped=frozenset(looped)), disk
        self._cameras, self._made = cameras, Counter[str]()
        self.pipeline = ff.Pipeline("chaos", stall_timeout=30)
        self.ports: dict[str, ff.Port[Any]] = {}
        self.look: ff.Look | None = None
        for camera in range(len(cameras.urls)):
            self._add_camera(camera)
        sources = [self.ports[f"cam{camera}"] for camera in range(len(cameras.urls))]
        add = self.pipeline.add
        self.ports["quick"] = add(Reads("quick", self.books), sources, name="quick", queue=ff.Queue(8))
        self.ports["slow"] = add(Reads("slow", self.books, 0.3), sources, name="slow")
        batches, wait = Batches("batch", self.books), ff.Batch(4, max_wait=0.05)
        self.ports["batch"] = add(batches, sources, name="batch", batch=wait)
        spool = ff.Spool(disk / "spool", send, batch_size=50, max_bytes=1 << 20)
        self.ports["spool"] = add(spool, self.ports["quick"], name="spool")
        for camera in range(len(cameras.urls)):
            self._add_children(camera)

    def is_there(self, camera: int) -> bool:
        """Whether it is a part of the pipeline at the moment."""
        return f"cam{camera}" in self.ports

    def _add_camera(self, camera: int) -> None:
        source = ff.open(self._cameras.urls[camera], frozen_after=5, read_timeout=2, open_timeout=2)
        self.ports[f"cam{camera}"] = self.pipeline.add(source, name=f"cam{camera}")

    def _name(self, kind: str) -> str:
        """Returns a name that no node had before, so each has its own counters."""
        self._made[kind] += 1
        return f"{kind}{self._made[kind]}"

    def _add_children(self, camera: int) -> None:
        """Adds the children of a camera: workers, recorders, lines."""
        port, add = self.ports[f"cam{camera}"], self.pipeline.add
        if camera == 0:
            work = self._name("work")
            worker = add(
                in_worker,
                port,
                name=work,
                process=ff.Process(workers=2, timeout=2, max_restarts=100_000),
                on_error="skip",
                queue=ff.Queue(4),
            )
            node = self._name("worked")
            add(self._note_work(node, work), worker, name=node)
        if camera == 1:
            lines = ff.JsonLines(self.disk / f"{self._name('lines')}.jsonl")
            node = self._name("single")
            single = add(Reads(node, self.books), port, name=node)
            both = node.replace("single", "both")
            add(self._same(both), [port, single], name=both, join=ff.Join(max_wait=0.5))
            add(lines, single, name=node.replace("single", "lines"), on_error="remove")
            self.look = ff.Look(seconds=20, every=0.5)
            add(self.look, port, name=self._name("look"))
        if camera == 2:
            self.add_recorder()
        if camera in self.books.looped:
            self.add_copy(camera)

    def _note_work(self, node: str, work: str) -> Callable[[Any], None]:
        def note(value: Any) -> None:
            self.books.called(node, work)
            if value is not None and value[0] != 0:
                self.books.find(f"{node}: a worker's picture is of camera {value[0]}")

        return note

    def _same(self, node: str) -> Callable[[ff.Frame, dict[str, Any]], None]:
        def same(frame: ff.Frame, read: dict[str, Any]) -> None:
            stamp = read_stamp(frame.luma)
            if stamp is not None and stamp[1] != read["number"]:
                self.books.find(f"{node}: picture {stamp[1]} came with {read}")

        return same

    def add_recorder(self) -> None:
        """A new one below camera 2, in files of 2 seconds."""
        name = self._name("record")
        path = self.disk / f"{name}_%05d.mkv"
        video = ff.VideoFile(path, codec="mjpeg", segment_every=2, keep_bytes=KEPT)
        self.pipeline.add(video, self.ports["cam2"], name=name, on_error="remove")

    def add_copy(self, camera: int) -> None:
        """A new one below a camera's packets."""
        name = self._name("copy")
        video = ff.VideoFile(self.disk / f"{name}_%05d.mkv", segment_every=2, keep_bytes=KEPT)
        self.pipeline.add(video, self.ports[f"cam{camera}"].packets, name=name, on_error="remove")

    def ask(self) -> None:
        """The look's pictures are in their order, each under its camera's name."""
        if self.look is None:
            return
        numbers = []
        for view in self.look.last(20, n=8):
            stamp = read_stamp(view.frame.luma)
            if stamp is not None:
                numbers.append(stamp[1])
                if view.source != f"cam{stamp[0]}":
                    self.books.find(f"a picture of camera {stamp[0]} is shown as one of {view.source}")
        if numbers != sorted(numbers):
            self.books.find(f"pictures of the past are in this order: {numbers}")

    def remove_camera(self, camera: int, *, drain: bool) -> None:
        """Removes a camera with all that goes with it."""
        port = self.ports.pop(f"cam{camera}")
        self.books.forget_counters(f"cam{camera}")
        try:
            self.books.removed_stats(self.pipeline.remove(port, drain=drain, timeout=60))
        except ff.NodeError as error:  # it reports the failure, in place of the statistics
            if "no space left" not in str(error).lower():
                raise
            self.books.untold.add(f"cam{camera}")
            if camera == 0:
                self.books.untold.add(f"work{self._made['work']}")

    def bring_back(self, camera: int) -> None:
        """The camera, its merges and its children."""
        self.books.comebacks[f"cam{camera}"] += 1
        self._add_camera(camera)
        for merge in self.MERGES:
            queue = ff.Queue(8) if merge == "quick" else None
            self.pipeline.connect(self.ports[merge], self.ports[f"cam{camera}"], queue=queue)
        self._add_children(camera)

    def replace_camera(self, camera: int) -> None:
        """Replaces a camera by one with the same address."""
        self.books.begin(camera, "replaced")
        source = ff.open(self._cameras.urls[camera], frozen_after=5, read_timeout=2, open_timeout=2)
        self.pipeline.replace(self.ports[f"cam{camera}"], source, timeout=60)

    def replace_node(self, merge: str) -> None:
        """Replaces a node by another of its kind."""
        node = Reads(merge, self.books, 0.3 if merge == "slow" else 0.0)
        self.pipeline.replace(self.ports[merge], node, timeout=60)
