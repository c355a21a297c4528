"""Agents on the machines of a Ray cluster, each behind a guard, which is an actor. Ray places guards only."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import importlib
import ipaddress
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import _check
from .._errors import FreshframeError, OptionError, OptionTypeError, StateError
from .._log import logger
from ._far_controller import FarController
from ._handshake import new_token

_LOOK_EVERY = 0.5  # seconds: for machines that come and go
_REACH = 5.0  # seconds for the cluster's port to answer
_MOST_FAILURES = 20  # looks in a row that fail before it is told
_VARIABLES = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}  # else Ray hides graphics cards from guards
_OWN = "ray.io/"  # labels that Ray makes
_SILENT = 5.0  # seconds that a guard which runs may need to connect

_connection_lock = threading.Lock()
_own_connection: list[RayPlace] = []  # that use the connection which the first of them made


def load_ray(where: str) -> Any:
    """The package.

    Raises:
        FreshframeError: It is not installed.
    """
    # Both are read when Ray is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if _is_loopback(_host_of(_resolved(where))):  # else Ray takes the machine's outer address for it
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise FreshframeError(
            f'a fleet on a cluster needs Ray ({error}): pip install "freshframe[ray]". '
            'Fleet("local") needs none'
        ) from error


def checked_address(where: str) -> str:
    """An address as Ray takes it.

    Raises:
        OptionError: It is none.
    """
    host, colon, port = where.rpartition(":")
    if where == "auto" or (where.startswith("ray://") and len(where) > len("ray://")):
        return where
    if colon and host and port.isdecimal() and 0 < int(port) < 1 << 16:
        return where
    raise OptionError(
        'a fleet runs "local" (processes of this program), or on the Ray cluster "auto" (RAY_ADDRESS), '
        f'"HOST:PORT" or "ray://HOST:PORT", got {where!r}'
    )


def checked_environment(runtime_env: Any) -> dict[str, Any] | None:
    """What Ray makes for the agents.

    Raises:
        OptionTypeError: It is no mapping with names.
    """
    if runtime_env is None:
        return None
    if not isinstance(runtime_env, Mapping) or not all(isinstance(name, str) for name in runtime_env):
        raise OptionTypeError(
            "runtime_env must be a mapping as Ray takes it, {'working_dir': '.'}, "
            f"got {_check.shown(runtime_env)}"
        )
    return dict(runtime_env)


@dataclass
class _Machine:
    """A node of the cluster."""

    agent: str
    actor: Any
    made: Any  # what its first call will return
    came_up: bool = False
    silent_since: float | None = None  # it runs, and has not connected yet


class RayPlace:
    """A fleet's hold of a cluster: its connection, its guards and a thread that watches the machines."""

    def __init__(
        self,
        where: str,
        make_controller: Callable[[str, bytes], FarController],
        *,
        host: str | None,
        runtime_env: dict[str, Any] | None,
    ) -> None:
        """Connects, and begins to put guards on machines.

        Args:
            where: The cluster.
            make_controller: Given the address to listen on and the token.
            host: The address of this machine that the others reach; None: Ray's.
            runtime_env: For the agents.

        Raises:
            FreshframeError: Ray is not there, or the cluster, or the address.
            StateError: The program is connected, and a runtime_env is given.
        """
        self._ray = load_ray(where)
        self._connect(where, runtime_env)
        try:
            self._token = new_token()
            self.controller = make_controller(host or self._own_address(where), self._token)
        except BaseException:
            self._disconnect()
            raise
        self._machines: dict[str, _Machine] = {}
        self._failures = 0
        self._closing = threading.Event()
        try:
            self._look()
        except BaseException:
            self.close()
            raise
        self._thread = threading.Thread(target=self._run, name="machines of a fleet", daemon=True)
        self._thread.start()

    def _connect(self, where: str, runtime_env: dict[str, Any] | None) -> None:
        ray = self._ray
        if ray.is_initialized():
            if runtime_env is not None:  # Ray takes folders from the whole job only
                raise StateError(
                    "the program is connected to Ray already: give runtime_env to its ray.init(), or let "
                    "the fleet connect"
                )
            with _connection_lock:  # of another fleet: the last one ends it
                if _own_connection:
                    _own_connection.append(self)
            return
        address = _resolved(where)
        refused = (
            f"cannot connect to the Ray cluster {address!r}: {{}}. `ray start --head` begins one, and "
            'Fleet("local") needs none'
        )
        options: dict[str, Any] = {}
        if address != "auto":
            host = _host_of(address)
            try:
                socket.create_connection((host, int(address.rpartition(":")[2])), _REACH).close()
            except (OSError, ValueError) as error:  # Ray would try for minutes, and end the process then
                raise FreshframeError(refused.format(error)) from error
            if _is_loopback(host) and not address.startswith("ray://"):
                options["_node_ip_address"] = host
        try:
            ray.init(
                address,
                namespace="freshframe",
                runtime_env=runtime_env,
                log_to_driver=False,
                logging_level=logging.ERROR,
                **options,
            )
        except Exception as error:
            with contextlib.suppress(Exception):
                ray.shutdown()
            raise FreshframeError(refused.format(" ".join(str(error).split()))) from error
        with _connection_lock:
            _own_connection[:] = [self]

    def _own_address(self, where: str) -> str:
        if where.startswith("ray://"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect(
                    (_host_of(where), int(where.rpartition(":")[2]))
                )  # sends nothing: the kernel chooses the address
                return str(probe.getsockname()[0])
        return str(self._ray.util.get_node_ip_address())

    def _disconnect(self) -> None:
        with _connection_lock:
            if self not in _own_connection:
                return
            _own_connection.remove(self)
            if _own_connection:
                return
        with contextlib.suppress(Exception):
            self._ray.shutdown()

    # ---- machines

    def _run(self) -> None:
        while not self._closing.wait(_LOOK_EVERY):
            try:
                self._look()
                self._failures = 0
            except Exception as error:
                self._failures += 1
                if self._failures == _MOST_FAILURES:
                    logger.warning("the Ray cluster does not answer, its agents run on: %s", error)
            self.controller.sweep()

    def _look(self) -> None:
        if not self._ray.is_initialized():  # Ray would connect by itself, to whatever cluster it finds
            raise FreshframeError("the program's connection to Ray is closed")
        nodes = {node["NodeID"]: node for node in self._ray.nodes()}
        for number, node in nodes.items():
            if node["Alive"] and number not in self._machines:
                self._machines[number] = self._station(number, node)
            elif not node["Alive"] and number in self._machines:
                self._leave(number)
        for number in [each for each in self._machines if each not in nodes]:
            self._leave(number)
        for number, machine in self._machines.items():
            if not machine.came_up:
                self._watch_start(number, machine)
            elif machine.silent_since is not None:
                self._watch_guard(number, machine)

    def _station(self, number: str, node: Mapping[str, Any]) -> _Machine:
        """A guard for a machine."""
        labels = {str(name): str(value) for name, value in (node.get("Labels") or {}).items()}
        labels = {name: value for name, value in labels.items() if not name.startswith(_OWN + "node-id")}
        agent = f"{_letters(str(node.get('NodeManagerHostname') or 'node'))}-{number[:6]}"
        self.controller.add_node(agent, number, labels)
        affinity = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(number, soft=False)
        from ._ray_guard import RayGuard  # noqa: PLC0415

        guard = self._ray.remote(RayGuard).options(
            name=f"freshframe-guard-{self._token_name()}-{number[:12]}",
            num_cpus=0,
            max_restarts=-1,
            scheduling_strategy=affinity,
            runtime_env={"env_vars": _VARIABLES},
        )
        actor = guard.remote(self.controller.guards.address, self._token, number)
        return _Machine(agent, actor, actor.is_there.remote())

    def _token_name(self) -> str:
        """Tells fleets apart and says nothing of the token."""
        import hashlib  # noqa: PLC0415

        return hashlib.sha256(b"name" + self._token).hexdigest()[:12]

    def _watch_guard(self, number: str, machine: _Machine) -> None:
        """Until it has connected for the first time."""
        guards = self.controller.guards
        if guards.post(number) is not None:
            machine.silent_since = None
        elif guards.refused(number):
            self.controller.tell_why(machine.agent, guards.refused(number))
        elif machine.silent_since is not None and time.monotonic() - machine.silent_since > _SILENT:
            where = ":".join(map(str, guards.address))
            self.controller.tell_why(
                machine.agent,
                f"its guard runs and cannot connect to {where}: host= names another address of this machine, "
                "and the port must be open",
            )

    def _watch_start(self, number: str, machine: _Machine) -> None:
        ready, _ = self._ray.wait([machine.made], timeout=0)
        if not ready:
            return
        machine.came_up, machine.silent_since = True, time.monotonic()
        try:
            self._ray.get(machine.made)
        except Exception as error:
            why = " ".join(str(error).split())
            if "No module named 'freshframe'" in why:
                why = "freshframe is not installed there, in the Python of Ray's workers"
            self.controller.tell_why(machine.agent, f"its guard cannot be started: {why[-600:]}")
            machine.silent_since = None

    def _leave(self, number: str) -> None:
        machine = self._machines.pop(number)
        self.controller.retire_node(machine.agent, "its machine has left the cluster")

    # ---- the end

    def close(self) -> None:
        """Ends all agents and guards, and the connection if it was made here. Idempotent."""
        if self._closing.is_set():
            return
        self._closing.set()
        if hasattr(self, "_thread"):
            self._thread.join(2.0)
        self.controller.close()
        # Without a connection Ray would make a new one for kill(), to whatever cluster it finds.
        for machine in self._machines.values() if self._ray.is_initialized() else ():
            with contextlib.suppress(Exception):
                self._ray.kill(machine.actor)
        self._disconnect()


def _resolved(where: str) -> str:
    """The cluster that "auto" names, if one is named."""
    return os.environ.get("RAY_ADDRESS") or where if where == "auto" else where


def _host_of(address: str) -> str:
    return address.removeprefix("ray://").rpartition(":")[0].strip("[]")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _letters(name: str) -> str:
    """A machine's name as part of an agent's."""
    kept = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name
    )
    return kept.lstrip("._-")[:48] or "node"
