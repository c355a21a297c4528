"""RaySites: a local fleet at each site of a Ray cluster."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from freshframe import FreshframeError, MissingPackageError, OptionError, StateError
from freshframe._agent import ClosedByWith, check

from .. import _specs
from .._control.builds.builds import pickle_build
from .._specs import SiteSpec
from .._url import masked
from .reader import SitesReader
from .remote import NAMESPACE, Remote

if TYPE_CHECKING:
    from .._fleet import Build

_PATIENCE = 5.0  # seconds to wait for the answers in stats()


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
        self._remotes: dict[str, Remote] = {}
        self._pings: dict[str, tuple[Any, float]] = {}
        self._readers: list[SitesReader] = []
        self._closed = False
        address, specs = _checked_address(address), _specs.site_specs(sites, pickle_build(build))
        self._ray = _loaded_ray()
        self._connected = not self._ray.is_initialized()
        if self._connected:
            environment = None if runtime_env is None else dict(runtime_env)
            options = {"namespace": NAMESPACE, "log_to_driver": False, "runtime_env": environment}
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
        if self._closed:  # otherwise Ray would connect by itself, to any cluster that it finds
            raise StateError("these RaySites were closed: make others, which attach to the sites that run")

    def _apply(self, specs: dict[str, SiteSpec]) -> None:
        self._check_open()
        for gone in self._remotes.keys() - specs.keys():
            del self._remotes[gone]
        for name, spec in specs.items():
            if name in self._remotes:
                self._remotes[name].change(spec)
            else:
                self._remotes[name] = Remote(self._ray, name, self._prefix + name, spec, self._limits)
        for actor in self._ray.util.list_named_actors(all_namespaces=True):
            found = actor["name"].removeprefix(self._prefix)
            is_ours = actor["namespace"] == NAMESPACE and actor["name"].startswith(self._prefix)
            if is_ours and found not in specs:
                Remote(self._ray, found, actor["name"], SiteSpec(), self._limits).kill()

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
        for site in self._remotes.values():
            call, _ = self._pings.get(site.name, (None, 0.0))
            if call is None and (call := site.ask("stats")) is not None:
                self._pings[site.name] = call, time.monotonic()
        calls = [call for name, (call, _) in self._pings.items() if name in self._remotes]
        done = self._ray.wait(calls, num_returns=len(calls), timeout=_PATIENCE)[0] if calls else []
        found: dict[str, dict[str, Any]] = {}
        for site in self._remotes.values():
            fleet = None
            if site.name in self._pings:
                with contextlib.suppress(ConnectionError):
                    fleet = site.result(*self._pings[site.name], done)
                if fleet is not None or site.is_down:
                    del self._pings[site.name]
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
