"""The Ray actor of a detached fleet: it has the controller. Imported by Ray's workers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import threading
import time

from .. import __version__
from ._clients import Clients
from ._controller_state import Setup
from ._detached_controller import DetachedController
from ._ray_connection import RayConnection
from ._ray_place import RayPlace
from ._ray_store import RayStore

_SHORT = 0.5  # seconds for the last answer to leave


class RayController:
    """Lives until the fleet is shut down."""

    def __init__(self, setup: Setup, token: bytes) -> None:
        """Begins to put guards on machines, or goes on with those of the actor before it."""

        def make(host: str, token: bytes) -> DetachedController:
            controller = DetachedController(setup, RayStore(), host=host, token=token)
            controller.restore()
            return controller

        self._place = RayPlace(RayConnection("auto", None), make, host=None, token=token, outlives=True)
        self._clients = Clients(self._controller, self._shut_down)
        self._controller.guards.on_client = self._clients.serve

    @property
    def _controller(self) -> DetachedController:
        controller = self._place.controller
        assert isinstance(controller, DetachedController)
        return controller

    def endpoint(self) -> tuple[str, tuple[str, int], bytes]:
        """The version, the address and the token."""
        return __version__, self._controller.guards.address, self._place.token

    def pid(self) -> int:
        """Number of its process."""
        return os.getpid()

    def _shut_down(self) -> None:
        self._place.close()
        self._clients.close()
        self._controller.stop()
        threading.Thread(target=_end_this_actor, daemon=True).start()


def _end_this_actor() -> None:
    import ray  # noqa: PLC0415

    time.sleep(_SHORT)
    ray.kill(ray.get_runtime_context().current_actor, no_restart=True)
