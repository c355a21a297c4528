"""RaySites: a local fleet at each site of a Ray cluster, and one program that reads them all."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import socket
import time
import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NamedTuple

from freshframe import (
    EndOfStreamError,
    FreshframeError,
    MissingPackageError,
    OptionError,
    ReadTimeoutError,
    StateError,
)
from freshframe._agent import ClosedByWith, check, native

from .. import _specs
from .._control.builds.builds import pickle_build
from .._read.counters import Totals
from .._read.reader import FleetSample
from .._specs import SiteSpec
from .._url import cut, masked
from .actor import Site, SiteCounts, retry_wait

if TYPE_CHECKING:
    from .._fleet import Build

_PATIENCE = 5.0  # seconds for answers to stats()
_TURN = 0.5  # seconds between two looks at the sites
_NAMESPACE = "freshframe"
_VARIABLES = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # else Ray hides the GPUs from a site
_ACTOR = {"lifetime": "detached", "get_if_exists": True, "max_restarts": -1, "max_concurrency": 32}


class _Call(NamedTuple):
    ref: Any
    deadline: float
    limit: float
    actor: Any


class _Remote:
    """A site as its program sees it. Each caller has one open call at a time."""

    def __init__(self, ray: Any, name: str, actor: str, spec: SiteSpec, limits: tuple[float, float]) -> None:
        self.name, self.reason = name, "starts"
        self._ray, self._actor_name, self._spec, self._limits = ray, actor, spec, limits
        self._actor: Any = None
        self._change: Any = None
        self._calls: dict[Any, _Call] = {}  # the open call of each caller
        self._failures, self._retry_at = 0, 0.0  # failures in a row

    def ask(self, caller: Any, method: str, *arguments: Any) -> list[Any]:
        """Calls the actor, unless the caller's previous call is open. Returns the open call.

        The list is empty while the site has to wait for its next start.
        """
        if caller not in self._calls:
            if self._actor is None:
                if time.monotonic() < self._retry_at:
                    return []
                self._start()
            limit = self._limits[self.reason != ""]
            ref = getattr(self._actor, method).remote(*arguments)
            self._calls[caller] = _Call(ref, time.monotonic() + limit, limit, self._actor)
        return [self._calls[caller].ref]

    def _start(self) -> None:
        made = self._ray.remote(Site).options(
            name=self._actor_name,
            namespace=_NAMESPACE,
            num_cpus=1,
            label_selector=self._spec.labels,
            runtime_env={"env_vars": _VARIABLES},
            **_ACTOR,
        )
        self._actor = made.remote(self._actor_name, self._spec)
        self.change(self._spec)

    def change(self, spec: SiteSpec) -> None:
        """Gives the site another list of cameras."""
        self._spec = spec
        if self._actor is not None:
            self._change = self._actor.change.remote(spec)

    def answer(self, caller: Any, done: list[Any]) -> Any:
        """Returns what the caller's open call has returned, or None. Raises what the call has raised.

        Raises:
            ConnectionError: The site has ended, or has not answered in time and was killed. It starts again.
        """
        call = self._calls.get(caller)
        if call is None or (call.ref not in done and time.monotonic() < call.deadline):
            return None
        del self._calls[caller]
        error, restarts = f"no answer within {call.limit:g} s: killed", False
        try:
            if call.ref in done:
                found = self._ray.get(call.ref)
                self._failures, self.reason = 0, ""
                if self._change is not None and self._ray.wait([self._change], timeout=0)[0]:
                    change, self._change = self._change, None
                    self._ray.get(change)
                return found
        except self._ray.exceptions.RayTaskError:
            raise
        except self._ray.exceptions.RayError as ended:
            error = cut(masked(str(ended).strip().splitlines()[-1]))  # of a traceback: the error
            restarts = isinstance(ended, self._ray.exceptions.ActorUnavailableError)
        if call.actor is self._actor:  # else another caller has noticed this end
            if call.ref not in done:
                self.kill(restart=True)
            # While Ray restarts the actor, each call fails after a second or two.
            self._failures += self.reason != "" and not restarts
            wait = retry_wait(self._failures) if self._failures else 0.1
            self._actor, self._retry_at, self.reason = None, time.monotonic() + wait, error
        raise ConnectionError

    def forget(self, caller: Any) -> None:
        """Drops the caller's open call, whose answer Ray would keep in memory."""
        self._calls.pop(caller, None)

    def kill(self, *, restart: bool = False) -> None:
        """Kills the site's process. Ray does not see by itself that one hangs."""
        with contextlib.suppress(ValueError):  # there is none
            self._ray.kill(self._ray.get_actor(self._actor_name, _NAMESPACE), no_restart=not restart)


