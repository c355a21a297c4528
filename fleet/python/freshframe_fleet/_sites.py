"""RaySites: a local fleet at each site of a Ray cluster, and one program that reads them all."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import pickle
import socket
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from freshframe import (
    EndOfStreamError,
    FreshframeError,
    MissingPackageError,
    OptionTypeError,
    ReadTimeoutError,
    StateError,
)
from freshframe._agent import ClosedByWith, check, native

from . import _specs
from ._control.builds.builds import pickle_build
from ._fleet import Fleet
from ._read.counters import Totals
from ._read.reader import FleetReader, FleetSample
from ._specs import CameraSpec, SiteSpec
from ._url import cut, masked

if TYPE_CHECKING:
    from ._fleet import Build

# Maximum number of results per call, seconds to wait for the first one, and seconds to wait for others.
_BATCH = (1000, 1.0, 0.02)
_LONGEST_RETRY = 30.0  # seconds
_START = 120.0  # time limit in seconds for a site's first answer after its start
_PATIENCE = 5.0  # time limit in seconds for answers to stats()
_TURN = 0.5  # maximum time between a reader's checks of the sites, in seconds
# Maximum number of bytes of an argument, and of a site's pickled specification. Ray keeps arguments of up to
# 100 KB each and 10 MiB in total with the actor. It loses others when the program ends, and then cannot
# restart the site.
_PART = 64 << 10
_LARGEST = 9 << 20
_NAMESPACE = "freshframe"
# Ray executes change() in order, because it has the single thread of an actor without max_concurrency. The
# other methods have these threads.
_THREADS = {"answers": 32}
_ACTOR = {
    "namespace": _NAMESPACE,
    "lifetime": "detached",
    "get_if_exists": True,
    "num_cpus": 1,
    "max_restarts": -1,
    "max_task_retries": -1,  # otherwise each call to a restarting actor fails, after 2 s
    # Otherwise Ray hides the GPUs from a site.
    "runtime_env": {"env_vars": {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}},
}


# ---- at the site


class _Source:
    """A reader of a site's fleet. Keeps each batch until the program has confirmed it."""

    def __init__(self, reader: FleetReader, number: int) -> None:
        self.lock = threading.Lock()  # held while waiting for results; guards the rest
        self.reader, self.holder, self.number, self.batch = reader, "", number, list[Any]()


class Site:
    """The actor of a site. Ray restarts it, with the specification of its first start."""

    def __init__(self, *parts: bytes) -> None:
        """Starts the fleet. `parts`: the pickled specification."""
        spec: SiteSpec = pickle.loads(b"".join(parts))
        self._life = time.time_ns()
        self._spec = SiteSpec(agents=spec.agents, exclusive=spec.exclusive)
        self._lock = threading.Lock()  # guards the sources
        self._sources: dict[tuple[str, str], _Source] = {}
        self._fleet = Fleet(agents=spec.agents)
        self.change(spec)

    def change(self, spec: SiteSpec) -> None:
        """Adds, updates and removes cameras so that the site has those of `spec`. The others keep running."""
        now, controller = self._spec, self._fleet._controller
        fixed = (now.version, now.agents, now.exclusive)
        if (spec.version, spec.agents, spec.exclusive) != fixed:
            raise StateError(
                "the site runs freshframe {} with agents={} and exclusive={}, which cannot change while "
                "it runs: call RaySites.shutdown(), and start the sites again".format(*fixed)
            )
        kept = now.cameras.keys() & spec.cameras.keys()
        # Without a kept camera, Builds.release() drops the build. It keeps builds that no camera has used.
        if spec.cameras and (not kept or spec.build != now.build):
            self._number = controller.add_build(*spec.build)
        for name in now.cameras.keys() - kept:
            controller.remove(name)
        for name in kept:
            if (now.cameras[name], now.build) != (spec.cameras[name], spec.build):
                controller.update(name, self._number, spec.cameras[name])
        if new := spec.cameras.keys() - kept:
            while new & controller.stats().cameras.keys():
                time.sleep(_BATCH[2])  # one of these names was removed and is still closing
            added: list[CameraSpec] = [(name, spec.cameras[name], {}) for name in sorted(new)]
            controller.add(added, self._number, spec.exclusive)
        self._spec = spec

    def take(self, output: str, name: str, holder: str, received: int) -> tuple[int, int, Totals, list[Any]]:
        """Returns the start time of this actor in ns, a batch's number, the reader's counts, and the results.

        `received`: number of the latest batch that the holder received, or 0 to take the reader over from
        another program. A call that confirms a batch returns immediately, without results. An unconfirmed
        batch is returned again.
        """
        with self._lock:
            if (output, name) not in self._sources:
                # Numbers begin at the start time, so that a restarted site does not reuse them.
                self._sources[output, name] = _Source(self._fleet.reader(output, name=name), self._life)
            source = self._sources[output, name]
        with source.lock:
            if received == 0 or not source.holder:
                source.holder = holder
            if source.holder != holder:
                raise StateError(
                    f"another program now reads {output!r} as {name!r}: give each reader its own name"
                )
            if source.batch and source.number == received:
                source.batch = []
            elif not source.batch:
                source.batch = source.reader.take_packed(*_BATCH)
                source.number += 1
            return self._life, source.number, source.reader._results.totals(), source.batch

    def stats(self) -> dict[str, Any]:
        """Returns the statistics of the fleet."""
        return self._fleet.stats().to_dict()


