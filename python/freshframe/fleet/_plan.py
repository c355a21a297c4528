"""What Fleet() was asked for, once all of it is checked, and how its program comes to a Ray cluster."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _check
from .._errors import OptionError, StateError
from . import _specs
from ._control.controller import Controller
from ._control.setup import Setup
from ._machines import ray_connection
from ._machines.spread import Spread

if TYPE_CHECKING:
    from ._detached.client.remote_controller import RemoteController
    from ._machines.ray_place import RayPlace


@dataclass(frozen=True)
class Plan:
    """A fleet to be made."""

    where: str  # "local" or the address of a Ray cluster
    setup: Setup
    agents: Mapping[str, Mapping[str, str]]  # labels by name, of a local fleet
    spread: Spread  # of a fleet on a cluster
    host: str | None
    environment: dict[str, Any] | None
    detached: bool

    @property
    def is_local(self) -> bool:
        """Whether its agents are children of this program."""
        return self.where == "local"


def plan_of(  # noqa: PLR0913  (all but the first by name)
    where: Any,
    *,
    agents: Any,
    name: Any,
    session_timeout: Any,
    start_timeout: Any,
    gil_timeout: Any,
    outbox_bytes: Any,
    orphan_after: Any,
    agents_per_machine: Any,
    on_head: Any,
    host: Any,
    runtime_env: Any,
    detached: Any,
) -> Plan:
    """Checks the options of Fleet().

    Raises:
        FreshframeError: The address of the cluster is not ours.
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
        StateError: This program has no Python to start agents with.
    """
    is_local = _check.text("where", where) == "local"
    if not is_local:
        ray_connection.checked_address(where)
    specs = _specs.agent_specs(1 if agents is None else agents)
    if agents is not None and not is_local:
        raise OptionError(
            f"agents is for local fleets, got {_check.shown(agents)}: on a cluster agents_per_machine= says "
            "how many each machine has"
        )
    spread = _specs.checked_spread(agents_per_machine, on_head, is_local)
    times, options = _specs.checked_times(session_timeout, start_timeout, gil_timeout)
    times, options = _specs.with_orphans(times, options, orphan_after, detached=detached is True)
    options["outbox_bytes"] = _specs.checked_outbox_bytes(outbox_bytes)
    host = _specs.checked_host(host, is_local)
    environment = ray_connection.checked_environment(runtime_env)
    if environment is not None and is_local:
        raise OptionError(
            "runtime_env is for fleets on a cluster: agents of a local one have the program's own, "
            f"got {_check.shown(runtime_env)}"
        )
    if _check.flag("detached", detached):
        _specs.check_detached(is_local, name, host)
    kept = name is not None
    beginning = "local" if is_local else "ray"
    # A number alone comes again: two containers with one folder of states can have the same process ids.
    name = _specs.checked_name("name", name) if kept else f"{beginning}-{os.getpid()}-{secrets.token_hex(4)}"
    if is_local and (not sys.executable or getattr(sys, "frozen", False)):
        raise StateError("a local fleet needs a Python to start agents with, and this program has none")
    return Plan(where, Setup(name, kept, times, options), specs, spread, host, environment, detached)


def attached_fleet(plan: Plan) -> RayPlace:
    """The machines of a new fleet that ends with this program. They have its controller."""
    from ._machines.ray_place import RayPlace  # noqa: PLC0415

    return RayPlace(
        ray_connection.RayConnection(plan.where, plan.environment),
        plan.setup.options,
        lambda place: Controller(plan.setup, place),
        spread=plan.spread,
        host=plan.host,
    )


def detached_fleet(plan: Plan) -> RemoteController:
    """Starts a fleet that outlives this program."""
    from ._detached import ray_fleets  # noqa: PLC0415

    return ray_fleets.create(plan.where, plan.setup, plan.spread, plan.environment)


def connected_fleet(name: str, address: str) -> RemoteController:
    """Connects to the detached fleet `name`."""
    from ._detached import ray_fleets  # noqa: PLC0415

    return ray_fleets.attach(ray_connection.checked_address(address), name)
