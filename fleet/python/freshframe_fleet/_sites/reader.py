"""Reads an output of all sites, and counts what was lost at each site."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from freshframe import EndOfStreamError, ReadTimeoutError
from freshframe._agent import ClosedByWith, check, native

from .._read.reader import FleetSample
from .actor import SiteCounts
from .remote import Remote

_TURN = 0.5  # seconds between two checks of the sites


@dataclass(frozen=True, slots=True)
class SiteSample(FleetSample):
    """A result of a camera at a site.

    Attributes:
        site: Name of the site. ``epoch`` and ``utc`` are based on the clock of its machine.
    """

    site: str = ""


class _Reading:
    """One reader at one site: its pending call, and its counts."""

    def __init__(self, site: Remote) -> None:
        self.site = site
        self.call: Any = None
        self.since = 0.0
        self.unconfirmed: tuple[int, list[Any]] | None = None
        self.is_new = True  # whether the next call takes over the reader
        self.life, self.past = 0, set[int]()
        self.lives: dict[str, int] = {}  # by camera: the site's process that sent its newest result
        self.before, self.now, self.buffered = SiteCounts(), dict[str, int](), 0

    def counts(self) -> SiteCounts:
        found = SiteCounts(
            *(getattr(self.before, each.name) + self.now.get(each.name, 0) for each in fields(SiteCounts))
        )
        found.delivered -= self.buffered
        found.waiting += self.buffered
        return found

    def end_life(self) -> list[Any]:
        """Called when the site's process has ended.

        Returns results that it sent and whose confirmation is unknown.
        """
        unconfirmed, self.unconfirmed, self.call, self.is_new = self.unconfirmed, None, None, True
        if self.life:
            self.now["lost_with_site"] = self.now.pop("waiting", 0)
            self.buffered, held = 0, self.buffered
            self.before, self.now, self.buffered = self.counts(), {}, held
            self.before.deaths += 1
            self.past.add(self.life)
            self.life = 0
        return unconfirmed[1] if unconfirmed is not None else []

    def take(self, life: int, number: int, totals: dict[str, int], rows: list[Any]) -> list[Any]:
        """Handles an answer. Returns rows of an earlier process that are delivered now."""
        if life in self.past:  # an earlier process of the site
            self.before.reported += len(rows)
            self.before.fenced += len(rows)
            return []
        left = self.end_life() if self.life not in (0, life) else []
        self.life, self.is_new, self.now = life, False, totals
        self.unconfirmed = (number, rows) if rows else None
        self.buffered += len(rows)
        for camera in {row[0] for row in rows}:
            self.note_camera(camera)
        return left

    def note_camera(self, camera: str) -> None:
        """Counts a gap if an earlier process of the site has sent results of the camera."""
        if self.lives.get(camera, self.life) != self.life:
            self.before.gaps += 1
            self.before.unreported_possible += 1
        self.lives[camera] = self.life


class SitesReader(ClosedByWith):
    """Reads results; created by RaySites.reader(). Only one thread may use it at a time."""

    def __init__(self, ray: Any, sites: Mapping[str, Remote], output: str, name: str) -> None:
        """Created by RaySites.reader()."""
        self._ray, self._sites, self._key = ray, sites, (output, name, uuid.uuid4().hex)
        self._readings: dict[str, _Reading] = {}
        self._results: deque[tuple[_Reading, Any]] = deque()
        self._closed = False

    def get(self, timeout: float | None = None) -> SiteSample:
        """Waits for the next result. While waiting, restarts sites that have ended or do not answer.

        Args:
            timeout: Seconds, or None for no limit.

        Raises:
            EndOfStreamError: This reader was closed.
            GraphError: No camera of a site has an output of this name.
            ReadTimeoutError: Nothing arrived in time. The reader stays usable.
            StateError: Another program has taken over the reader, or a site rejects its specification.
        """
        limit = check.timeout(timeout)
        deadline = time.monotonic() + limit
        while not self._results:
            if self._closed:
                raise EndOfStreamError(f"the reader of {self._key[0]!r} was closed")
            self._turn(min(_TURN, max(0.0, deadline - time.monotonic())))
            if not self._results and time.monotonic() >= deadline:
                raise ReadTimeoutError(f"no result of {self._key[0]!r} within {limit:g} s")
        reading, (camera, epoch, seq, part, pts, utc, missing, ordinal, data) = self._results.popleft()
        reading.buffered -= 1
        value = native.fleet_value(memoryview(data), camera)
        return SiteSample(camera, epoch, seq, pts, utc, value, missing, ordinal, part, reading.site.name)

    def __iter__(self) -> Iterator[SiteSample]:
        """Iterates over all results, until the reader is closed."""
        with contextlib.suppress(EndOfStreamError):
            while True:
                yield self.get()

    def poll(self) -> SiteSample | None:
        """Returns the next result, or None if there is none yet."""
        with contextlib.suppress(ReadTimeoutError):
            return self.get(0)
        return None

    def counts(self) -> dict[str, SiteCounts]:
        """Returns the counts of each site."""
        return {name: reading.counts() for name, reading in self._readings.items()}

    def close(self) -> None:
        """Closes the reader. The sites keep results for the next reader of this name. Idempotent."""
        self._closed = True

    def _turn(self, wait: float) -> None:
        calls: dict[Any, _Reading] = {}
        for site in list(self._sites.values()):
            reading = self._readings.setdefault(site.name, _Reading(site))
            if reading.call is None:
                number = reading.unconfirmed[0] if reading.unconfirmed is not None else -1
                what, last = ("take", reading.is_new) if number < 0 else ("confirm", number)
                reading.call, reading.since = site.ask(what, *self._key, last), time.monotonic()
            if reading.call is not None:
                calls[reading.call] = reading
        if not calls:
            time.sleep(min(wait, 0.05))
            return
        waits = self._ray.wait
        waits(list(calls), num_returns=1, timeout=wait)
        done, _ = waits(list(calls), num_returns=len(calls), timeout=0)
        for call, reading in calls.items():
            try:
                found = reading.site.result(call, reading.since, done)
            except ConnectionError:
                self._give(reading, reading.end_life())
                continue
            if found is None:
                continue
            reading.call = None
            if reading.unconfirmed is not None:
                rows, reading.unconfirmed = reading.unconfirmed[1], None
                self._give(reading, rows)
            else:
                self._give(reading, reading.take(*found))

    def _give(self, reading: _Reading, rows: list[Any]) -> None:
        self._results.extend((reading, row) for row in rows)