# ---- in the program


class _Remote:
    """The program's handle of a site. A reader, like stats(), has at most one open call per site."""

    def __init__(self, ray: Any, name: str, spec: SiteSpec, limit: float) -> None:
        """Does not start the site. `limit`: seconds for an answer."""
        self.reason = "starts"
        self._ray, self._name, self._limit = ray, name, limit
        self._spec = spec
        self._lock = threading.Lock()  # guards the latest list: each reader may have its own thread
        self._actor: Any = None
        self._change: Any = None  # the open call of change()
        self._wait = 0.0  # seconds from the latest failure to the next start
        self._retry_at = 0.0

    def change(self, spec: SiteSpec | None = None) -> Any:
        """Starts the site or attaches to it, and sends it `spec` or the latest list. Returns its actor."""
        with self._lock:
            actor, self._spec = self._actor, spec or self._spec
            if actor is None:
                options = {"name": self._name, "label_selector": self._spec.labels, **_ACTOR}
                site = self._ray.remote(concurrency_groups=_THREADS)(Site)
                pickled = pickle.dumps(self._spec)
                parts = [pickled[at : at + _PART] for at in range(0, len(pickled), _PART)]
                actor = self._actor = site.options(**options).remote(*parts)
            # No retries: one could undo a later change.
            self._change = actor.change.options(max_task_retries=0).remote(self._spec)
            return actor

    def ask(self, calls: _Calls, method: str, *arguments: Any) -> list[Any]:
        """Calls the actor, unless the caller's previous call is still pending.

        Returns a list with the pending call. It is empty while waiting to retry the start of the site.
        """
        if self not in calls:
            actor = self._actor
            if actor is None:
                if time.monotonic() < self._retry_at:
                    return []
                actor = self.change()
            starts = self.reason != ""
            # Ray keeps the first call until the site has started. Later ones fail when the site ends.
            options = {"concurrency_group": "answers", "max_task_retries": -1 if starts else 0}
            call = getattr(actor, method).options(**options).remote(*arguments)
            calls[self] = call, actor, time.monotonic() + (_START if starts else self._limit)
        return [calls[self][0]]

    def answer(self, calls: _Calls) -> Any:
        """Returns the result of the caller's pending call. Raises an error of the method.

        Returns None if the call is not done, or has failed because the site has ended. A site that did not
        answer in time is killed. Then ask() restarts it.
        """
        if self not in calls:
            return None
        call, actor, deadline = calls[self]
        hangs = not self._is_done(call)
        if hangs and time.monotonic() < deadline:
            return None
        del calls[self]
        error = "no answer in time: killed"
        try:
            if not hangs:
                found, self.reason = self._ray.get(call), ""
                if (change := self._change) is not None and self._is_done(change):
                    self._change = None
                    self._ray.get(change)
                return found
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as ended:
            error = cut(masked(str(ended).strip().splitlines()[-1]))  # a traceback ends with the error
        if actor is self._actor:  # otherwise another caller has handled this end
            if hangs:  # Ray does not detect hung processes
                self._ray.kill(actor, no_restart=False)
            # A site that had answered is restarted immediately.
            self._wait = min(_LONGEST_RETRY, 2 * self._wait or 1.0) if self.reason else 0.0
            self._actor, self._retry_at, self.reason = None, time.monotonic() + self._wait, error
        return None

    def _is_done(self, call: Any) -> bool:
        return bool(self._ray.wait([call], timeout=0)[0])


_Calls = WeakKeyDictionary[_Remote, tuple[Any, Any, float]]  # call, actor, deadline


@dataclass(frozen=True, slots=True)
class SiteSample(FleetSample):
    """A result of a camera at a site.

    Attributes:
        site: Name of the site. Its machine's clock determines ``epoch`` and ``utc``.
    """

    site: str = ""


@dataclass(slots=True)
class SiteCounts(Totals):
    """Counts of a reader for one site, as of the site's latest answer.

    ``reported == delivered + outbox_full + expired + fenced + lost_with_agent + lost_with_site + waiting``.

    Attributes:
        reported: As in FleetReaderStats, as are the next five and ``waiting``.
        unreported_possible: As in FleetReaderStats, and one for each camera in ``gaps``.
        lost_with_site: Results that were queued at the site when its process ended.
        deaths: Number of times that the site's process ended, counted when the site answers again.
        gaps: Incremented for each camera that had results both before and after such an end.
    """

    lost_with_site: int = 0
    deaths: int = 0
    gaps: int = 0


