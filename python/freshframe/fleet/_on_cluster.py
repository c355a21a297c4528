"""How a program comes to a fleet on a Ray cluster. Local fleets load nothing of Ray."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

from ._control.controller import Controller
from ._machines import ray_connection

if TYPE_CHECKING:
    from ._detached.client.remote_controller import RemoteController
    from ._machines.ray_place import RayPlace
    from ._plan import Plan


def attached(plan: Plan) -> RayPlace:
    """The machines of a new fleet that ends with this program. They have its controller."""
    from ._machines.ray_place import RayPlace  # noqa: PLC0415

    return RayPlace(
        ray_connection.RayConnection(plan.where, plan.environment),
        plan.setup.options,
        lambda place: Controller(plan.setup, place),
        spread=plan.spread,
        host=plan.host,
    )


def detached(plan: Plan) -> RemoteController:
    """Starts a fleet that outlives this program."""
    from ._detached import ray_fleets  # noqa: PLC0415

    return ray_fleets.create(plan.where, plan.setup, plan.spread, plan.environment)


def connected(name: str, address: str) -> RemoteController:
    """Connects to the detached fleet `name`."""
    from ._detached import ray_fleets  # noqa: PLC0415

    return ray_fleets.attach(ray_connection.checked_address(address), name)
