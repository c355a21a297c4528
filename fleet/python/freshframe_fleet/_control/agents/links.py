"""A controller's connections to all agents that have a process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ... import _wire
from ..._messages import Order
from ..loop import Loop
from ..notes import Notes
from .link import Link


class Links:
    """The connections by agent name. Call it with the controller's lock held."""

    def __init__(self, loop: Loop, notes: Notes) -> None:
        """Starts without any links."""
        self._loop = loop
        self._notes = notes
        self._all: dict[str, Link] = {}
        self._full: set[str] = set()  # agents whose sockets are watched until they are writable
        self.on_message: Callable[[Link, Any], None] = lambda link, message: None
        self.on_end: Callable[[Link], None] = lambda link: None  # called when its process has ended

    def __iter__(self) -> Iterator[Link]:
        """Iterates over a copy of all links."""
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        """Returns the number of links."""
        return len(self._all)

    def get(self, name: str) -> Link | None:
        """Returns the link of an agent, by its name."""
        return self._all.get(name)

    def add(self, link: Link) -> None:
        """Adds the link to an agent that has been started."""
        self._all[link.name] = link
        self._loop.watch(link.child, lambda: self._ended(link))
        self._loop.watch(link.socket, lambda: self._ready(link))

    def order(self, link: Link, order: Order) -> None:
        """Sends an order to the agent of a link."""
        link.send(_wire.order(order))

    def flush(self) -> None:
        """Sends to each agent as much as its socket accepts."""
        for link in self:
            if link.has_unsent:
                link.flush()
            if link.socket is not None and link.has_unsent != (link.name in self._full):
                if link.has_unsent:
                    self._full.add(link.name)
                else:
                    self._full.discard(link.name)
                self._loop.watch_room(link.socket, also=link.has_unsent)

    def _is_there(self, link: Link) -> bool:
        return self._all.get(link.name) is link

    def _ended(self, link: Link) -> None:
        if self._is_there(link):
            self.on_end(link)

    def _ready(self, link: Link) -> None:
        if self._is_there(link):
            link.flush()
            self.read(link)

    def read(self, link: Link, *, last: bool = False) -> None:
        """Handles the messages that have arrived. ``last``: no more will follow."""
        try:
            for message in link.receive(last=last):
                self.on_message(link, _wire.parsed(message))
        except EOFError:
            self.hang_up(link)
            link.child.kill()  # it has ended or is about to, so this does not count as killing it
        except Exception:
            self._notes.log_error(f"agent {link.name!r} sent an invalid message: killed")
            self.hang_up(link)
            link.kill()

    def hang_up(self, link: Link) -> None:
        """Closes the connection of a link."""
        if link.socket is not None:
            self._loop.unwatch(link.socket)
            self._full.discard(link.name)
            link.close_socket()

    def remove(self, link: Link) -> None:
        """Removes the link of a process that has ended."""
        self._loop.unwatch(link.child)
        self.hang_up(link)
        del self._all[link.name]

    def cameras(self) -> set[int]:
        """Returns the numbers of the cameras that may still send results."""
        return {run[0] for link in self for run in link.runs.all()}

    def kill_all(self) -> None:
        """Kills all agents after a failure of the controller."""
        for link in self:
            link.kill()
            self.hang_up(link)

    def forget_in_child(self) -> None:
        """Closes the connections in a forked child."""
        for link in self:
            link.forget_in_child()
