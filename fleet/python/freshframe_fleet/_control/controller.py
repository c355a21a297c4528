"""A fleet's controller as the program sees it: adds and removes agents, cameras and readers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from freshframe import StateError

from .._decide.decisions import Camera, Decisions, Run
from .._decide.fleet_state import FleetState
from .._messages import End
from .._read.reader import FleetReader
from .._read.results import Results
from .._stats import FleetStats
from . import snapshot
from .actions import Actions, Hearing
from .agents.links import Links
from .builds.builds import Builds
from .cameras import Cameras
from .loop import TICK, Loop, boot_time
from .name_lock import NameLock
from .notes import Notes
from .parts import Parts
from .readers import Readers
from .setup import Setup

_END_TIMEOUT = 8.0  # seconds within which agents have to close their cameras


class Life:
    """Starts and closes a controller, and runs its thread."""

    def __init__(self, parts: Parts, actions: Actions) -> None:
        """The thread is started by start()."""
        self._parts = parts
        self._actions = actions
        self._decided = 0.0
        self.ticked = 0.0  # when the thread last worked

    def start(self) -> None:
        """Starts the controller's thread."""
        self.ticked = boot_time()
        self._parts.loop.start(self._run)

    def _run(self) -> None:
        parts = self._parts
        try:
            while not parts.is_closing:
                parts.loop.turn()
                with parts.loop.lock:
                    self._work()
            self._end_agents()
        except BaseException as error:
            parts.failure = f"{type(error).__name__}: {error}"
            parts.notes.log_error(f"the controller of fleet {parts.name!r} failed")
        finally:
            try:
                with parts.loop.lock:
                    self._finish()
            finally:
                parts.loop.ended.set()
                parts.notes.close()

    def _work(self) -> None:
        parts = self._parts
        parts.loop.do_requests()
        now = self.ticked = boot_time()
        if parts.loop.is_due() or now - self._decided >= TICK:
            self._decided = now
            self._actions.do(parts.decisions.tick(now))
            parts.notes.take()
        parts.readers.pull()
        parts.links.flush()
        parts.cpu = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)
        parts.readers.announce()

    def close(self) -> None:
        """Stops all cameras and agents. Idempotent."""
        parts = self._parts
        with parts.loop.lock:
            parts.is_closing = True
        parts.loop.wake()
        parts.loop.ended.wait()
        parts.loop.join(1.0)

    def _end_agents(self) -> None:
        parts = self._parts
        with parts.loop.lock:
            for link in parts.links:
                parts.links.order(link, End())
        deadline = time.monotonic() + _END_TIMEOUT
        while len(parts.links):
            late = time.monotonic() > deadline
            with parts.loop.lock:
                parts.loop.do_requests()
                parts.readers.pull()
                parts.links.flush()
                parts.readers.announce()
                for link in parts.links:
                    if late or parts.decisions.agents[link.name].state == "ending":
                        link.kill()
            parts.loop.turn()

    def _finish(self) -> None:
        parts = self._parts
        parts.is_closing = True
        parts.links.kill_all()  # after a failure
        parts.readers.finish(parts.failure)
        parts.loop.do_requests()
        parts.notes.take()
        parts.loop.close()
        parts.lock.close()

    def forget_in_child(self) -> None:
        """Called in a forked child.

        Closes what would otherwise keep the agents and the lock of the state alive there.
        """
        parts = self._parts
        parts.links.forget_in_child()
        parts.lock.forget_in_child()
        parts.loop.forget_in_child()


_T = TypeVar("_T")

Spec = tuple[str, str, Mapping[str, str]]  # name, URL and needs of a camera


