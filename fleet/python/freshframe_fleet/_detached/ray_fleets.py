"""The detached fleets of a Ray cluster: how programs make them, find them and list them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from freshframe import FreshframeError, StateError

from .._machines.handshake import new_token
from .._machines.ray_connection import NAMESPACE, VARIABLES, RayConnection
from .client.channel import Endpoint, Unreachable
from .client.remote_controller import RemoteController
from .cluster_state import Trouble
from .ray_actor import RayStore

if TYPE_CHECKING:
    from .._control.setup import Setup
    from .._machines.spread import Spread

_PREFIX = "freshframe-fleet-"  # prefix of the actors' names
_BEGIN_TIMEOUT = 120.0  # seconds: for Ray to start a process on a busy machine
_ANSWER_TIMEOUT = 5.0
_END_TIMEOUT = 15.0
_LOOK_EVERY = 0.05


def actor_name(fleet: str) -> str:
    """Returns the name of a fleet's controller among Ray's actors."""
    return _PREFIX + fleet


class Finder:
    """Returns where the controller of a fleet is."""

    def __init__(self, connection: RayConnection, name: str) -> None:
        """Looks by a connection, which must stay open."""
        self._connection = connection
        self._name = name

    def actor(self) -> Any:
        """Returns the controller's actor, or None if Ray has no such actor."""
        try:
            return self._connection.ray.get_actor(actor_name(self._name), namespace=NAMESPACE)
        except ValueError:
            return None

    def __call__(self, timeout: float = _ANSWER_TIMEOUT) -> Endpoint:
        """Where it is now.

        Raises:
            StateError: There is no such fleet.
            Unreachable: Ray does not say.
        """
        ray = self._connection.ray
        if not self._connection.is_open:
            raise StateError("the program's connection to Ray is closed")
        try:
            actor = self.actor()
            if actor is None:
                known = ", ".join(map(repr, running(self._connection))) or "none"
                raise StateError(
                    f"there is no detached fleet {self._name!r} on this cluster; there are: {known}"
                    + self._trouble("; its controller was given up, since it could not be started again: ")
                )
            _, (host, port), token = ray.get(actor.endpoint.remote(), timeout=timeout)
        except StateError:
            raise
        except ray.exceptions.RayTaskError as error:  # also an error of its constructor
            raise FreshframeError(f"the controller of fleet {self._name!r} failed: {error}") from error
        except Exception as error:
            trouble = self._trouble("; it cannot be started again, and Ray keeps trying: ")
            raise Unreachable(" ".join(str(error).split()) + trouble) from error
        return Endpoint(host, port, token)

    def _trouble(self, text: str) -> str:
        """The text with the reason why there is no controller, if the store has one."""
        why = Trouble(self._name, RayStore()).why()
        return text + why if why else ""

    def wait_until_gone(self) -> None:
        """After its end: until the name is free."""
        deadline = time.monotonic() + _END_TIMEOUT
        while self._connection.is_open and self.actor() is not None and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)


def running(connection: RayConnection) -> list[str]:
    """Names of the detached fleets of a cluster."""
    actors = connection.ray.util.list_named_actors(all_namespaces=True)
    names = [each["name"] for each in actors if each["namespace"] == NAMESPACE]
    return sorted(name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))


def create(where: str, setup: Setup, spread: Spread, runtime_env: dict[str, Any] | None) -> RemoteController:
    """A new fleet, and a connection to it.

    Raises:
        FreshframeError: Ray or the cluster is not there, or the actor cannot be started.
        StateError: There is a fleet of this name.
    """
    from .ray_actor import RayController  # noqa: PLC0415  (programs that connect do not need it)

    name = setup.name
    connection = RayConnection(where, runtime_env)
    try:
        ray = connection.ray
        actor = ray.remote(RayController).options(
            name=actor_name(name),
            namespace=NAMESPACE,
            lifetime="detached",
            max_restarts=-1,
            num_cpus=0,
            runtime_env={"env_vars": VARIABLES},
            scheduling_strategy=_on_head(ray),
        )
        try:
            actor.remote(setup, new_token(), spread)
        except ValueError as error:
            raise StateError(
                f"there is a detached fleet {name!r} on this cluster already: "
                f"Fleet.connect({name!r}, address=...) comes back to it, and its shutdown() ends it"
            ) from error
        find = Finder(connection, name)
        with contextlib.suppress(Unreachable):  # the connection tries on
            find(_BEGIN_TIMEOUT)
        return RemoteController(name, find, find.wait_until_gone, connection.close)
    except BaseException:
        connection.close()
        raise


def attach(where: str, name: str) -> RemoteController:
    """A connection to a fleet that is there.

    Raises:
        FreshframeError: Ray or the cluster is not there.
        StateError: There is no such fleet.
    """
    connection = RayConnection(where, None)
    try:
        find = Finder(connection, name)
        return RemoteController(name, find, find.wait_until_gone, connection.close)
    except BaseException:
        connection.close()
        raise


def _on_head(ray: Any) -> Any:
    """Places it on the head if it has room: the fleet cannot outlive the head anyway."""
    for node in ray.nodes():
        if node["Alive"] and "node:__internal_head__" in node["Resources"]:
            return ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=True)
    return "DEFAULT"
