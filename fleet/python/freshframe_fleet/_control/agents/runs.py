"""An agent's runs that its controller may still hear of, from their starts to their last records."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import deque

from ..._messages import Run

_REMEMBERED = 5  # renewals


class Runs:
    """An agent sends records of a run's outboxes until it has to forget the run, and a last one then."""

    def __init__(self) -> None:
        """Makes a table without runs."""
        self._builds: dict[Run, int] = {}  # runs whose outboxes may be there
        # By renewal: runs whose last records may come, and their builds, or None once
        # they have come.
        self._forgotten: deque[dict[Run, int | None]] = deque([{}], maxlen=_REMEMBERED)

    def all(self) -> set[Run]:
        """Returns the runs that may still bring a record or a result."""
        return set(self._builds).union(*self._forgotten)

    def add(self, run: Run, build: int) -> None:
        """A run is started, or the agent says that it has it."""
        self._builds[run] = build

    def find_build(self, run: Run) -> int | None:
        """The build of a run whose outboxes may be there; None of any other one."""
        return self._builds.get(run)

    def forget(self, run: Run) -> None:
        """Ends the outboxes of a run. The last records come with one of the next renewals."""
        self._forgotten[-1][run] = self._builds.pop(run, None)

    def note_last_record(self, run: Run) -> None:
        """The last records of a run have come, which an agent sends together."""
        self._builds.pop(run, None)
        for each in self._forgotten:
            each.pop(run, None)
        self._forgotten[-1][run] = None

    def note_renewal(self) -> None:
        """No record of a run comes any more some renewals after it was forgotten."""
        self._forgotten.append({})
