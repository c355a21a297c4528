"""Events of an agent and orders to it: the messages between the two ends in Python."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Run = tuple[int, int]  # camera number, epoch


# ---- events, from an agent to its controller


@dataclass(frozen=True, slots=True)
class Alive:
    """Shows that the agent's Python runs."""


@dataclass(frozen=True, slots=True)
class Started:
    """A run's pipeline was started."""

    run: Run
    outputs: list[str]


@dataclass(frozen=True, slots=True)
class Failed:
    """A run has ended with an error."""

    run: Run
    why: str


@dataclass(frozen=True, slots=True)
class Hangs:
    """A run's start was given up, and its session may still be open. Failed follows when it has ended."""

    run: Run
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A run's pipeline has reached its end."""

    run: Run


@dataclass(frozen=True, slots=True)
class Closed:
    """A run was stopped by order."""

    run: Run


@dataclass(frozen=True, slots=True)
class Counts:
    """The losses of a run's outputs so far, by cause."""

    run: Run
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Log:
    """Carries a line of the agent's log."""

    level: int
    logger: str
    text: str


Event = Alive | Started | Failed | Hangs | Ended | Closed | Counts | Log
EndOfRun = Failed | Ended | Closed


# ---- orders, from a controller to an agent


@dataclass(frozen=True, slots=True)
class Levels:
    """The program's log levels, by logger."""

    levels: dict[str, int]


@dataclass(frozen=True, slots=True)
class Build:
    """A function that later Start orders name by its number."""

    number: int
    known: bytes
    pickled: bytes


@dataclass(frozen=True, slots=True)
class ForgetBuild:
    """No camera has this function any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Start:
    """A camera is to be started."""

    run: Run
    name: str
    url: str
    exclusive: bool
    build: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A run is to be closed."""

    run: Run


@dataclass(frozen=True, slots=True)
class End:
    """The agent closes all cameras and ends."""


Order = Levels | Build | ForgetBuild | Start | Stop | End
