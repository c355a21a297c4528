"""Events of an agent and orders to it: the messages between the Python code on both sides."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Run = tuple[int, int]  # camera number, epoch


# ---- events, from an agent to its controller


@dataclass(frozen=True, slots=True)
class Alive:
    """The agent's Python code is running."""


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
    """A run's start timed out, and its session may still be open. Failed is sent when the start returns."""

    run: Run
    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A run's pipeline has reached its end."""

    run: Run


@dataclass(frozen=True, slots=True)
class Closed:
    """A run was stopped by an order."""

    run: Run


@dataclass(frozen=True, slots=True)
class Counts:
    """The losses of a run's outputs so far, by cause."""

    run: Run
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Log:
    """A line of the agent's log."""

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
    """A function that later Start orders refer to by its number."""

    number: int
    known: bytes
    pickled: bytes


@dataclass(frozen=True, slots=True)
class ForgetBuild:
    """No camera uses this function any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Start:
    """Start a camera."""

    run: Run
    name: str
    url: str
    exclusive: bool
    build: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Close a run."""

    run: Run


@dataclass(frozen=True, slots=True)
class End:
    """Close all cameras and exit."""


Order = Levels | Build | ForgetBuild | Start | Stop | End
