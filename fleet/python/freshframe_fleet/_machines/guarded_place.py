"""Other machines as the place of agents: each is the child of a guard, which connects to the program."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from freshframe import FreshframeError

from .._control.agents.ends import Words
from .._control.agents.link import Link
from .._control.loop import boot_time
from .._messages import Event, Failed
from .guards import FarLink, Guards, Post

if TYPE_CHECKING:
    from .._control.place import Owner

_NEEDS_MODULE = "build cannot be loaded here: ModuleNotFoundError"
_HOW_TO_IMPORT = (
    ". The agent's machine must be able to import it: install it there, or give the fleet "
    "runtime_env={'working_dir': '.'} or {'py_modules': [...]}"
)


class GuardedPlace:
    """Agents are added with the machines that they run on, and retired with them.

    An agent is launched when its guard is connected. When a guard has gone, its agent has, too: the kernel
    kills it. That is not seen from here, so an exclusive camera waits until a new guard of the same machine
    has looked, or for the session's timeout.
    """

    patience: float | None = 12.0

    def __init__(self, options: dict[str, Any], *, host: str, token: bytes) -> None:
        """Makes a place for agents with these options. ``token``: guards prove that they have it."""
        self._options = options
        self._nodes: dict[str, str] = {}  # by agent
        self._retired: dict[str, str] = {}  # agents whose machine has gone, and why
        self._host = host
        self._token = token
        self._controller: Owner
        self._listens = False
        self.guards: Guards
        self.adopts: Callable[[FarLink, Post], bool] = lambda link, post: False  # an agent of before
        self.on_added: Callable[[], None] = lambda: None  # a machine was added

    def begin(self, controller: Owner) -> None:
        """Listens for guards.

        Raises:
            FreshframeError: It cannot listen.
        """
        self._controller = controller
        request = controller.request
        self.guards = Guards(
            self._host,
            self._token,
            on_ready=lambda post: request(lambda: self._ready(post)),
            on_gone=lambda post: request(lambda: self._guard_gone(post)),
            on_ended=lambda post, number, why, words: request(
                lambda: self._agent_ended(post, number, why, words)
            ),
            on_launched=lambda post, number, pid: request(lambda: self._launched(post, number, pid)),
        )
        self._listens = True

    # ---- machines

    @property
    def nodes(self) -> dict[str, str]:
        """Returns the node of each agent."""
        with self._controller.lock:
            return dict(self._nodes)

    @property
    def retired(self) -> dict[str, str]:
        """Agents whose machine has gone, and why. With the controller's lock."""
        return self._retired

    def restore(self, nodes: Mapping[str, str], retired: Mapping[str, str]) -> None:
        """Takes over the machines of an earlier controller. The caller holds the controller's lock."""
        self._nodes.update(nodes)
        self._retired.update(retired)

    def add_node(self, name: str, node: str, labels: Mapping[str, str], machine: str = "") -> None:
        """A guard's place gets an agent of this name, unless it has it already.

        ``machine``: the name of several agents' machine, or empty if the agent has no company.
        """

        def add() -> bool:
            if self._nodes.get(name) == node:
                return False
            self._nodes[name] = node
            self._controller.decisions.add_agent(name, labels, boot_time(), machine)
            return True

        if self._controller.call(add):
            self.on_added()

    def retire_node(self, name: str, why: str) -> None:
        """Ends the agent of a machine that leaves or has gone, and forgets it once it has no cameras."""
        self._controller.call(lambda: self._retire(name, why))

    def _retire(self, name: str, why: str) -> None:
        controller = self._controller
        if name in self._retired or name not in controller.decisions.agents:
            return
        self._retired[name] = why
        agent = controller.decisions.agents[name]
        agent.draining = True
        agent.why = why
        controller.note(name, why)
        link = controller.links.get(name)
        if link is not None:
            link.kill()

    def tell_why(self, name: str, why: str) -> None:
        """Why an agent that is down does not come up."""

        def tell() -> None:
            agent = self._controller.decisions.agents.get(name)
            if agent is not None and agent.state == "down" and agent.why != why:
                agent.why = why
                self._controller.note(name, why)

        self._controller.call(tell)

    def sweep(self) -> None:
        """Forgets agents that were retired and have nothing left. To be called now and then."""
        if self._retired:
            self._controller.call(self._sweep)

    def _sweep(self) -> None:
        controller = self._controller
        for name in [] if controller.is_closing else list(self._retired):
            link = controller.links.get(name)
            if controller.decisions.count_cameras(name) or (link is not None and link.child.post.open):
                continue
            if link is not None:
                controller.links.hang_up(link)
                link.child.ended(self._retired[name])
                controller.actions.bury(link)
            controller.decisions.remove_agent(name, boot_time())
            del self._nodes[name], self._retired[name]

    # ---- messages of guards

    def agent_on(self, node: str) -> str | None:
        """The name of a machine's agent."""
        return next((name for name, each in self._nodes.items() if each == node), None)

    def _far_link(self, node: str) -> FarLink | None:
        link = self._controller.links.get(self.agent_on(node) or "")
        return link if isinstance(link, FarLink) else None

    def _ready(self, post: Post) -> None:
        name, link = self.agent_on(post.node), self._far_link(post.node)
        if post.child is not None and name is not None:  # an agent that has outlived a connection
            if link is not None and self.adopts(link, post):
                return
            if post.spare is not None:  # its cameras were given away
                post.spare.close()
                post.spare = None
            if link is None:
                post.send(what="look for", number=post.child["number"], mark=post.child["mark"])
                return
        if name is None:
            post.send(what="leave")
        elif link is None:
            agent = self._controller.decisions.agents[name]
            agent.launch_at = min(agent.launch_at, boot_time())
        elif link.child.post is not post:  # its guard has gone, and this is the next
            link.child.post = post
            post.send(what="look for", number=link.child.number, mark=link.child.mark)

    def _guard_gone(self, post: Post) -> None:
        link = self._far_link(post.node)
        if link is not None and link.child.post is post and not self._controller.is_closing:
            self._controller.actions.cut_off(link, "its guard has gone")

    def _agent_ended(self, post: Post, number: int, why: str, words: Words) -> None:
        post.ended = number, why, words  # the message may come before the agent is adopted
        link = self._far_link(post.node)
        if link is not None and link.child.number == number:
            link.child.ended(why, words)

    def _launched(self, post: Post, number: int, pid: int) -> None:
        link = self._far_link(post.node)
        if link is not None and link.child.number == number:
            link.child.pid = pid

    # ---- the controller's calls

    def can_launch(self, name: str) -> bool:
        """Whether its guard is there."""
        return name not in self._retired and self.guards.post(self._nodes[name]) is not None

    def launch(self, name: str) -> Link:
        """Orders the agent's guard to start it."""
        post = self.guards.post(self._nodes[name])
        if post is None:
            raise FreshframeError("its guard is not connected")
        return FarLink(name, post, self._options)

    def renewed(self, link: Link) -> None:
        """The guard kills an agent whose lease is not renewed."""
        link.child.post.send(what="renewed")

    def explained(self, event: Event) -> Event:
        """Explains how a module gets to another machine."""
        if isinstance(event, Failed) and _NEEDS_MODULE in event.why:
            return Failed(event.run, event.why + _HOW_TO_IMPORT)
        return event

    def closing(self, links: Iterable[Link]) -> None:
        """An agent without its guard is not waited for."""
        for link in links:
            link.child.given_up = not link.child.post.open
            if link.child.given_up:
                link.child.ended("its end was not seen")

    def give_up(self, links: Iterable[Link]) -> None:
        """Agents that are killed from now on count as ended."""
        for link in links:
            link.child.given_up = True

    def close(self) -> None:
        """Sends all guards away, if it listens for them."""
        if self._listens:
            self.guards.close()

    def forget_in_child(self) -> None:
        """Closes the copies of a forked child, which would keep connections open."""
        self.guards.forget_in_child()