class Controller:
    """Runs a fleet. The methods are thread-safe, and run on the controller's own thread."""

    def __init__(self, setup: Setup) -> None:
        """Starts the thread, without any agents.

        Raises:
            FreshframeError: The name cannot be locked.
            StateError: A fleet of this name is already running.
        """
        self.name = setup.name
        self.parts = parts = _parts(setup, NameLock(setup.name, made_up=setup.made_up))
        self.actions = Actions(parts)
        hearing = Hearing(parts, self.actions)
        parts.links.on_message = hearing.take
        parts.links.on_end = self.actions.bury
        self._open: dict[int, FleetReader] = {}  # readers, by number
        self._life = Life(parts, self.actions)
        self._life.start()

    @property
    def lock(self) -> threading.RLock:
        """Guards the state of the controller and of its parts."""
        return self.parts.loop.lock

    @property
    def decisions(self) -> Decisions:
        """The decisions. Requires the lock."""
        return self.parts.decisions

    @property
    def ticked(self) -> float:
        """When the thread last worked."""
        return self._life.ticked

    def note(self, about: str, text: str) -> None:
        """Adds an event. Requires the lock."""
        self.parts.notes.add(about, text)

    def call(self, job: Callable[[], _T]) -> _T:
        """Runs a job on the thread, and waits for it."""
        return self.parts.loop.call(job)

    # ---- agents

    def add_agent(self, name: str, labels: Mapping[str, str]) -> None:
        """Adds an agent, which is started as soon as it can be."""

        def add() -> None:
            self.decisions.add_agent(name, labels, boot_time())

        self.call(add)

    def drain(self, name: str, draining: bool) -> None:
        """Moves all cameras away from an agent, or lets it accept cameras again."""

        def drain() -> None:
            self._check_open()
            self.decisions.drain(_agent(self.decisions, name), draining)
            self.note(name, "draining" if draining else "accepts cameras again")

        self.call(drain)

    def count_cameras(self, name: str) -> int:
        """Returns how many cameras an agent has."""
        with self.lock:
            return self.decisions.count_cameras(_agent(self.decisions, name))

    # ---- cameras

    def add_build(self, known: bytes, pickled: bytes) -> int:
        """Adds a function that each agent receives once. Returns its number."""
        return self.call(lambda: self.parts.builds.add(known, pickled))

    def add(self, cameras: Sequence[Spec], build: int, exclusive: bool) -> None:
        """Adds cameras.

        Raises:
            StateError: One of the cameras already exists, or the fleet was closed.
        """
        self.call(lambda: self._add(cameras, build, exclusive))

    def _add(self, cameras: Sequence[Spec], build: int, exclusive: bool) -> None:
        parts = self.parts
        self._check_open()
        for name, _, _ in cameras:
            number = parts.cameras.number(name)
            if number is not None:
                _refuse_leaving(
                    self.decisions.cameras[number], ": add it again once stats().cameras no longer lists it"
                )
                raise StateError(f"a camera named {name!r} already exists; remove it first")
        parts.builds.check(build)
        now = boot_time()
        for name, url, needs in cameras:
            number = parts.cameras.add(name, url, build)
            parts.builds.use(build)
            parts.decisions.add(Camera(number, name, dict(needs), exclusive), now)
        parts.readers.check()

    def update(self, name: str, build: int | None, url: str | None) -> None:
        """Changes a camera's build, URL, or both."""
        self.call(lambda: self._update(name, build, url))

    def _update(self, name: str, build: int | None, url: str | None) -> None:
        parts, number = self.parts, self._number(name)
        known = parts.cameras.get(number)
        assert known is not None
        build = known.build if build is None else build
        parts.builds.check(build)
        parts.builds.use(build)
        self.actions.release_build(known.build)
        known.build = build
        known.url = known.url if url is None else url
        self.actions.do(parts.decisions.renew(number, boot_time()))
        parts.readers.check()

    def remove(self, name: str) -> None:
        """Removes a camera: its run ends, and its results can be read for a second."""
        self.call(lambda: self.actions.do(self.decisions.remove(self._number(name), boot_time())))

    def move(self, name: str, to: str) -> None:
        """Moves a camera to this agent."""
        self.call(lambda: self._move(name, to))

    def _move(self, name: str, to: str) -> None:
        camera = self.decisions.cameras[self._number(name)]
        agent = self.decisions.agents[_agent(self.decisions, to)]
        unmet = {key: value for key, value in camera.needs.items() if agent.labels.get(key) != value}
        if unmet:
            raise StateError(
                f"camera {name!r} needs {unmet}, but agent {to!r} has the labels {dict(agent.labels)}"
            )
        if agent.state != "up" or agent.draining:
            state = f"draining; call resume({to!r}) first" if agent.draining else agent.state
            raise StateError(f"agent {to!r} cannot accept cameras now: it is {state}")
        self.actions.do(self.decisions.move(camera.number, to, boot_time()))

    def _number(self, name: str) -> int:
        self._check_open()
        number = self.parts.cameras.number(name)
        if number is None:
            raise StateError(f"no camera is named {name!r}")
        _refuse_leaving(self.decisions.cameras[number])
        return number

    # ---- readers

    def open_reader(self, output: str, name: str | None = None) -> FleetReader:
        """Opens a reader of an output, or resumes a closed one of this name.

        Raises:
            StateError: The fleet was closed, or a reader of this name is open.
        """

        def reader() -> FleetReader:
            self._check_open()
            results = self.parts.readers.open(output, name)
            if results.number not in self._open:
                self._open[results.number] = FleetReader(
                    results, self.parts.cameras.name_of, self._close_reader
                )
            return self._open[results.number]

        return self.call(reader)

    def _close_reader(self, results: Results) -> None:
        """Closes a reader without a name for good."""

        def forget() -> None:
            self._open.pop(results.number, None)
            self.parts.readers.forget(results)

        if results.name is None:
            self.call(forget)

    # ---- its state

    def stats(self, timeout: float = -1) -> FleetStats:
        """Returns a snapshot.

        Raises:
            StateError: The controller was busy for longer than ``timeout`` seconds (negative: no limit).
        """
        if timeout < 0:
            with self.lock:  # unlike with acquire() below, KeyboardInterrupt cannot leave the lock held
                return snapshot.fleet_stats(self.parts)
        if not self.lock.acquire(timeout=timeout):
            raise StateError(f"the controller did not answer within {timeout:g} s")
        try:
            return snapshot.fleet_stats(self.parts)
        finally:
            self.lock.release()

    def check_open(self) -> None:
        """Raises StateError if the fleet was closed or its controller has failed."""
        with self.lock:
            self._check_open()

    def _check_open(self) -> None:
        failure = self.parts.failure
        if failure is not None:
            raise StateError(f"the fleet's controller has failed and its agents were terminated: {failure}")
        if self.parts.is_closing:
            raise StateError("the fleet was closed")

    def close(self) -> None:
        """Stops all cameras and agents. Idempotent."""
        self._life.close()

    def forget_in_child(self) -> None:
        """Called in a forked child.

        Closes what would otherwise keep the agents and the lock of the state alive there.
        """
        self._life.forget_in_child()


