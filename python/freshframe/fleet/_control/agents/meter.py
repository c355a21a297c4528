"""What a controller measures of an agent: its load, its losses, its clock and how late its results are."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections import deque

import numpy as np

from ..._wire import Records, Renewal
from .cores import usable_cores

_LATE_OVER = 10.0  # seconds
_RENEWAL = 0.5  # seconds between two: an age may be measured so long after the result
_LEAST_AGES = 3  # ages, for one that was a hiccup
_LOSSES_OVER = 10.0  # seconds
_CLOCK_SAMPLES = 20  # renewals: ten seconds
_SAME_CLOCK = 0.05  # seconds: less is the messages' own time


class AgentMeter:
    """The figures follow from the renewals of the agent."""

    def __init__(self) -> None:
        """Begins before the first renewal."""
        self.lateness = Lateness()
        self.cores: float | None = None  # of the agent's machine; None: it is this one
        self._load = 0.0
        self._cpu: tuple[float, float] | None = None  # when, processor time
        self._gave: deque[tuple[float, int, int]] = deque()  # when, frames, those that were lost
        self._clocks: deque[float] = deque(maxlen=_CLOCK_SAMPLES)

    def note(self, renewal: Renewal, now: float) -> None:
        """Notes the clock, the losses and the lateness."""
        self._clocks.append(renewal.clock - time.time())
        self._note_losses(renewal.cameras, now)
        self.lateness.note(renewal.cameras, now)

    def note_cpu(self, now: float, cpu: float) -> float:
        """The agent's share of the processor time that it may use, smoothed over some seconds."""
        if self._cpu is not None and now > self._cpu[0]:
            if self.cores is None:
                self.cores = usable_cores()
            share = (cpu - self._cpu[1]) / (now - self._cpu[0]) / self.cores
            weight = min(1.0, (now - self._cpu[0]) / 3.0)
            self._load += (min(1.0, share) - self._load) * weight
        self._cpu = (now, cpu)
        return self._load

    def _note_losses(self, cameras: Records, now: float) -> None:
        """Notes what the agent's pipelines have lost on the way to their outputs."""
        gave = now, int(cameras["frames"].sum()), int(cameras["drops"].sum())
        if self._gave and (gave[1] < self._gave[-1][1] or gave[2] < self._gave[-1][2]):
            self._gave.clear()  # a run has ended
        self._gave.append(gave)
        while len(self._gave) > 2 and now - self._gave[0][0] > _LOSSES_OVER:
            self._gave.popleft()

    @property
    def lost(self) -> float:
        """The share of the frames that was lost, over some seconds."""
        if len(self._gave) < 2:
            return 0.0
        (_, frames, lost), (_, more_frames, more_lost) = self._gave[0], self._gave[-1]
        return min(1.0, (more_lost - lost) / max(1, more_frames - frames))

    @property
    def clock_offset(self) -> float:
        """Seconds by which the clock of the agent's machine is ahead of this one's; 0: they are the same.

        A message that took long makes it smaller, so that the largest of some is the best.
        """
        offset = max(self._clocks, default=0.0)
        return offset if abs(offset) > _SAME_CLOCK else 0.0


class Lateness:
    """The age in a renewal grows until the next result, so only cameras with a new result count."""

    def __init__(self) -> None:
        """Begins without any measurement."""
        self._runs = np.empty(0)
        self._results = np.empty(0)
        self._ages: deque[tuple[float, float]] = deque()  # when, seconds

    def note(self, cameras: Records, now: float) -> None:
        """The cameras of a renewal."""
        runs, results = cameras["epoch"], cameras["results"]
        if np.array_equal(runs, self._runs):
            fresh = cameras["age_ns"][results > self._results]
            if len(fresh):
                self._ages.append((now, float(np.median(fresh)) / 1e9))
        self._runs, self._results = runs, results
        while self._ages and now - self._ages[0][0] > _LATE_OVER:
            self._ages.popleft()

    @property
    def seconds(self) -> float:
        """The age of its results when they are made, but for half a second; of some seconds the best."""
        if len(self._ages) < _LEAST_AGES:
            return 0.0
        return max(0.0, min(age for _, age in self._ages) - _RENEWAL)