@dataclass(frozen=True, slots=True)
class SiteSample(FleetSample):
    """A result of a camera at a site.

    Attributes:
        site: Name of the site. ``epoch`` and ``utc`` are by the clock of its machine.
    """

    site: str = ""


class _Reading:
    """One reader at one site, and what is counted."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.number, self.rows = 0, list[Any]()  # a batch that the site has not heard to be confirmed
        self.life = 0  # of the newest answer; 0 before the first one, which takes the reader over
        self.lives: dict[str, int] = {}  # by camera: the life of its newest result
        self.past, self.now, self.buffered = SiteCounts(), Totals(), 0  # earlier lives, this one

    def sum(self) -> SiteCounts:
        """Returns the counts, in which buffered results are delivered."""
        return SiteCounts(
            *(getattr(self.past, each.name) + getattr(self.now, each.name, 0) for each in fields(SiteCounts))
        )

    def take(self, answer: Any) -> list[Any]:
        """Takes an answer of the site. Returns the results that can be given to the program."""
        if self.rows:  # they are confirmed, or the site has ended and can give them to nobody else
            rows, self.rows = self.rows, []
            return rows
        life, self.number, now, self.rows = answer
        if self.life not in (0, life):
            self.past = self.sum()
            self.past.lost_with_site += self.past.waiting
            self.past.waiting = 0
            self.past.deaths += 1
        self.life, self.now = life, now
        self.buffered += len(self.rows)
        for camera in {row[0] for row in self.rows}:
            if self.lives.get(camera, life) != life:
                self.past.gaps += 1
                self.past.unreported_possible += 1
            self.lives[camera] = life
        return []


class SitesReader(ClosedByWith):
    """Made by RaySites.reader(). One thread at a time."""

    def __init__(self, ray: Any, sites: Mapping[str, _Remote], output: str, name: str) -> None:
        """Programs get one from RaySites.reader()."""
        self._ray, self._sites, self._key = ray, sites, (output, name, uuid.uuid4().hex)
        self._readings: dict[str, _Reading] = {}
        self._results: deque[tuple[_Reading, Any]] = deque()
        self._closed = False

    def get(self, timeout: float | None = None) -> SiteSample:
        """Waits for the next result, and meanwhile restarts sites that have ended or do not answer.

        Args:
            timeout: Seconds, or None for no limit.

        Raises:
            EndOfStreamError: This reader was closed.
            GraphError: No camera of a site has an output of this name.
            ReadTimeoutError: Nothing arrived in time. The reader stays usable.
            StateError: Another program has taken over the reader, or a site refuses its specification.
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
        return SiteSample(camera, epoch, seq, pts, utc, value, missing, ordinal, part, reading.site)

    def __iter__(self) -> Iterator[SiteSample]:
        """All results, until the reader is closed."""
        with contextlib.suppress(EndOfStreamError):
            while True:
                yield self.get()

    def poll(self) -> SiteSample | None:
        """Returns the next result if one is here, or None."""
        with contextlib.suppress(ReadTimeoutError):
            return self.get(0)
        return None

    def counts(self) -> dict[str, SiteCounts]:
        """Returns the counts of each site."""
        found = {name: reading.sum() for name, reading in self._readings.items()}
        for name, counts in found.items():
            counts.delivered -= self._readings[name].buffered
            counts.waiting += self._readings[name].buffered
        return found

    def close(self) -> None:
        """Ends the reading. Results wait at the sites for the next reader of this name. Idempotent."""
        self._closed = True
        for site in list(self._sites.values()):
            site.forget(self)

    def _turn(self, wait: float) -> None:
        sites, calls = list(self._sites.values()), list[Any]()
        for site in sites:
            reading = self._readings.setdefault(site.name, _Reading(site.name))
            what, last = ("confirm", reading.number) if reading.rows else ("take", reading.life == 0)
            calls += site.ask(self, what, *self._key, last)
        if not calls:
            time.sleep(min(wait, 0.05))
            return
        self._ray.wait(calls, num_returns=1, timeout=wait)
        done, _ = self._ray.wait(calls, num_returns=len(calls), timeout=0)
        for site in sites:
            reading = self._readings[site.name]
            with contextlib.suppress(ConnectionError):  # it is asked again
                if (answer := site.answer(self, done)) is not None:
                    self._results.extend((reading, row) for row in reading.take(answer))


