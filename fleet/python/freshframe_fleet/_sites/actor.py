"""The actor of a site: owns the fleet of its machine, and hands out results."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from dataclasses import dataclass
from typing import Any

from freshframe import StateError

from .._control.name_lock import state_folder
from .._fleet import Fleet
from .._read.counters import Totals
from .._read.reader import FleetReader
from .._specs import CameraSpec, SiteSpec

# Maximum results of one call, seconds to wait for the first, seconds to gather others.
_BATCH = (1000, 1.0, 0.02)
_LONGEST_RETRY = 30.0  # seconds

Taken = tuple[int, int, Totals, list[Any]]  # life of the site, number of the batch, counts, results


def retry_wait(failures: int) -> float:
    """Returns the seconds before the next start after this many failures in a row: 1, doubling up to 30."""
    return min(_LONGEST_RETRY, 2.0 ** min(failures - 1, 9))


@dataclass(slots=True)
class SiteCounts(Totals):
    """Counts of a reader for one site, as of the newest answer of the site.

    ``reported == delivered + outbox_full + expired + fenced + lost_with_agent + lost_with_site + waiting``.

    Attributes:
        reported: As in FleetReaderStats, as are the next five and ``waiting``.
        unreported_possible: As in FleetReaderStats, and one for each camera in ``gaps``.
        lost_with_site: Results that waited at the site when its process ended.
        deaths: Ends of the site's process, counted when it answers again.
        gaps: One for each camera that had results both before and after such an end.
    """

    lost_with_site: int = 0
    deaths: int = 0
    gaps: int = 0


class _Source:
    """A reader of the fleet in a site. It keeps a batch until the program has confirmed it."""

    def __init__(self, reader: FleetReader) -> None:
        self.lock = threading.Lock()  # held while waiting for results; guards the rest
        self.reader, self.holder, self.number, self.batch = reader, "", 0, list[Any]()

    def check(self, holder: str) -> None:
        if self.holder != holder:
            raise StateError(
                f"another program reads {self.reader.output!r} as {self.reader.name!r} now: give each reader "
                "its own name"
            )


class Site:
    """The actor of a site. Ray restarts it, with the specification of its first start."""

    def __init__(self, name: str, spec: SiteSpec) -> None:
        """Starts the fleet. If its process died in earlier starts, waits first: 1 s, doubling up to 30 s."""
        starts = state_folder() / f"site-{hashlib.sha256(name.encode()).hexdigest()[:16]}.starts"
        failed = 0
        with contextlib.suppress(OSError, ValueError):
            failed = int(starts.read_text())
        starts.write_text(str(failed + 1))
        try:
            time.sleep(retry_wait(failed) if failed else 0.0)
            self._life = time.time_ns()
            self._spec = SiteSpec(agents=spec.agents, exclusive=spec.exclusive)
            self._number = -1  # of the build
            self._lock = threading.Lock()  # guards the specification and the sources
            self._sources: dict[tuple[str, str], _Source] = {}
            self._fleet = Fleet(agents=spec.agents)
            self.change(spec)
        finally:
            starts.unlink(missing_ok=True)

    def change(self, spec: SiteSpec) -> None:
        """Adds, updates and removes cameras so that the site has those of `spec`. The others keep running."""
        with self._lock:
            now, controller = self._spec, self._fleet._controller
            fixed = (now.version, now.agents, now.exclusive)
            if (spec.version, spec.agents, spec.exclusive) != fixed:
                raise StateError(
                    f"the site runs freshframe {now.version} with agents={now.agents} and "
                    f"exclusive={now.exclusive}, which cannot change while it runs: call "
                    "RaySites.shutdown(), and start the sites again"
                )
            if not now.cameras or spec.build != now.build:
                self._number = controller.add_build(*spec.build) if spec.cameras else -1
            for name in now.cameras.keys() - spec.cameras.keys():
                controller.remove(name)
            for name in now.cameras.keys() & spec.cameras.keys():
                if (now.cameras[name], now.build) != (spec.cameras[name], spec.build):
                    controller.update(name, self._number, spec.cameras[name])
            new: list[CameraSpec] = [
                (name, url, {}) for name, url in spec.cameras.items() if name not in now.cameras
            ]
            if new:
                while any(name in controller.stats().cameras for name, _, _ in new):
                    time.sleep(_BATCH[2])  # one of these names was removed and is still closing
                controller.add(new, self._number, spec.exclusive)
            self._spec = spec

    def take(self, output: str, name: str, holder: str, over: bool) -> Taken:
        """Returns the life of the site, the batch's number, the counts and results of a reader.

        An unconfirmed batch is returned again. `over`: this holder takes over the reader.
        """
        with self._lock:
            if (output, name) not in self._sources:
                self._sources[output, name] = _Source(self._fleet.reader(output, name=name))
            source = self._sources[output, name]
        with source.lock:
            if over or not source.holder:
                source.holder = holder
            source.check(holder)
            if not source.batch:
                source.batch = source.reader.take_packed(*_BATCH)
                source.number += 1
            return self._life, source.number, source.reader._results.totals(), source.batch

    def confirm(self, output: str, name: str, holder: str, number: int) -> bool:
        """Discards a confirmed batch. The program delivers it only after this has returned."""
        source = self._sources.get((output, name))
        if source is not None:  # otherwise the site has been restarted
            with source.lock:
                source.check(holder)
                if source.number == number:
                    source.batch = []
        return True

    def stats(self) -> dict[str, Any]:
        """Returns the statistics of the fleet."""
        return self._fleet.stats().to_dict()
