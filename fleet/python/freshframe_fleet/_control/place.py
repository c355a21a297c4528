"""Where agents run. A controller has one place, which makes its links to agents."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .._messages import Event
from .agents.link import Link

if TYPE_CHECKING:
    from .._decide.decisions import Decisions
    from .actions import Actions
    from .agents.links import Links

_T = TypeVar("_T")


class Owner(Protocol):
    """The controller of a place. All but call() and request() with its lock."""

    @property
    def lock(self) -> threading.RLock:
        """Guards the state of the controller and of its parts."""

    @property
    def decisions(self) -> Decisions:
        """Returns the decisions of the controller."""

    @property
    def links(self) -> Links:
        """To agents that have a process."""

    @property
    def actions(self) -> Actions:
        """For agents that have ended."""

    @property
    def is_closing(self) -> bool:
        """Whether the fleet was closed."""

    def note(self, about: str, text: str) -> None:
        """Adds an event, which happens now."""

    def call(self, job: Callable[[], _T]) -> _T:
        """Has a job done by the controller's thread, and waits for it."""

    def request(self, job: Callable[[], object]) -> None:
        """Has a job done by the controller's thread, and does not wait for it."""


class Place(Protocol):
    """The controller's thread calls it, with the controller's lock."""

    patience: float | None  # seconds for the agents' ends when the fleet is closed, or None for no limit

    def begin(self, controller: Owner) -> None:
        """The place of this controller, whose thread has begun.

        Raises:
            FreshframeError: The system refuses.
        """

    def can_launch(self, name: str) -> bool:
        """Whether an agent of this name can be started now."""

    def launch(self, name: str) -> Link:
        """Starts an agent.

        Raises:
            FreshframeError: The place cannot.
            OSError: The system refuses.
        """

    def renewed(self, link: Link) -> None:
        """An agent has renewed its lease."""

    def explained(self, event: Event) -> Event:
        """The event, with a hint of the place if there is one."""

    def closing(self, links: Iterable[Link]) -> None:
        """The fleet is closed. Ends of agents that cannot be seen are not waited for."""

    def give_up(self, links: Iterable[Link]) -> None:
        """Notes that these agents are no longer waited for: the patience is over."""

    def close(self) -> None:
        """All agents have ended. Idempotent."""

    def forget_in_child(self) -> None:
        """Forgets what a forked child must not keep."""


class LocalPlace:
    """This machine: agents are children of the program, and their ends are always seen."""

    patience: float | None = None

    def __init__(self, options: dict[str, Any]) -> None:
        """The options of the agents."""
        self._options = options

    def begin(self, controller: Owner) -> None:
        """Does nothing: this place needs no controller."""

    def can_launch(self, name: str) -> bool:
        """Returns True: this machine can always start a process."""
        return True

    def launch(self, name: str) -> Link:
        """Starts an agent as a child of the program."""
        return Link(name, self._options)

    def renewed(self, link: Link) -> None:
        """The child has its lease from the controller alone."""

    def explained(self, event: Event) -> Event:
        """Returns the event as it is: this place has no hint."""
        return event

    def closing(self, links: Iterable[Link]) -> None:
        """Does nothing: the end of each child is seen."""

    def give_up(self, links: Iterable[Link]) -> None:
        """Never called: there is no limit."""

    def close(self) -> None:
        """Does nothing: no process is left."""

    def forget_in_child(self) -> None:
        """Links are forgotten by the controller."""