def _loaded_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray is imported
    try:
        import ray.util  # noqa: PLC0415  (local fleets do not need it)
    except ImportError as error:
        raise MissingPackageError(
            f"RaySites needs Ray ({error}): pip install 'freshframe-fleet[ray]'", name="ray"
        ) from error
    return ray


def _checked_address(address: Any) -> str:
    host, _, port = check.text("address", address).rpartition(":")
    if address == "auto" or (host and "/" not in host and port.isdecimal() and 0 < int(port) < 1 << 16):
        return str(address)
    raise OptionError(
        f'the address of a Ray cluster must be "auto" (RAY_ADDRESS) or "HOST:PORT", got {check.show(address)}'
    )


def _connect(ray: Any, address: str, options: dict[str, Any]) -> None:
    try:
        if address != "auto":  # Ray would retry for minutes
            host, _, port = address.rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), _PATIENCE).close()
        ray.init(address, **options)
    except Exception as error:
        raise FreshframeError(
            f"cannot connect to the Ray cluster {address!r}: {masked(' '.join(str(error).split()))}. Start "
            "one with `ray start --head`. If it checks a token, this program needs ~/.ray/auth_token and "
            "RAY_AUTH_MODE=token, too"
        ) from error


class RaySites(ClosedByWith):
    """Runs a local fleet at each site of a Ray cluster. A site is a label and a list of cameras.

    A site's fleet is in an actor that Ray places by its label, restarts, and keeps when the program ends. The
    next program attaches to the running sites and sends them its list; sites that are not on it are shut
    down.

    Args:
        sites: A mapping of names to a mapping with ``cameras`` (as for Fleet.add_many(), without needs) and
            optionally ``agents`` (1), ``exclusive`` (False) and ``labels`` of the machine, by default
            ``{"site": name}``. Or the path of a TOML file with such a table for each site.
        build: As for Fleet.add(). The agents import or unpickle it.
        address: The Ray cluster: "auto" or "HOST:PORT". Omit it if the program has called ray.init().
        runtime_env: Ray's runtime environment for the sites: ``{"working_dir": "."}``.
        name: Sites of another name are not affected.
        answer_timeout: Seconds after which a site that does not answer is killed and restarted.
        start_timeout: Seconds for the first answer of a site after its start.

    Raises:
        MissingPackageError: Ray is not installed.
        FreshframeError: The cluster cannot be reached.
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
        OSError: A file cannot be read.
        StateError: The program is already connected to Ray, and an address or a runtime_env is given.
    """

    def __init__(
        self,
        sites: Mapping[str, Mapping[str, Any]] | str | os.PathLike[str],
        build: Build,
        *,
        address: str = "auto",
        runtime_env: Mapping[str, Any] | None = None,
        name: str = "sites",
        answer_timeout: float = 20.0,
        start_timeout: float = 120.0,
    ) -> None:
        """Connects to the cluster and the running sites, and starts the others, without waiting."""
        limits = (
            check.positive_seconds("answer_timeout", answer_timeout),
            check.positive_seconds("start_timeout", start_timeout),
        )
        self._prefix = f"{_specs.checked_name('name', name)}/"
        self._limits = limits
        self._remotes: dict[str, _Remote] = {}
        self._readers: list[SitesReader] = []
        self._closed = False
        address, specs = _checked_address(address), _specs.site_specs(sites, pickle_build(build))
        self._ray = _loaded_ray()
        self._connected = not self._ray.is_initialized()
        if self._connected:
            environment = None if runtime_env is None else dict(runtime_env)
            options = {"namespace": _NAMESPACE, "log_to_driver": False, "runtime_env": environment}
            _connect(self._ray, address, options)
        elif address != "auto" or runtime_env is not None:
            raise StateError(
                "the program is connected to Ray already: leave out address= and runtime_env=, and give "
                "them to its ray.init()"
            )
        self._apply(specs)

    def change(self, sites: Mapping[str, Mapping[str, Any]] | str | os.PathLike[str], build: Build) -> None:
        """Sends the sites new lists of cameras. Unchanged cameras keep running, unlisted sites shut down."""
        self._apply(_specs.site_specs(sites, pickle_build(build)))

    def _check_open(self) -> None:
        if self._closed:  # Ray would connect by itself, to any cluster that it finds
            raise StateError("these RaySites are closed: create new ones, which attach to the running sites")

    def _apply(self, specs: dict[str, SiteSpec]) -> None:
        self._check_open()
        for gone in self._remotes.keys() - specs.keys():
            del self._remotes[gone]
        for name, spec in specs.items():
            if name in self._remotes:
                self._remotes[name].change(spec)
            else:
                self._remotes[name] = _Remote(self._ray, name, self._prefix + name, spec, self._limits)
        for actor in self._ray.util.list_named_actors(all_namespaces=True):
            found = actor["name"].removeprefix(self._prefix)
            is_ours = actor["namespace"] == _NAMESPACE and actor["name"].startswith(self._prefix)
            if is_ours and found not in specs:
                _Remote(self._ray, found, actor["name"], SiteSpec(), self._limits).kill()

    def reader(self, output: str, *, name: str = "reader") -> SitesReader:
        """Reads an output of all sites, after the last result that a reader of this name confirmed.

        If two programs have readers of the same name, the second one takes over.
        """
        self._check_open()
        output, name = check.text("output", output), check.text("name", name)
        self._readers.append(SitesReader(self._ray, self._remotes, output, name))
        return self._readers[-1]

    def stats(self) -> dict[str, dict[str, Any]]:
        """Returns a dict for each site: its ``fleet`` (FleetStats.to_dict()) or None, and a ``reason``.

        Waits at most 5 s. Restarts failed sites, like a reader's get().
        """
        self._check_open()
        calls = [call for site in self._remotes.values() for call in site.ask(self, "stats")]
        done = self._ray.wait(calls, num_returns=len(calls), timeout=_PATIENCE)[0] if calls else []
        found: dict[str, dict[str, Any]] = {}
        for site in self._remotes.values():
            fleet = None
            with contextlib.suppress(ConnectionError):
                fleet = site.answer(self, done)
            found[site.name] = {"reason": site.reason, "fleet": fleet}
        return found

    def shutdown(self) -> None:
        """Shuts down all sites and their cameras."""
        self._apply({})
        self.close()

    def close(self) -> None:
        """Closes the readers, and the connection to Ray if it was made here.

        The sites keep running. Idempotent.
        """
        self._closed = True
        for reader in self._readers:
            reader.close()
        if self._connected:
            self._connected = False
            self._ray.shutdown()
