"""The faults: chosen at random, begun one after the other, and over after a while."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rigs.web_client import Live, request

import freshframe as ff
from night.chaos.cameras import CAMERA_FAULTS, Cameras
from night.chaos.plant import Plant
from night.chaos.receiver import RECEIVER_FAULTS, Receiver

_CLOCK = "FRESHFRAME_TEST_CLOCK"  # the same name is in clock.c


class Faults:
    """The faults of one run.

    Attributes:
        counts: How often each kind was begun.
        latest: The kind of the latest.
        full: When the disk was full, by the clock of its files, which the fault `clock` does not change.
    """

    def __init__(
        self, seed: int, plant: Plant, cameras: Cameras, receiver: Receiver, disk: Path | None
    ) -> None:
        """`disk`: a small separate one, or None without one to fill."""
        self.counts, self.latest = Counter[str](), ""
        self.full: list[tuple[float, float]] = []
        self._chance = random.Random(seed)
        self._plant, self._cameras, self._receiver, self._disk = plant, cameras, receiver, disk
        self._over: list[tuple[float, Callable[[], None]]] = []
        self._viewers: list[Live] = []
        self._wakers: list[subprocess.Popen[bytes]] = []
        self._url = plant.pipeline.serve().url
        self._clock = _clock()
        self._kinds: list[tuple[str, Callable[[], None], int]] = [
            ("camera", self._camera, 8),
            ("all cameras stopped", self._stop_cameras, 1),
            ("worker killed", self._kill_worker, 3),
            ("worker stopped", self._stop_worker, 1),
            ("receiver", self._receive, 2),
            ("process stopped", self._stop_all, 1),
            ("camera removed", self._remove_camera, 3),
            ("camera replaced", self._replace_camera, 2),
            ("node replaced", self._replace_node, 3),
            ("reader", self._read, 2),
            ("slow viewer", self._view, 2),
            ("page", self._ask, 3),
            ("recorder", self._recorder, 1),
            ("disk full", self._fill_disk, 2),
            ("clock", self._set_clock, 2),
        ]

    def one(self) -> None:
        """Begins a fault, after the due ones have ended."""
        self.end(time.monotonic())
        (name, begin, _), *_ = self._chance.choices(self._kinds, [kind[2] for kind in self._kinds])
        self.counts[name] += 1
        self.latest = name
        begin()

    def end(self, now: float = float("inf")) -> None:
        """Ends the due ones; without a time all."""
        due = [each for each in self._over if each[0] <= now]
        self._over = [each for each in self._over if each[0] > now]
        with contextlib.ExitStack() as all_of_them:  # even after one raises
            for _, over in sorted(due, key=lambda each: -each[0]):
                all_of_them.callback(over)

    def close(self) -> None:
        """Ends them, and takes the viewers away."""
        self.end()
        for waker in self._wakers:
            waker.wait()
        if self._clock is not None:
            self._clock[:8] = bytes(8)
            self._clock.close()
            self._clock = None
        while self._viewers:
            self._leave()

    def _later(self, seconds: float, over: Callable[[], None]) -> None:
        self._over.append((time.monotonic() + seconds, over))

    def _any_camera(self) -> int:
        return self._chance.randrange(len(self._cameras.urls))

    def _camera(self) -> None:
        camera, fault = self._any_camera(), self._chance.choice(CAMERA_FAULTS)
        seconds = self._chance.uniform(0.2, 6)
        self._plant.books.begin(camera, fault, seconds)
        self._cameras.fault(camera, fault, seconds)

    def _stop_cameras(self) -> None:
        self._cameras.suspend(running=False)
        self._later(self._chance.uniform(0.5, 4), lambda: self._cameras.suspend(running=True))

    def _worker(self) -> int | None:
        nodes = self._plant.pipeline.stats().nodes
        pids = [worker.pid for node in nodes.values() for worker in node.workers if worker.pid]
        return self._chance.choice(pids) if pids else None

    def _kill_worker(self) -> None:
        if pid := self._worker():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _stop_worker(self) -> None:
        if pid := self._worker():
            self._go_on_later(pid, self._chance.uniform(0.5, 3))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def _receive(self) -> None:
        self._receiver.fault = self._chance.choice(RECEIVER_FAULTS)

        def well() -> None:
            self._receiver.fault = None

        self._later(self._chance.uniform(1, 8), well)

    def _stop_all(self) -> None:
        """This process itself: as when a laptop sleeps."""
        waker = self._go_on_later(os.getpid(), self._chance.uniform(0.3, 4))
        os.kill(os.getpid(), signal.SIGSTOP)
        waker.wait()

    def _go_on_later(self, pid: int, seconds: float) -> subprocess.Popen[bytes]:
        """A process that is stopped goes on by then, whatever this one waits for."""
        goes_on = f"sleep {seconds:.1f}; kill -CONT {pid} 2>&-"
        waker = subprocess.Popen(["sh", "-c", goes_on])
        self._wakers = [each for each in self._wakers if each.poll() is None] + [waker]
        return waker

    def _remove_camera(self) -> None:
        camera = self._any_camera()
        if self._plant.is_there(camera):
            self._plant.remove_camera(camera, drain=self._chance.random() < 0.3)
            self._later(self._chance.uniform(0, 5), lambda: self._plant.bring_back(camera))

    def _replace_camera(self) -> None:
        camera = self._any_camera()
        if (
            self._plant.is_there(camera) and camera not in self._plant.books.looped
        ):  # nor one whose packets are taken
            with contextlib.suppress(ff.SourceError):  # its camera is away: the old one works on
                self._plant.replace_camera(camera)

    def _replace_node(self) -> None:
        self._plant.replace_node(self._chance.choice(("quick", "slow")))

    def _read(self) -> None:
        """A reader that is not read, or is read for a moment."""
        reader = self._plant.pipeline.reader(self._plant.ports["quick"], queue=ff.Queue(4))
        for _ in range(self._chance.randrange(3)):
            reader.poll()
        self._later(self._chance.uniform(0, 5), reader.close)

    def _view(self) -> None:
        if len(self._viewers) < 4:
            viewer = Live(self._url)
            self._viewers.append(viewer)
            reading = threading.Thread(target=_read_slowly, args=(viewer,), daemon=True)
            reading.start()
        else:
            self._leave()

    def _leave(self) -> None:
        """The oldest viewer."""
        viewer = self._viewers.pop(0)
        viewer.cut()
        viewer.__exit__()

    def _ask(self) -> None:
        """The page, and what a program asks."""
        for path in ("/api/state", "/metrics", "/healthz"):
            answer = request(self._url, path)
            if answer.status not in (200, 503) or not answer.body:
                self._plant.books.find(f"{path} answers {answer.status}, {len(answer.body)} bytes")
            if path == "/metrics":
                self._plant.books.counters(answer.text)
        if request(self._url, "/api/state").json()["nodes"] == []:
            self._plant.books.find("/api/state has no nodes")
        self._plant.ask()
        self._plant.pipeline.why()
        str(self._plant.pipeline)
        for edge in self._plant.pipeline.stats().edges:
            self._plant.books.balance(edge)

    def _recorder(self) -> None:
        """Another recorder, such as for a recorder that has left since its disk was full."""
        names = self._plant.pipeline.stats().nodes
        if self._plant.is_there(2) and not any(name.startswith("record") for name in names):
            self._plant.add_recorder()
        for camera in self._plant.books.looped:
            if self._plant.is_there(camera) and not any(name.startswith("copy") for name in names):
                self._plant.add_copy(camera)

    def _fill_disk(self) -> None:
        if self._disk is None:
            return
        disk, filler = self._disk, self._disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        begin = (filler if filler.exists() else disk).stat().st_mtime

        def has_room() -> None:
            filler.unlink(missing_ok=True)
            self.full.append((begin, disk.stat().st_mtime))

        self._later(self._chance.uniform(0.5, 5), has_room)

    def _set_clock(self) -> None:
        seconds = self._chance.choice((0, 2, -2, 3600, -3600, 86400 * 400, -86400))
        if self._clock is not None:
            self._clock[:8] = struct.pack("q", seconds)


def _read_slowly(viewer: Live) -> None:
    with contextlib.suppress(OSError, ValueError):
        while viewer.read_some(100):
            time.sleep(0.05)


def _clock() -> mmap.mmap | None:
    """The offset of the system's clock, where clock.c is preloaded."""
    path = os.environ.get(_CLOCK)
    if path is None:
        return None
    with Path(path).open("r+b") as file:
        return mmap.mmap(file.fileno(), 8)
