"""The life of a fleet in its program: its begin, its end, forks, and the socket for the command line."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._closed_by_with import ClosedByWith
from .._errors import OptionTypeError, StateError
from . import _open_fleets
from ._control.controller import Controller
from ._control.sent_builds import SentBuilds
from ._desk import Desk
from ._page import FleetPage

if TYPE_CHECKING:
    from ._detached.client.remote_controller import RemoteController
    from ._machines.ray_place import RayPlace


class FleetLife(ClosedByWith):
    """A base of Fleet."""

    def _begin(
        self,
        controller: Controller | RemoteController,
        place: RayPlace | None = None,
        answers: dict[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Instead of a constructor. `answers`: to the command line; None: it does not ask this program."""
        self._controller = controller
        self._place = place
        self._builds = SentBuilds(controller.add_build)
        self._desk: Desk | None = None
        self._pid = os.getpid()
        self._pages: list[FleetPage] = []
        if answers is not None:
            try:
                self._desk = Desk(self.name, answers)
            except BaseException:
                self._end()
                raise
        _open_fleets.opened(self)

    @property
    def name(self) -> str:
        """Its name."""
        return self._controller.name

    def shutdown(self) -> None:
        """Ends the fleet. A detached one ends for all programs, and its name is free; for others: close().

        Raises:
            StateError: The controller of a detached fleet does not answer, or this program has closed it.
        """
        self._check_process()
        if not isinstance(self._controller, Controller):
            self._controller.shut_down()
        self.close()

    def close(self) -> None:
        """Stops all cameras and ends the agents. A detached fleet goes on: shutdown() ends it. Idempotent."""
        if os.getpid() != self._pid:
            return
        pages, self._pages = self._pages, []
        for page in pages:
            page.close()
        if self._desk is not None:
            self._desk.close()
        self._end()
        _open_fleets.closed(self)

    def _end(self) -> None:
        if self._place is not None:
            self._place.close()
        else:
            self._controller.close()

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise StateError(
                "the fleet belongs to the parent of this forked process: make a fleet after the fork"
            )

    def _forget_in_child(self) -> None:
        """In a forked child."""
        if self._desk is not None:
            self._desk.forget_in_child()
        self._controller.forget_in_child()

    def __repr__(self) -> str:
        """Its name."""
        return f"<Fleet {self.name!r}>"

    def __reduce__(self) -> Any:
        """Refuses: it has processes."""
        raise OptionTypeError("a Fleet cannot be pickled: it has processes")
