"""The actor of a site: it has the fleet of its machine, and hands results out."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from dataclasses import dataclass, fields
from typing import Any

from freshframe import StateError, __version__

from .._control.name_lock import state_folder
from .._fleet import Fleet
from .._read.reader import FleetReader
from .._specs import SiteSpec

_BATCH = (1000, 1.0, 0.02)  # results of one call, seconds to wait for the first, seconds to gather others
_LONGEST_RETRY = 30.0  # seconds


def retry_wait(failures: int) -> float:
    """Returns the seconds before the next start, after so many failures in a row: 1, doubling to 30."""
    return min(_LONGEST_RETRY, 2.0 ** min(failures - 1, 9))


@dataclass(slots=True)
class SiteCounts:
    """Counts of a reader for one site, as of the newest answer of the site.

    ``reported == delivered + outbox_full + expired + fenced + lost_with_agent + lost_with_site + waiting``.

    Attributes:
        reported: Results that agents have reported.
        delivered: Results that programs got.
        outbox_full: This one and the next three: as in FleetReaderStats.
        expired: See there.
        fenced: See there. Also results of a process of the site that has a successor.
        lost_with_agent: See there.
        lost_with_site: Results that waited at the site when its process ended.
        waiting: Results on their way.
        unreported_possible: As in FleetReaderStats; one more for each camera in ``gaps``.
        deaths: Ends of the site's process that this reader has seen.
        gaps: One for each camera that had results both before and after such an end.
    """

    reported: int = 0
    delivered: int = 0
    outbox_full: int = 0
    expired: int = 0
    fenced: int = 0
    lost_with_agent: int = 0
    lost_with_site: int = 0
    waiting: int = 0
    unreported_possible: int = 0
    deaths: int = 0
    gaps: int = 0


class _Source:
    """A reader of the fleet in a site. A batch is kept until the program has confirmed it."""

    def __init__(self, reader: FleetReader) -> None:
        self.lock = threading.Lock()  # held while waiting for results; guards the rest
        self.reader, self.holder, self.number, self.batch = reader, "", 0, list[Any]()


class Site:
    """The actor of a site. Ray restarts it, with the specification of its first start."""

    def __init__(self, name: str, spec: SiteSpec) -> None:
        """Starts the fleet. If its process died in earlier starts, it waits first: 1 s, doubling to 30 s."""
        starts = state_folder() / f"site-{hashlib.sha256(name.encode()).hexdigest()[:16]}.starts"
        failed = 0
        with contextlib.suppress(OSError, ValueError):
            failed = int(starts.read_text())
        starts.write_text(str(failed + 1))
        try:
            time.sleep(retry_wait(failed) if failed else 0.0)
            self._life = time.time_ns()
            self._spec = SiteSpec({}, spec.labels, spec.agents, spec.exclusive, spec.build, spec.version)
            self._number = -1  # of the build
            self._lock = threading.Lock()  # guards the specification and the sources
            self._sources: dict[tuple[str, str], _Source] = {}
            self._fleet = Fleet(agents=spec.agents)
            self.change(spec)
        finally:
            starts.unlink(missing_ok=True)

    def change(self, spec: SiteSpec) -> None:
        """Adds, updates and removes cameras so that the site has those of `spec`. The others run on."""
        with self._lock:
            now, controller = self._spec, self._fleet._controller
            if spec.version != __version__:
                raise StateError(f"the site runs freshframe {__version__}, and the program {spec.version}")
            if (spec.agents, spec.exclusive) != (now.agents, now.exclusive):
                raise StateError(
                    f"the site runs with agents={now.agents} and exclusive={now.exclusive}, which cannot "
                    "change while it runs: call RaySites.shutdown(), and start the sites again"
                )
            if not now.cameras or spec.build != now.build:
                self._number = controller.add_build(*spec.build) if spec.cameras else -1
            for name in now.cameras.keys() - spec.cameras.keys():
                controller.remove(name)
            for name in now.cameras.keys() & spec.cameras.keys():
                if (now.cameras[name], now.build) != (spec.cameras[name], spec.build):
                    controller.update(name, self._number, spec.cameras[name])
            new: list[tuple[str, str, dict[str, str]]] = [
                (name, spec.cameras[name], {}) for name in spec.cameras if name not in now.cameras
            ]
            while any(name in controller.stats().cameras for name, _, _ in new):
                time.sleep(_BATCH[2])  # one of these names was removed and is still closing
            if new:
                controller.add(new, self._number, spec.exclusive)
            self._spec = spec

    def take(
        self, output: str, name: str, holder: str, over: bool
    ) -> tuple[int, int, dict[str, int], list[Any]]:
        """Returns the life of the site, the batch's number, the counts and results of a reader.

        An unconfirmed batch is returned again. `over`: the reader belongs to this holder from now on.
        """
        with self._lock:
            if (output, name) not in self._sources:
                self._sources[output, name] = _Source(self._fleet.reader(output, name=name))
            source = self._sources[output, name]
        with source.lock:
            if over or not source.holder:
                source.holder = holder
            elif source.holder != holder:
                raise StateError(
                    f"another program reads {output!r} as {name!r} now: give each reader its own name"
                )
            if not source.batch:
                source.batch = source.reader.take_packed(*_BATCH)
                source.number += 1
            totals = source.reader._results.totals()
            counts = {each.name: getattr(totals, each.name, 0) for each in fields(SiteCounts)}
            return self._life, source.number, counts, source.batch

    def confirm(self, output: str, name: str, holder: str, number: int) -> bool:
        """Forgets a batch, which the program gives to nobody before this has returned."""
        source = self._sources.get((output, name))
        if source is not None:  # else the site has started again
            with source.lock:
                if (source.holder, source.number) == (holder, number):
                    source.batch = []
        return True

    def stats(self) -> dict[str, Any]:
        """Returns the statistics of the fleet."""
        return self._fleet.stats().to_dict()
