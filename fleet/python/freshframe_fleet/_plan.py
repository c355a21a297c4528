"""The options of fleets, once all of them are checked, and how a program comes to a Ray cluster."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import secrets
import string
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freshframe import StateError
from freshframe._agent import check

from . import _specs
from ._control.controller import Controller
from ._control.setup import Setup
from ._decide.model import Times
from ._machines import ray_connection
from ._machines.spread import Spread

if TYPE_CHECKING:
    from ._detached.client.remote_controller import RemoteController
    from ._machines.ray_place import RayPlace

_LETTERS = string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Limits:
    """The options of every fleet, as its program has given them."""

    session_timeout: Any
    start_timeout: Any
    gil_timeout: Any
    outbox_bytes: Any

    def checked(self) -> tuple[Times, dict[str, Any]]:
        """Returns the times by which a fleet decides, and the options of its agents.

        Raises:
            OptionError: One is out of range.
            OptionTypeError: One is of the wrong type.
        """
        times, options = _specs.checked_times(self.session_timeout, self.start_timeout, self.gil_timeout)
        return times, {**options, "outbox_bytes": _specs.checked_outbox_bytes(self.outbox_bytes)}


@dataclass(frozen=True)
class RayPlan:
    """A fleet on a Ray cluster that is to be made."""

    address: str
    setup: Setup
    spread: Spread
    host: str | None
    environment: dict[str, Any] | None
    detached: bool


def local_setup(name: Any, limits: Limits) -> Setup:
    """Checks the options of a fleet on this machine.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
        StateError: This program has no Python to start agents with.
    """
    times, options = limits.checked()
    setup = _setup("local", name, times, options)
    if not sys.executable or getattr(sys, "frozen", False):
        raise StateError("a local fleet needs a Python to start agents with, and this program has none")
    return setup


def ray_plan(
    address: Any,
    limits: Limits,
    *,
    agents_per_machine: Any,
    on_head: Any,
    host: Any,
    runtime_env: Any,
    detached: Any,
    orphan_after: Any,
    name: Any,
) -> RayPlan:
    """Checks the options of a fleet on a cluster.

    Raises:
        FreshframeError: The address of the cluster is not ours.
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
    """
    address = ray_connection.checked_address(check.text("address", address))
    spread = _specs.checked_spread(agents_per_machine, on_head)
    times, options = _specs.with_orphans(*limits.checked(), orphan_after, detached=detached is True)
    host = _specs.checked_host(host)
    environment = ray_connection.checked_environment(runtime_env)
    if check.flag("detached", detached):
        _specs.check_detached(name, host)
    return RayPlan(address, _setup("ray", name, times, options), spread, host, environment, detached)


def _setup(kind: str, name: Any, times: Times, options: dict[str, Any]) -> Setup:
    if name is None:
        # No process id: two containers with one folder of states can have the same. And short, because it is
        # in a socket's path.
        letters = "".join(secrets.choice(_LETTERS) for _ in range(5))
        return Setup(f"{kind}-{letters}", False, times, options)
    return Setup(_specs.checked_name("name", name), True, times, options)


def attached_fleet(plan: RayPlan) -> RayPlace:
    """The machines of a new fleet that ends with this program. They have its controller."""
    from ._machines.ray_place import RayPlace  # noqa: PLC0415

    return RayPlace(
        ray_connection.RayConnection(plan.address, plan.environment),
        plan.setup.options,
        lambda place: Controller(plan.setup, place),
        spread=plan.spread,
        host=plan.host,
    )


def detached_fleet(plan: RayPlan) -> RemoteController:
    """Starts a fleet that outlives this program."""
    from ._detached import ray_fleets  # noqa: PLC0415

    return ray_fleets.create(plan.address, plan.setup, plan.spread, plan.environment)


def connected_fleet(name: str, address: str) -> RemoteController:
    """Connects to the detached fleet `name`."""
    from ._detached import ray_fleets  # noqa: PLC0415

    return ray_fleets.attach(ray_connection.checked_address(check.text("address", address)), name)
