"""The controller of a detached fleet: programs come and go, and it may itself be killed and restarted."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import pickle
import selectors
from collections.abc import Callable, Mapping
from typing import Any

from ..._errors import StateError
from ..._process import worker_log
from .. import _wire
from .._control.controller import Controller
from .._control.controller_state import Setup, boot_time
from .._control.counts import CameraCounts
from .._control.link import Link
from .._decide import adoption
from .._decide.decisions import Camera, Run
from .._machines.guarded_place import GuardedPlace
from .._machines.guards import FarLink, Post
from .._messages import EndOfRun, Event, Hangs, Levels, Mark, Marked, Started
from .._read.reader import FleetReader
from .cluster_state import ClusterState, Store
from .server.served_reader import ServedReader
from .state_writer import StateWriter

_FORMAT = 2  # of the state in the store
_PATIENCE = 20.0  # seconds for the store to take a change of a program
_SURE = 2.0  # seconds after a look at the term for which no other controller gives away anything


class _NoPost:
    """Of an agent whose guard has not come back yet."""

    open = False

    def send(self, **order: Any) -> None:
        """Sends nothing."""


class DetachedController(Controller):
    """Keeps its state in a store, and goes on with the state of an earlier one.

    An agent of before is adopted when its guard has connected, everything that it was ordered has been done
    (it has answered a mark), and a renewal after that lists its runs. Until then its renewals have no
    answer.
    """

    _reader_kind = ServedReader
    place: GuardedPlace
    _forgets_builds = False  # they are in the store, and several programs know their numbers

    def __init__(
        self,
        setup: Setup,
        store: Store,
        place: GuardedPlace,
        *,
        superseded: Callable[[], None] = lambda: os._exit(1),
    ) -> None:
        """Listens for guards and programs. ``superseded`` is called when another controller has taken over.

        Raises:
            FreshframeError: It cannot listen.
            OSError: The store does not answer.
        """
        self._store = store
        self._keys: dict[str, int] = {}  # readers, by the key that their program gave them
        self.readers_of_before: dict[str, ServedReader] = {}
        self._restarted = 0.0
        self._left_over: set[str] = set()  # agents of before that have neither reported nor ended
        self._unmarked: set[str] = set()  # of these, those that are connected and have not answered the mark
        self._started: dict[str, set[Run]] = {}  # runs of these, which the agent has said to run
        self._unwritten: dict[int, int] = {}  # cameras that got another build, by the change that says so
        self._build_keys: list[str] = []
        self._intended: dict[str, int] = {}  # agents to be launched, by the change that says so
        self._writer = StateWriter(
            self._write,
            on_written=self._launch_intended,
            on_error=lambda: self._log_error("the state of the fleet is not kept"),
            superseded=superseded,
        )
        place.adopts = self._adopts
        place.on_added = self.write_through
        super().__init__(setup, place)
        self._decisions.holds = self._why_held
        self._writer.start(self._kept, self._looked_at, f"state of fleet {setup.name}")

    def _make_state(self, keep: bool) -> ClusterState:
        self._looked_at = boot_time()
        self._kept = ClusterState(self.name, self._store)
        return self._kept

    # ---- kept state

    def _save(self) -> None:
        if self._unsaved:
            self._unsaved = False
            self._writer.change()

    def write_through(self) -> None:
        """Waits until a change of a program is kept, before the program gets its answer.

        Raises:
            StateError: The store does not answer. It is tried again.
        """
        if not self._writer.wait(self._writer.change(), _PATIENCE):
            raise StateError("it is done, but the cluster's store does not answer: it may be forgotten")

    def _write(self) -> None:
        with self._lock:
            kept = len(self._build_keys)
            builds = self._builds[kept:]
            keys = [self._kept.build_key(number) for number in range(kept, len(self._builds))]
            state = pickle.dumps(self._snapshot_state([*self._build_keys, *keys]), 5)
        for key, build in zip(keys, builds, strict=True):
            self._kept.write_build(key, pickle.dumps(build, 5))
            self._build_keys.append(key)
        self._kept.write(state)

    def _snapshot_state(self, build_keys: list[str]) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "next": (self._next_camera, self._next_reader),
            "outputs": self._outputs,
            "known_builds": self._known_builds,
            "builds": build_keys,
            "urls": self._urls,
            "agents": [
                {
                    **adoption.agent_state(agent),
                    "node": self.place.nodes[agent.name],
                    "launched": agent.name in self._links or agent.name in self._intended,
                    "retired": self.place.retired.get(agent.name),
                    "runs": self._links[agent.name].runs if agent.name in self._links else {},
                }
                for agent in self._decisions.agents.values()
            ],
            "cameras": [
                adoption.camera_state(camera, boot_time())
                for camera in self._decisions.cameras.values()
                if camera.number in self._urls
            ],
            "readers": [
                {
                    "number": number,
                    "output": reader.output,
                    "name": reader.name,
                    "key": next((key for key, each in self._keys.items() if each == number), None),
                    "closed": reader._books.closed,
                }
                for number, reader in self._readers.items()
            ],
        }

    # ---- state of an earlier one

    def restore(self) -> bool:
        """Goes on with it; false: this is the first one. To be called before anybody connects.

        Raises:
            StateError: The state is in the format of another version.
        """
        if self._kept.before is None:
            return False
        state = pickle.loads(self._kept.before)
        if state.get("format") != _FORMAT:
            raise StateError(
                f"the state of fleet {self.name!r} in the store has the format {state.get('format')}, and "
                f"this freshframe reads {_FORMAT}"
            )
        self.call(lambda: self._restore(state))
        return True

    def _restore(self, state: dict[str, Any]) -> None:
        now = boot_time()
        self._next_camera, self._next_reader = state["next"]
        self._outputs, self._known_builds = state["outputs"], state["known_builds"]
        self._urls = state["urls"]
        self._build_keys = list(state["builds"])
        for key in self._build_keys:
            build = self._kept.read_build(key)
            self._builds.append(pickle.loads(build) if build is not None else (b"", b""))
        for each in state["cameras"]:
            self._numbers[each["name"]] = each["number"]
            self._names[each["number"]] = each["name"]
            self._counts[each["number"]] = CameraCounts()
        self._restarted = now
        adoption.restore(self._decisions, state["agents"], state["cameras"], now)
        self.place.restore(
            {each["name"]: each["node"] for each in state["agents"]},
            {each["name"]: each["retired"] for each in state["agents"] if each["retired"] is not None},
        )
        for each in state["agents"]:
            if each["launched"]:
                self._left_over.add(each["name"])
                link = FarLink.of_before(each["name"], _NoPost())
                self._links[each["name"]] = link
                self._selector.register(link.child, selectors.EVENT_READ, ("end", link))
                link.runs = dict(each["runs"])
        for each in state["readers"]:
            if each["key"] is not None or each["name"] is not None:  # else its program had just left it
                self._restore_reader(each)
        self.note("controller", f"restarted, with {len(self._left_over)} agents of before")
        self._unsaved = True

    def _restore_reader(self, kept: Mapping[str, Any]) -> None:
        reader = self._make_reader(kept["number"], kept["output"], kept["name"])
        reader._books.restore(kept["closed"])
        self._readers[kept["number"]] = reader
        if kept["name"] is not None:
            self._named[kept["name"]] = reader
        if kept["key"] is not None:
            self._keys[kept["key"]] = kept["number"]
            self.readers_of_before[kept["key"]] = reader
        else:
            reader.wait_for_its_program()

    # ---- exclusive cameras

    @property
    def _is_sure(self) -> bool:
        """Whether no newer controller can have given away an exclusive camera: it waits for their timeout."""
        times, silent = self._decisions.times, boot_time() - self._writer.looked_at
        return silent < max(_SURE, times.session_timeout - times.give_away_after)

    def _why_held(self, camera: Camera, at: float) -> str:
        if camera.exclusive and not self._is_sure:
            return "the cluster's store does not answer, and another controller may have been started"
        if not self._writer.is_written(self._unwritten.get(camera.number, 0)):
            return "its new build must be written to the cluster's store first"
        self._unwritten.pop(camera.number, None)
        return adoption.why_held(camera, self._decisions.times, self._left_over, self._restarted, at)

    def _allowed(self, name: str) -> list[Run]:
        runs, cameras = super()._allowed(name), self._decisions.cameras
        return runs if self._is_sure else [run for run in runs if not cameras[run[0]].exclusive]

    # ---- adoption

    def _adopts(self, link: FarLink, post: Post) -> bool:
        """Whether the agent of a guard that has come is one of before. It is adopted then."""
        assert post.child is not None
        if link.name not in self._left_over or link.name in self.place.retired:
            return False
        self._adopt(link, post, post.child)
        return True

    def _adopt(self, link: FarLink, post: Post, child: Mapping[str, Any]) -> None:
        assert post.spare is not None
        self.unregister(link)
        link.adopt(post, child)
        assert link.socket is not None
        self._selector.register(link.socket, selectors.EVENT_READ, ("socket", link))
        self._unmarked.add(link.name)
        link.marked = False
        if post.ended is not None and post.ended[0] == link.child.number:
            link.child.ended(*post.ended[1:])
        term = self._state.term
        link.send(_wire.order(term, Levels(worker_log.log_levels())))
        for number, reader in self._readers.items():
            link.send(_wire.reader(term, number, reader.output))
        link.send(_wire.order(term, Mark(term)))

    def _hear_event(self, link: Link, event: Event, now: float) -> None:
        if isinstance(event, Marked):
            link.marked = event.term == self._state.term
            return
        if isinstance(event, Started) and link.name in self._left_over:
            self._started.setdefault(link.name, set()).add(event.run)
        super()._hear_event(link, event, now)
        self._unsaved = self._unsaved or isinstance(event, Hangs | EndOfRun)

    def _renew(self, link: Link, message: _wire.Renewal, now: float) -> None:
        if link.name not in self._unmarked:
            super()._renew(link, message, now)
            return
        agent = self._decisions.agents[link.name]
        agent.heard = max(agent.heard, now)
        for record in message.last:
            self._end_outbox(record)
        link.child.post.send(what="renewed")
        if not link.marked:
            return
        self._unmarked.discard(link.name)
        self._left_over.discard(link.name)
        runs = [(int(each["camera"]), int(each["epoch"])) for each in message.cameras]
        actions = adoption.report(self._decisions, link.name, runs, now, self._started.pop(link.name, ()))
        for run in runs:
            link.runs.setdefault(run, self._build_of(run))
        agent.state = "up"
        super()._renew(link, message, now)
        self._do(actions)
        self._unsaved = True
        self._hurried = True

    def _build_of(self, run: Run) -> int:
        """Of a start that the earlier controller did not write down; -1: not known."""
        camera = self._decisions.cameras.get(run[0])
        return self._urls[run[0]][1] if camera is not None and run[1] > camera.renewed else -1

    def _update(self, name: str, build: int, url: str | None) -> None:
        """The next controller must know which of its starts have the new build."""
        self._unwritten[self._number(name)] = self._writer.change()
        super()._update(name, build, url)

    def bury(self, link: Link) -> None:
        super().bury(link)
        self._unmarked.discard(link.name)
        self._left_over.discard(link.name)
        self._unsaved = True

    def _launch(self, name: str) -> None:
        """The next controller must find each agent that may be there: the intention is written first."""
        if self.place.can_launch(name):
            is_new = name not in self._intended
            if is_new:
                self._intended[name] = self._writer.change()
            if not self._writer.is_written(self._intended[name]):
                if not is_new:  # this is called again and again
                    agent = self._decisions.agents[name]
                    agent.why = "its launch must be written to the cluster's store first"
                return
        self._intended.pop(name, None)
        super()._launch(name)
        self._unsaved = True

    def _launch_intended(self) -> None:
        if self._intended or self._unwritten:
            self._wake()

    # ---- results

    def _make_reader(self, number: int, output: str, name: str | None) -> ServedReader:
        reader = super()._make_reader(number, output, name)
        assert isinstance(reader, ServedReader)
        reader.begin(self._state.term)
        return reader

    def _take(self, link: Link, message: Any) -> None:
        if not isinstance(message, _wire.Batch):
            super()._take(link, message)
            return
        if link.received.get(message.reader) != message.number:  # else it came again
            link.received[message.reader] = message.number
            super()._take(link, message)
            reader = self._readers.get(message.reader)
            if isinstance(reader, ServedReader):
                reader.note_batch(link.name)
        elif link.pulls.get(message.reader) == message.number:
            link.pending.discard(message.reader)

    def _pull(self, link: Link, reader: FleetReader) -> None:
        if link.socket is None or (isinstance(reader, ServedReader) and reader.owes(link.name)):
            return
        super()._pull(link, reader)

    # ---- programs

    def open_for(self, key: str, output: str, name: str | None) -> ServedReader:
        """A reader of a program; the key is the program's. To be followed by write_through().

        Raises:
            StateError: As open_reader().
        """
        reader = self.open_reader(output, name)
        assert isinstance(reader, ServedReader)
        with self._lock:
            self._keys[key] = reader._number
        return reader

    def leave(self, key: str, reader: ServedReader) -> None:
        """Its program has closed it or has gone."""
        with self._lock:
            self._keys.pop(key, None)
        reader.close()
        with self._lock:
            self._unsaved = True

    def name_of(self, camera: int) -> str:
        """A camera's name, also after its end."""
        return self._names[camera]

    def stop(self) -> None:
        """Writes no more, and leaves nothing in the store."""
        self._writer.stop()
        self._kept.clear()
