"""The machine that a lab runs on, and the reasons why its figures may be less exact."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

_WATCHED = 0.3  # seconds
_BUSY = 0.25  # cores in use by other programs that visibly slow down two threads of a lab


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts for the reader of the figures.

    Attributes:
        processor: Name of its model.
        cores: Cores that this process may use.
        quota: Cores that its container may use at a time; None if no such limit is known.
        busy: Cores that other programs used just before the lab; None if this is not known.
        real_time: Whether the lab runs with real-time priority, so that other programs cannot delay it.
        python: Version of Python.
        gil: Whether this Python has a GIL.
    """

    processor: str
    cores: int
    quota: float | None
    busy: float | None
    real_time: bool
    python: str
    gil: bool

    def __str__(self) -> str:
        """One line for people."""
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"Python {self.python}, {cores} of {self.processor}"

    def as_record(self) -> dict[str, object]:
        """The fields for JSON."""
        return asdict(self)

    @property
    def usable(self) -> float:
        """Number of threads that can run at the same time."""
        return self.cores if self.quota is None else min(self.cores, self.quota)

    @property
    def warnings(self) -> list[str]:
        """Reasons why the figures are less exact here, with advice."""
        found = []
        if not self.gil:
            found.append("this Python runs without a GIL, so held and released are the same")
        if self.cores == 1:
            found.append(
                "this process has one core: threads take turns on it with and without the GIL, so only "
                "waiting can overlap"
            )
        elif self.usable < self.cores:
            found.append(f"the container may use {self.quota:g} of its {self.cores} cores at a time")
        if self.busy is not None and self.busy > _BUSY and not self.real_time:
            found.append(
                f"other programs use {self.busy:.1f} cores: two threads that could run in parallel then show "
                "about 1.7 instead of 1.0; run the lab again when the machine is idle"
            )
        return found


def look() -> Machine:
    """Examines this machine. Takes a third of a second, in which this process sleeps."""
    before = _processor_times()
    time.sleep(_WATCHED)
    after = _processor_times()
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        quota=_quota(),
        busy=None if before is None or after is None else _busy(before, after),
        real_time=os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR),
        python=platform.python_version(),
        gil=getattr(sys, "_is_gil_enabled", lambda: True)(),
    )


def _processor_times() -> tuple[float, float] | None:
    """Busy and idle seconds of all cores together."""
    try:
        words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    ticks = [int(word) for word in words[:8]]  # the guests' time is part of user's
    if len(ticks) < 8:
        return None
    idle = ticks[3] + ticks[4]
    tick = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - idle) / tick, idle / tick


def _busy(before: tuple[float, float], after: tuple[float, float]) -> float:
    busy, idle = after[0] - before[0], after[1] - before[1]
    share = busy / (busy + idle) if busy + idle > 0 else 0.0
    return round(share * (os.cpu_count() or 1), 2)


def _quota() -> float | None:
    """The limit of control groups version 2. Other limits are not examined."""
    try:
        limit, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return None
    return None if limit == "max" else int(limit) / int(period)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
