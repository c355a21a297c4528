"""The network between the controller and one agent drops all packets, and neither end gets an error."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, is_alive, process_of, until_up
from fleet_rigs.counting_server import CountingServer
from fleet_rigs.guards import GuardedFleet
from support import until

pytestmark = pytest.mark.full


class Wire:
    """A TCP relay that can be cut: the bytes wait until it is whole again."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port = self._listening.getsockname()[1]
        self._start(self._accept)

    def _start(self, target: object, *arguments: object) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))  # type: ignore[arg-type]
        self._threads[-1].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._listening.accept()
                self._whole.wait()
                there = socket.create_connection(self._target)
                self._ends += [here, there]
                self._start(self._pump, here, there)
                self._start(self._pump, there, here)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self._whole.wait()
                sink.sendall(data)
            self._whole.wait()
            sink.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self.mend()
        for end in (self._listening, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for end in (self._listening, *self._ends):
            end.close()


@pytest.fixture
def wired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[GuardedFleet, Wire]]:
    """agent0 is at the far end of the wire, and has the cameras."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    fleet = GuardedFleet(guarded=1)
    wire = Wire(fleet.controller.parts.place.guards.address)
    try:
        with fleet:
            fleet.start_guard("agent0", wire.port)
            until_up(fleet)
            fleet.drain("agent1")
            yield fleet, wire
            balance(fleet)
    finally:
        wire.close()
        fleet.end_guards()


def test_a_camera_behind_a_cut_wire_runs_elsewhere_and_the_overlap_is_counted(
    wired: tuple[GuardedFleet, Wire],
) -> None:
    fleet, wire = wired
    reader = fleet.reader("ticks")
    fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
    first = reader.get(100).epoch
    fleet.resume("agent1")
    pid = process_of(fleet, "agent0")
    wire.cut()
    until(lambda: reader.get(100).epoch > first, "the camera elsewhere")
    assert fleet.stats().cameras["cam"].agent == "agent1"
    assert is_alive(pid)  # it runs twice
    samples = [reader.get(100) for _ in range(100)]
    assert {sample.epoch for sample in samples} == {fleet.stats().cameras["cam"].epoch}
    assert fleet.stats().overlap > 0
    wire.mend()
    until(lambda: not is_alive(pid), "the end of the agent that was cut off")
    until_up(fleet)
    overlap = fleet.stats().overlap
    assert {reader.get(100).epoch for _ in range(100)} == {samples[0].epoch}
    assert fleet.stats().overlap == overlap
    (counts,) = fleet.stats().readers
    assert counts.fenced + counts.lost_with_agent > 0


def test_an_exclusive_camera_behind_a_cut_wire_never_has_two_sessions(
    wired: tuple[GuardedFleet, Wire],
) -> None:
    fleet, wire = wired
    with CountingServer() as server:
        reader = fleet.reader("circles")
        fleet.add("gate", server.url, fleet_builds.stream, exclusive=True)
        first = reader.get(100).epoch
        fleet.resume("agent1")
        wire.cut()
        until(lambda: server.sessions == 0, "the end of the session")
        until(lambda: fleet.stats().agents["agent0"].state == "ending", "the end of the lease")
        assert fleet.stats().cameras["gate"].epoch == first
        wire.mend()
        until(lambda: reader.get(100).epoch > first, "the camera again")
        assert server.most == 1
        assert fleet.stats().overlap == 0
        fleet.remove("gate")
        until(lambda: not fleet.stats().cameras, "the end of the camera")
