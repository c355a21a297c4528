"""The life of a fleet in this program: its controller, socket and pages, and how they end."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._errors import StateError
from .._interpreter import fork
from .._interpreter.log import logger
from ._desk import Desk
from ._page import FleetPage

if TYPE_CHECKING:
    from ._control.controller import Controller
    from ._detached.client.remote_controller import RemoteController
    from ._machines.ray_place import RayPlace

_PATIENCE = 0.5  # seconds that a page waits for the state


class Life:
    """Closes the parts of a fleet in order. The end of the program closes it, too."""

    def __init__(self, controller: Controller | RemoteController, place: RayPlace | None) -> None:
        """`place` closes the controller, if there is one."""
        self._controller = controller
        self.place = place
        self._pid = os.getpid()
        self._pages: list[FleetPage] = []
        self._desk: Desk | None = None

    def begin(self, answers: dict[str, Callable[..., Any]] | None) -> None:
        """From now on the end of the program closes it. `answers`: to the command line; None: no socket.

        Raises:
            FreshframeError: The socket for the command line cannot be opened. The controller is closed.
        """
        if answers is not None:
            try:
                self._desk = Desk(self.name, answers)
            except BaseException:
                self._end()
                raise
        _open.add(self)

    @property
    def name(self) -> str:
        """The fleet's name."""
        return self._controller.name

    def check_process(self) -> None:
        """Raises a StateError in a forked child."""
        if os.getpid() != self._pid:
            raise StateError(
                "the fleet belongs to the parent of this forked process: make a fleet after the fork"
            )

    def serve(self, host: str, port: int, token: str | None) -> FleetPage:
        """Serves one more page, as Fleet.serve()."""
        controller = self._controller
        controller.check_open()
        page = FleetPage(lambda: controller.stats(_PATIENCE), host, port, token, lambda: controller.ticked)
        self._pages.append(page)
        return page

    def close(self) -> None:
        """As Fleet.close()."""
        if os.getpid() != self._pid:
            return
        pages, self._pages = self._pages, []
        for page in pages:
            page.close()
        if self._desk is not None:
            self._desk.close()
        self._end()
        _open.discard(self)

    def forget_in_child(self) -> None:
        """In a forked child."""
        if self._desk is not None:
            self._desk.forget_in_child()
        self._controller.forget_in_child()

    def _end(self) -> None:
        if self.place is not None:
            self.place.close()
        else:
            self._controller.close()


_open: set[Life] = set()  # fleets that have agents, kept alive until they are closed


@atexit.register
def _close_all() -> None:
    for fleet in list(_open):
        try:
            fleet.close()
        except Exception:  # noqa: PERF203  (the others are closed all the same)
            logger.exception("fleet %r was not closed in order", fleet.name)


def _forget_in_child() -> None:
    for fleet in _open:
        fleet.forget_in_child()
    _open.clear()


fork.in_child(_forget_in_child)
