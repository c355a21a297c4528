"""An agent's runs that its controller may still hear of, from their starts to their last records."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..._messages import Run

UNKNOWN = -1  # the build of a start that an earlier controller did not write down
_REMEMBERED = 5  # renewals


@dataclass(frozen=True)
class KeptRuns:
    """Holds the runs that the next controller takes over."""

    builds: dict[Run, int]  # runs whose outboxes may be there
    ended: dict[Run, int]  # the same of runs whose outboxes were ended and whose last records have not come


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

    def ended(self) -> dict[Run, int]:
        """Runs whose outboxes were ended and whose last records have not come, and their builds."""
        found = {run: build for each in self._forgotten for run, build in each.items()}
        return {run: build for run, build in found.items() if build is not None}

    def forget(self, run: Run) -> None:
        """Ends the outboxes of a run. The last records come with one of the next renewals."""
        self._forgotten[-1][run] = self._builds.pop(run, None)

    def note_last_record(self, run: Run) -> None:
        """The last records of a run have come, which an agent sends together."""
        self._builds.pop(run, None)  # an earlier controller has ended it, and did not write that down
        for each in self._forgotten:
            each.pop(run, None)
        self._forgotten[-1][run] = None

    def note_renewal(self) -> None:
        """No record of a run comes any more some renewals after it was forgotten."""
        self._forgotten.append({})

    def clear(self) -> None:
        """Nothing will come of any of them."""
        self._builds.clear()
        self._forgotten.clear()
        self._forgotten.append({})

    # ---- kept state

    def kept(self) -> KeptRuns:
        """Returns the state that the next controller takes over."""
        return KeptRuns(dict(self._builds), self.ended())

    def restore(self, kept: KeptRuns) -> None:
        """Takes over the runs of an earlier controller."""
        self._builds = dict(kept.builds)
        self._forgotten[-1].update(kept.ended)
