"""A controller whose agents are on other machines, each behind a guard that connects to the program."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ..._errors import FreshframeError
from .. import _wire
from .._control.controller import Controller, boot_time
from .._control.controller_state import Setup
from .._control.controller_thread import _Request
from .._control.last_words import Words
from .._control.link import Link
from .._messages import Event, Failed
from .guards import FarLink, Guards, Post

_NEEDS_MODULE = "build cannot be loaded here: ModuleNotFoundError"
_HOW_TO_IMPORT = (
    ". The agent's machine must be able to import it: install it there, or give the fleet "
    "runtime_env={'working_dir': '.'} or {'py_modules': [...]}"
)
_PATIENCE = 12.0  # seconds for agents whose end nobody can tell, when the fleet is closed


class FarController(Controller):
    """Its agents are added with the machines that they run on, and retired with them.

    An agent is launched when its guard is connected. When a guard has gone, its agent has, too: the kernel
    kills it. That is not seen from here, so an exclusive camera waits until a new guard of the same machine
    has looked, or for the session's timeout.
    """

    def __init__(self, setup: Setup, *, host: str, token: bytes) -> None:
        """Listens for guards.

        Raises:
            FreshframeError: It cannot listen, or the state cannot be written.
            StateError: A fleet of this name runs already.
        """
        self._nodes: dict[str, str] = {}  # by agent
        self._retired: dict[str, str] = {}  # agents whose machine has gone, and why
        super().__init__(setup)
        try:
            self.guards = Guards(
                host,
                token,
                on_ready=lambda post: self._request(lambda: self._ready(post)),
                on_gone=lambda post: self._request(lambda: self._guard_gone(post)),
                on_ended=lambda post, number, why, words: self._request(
                    lambda: self._agent_ended(post, number, why, words)
                ),
                on_launched=lambda post, number, pid: self._request(
                    lambda: self._launched(post, number, pid)
                ),
            )
        except BaseException:
            super().close()
            raise

    def _request(self, job: Callable[[], object]) -> None:
        """Has something done by the controller's thread, and does not wait for it."""

        def guarded() -> None:
            try:
                job()
            except Exception:
                self._log_error(f"what a guard of fleet {self.name!r} told was not understood")

        self._requests.append(_Request(guarded))
        self._wake()

    # ---- machines

    @property
    def nodes(self) -> dict[str, str]:
        """By agent."""
        with self._lock:
            return dict(self._nodes)

    @property
    def orphan_after(self) -> float:
        """Seconds for which its agents go on without it."""
        return self._decisions.times.orphan_after

    def add_node(self, name: str, node: str, labels: Mapping[str, str]) -> None:
        """A machine that shall have an agent of this name."""

        def add() -> None:
            self._nodes[name] = node
            self._decisions.add_agent(name, labels, boot_time())

        self._call(add)

    def retire_node(self, name: str, why: str) -> None:
        """Its machine has gone, or leaves: its agent is ended, and forgotten once it has no cameras."""
        self._call(lambda: self._retire(name, why))

    def _retire(self, name: str, why: str) -> None:
        if name in self._retired or name not in self._decisions.agents:
            return
        self._retired[name] = why
        agent = self._decisions.agents[name]
        agent.draining = True
        agent.why = why
        self._note(name, why)
        link = self._links.get(name)
        if link is not None:
            link.kill()

    def tell_why(self, name: str, why: str) -> None:
        """Why an agent that is down does not come up."""

        def tell() -> None:
            agent = self._decisions.agents.get(name)
            if agent is not None and agent.state == "down" and agent.why != why:
                agent.why = why
                self._note(name, why)

        self._call(tell)

    def tell_trouble(self, why: str) -> None:
        """Why nothing is heard of the machines; empty: they are heard of."""

        def tell() -> None:
            if why != self._cluster_trouble:
                self._cluster_trouble = why
                self._note("cluster", why or "answers again")

        self._call(tell)

    def sweep(self) -> None:
        """Forgets agents that were retired and have nothing left. To be called now and then."""
        if self._retired:
            self._call(self._sweep)

    def _sweep(self) -> None:
        for name in [] if self._closing else list(self._retired):
            link = self._links.get(name)
            if self._decisions.cameras_of(name) or (link is not None and link.child.post.open):
                continue
            if link is not None:
                self._unregister(link)
                link.child.ended(self._retired[name])
                self._bury(link)
            self._decisions.remove_agent(name, boot_time())
            del self._nodes[name], self._retired[name]

    # ---- what guards tell

    def _agent_on(self, node: str) -> str | None:
        return next((name for name, each in self._nodes.items() if each == node), None)

    def _far_link(self, node: str) -> FarLink | None:
        link = self._links.get(self._agent_on(node) or "")
        return link if isinstance(link, FarLink) else None

    def _ready(self, post: Post) -> None:
        name = self._agent_on(post.node)
        link = self._far_link(post.node)
        if name is None:
            post.send(what="leave")
        elif link is None:
            agent = self._decisions.agents[name]
            agent.launch_at = min(agent.launch_at, boot_time())
        elif link.child.post is not post:  # its guard has gone, and this is the next
            link.child.post = post
            post.send(what="look for", number=link.child.number, mark=link.child.mark)

    def _guard_gone(self, post: Post) -> None:
        link = self._far_link(post.node)
        if link is not None and link.child.post is post and not self._closing:
            self._cut_off(link)

    def _agent_ended(self, post: Post, number: int, why: str, words: Words) -> None:
        link = self._far_link(post.node)
        if link is not None and link.child.number == number:
            link.child.ended(why, words)

    def _launched(self, post: Post, number: int, pid: int) -> None:
        link = self._far_link(post.node)
        if link is not None and link.child.number == number:
            link.pid = link.child.pid = pid

    def _cut_off(self, link: FarLink) -> None:
        """Its guard has gone, so it will have; cameras that allow several sessions need not wait."""
        if link.socket is not None:
            self._hear(link, last=True)
        self._unregister(link)
        self._fold(link)
        self._lose_runs(link)
        link.runs.clear()
        link.forgotten.clear()
        link.forgotten.append(set())
        link.outboxes = link.outboxes[:0]
        self._do(self._decisions.cut_off(link.name, boot_time(), "its guard has gone"))

    # ---- the controller's

    def _make_link(self, name: str) -> Link:
        post = self.guards.post(self._nodes[name])
        if post is None:
            raise FreshframeError("its guard is not connected")
        return FarLink(name, post, self._options)

    def _can_launch(self, name: str) -> bool:
        return name not in self._retired and self.guards.post(self._nodes[name]) is not None

    def _launch(self, name: str) -> None:
        if not self._can_launch(name):
            self._decisions.agents[name].launch_at = math.inf  # until its guard is there
            return
        super()._launch(name)

    def _renew(self, link: Link, message: _wire.Renewal, now: float) -> None:
        super()._renew(link, message, now)
        link.child.post.send(what="renewed")

    def _hear_event(self, link: Link, event: Event, now: float) -> None:
        if isinstance(event, Failed) and _NEEDS_MODULE in event.why:
            event = Failed(event.run, event.why + _HOW_TO_IMPORT)
        super()._hear_event(link, event, now)

    def _end_agents(self) -> None:
        with self._lock:
            for link in self._links.values():
                link.child.given_up = not link.child.post.open
                if link.child.given_up:
                    link.child.ended("its end was not seen")
        super()._end_agents()

    def close(self) -> None:
        """Stops all cameras and agents. Idempotent."""
        with self._lock:
            self._closing = True
        self._wake()
        if not self._ended.wait(_PATIENCE):
            with self._lock:
                for link in self._links.values():
                    link.child.given_up = True
        super().close()
        self.guards.close()

    def forget_in_child(self) -> None:
        """In a forked child: its copies would keep connections open."""
        super().forget_in_child()
        self.guards.forget_in_child()