class _Reading:
    """The state and the counts of a reader for one site."""

    def __init__(self) -> None:
        self.number, self.rows = 0, list[Any]()  # the latest batch, and its results until they are confirmed
        self.life = 0  # start time of the actor that answered last
        self.lives: dict[str, int] = {}  # by camera: `life` of its newest result
        self.past, self.now = Counter[str](), Counter[str]()  # counts of earlier actors, and of this one
        self.buffered = 0  # results that the program has not received yet

    def counts(self) -> SiteCounts:
        found = self.past + self.now
        found.update(delivered=-self.buffered, waiting=self.buffered)
        return SiteCounts(**found)

    def take(self, answer: Any) -> list[Any]:
        """Handles an answer of the site. Returns the results that can be delivered to the program."""
        confirmed = self.rows  # by this answer, or the site was restarted and cannot return them again
        life, self.number, now, self.rows = answer
        if self.life not in (0, life):
            self.past.update(self.now)
            self.past.update(lost_with_site=self.past.pop("waiting"), deaths=1)
        self.life, self.now = life, Counter(asdict(now))
        self.buffered += len(self.rows)
        for camera in {row[0] for row in self.rows}:
            if self.lives.get(camera, life) != life:
                self.past.update(gaps=1, unreported_possible=1)
            self.lives[camera] = life
        return confirmed


class SitesReader(ClosedByWith):
    """Reads results of all sites; created by RaySites.reader(). Use it on one thread at a time."""

    def __init__(self, ray: Any, sites: Mapping[str, _Remote], output: str, name: str) -> None:
        """Created by RaySites.reader()."""
        self._ray, self._sites, self._key = ray, sites, (output, name, uuid.uuid4().hex)
        self._readings: dict[str, _Reading] = {}
        self._calls = _Calls()
        self._results: deque[tuple[str, Any]] = deque()
        self._closed = False

    def get(self, timeout: float | None = None) -> SiteSample:
        """Waits for the next result, and restarts sites that have ended or do not answer.

        Args:
            timeout: Seconds, or None for no limit.

        Raises:
            EndOfStreamError: This reader was closed, or the sites were shut down.
            GraphError: No camera of a site has an output of this name.
            ReadTimeoutError: Nothing arrived in time. The reader stays usable.
            StateError: Another program has taken over the reader, or a site rejected its list of cameras.
        """
        limit = check.timeout(timeout)
        deadline = time.monotonic() + limit
        while not self._results:
            if self._closed or not self._sites:
                who = f"the reader of {self._key[0]!r} was closed"
                raise EndOfStreamError(who if self._closed else "the sites were shut down")
            self._turn(min(_TURN, max(0.0, deadline - time.monotonic())))
            if not self._results and time.monotonic() >= deadline:
                raise ReadTimeoutError(f"no result of output {self._key[0]!r} arrived within {limit:g} s")
        site, (camera, epoch, seq, part, pts, utc, missing, ordinal, data) = self._results.popleft()
        self._readings[site].buffered -= 1
        value = native.fleet_value(memoryview(data), camera)
        return SiteSample(camera, epoch, seq, pts, utc, value, missing, ordinal, part, site)

    def __iter__(self) -> Iterator[SiteSample]:
        """Iterates over all results until the reader is closed."""
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
        """Closes the reader. The sites queue results for the next reader of this name. Idempotent."""
        self._closed = True
        self._calls.clear()  # Ray keeps their answers in memory

    def _turn(self, wait: float) -> None:
        sites, calls = list(self._sites.items()), list[Any]()
        for name, site in sites:
            reading = self._readings.setdefault(name, _Reading())
            calls += site.ask(self._calls, "take", *self._key, reading.number)
        if calls:
            self._ray.wait(calls, timeout=wait)  # waits until one of them is done
        else:
            time.sleep(min(wait, 0.05))
        for name, site in sites:
            if (answer := site.answer(self._calls)) is not None:
                self._results.extend((name, row) for row in self._readings[name].take(answer))


def _checked_specs(sites: Any, build: Build) -> dict[str, SiteSpec]:
    specs = _specs.site_specs(sites, pickle_build(build))
    for name, spec in specs.items():
        size = len(pickle.dumps(spec))
        if size > _LARGEST:
            raise OptionTypeError(
                f"build and the cameras of site {name!r} are {size / 2**20:.1f} MiB when pickled, but must "
                f"be at most {_LARGEST >> 20} MiB. Load large objects inside build"
            )
    return specs


