"""Faults for a fleet under test: chosen at random with a seed, and applied."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

Kind = Literal[
    "kill agent",
    "kill all agents",
    "stop agent",
    "stop program",
    "move",
    "drain",
    "camera away",
    "camera fails",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
LASTING: tuple[Kind, ...] = ("stop agent", "stop program", "camera away")
# Seconds: below, at and above the time after which a silent agent is killed; the last one is rare.
PAUSES: tuple[float, ...] = (1.0, 1.0, 1.5, 1.5, 3.0, 3.0, 3.0, 10.0)


@dataclass(frozen=True)
class Fault:
    """One fault. `pick`, 0 to 1, chooses the victim among those that exist."""

    kind: Kind
    pick: float
    seconds: float = 0.0

    def __str__(self) -> str:
        """Returns the fault as the log shows it."""
        return f"{self.kind} for {self.seconds:g} s" if self.seconds else self.kind


def schedule(seed: int, count: int, kinds: Sequence[Kind] = KINDS) -> Iterator[Fault]:
    """Yields the same faults for the same seed."""
    choose = random.Random(seed)
    for _ in range(count):
        kind = choose.choice(list(kinds))
        seconds = choose.choice(PAUSES) if kind in LASTING else 0.0
        yield Fault(kind, choose.random(), seconds)


class Cameras(Protocol):
    """What faults can do to the test cameras."""

    served: int  # from 0 on
    counted: int  # after these

    def away(self, camera: int, seconds: float) -> None:
        """Makes a served camera close its sessions and reject others for a while."""

    def fail(self, camera: int) -> None:
        """Makes a counted camera's source raise."""


class Faults:
    """Applies faults to a fleet that runs in another process."""

    def __init__(
        self,
        program: int,
        ask: Callable[[list[Any]], Mapping[str, Any]],
        cameras: Cameras | None = None,
    ) -> None:
        """`program`: its PID. `ask`: sends it a command and returns its stats."""
        self._program = program
        self._ask = ask
        self._cameras = cameras

    def bring_about(self, fault: Fault) -> str:
        """Applies the fault, and returns when it has ended. The result describes what was affected."""
        if fault.kind.startswith("camera"):
            return self._hit_camera(fault)
        stats = self._ask(["stats"])
        agents = {
            name: agent for name, agent in stats["agents"].items() if agent["state"] == "up" and agent["pid"]
        }
        if fault.kind == "stop program":
            _pause(self._program, fault.seconds)
            return f"{fault}"
        if not agents:
            return f"{fault}: no agent is up"
        victim = _picked(sorted(agents), fault.pick)
        return self._hit_agent(fault, victim, agents, len(stats["cameras"]))

    def _hit_agent(self, fault: Fault, victim: str, agents: Mapping[str, Any], cameras: int) -> str:
        if fault.kind == "kill agent":
            _kill(agents[victim]["pid"])
        elif fault.kind == "kill all agents":
            for agent in agents.values():
                _kill(agent["pid"])
            return f"{fault}: {len(agents)}"
        elif fault.kind == "stop agent":
            _pause(agents[victim]["pid"], fault.seconds)
        elif fault.kind == "move":
            camera = _picked(range(cameras), fault.pick)
            self._ask(["move", camera, victim])
            return f"move camera-{camera} to {victim}"
        else:
            self._drain(victim)
        return f"{fault}: {victim}"

    def _hit_camera(self, fault: Fault) -> str:
        cameras = self._cameras
        if cameras is not None and fault.kind == "camera fails" and cameras.counted:
            camera = cameras.served + int(fault.pick * cameras.counted)
            cameras.fail(camera)
        elif cameras is not None and fault.kind == "camera away" and cameras.served:
            camera = int(fault.pick * cameras.served)
            cameras.away(camera, fault.seconds)
            time.sleep(fault.seconds)
        else:
            return f"{fault}: there is no such camera"
        return f"{fault}: camera-{camera}"

    def _drain(self, agent: str) -> None:
        self._ask(["drain", agent])
        until = time.monotonic() + 30
        while self._ask(["stats"])["agents"][agent]["camera_count"] and time.monotonic() < until:
            time.sleep(0.1)
        self._ask(["undrain", agent])


def _kill(pid: int) -> None:
    with _process(pid) as send:
        send(signal.SIGKILL)


def _picked(among: Sequence[Any], pick: float) -> Any:
    return among[int(pick * len(among))]


@contextlib.contextmanager
def _process(pid: int) -> Iterator[Callable[[signal.Signals], None]]:
    """Sends signals to a process, and never to another one that has reused its PID."""
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:  # it has ended by itself
        yield lambda number: None
        return

    def send(number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, number)

    try:
        yield send
    finally:
        os.close(process)


def _pause(pid: int, seconds: float) -> None:
    with _process(pid) as send:
        send(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            send(signal.SIGCONT)
