"""A detached fleet's controller adopts the agents of the controller before it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freshframe._agent import log_levels

from ... import _wire
from ..._control.agents.link import Link
from ..._control.agents.runs import UNKNOWN, KeptRuns
from ..._control.loop import boot_time
from ..._control.parts import Parts
from ..._decide import adoption
from ..._decide.model import Action, Camera, Run
from ..._machines.guarded_place import GuardedPlace
from ..._machines.guards import FarLink, Post
from ..._messages import Event, KeepBuilds, Levels, Mark, Marked, Started
from ..._wire import Renewal
from .cluster_kept import ClusterKept

_SURE = 2.0  # seconds after a look at the term for which no other controller gives away anything


class _NoPost:
    """Stands for the connection of an agent whose guard has not come back yet."""

    open = False

    def send(self, **order: Any) -> None:
        """Does nothing: no guard would get the order."""


class AgentsOfBefore:
    """Adopts the agents of the controller before, as Adoption describes.

    An agent of before is adopted when its guard has connected, everything that it was ordered has been done
    (it has answered a mark), and a renewal after that lists its runs. Until then its renewals have no
    answer.
    """

    def __init__(self, kept: ClusterKept, place: GuardedPlace) -> None:
        """Makes an adoption without agents."""
        self._kept = kept
        self._place = place
        place.adopts = self._adopts
        self._parts: Parts
        self._restarted = 0.0
        self._left_over: set[str] = set()  # agents of before that have neither reported nor ended
        # Which of these are connected, and whether they have done what they were ordered before.
        self._connected: dict[str, bool] = {}
        self._started: dict[str, set[Run]] = {}  # runs of these, which the agent has said to run
        self._intended: dict[str, int] = {}  # agents to be launched, and the number of that change
        self._changed: dict[int, int] = {}  # the same of cameras that are new or have a new build

    def begin(self, parts: Parts) -> None:
        """Begins with the parts of this controller."""
        self._parts = parts

    @property
    def intended(self) -> list[str]:
        """Agents that are about to be launched."""
        return list(self._intended)

    def restore(self, runs: Mapping[str, KeptRuns], now: float) -> None:
        """Agents that an earlier controller has launched may be there. ``runs``: theirs, by agent."""
        self._restarted = now
        for name, kept in runs.items():
            link = FarLink.link_to_earlier(name, _NoPost())
            link.runs.restore(kept)
            self._left_over.add(name)
            self._parts.links.add(link)
        self._parts.notes.add("controller", f"restarted, with {len(self._left_over)} agents of before")

    # ---- exclusive cameras

    @property
    def _is_sure(self) -> bool:
        """Whether no newer controller can have given away an exclusive camera: it waits for their timeout."""
        times, silent = self._parts.decisions.times, boot_time() - self._kept.looked_at
        return silent < max(_SURE, times.session_timeout - times.give_away_after)

    def why_held(self, camera: Camera, at: float) -> str:
        """Returns why a camera must not start now, or returns an empty text if it may."""
        if camera.exclusive and not self._is_sure:
            return "the cluster's store does not answer, and another controller may have been started"
        if not self._kept.is_written(self._changed.get(camera.number, 0)):
            return "it must be written to the cluster's store first"
        return adoption.why_held(camera, self._parts.decisions.times, self._left_over, self._restarted, at)

    def answered(self, runs: list[Run]) -> list[Run]:
        """Leaves out runs of exclusive cameras while another controller may have been started."""
        cameras = self._parts.decisions.cameras
        return runs if self._is_sure else [run for run in runs if not cameras[run[0]].exclusive]

    # ---- changes that the next controller must know of first

    def may_launch(self, name: str) -> bool:
        """The next controller must find each agent that may be there: the intention is written first."""
        is_new = name not in self._intended
        if is_new:
            self._intended[name] = self._kept.change()
        if self._kept.is_written(self._intended[name]):
            return True
        if not is_new:  # this is called again and again
            agent = self._parts.decisions.agents[name]
            agent.why = "its launch must be written to the cluster's store first"
        return False

    def launched(self, name: str) -> None:
        """Notes that an agent was started."""
        self._intended.pop(name, None)
        self._kept.change()

    def changed(self, number: int) -> None:
        """The next controller must know the camera, and which of its starts have the new build.

        It would give the number of a camera that it does not know to another one, whose runs would then be
        this one's.
        """
        self._changed[number] = self._kept.change()

    def note_written(self) -> None:
        """The store has more changes. Any thread."""
        with self._parts.loop.lock:
            is_written = self._kept.is_written
            self._changed = {each: change for each, change in self._changed.items() if not is_written(change)}
        self._parts.loop.wake()

    # ---- adoption

    def _adopts(self, link: FarLink, post: Post) -> bool:
        """Whether the agent of a guard that has come is one of before. It is adopted then."""
        assert post.child is not None
        if link.name not in self._left_over or link.name in self._place.retired:
            return False
        self._adopt(link, post, post.child)
        return True

    def _adopt(self, link: FarLink, post: Post, child: Mapping[str, Any]) -> None:
        assert post.spare is not None
        parts = self._parts
        parts.links.hang_up(link)
        link.adopt(post, child)
        parts.links.watch(link)
        self._connected[link.name] = False
        if post.ended is not None and post.ended[0] == link.child.number:
            link.child.ended(*post.ended[1:])
        parts.links.order(link, Levels(log_levels()))
        parts.readers.introduce(link)
        for run in link.runs.ended():  # the order may not have left its controller
            link.send(_wire.forget(self._kept.term, run))
        parts.links.order(link, KeepBuilds(parts.builds.numbers()))
        parts.links.order(link, Mark(self._kept.term))

    def hears(self, link: Link, event: Event) -> bool:
        """Whether an event concerns the adoption alone."""
        if isinstance(event, Marked):
            if link.name in self._connected:
                self._connected[link.name] = event.term == self._kept.term
            return True
        if isinstance(event, Started) and link.name in self._left_over:
            self._started.setdefault(link.name, set()).add(event.run)
        return False

    def report(self, link: Link, renewal: Renewal, now: float) -> list[Action] | None:
        """Returns what follows from a renewal's list of runs, or None before the agent is adopted."""
        if link.name not in self._connected:
            return []
        decisions = self._parts.decisions
        agent = decisions.agents[link.name]
        agent.heard = max(agent.heard, now)
        if not self._connected[link.name]:
            return None
        del self._connected[link.name]
        self._left_over.discard(link.name)
        runs = [(int(each["camera"]), int(each["epoch"])) for each in renewal.cameras]
        actions = adoption.report(decisions, link.name, runs, now, self._started.pop(link.name, ()))
        for run in runs:
            if link.runs.find_build(run) is None:
                link.runs.add(run, self._find_build(run))
        agent.state = "up"
        self._kept.change()
        self._parts.loop.hurry()
        return actions

    def _find_build(self, run: Run) -> int:
        """Returns the build of a start that the earlier controller did not write down."""
        camera, known = self._parts.decisions.cameras.get(run[0]), self._parts.cameras.get(run[0])
        has_it = camera is not None and known is not None and run[1] > camera.renewed
        return known.build if known is not None and has_it else UNKNOWN

    def ended(self, link: Link) -> None:
        """The end of an agent was seen."""
        self._connected.pop(link.name, None)
        self._left_over.discard(link.name)
        self._started.pop(link.name, None)
        self._kept.change()
