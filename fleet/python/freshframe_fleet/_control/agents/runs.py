"""The runs of an agent that may still send records, from their start to their last record."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import deque

from ..._messages import Run

_REMEMBERED = 5  # renewals


class Runs:
    """The runs of an agent.

    The agent sends records of a run's outboxes until it is told to forget the run, and then one last record.
    """

    def __init__(self) -> None:
        """Starts without any runs."""
        self._builds: dict[Run, int] = {}  # runs whose outboxes may exist
        # One dict per recent renewal: the builds of forgotten runs whose last records may still arrive, None
        # for runs whose last records have arrived.
        self._forgotten: deque[dict[Run, int | None]] = deque([{}], maxlen=_REMEMBERED)

    def all(self) -> set[Run]:
        """Returns the runs that may still send a record or a result."""
        return set(self._builds).union(*self._forgotten)

    def add(self, run: Run, build: int) -> None:
        """Called when a run is started, or when the agent reports that it has it."""
        self._builds[run] = build

    def find_build(self, run: Run) -> int | None:
        """Returns the build of a run whose outboxes may exist; None for any other run."""
        return self._builds.get(run)

    def forget(self, run: Run) -> None:
        """Ends the outboxes of a run. The last records arrive with one of the next renewals."""
        self._forgotten[-1][run] = self._builds.pop(run, None)

    def note_last_record(self, run: Run) -> None:
        """Called when the message with the last records of a run has arrived."""
        self._builds.pop(run, None)
        for each in self._forgotten:
            each.pop(run, None)
        self._forgotten[-1][run] = None

    def note_renewal(self) -> None:
        """Called for each renewal.

        Drops the runs that were forgotten several renewals ago, because no more records of them can arrive.
        """
        self._forgotten.append({})
