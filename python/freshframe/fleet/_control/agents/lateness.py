"""How late an agent's results are, from its renewals."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import deque

import numpy as np

from ..._wire import Records

_OVER = 10.0  # seconds
_RENEWAL = 0.5  # seconds between two: an age may be measured so long after the result
_LEAST = 3  # ages, for one that was a hiccup


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
        while self._ages and now - self._ages[0][0] > _OVER:
            self._ages.popleft()

    @property
    def seconds(self) -> float:
        """The age of its results when they are made, but for half a second; of some seconds the best."""
        if len(self._ages) < _LEAST:
            return 0.0
        return max(0.0, min(age for _, age in self._ages) - _RENEWAL)