def _check_address(address: str) -> None:
    """Raises an OSError if nothing listens at "HOST:PORT": Ray would retry for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()


def _connected_ray() -> Any:
    try:
        import ray.util  # noqa: PLC0415  (local fleets do not need it)
    except ImportError as error:
        raise MissingPackageError(
            f"RaySites needs Ray ({error}): pip install 'freshframe-fleet[ray]'", name="ray"
        ) from error
    if not ray.is_initialized():
        try:
            _check_address(os.environ.get("RAY_ADDRESS", ""))
            ray.init("auto", log_to_driver=False)
        except Exception as error:
            raise FreshframeError(
                f"cannot connect to the Ray cluster: {masked(' '.join(str(error).split()))}. Start one with "
                "`ray start --head`. If the cluster requires a token, save it in ~/.ray/auth_token and set "
                "RAY_AUTH_MODE=token for this program"
            ) from error
    return ray


class RaySites:
    """Runs a local fleet at each site of a Ray cluster. A site is a label and a list of cameras.

    A site's fleet is in an actor that Ray places by its label, restarts, and keeps when the program ends. The
    next program attaches to the running sites and sends them its list; sites that are not on it are shut
    down. A program that has not called ray.init() is connected to the cluster of this machine or of the
    environment variable RAY_ADDRESS.

    Args:
        sites: A mapping of names to a mapping with ``cameras`` (as for Fleet.add_many(), without needs) and
            optionally ``agents`` (1), ``exclusive`` (False) and ``labels`` of the machine, by default
            ``{"site": name}``. Or the path of a TOML file with such a table for each site.
        build: As for Fleet.add(), and at most 9 MiB when pickled, with the cameras of one site. The agents
            import or unpickle it.
        name: Name of this group of sites in the cluster. Groups of other names are not affected.
        answer_timeout: Seconds after which a site that does not answer is killed and restarted. A site has
            120 s for its first answer after a start.

    Raises:
        MissingPackageError: Ray is not installed.
        FreshframeError: The cluster cannot be reached.
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
        OSError: A file cannot be read.
    """

    def __init__(
        self,
        sites: Mapping[str, Mapping[str, Any]] | str | PathLike[str],
        build: Build,
        *,
        name: str = "sites",
        answer_timeout: float = 20.0,
    ) -> None:
        """Connects to the cluster. The sites start with the first get() of a reader, or stats()."""
        self._limit = check.positive_seconds("answer_timeout", answer_timeout)
        self._prefix = f"{_specs.checked_name('name', name)}/"
        self._remotes: dict[str, _Remote] = {}
        self._calls = _Calls()  # of stats()
        specs = _checked_specs(sites, build)
        self._ray = _connected_ray()
        self._apply(specs)

    def change(self, sites: Mapping[str, Mapping[str, Any]] | str | PathLike[str], build: Build) -> None:
        """Sends the sites new lists of cameras. Unchanged cameras keep running, unlisted sites shut down."""
        self._apply(_checked_specs(sites, build))

    def _apply(self, specs: dict[str, SiteSpec]) -> None:
        for gone in self._remotes.keys() - specs.keys():
            del self._remotes[gone]
        for name, spec in specs.items():
            if name in self._remotes:
                self._remotes[name].change(spec)
            else:
                self._remotes[name] = _Remote(self._ray, self._prefix + name, spec, self._limit)
        for actor in self._ray.util.list_named_actors(all_namespaces=True):
            group, slash, name = actor["name"].partition("/")
            if actor["namespace"] == _NAMESPACE and group + slash == self._prefix and name not in specs:
                with contextlib.suppress(ValueError):  # it has ended since
                    self._ray.kill(self._ray.get_actor(actor["name"], _NAMESPACE))

    def reader(self, output: str, *, name: str = "reader") -> SitesReader:
        """Creates a reader for an output of all sites, which continues where one of this name has stopped.

        If two programs have readers of the same name, the second one takes over.
        """
        output, name = check.text("output", output), check.text("name", name)
        return SitesReader(self._ray, self._remotes, output, name)

    def stats(self) -> dict[str, dict[str, Any]]:
        """Returns a dict for each site: its ``fleet`` (FleetStats.to_dict()) or None, and a ``reason``.

        Waits at most 5 s. Restarts failed sites, like a reader's get().
        """
        sites = list(self._remotes.items())
        calls = [call for _, site in sites for call in site.ask(self._calls, "stats")]
        self._ray.wait(calls, num_returns=len(calls), timeout=_PATIENCE)
        return {name: {"fleet": site.answer(self._calls), "reason": site.reason} for name, site in sites}

    def shutdown(self) -> None:
        """Shuts down all sites and their cameras. This program's readers then raise EndOfStreamError.

        Stop other programs that read the sites first, because their readers restart a missing site.
        """
        self._apply({})