def _agent(decisions: Decisions, name: str) -> str:
    if name not in decisions.agents:
        known = ", ".join(map(repr, decisions.agents))
        raise StateError(f"no agent is named {name!r}; the agents are {known}")
    return name


def _refuse_leaving(camera: Camera, advice: str = "") -> None:
    """Raises for a removed camera that is still closing, so that no camera ever has two runs."""
    if camera.removed:
        raise StateError(f"camera {camera.name!r} was removed and is still closing{advice}")


def _parts(setup: Setup, lock: NameLock) -> Parts:
    loop, builds = Loop(f"fleet {setup.name}"), Builds()
    epochs = itertools.count(int(time.time()) << 32 | 1)  # higher than those of an earlier program

    def is_flushed(run: Run) -> bool:
        return parts.readers.is_flushed(run)

    decisions = Decisions(FleetState(epochs.__next__, is_flushed, setup.times))
    notes = Notes(setup.name, decisions)
    links, cameras = Links(loop, notes), Cameras()
    parts = Parts(
        name=setup.name,
        lock=lock,
        loop=loop,
        options=setup.options,
        decisions=decisions,
        notes=notes,
        links=links,
        builds=builds,
        cameras=cameras,
        readers=Readers(links, builds, lambda: loop.wake(hurry=False)),
    )
    return parts
