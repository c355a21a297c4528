"""Fleet: runs many cameras on several agents."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from freshframe import OptionError, OptionTypeError, StateError, StopTimeoutError
from freshframe._agent import ClosedByWith, check, fork, logger

from . import _specs
from ._control.builds.builds import SentBuilds
from ._control.controller import Controller
from ._desk import Desk
from ._metrics import metrics_text
from ._page import FleetDashboard
from ._plan import local_setup
from ._read.reader import FleetReader
from ._stats import FleetStats, count_cameras

if TYPE_CHECKING:
    from freshframe import Pipeline, Port


_PATIENCE = 0.5  # how long a page waits for the state, in seconds

Build = Callable[[str], "tuple[Pipeline, Mapping[str, Port[Any]]]"]


class Life:
    """Closes the parts of a fleet in the right order, at the latest when the program exits."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self._pid = os.getpid()
        self._lock = threading.Lock()  # guards the next two
        self._pages: list[FleetDashboard] = []
        self._closed = False
        self._desk: Desk | None = None

    def begin(self, answers: dict[str, Callable[..., Any]]) -> None:
        """Opens the command line's socket, which serves `answers`; the fleet will be closed at exit.

        Raises:
            FreshframeError: The socket for the command line cannot be opened. The controller is closed.
        """
        try:
            self._desk = Desk(self.name, answers)
        except BaseException:
            self._controller.close()
            raise
        _open.add(self)

    @property
    def name(self) -> str:
        """Returns the name of the fleet."""
        return self._controller.name

    def check_process(self) -> None:
        """Raises a StateError in a forked child."""
        if os.getpid() != self._pid:
            raise StateError(
                "the fleet was created before this process was forked: create a fleet after the fork"
            )

    def serve(self, host: str, port: int, token: str | None) -> FleetDashboard:
        """Implements Fleet.serve()."""
        controller = self._controller
        controller.check_open()
        page = FleetDashboard(
            lambda: controller.stats(_PATIENCE), host, port, token, lambda: controller.ticked
        )
        with self._lock:
            if not self._closed:
                self._pages.append(page)
                return page
        page.close()  # another thread has closed the fleet in the meantime
        raise StateError("the fleet was closed")

    def close(self) -> None:
        """Closes the pages, the command line's socket and the fleet, in this order. Idempotent."""
        if os.getpid() != self._pid:
            return
        with contextlib.ExitStack() as parts:  # close all of them, even if one fails
            parts.callback(_open.discard, self)
            parts.callback(self._controller.close)
            if self._desk is not None:
                parts.callback(self._desk.close)
            with self._lock:
                self._closed = True
                for page in self._pages:
                    parts.callback(page.close)
                self._pages.clear()

    def forget_in_child(self) -> None:
        """Closes the sockets of a fleet in a forked child."""
        if self._desk is not None:
            self._desk.forget_in_child()
        self._controller.forget_in_child()


_open: set[Life] = set()  # fleets with running agents, kept alive until they are closed


@atexit.register
def _close_all() -> None:
    for fleet in list(_open):
        try:
            fleet.close()
        except Exception:  # noqa: PERF203  (the others are closed anyway)
            logger.exception("fleet %r was not closed in order", fleet.name)


def _forget_in_child() -> None:
    for fleet in _open:
        fleet.forget_in_child()
    _open.clear()


fork.in_child(_forget_in_child)

_LOOK_EVERY = 0.05  # seconds


class Fleet(ClosedByWith):
    """Runs many cameras on several agents and collects their results.

    An agent is a child process with its own pipelines; it ends with the program. For each camera, one of the
    agents calls a ``build`` function that creates its pipeline.

    Args:
        agents: Number of agents, or a list of their labels: ``[{"site": "north"}, {"site": "south", "name":
            "s1"}]``.
        name: Name for the command line. None: generated.
        start_timeout: Seconds that ``build`` and the start of its pipeline may take; None: no limit. After
            that the camera counts as failed, and others can start.
        gil_timeout: Seconds for which a call in an agent may hold the GIL; None: no limit. After that the
            agent is killed, and its cameras are started elsewhere. While one of its cameras is starting,
            ``start_timeout`` applies if it is longer.
        outbox_bytes: Limit for all results queued at an agent for readers, in bytes. Beyond it, the largest
            outboxes drop their oldest results.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
        StateError: A fleet of this name is already running.
    """

    def __init__(
        self,
        agents: int | list[Mapping[str, str]] = 1,
        *,
        name: str | None = None,
        start_timeout: float | None = 120.0,
        gil_timeout: float | None = 30.0,
        outbox_bytes: float = 256 << 20,
    ) -> None:
        """Starts the agents without waiting for them."""
        specs = _specs.agent_specs(agents)
        controller = Controller(local_setup(name, start_timeout, gil_timeout, outbox_bytes))
        self._controller = controller
        self._builds = SentBuilds(controller.add_build)
        self._life = Life(controller)
        self._life.begin(self._answers())  # the answers need `_life`
        for agent, labels in specs.items():
            controller.add_agent(agent, labels)

    def _answers(self) -> dict[str, Callable[..., Any]]:
        """Returns the functions that answer requests of the command line."""
        return {
            "stats": lambda: self.stats().to_dict(),
            "drain": self.drain,
            "resume": self.resume,
        }

    # ---- cameras

    def add(
        self,
        name: str,
        url: str,
        build: Build,
        *,
        needs: Mapping[str, str] | None = None,
        exclusive: bool = False,
    ) -> None:
        """Adds a camera. Returns without waiting for an agent to start it.

        Args:
            name: Name of the camera, unique in the fleet.
            url: The URL passed to ``build``. ``env:NAME`` is replaced by a variable of the agent's
                environment.
            build: Called with the URL on the agent. Returns ``(pipeline, outputs)``: a pipeline that was not
                started, and a dict of the ports whose results are sent to readers, by name. Must be
                importable, or picklable with cloudpickle.
            needs: Labels that the agent must have.
            exclusive: Whether the camera accepts only one connection. Then a run is closed, or its agent has
                exited, before the next run starts.

        Raises:
            OptionError: An argument is out of range.
            OptionTypeError: An argument is of the wrong type, or ``build`` cannot be pickled.
            StateError: A camera of this name exists, or the fleet was closed.
        """
        self._life.check_process()
        spec = _specs.camera_spec(name, url, needs)
        check.flag("exclusive", exclusive)
        self._builds.use(build, lambda number: self._controller.add([spec], number, exclusive))

    def add_many(
        self,
        cameras: Mapping[str, str | tuple[str, Mapping[str, str]]] | str | os.PathLike[str],
        build: Build,
        *,
        exclusive: bool = False,
    ) -> int:
        """Adds several cameras; none if one of them is invalid.

        Args:
            cameras: A mapping of names to URLs or to ``(url, needs)``; or the path of a CSV file with the
                columns ``name``, ``url`` and optionally ``needs`` (``site=north;gpu=yes``).
            build: As for add().
            exclusive: As for add().

        Returns:
            The number of cameras added.

        Raises:
            OptionError: A camera is invalid, or a name appears twice.
            OptionTypeError: An argument is of the wrong type, or ``build`` cannot be pickled.
            OSError: The file cannot be read.
            StateError: A camera of one of the names exists, or the fleet was closed.
        """
        self._life.check_process()
        specs = _specs.camera_specs(cameras)
        check.flag("exclusive", exclusive)
        self._builds.use(build, lambda number: self._controller.add(specs, number, exclusive))
        return len(specs)

    def update(self, name: str, *, url: str | None = None, build: Build | None = None) -> None:
        """Changes the URL or ``build`` function of a camera, or both, without a gap in its results.

        A new run starts on the same agent, and the current one ends when the new one delivers results. For an
        exclusive camera, the current run is closed first. If the new build fails, the current run continues,
        and the start is retried. Agents do not reload modules that they have imported.

        Args:
            name: Name of the camera.
            url: The new URL. None keeps the current one.
            build: As for add(). None keeps the current one.

        Raises:
            OptionError: An argument is out of range, or neither ``url`` nor ``build`` is given.
            OptionTypeError: An argument is of the wrong type, or ``build`` cannot be pickled.
            StateError: There is no such camera, or the fleet was closed.
        """
        self._life.check_process()
        check.text("the name of a camera", name)
        if url is not None:
            check.text(f"the url of {name!r}", url)
        if build is not None:
            self._builds.use(build, lambda number: self._controller.update(name, number, url))
        elif url is not None:
            self._controller.update(name, None, url)
        else:
            raise OptionError(f"update({name!r}) needs url= or build=, but got neither")

    def remove(self, name: str) -> None:
        """Stops and removes a camera. Its queued results can still be read for a second.

        Raises:
            OptionTypeError: The name is not a string.
            StateError: There is no such camera, or the fleet was closed.
        """
        self._life.check_process()
        self._controller.remove(check.text("the name of a camera", name))

    def move(self, name: str, to: str) -> None:
        """Moves a camera to another agent.

        The current run is closed when the new one delivers results; for an exclusive camera,
        before the new one starts.

        Raises:
            OptionTypeError: A name is not a string.
            StateError: There is no such camera or agent, the agent does not meet the camera's needs or does
                not accept cameras at the moment, or the fleet was closed.
        """
        self._life.check_process()
        self._controller.move(
            check.text("the name of a camera", name), check.text("the name of an agent", to)
        )

    def drain(self, agent: str, *, timeout: float | None = 0.0) -> None:
        """Moves all cameras of an agent to others, a few at a time. It accepts none until resume().

        Cameras that no other agent can take stay and continue. The others are moved as by move().

        Args:
            agent: Name of the agent.
            timeout: Seconds to wait until it has no cameras; 0: do not wait, None: no limit.

        Raises:
            OptionError: The timeout is negative.
            OptionTypeError: An argument is of the wrong type.
            StateError: There is no such agent, or the fleet was closed.
            StopTimeoutError: The agent still has cameras after a ``timeout`` above 0. They continue to be
                moved.
        """
        self._life.check_process()
        agent = check.text("the name of an agent", agent)
        limit = check.timeout(timeout)
        self._controller.drain(agent, True)
        if limit != 0:
            _wait_until_empty(self._controller, agent, limit)

    def resume(self, agent: str) -> None:
        """Undoes drain(): the agent accepts cameras again.

        Raises:
            OptionTypeError: The name is not a string.
            StateError: There is no such agent, or the fleet was closed.
        """
        self._life.check_process()
        self._controller.drain(check.text("the name of an agent", agent), False)

    # ---- results

    def reader(self, output: str, *, name: str | None = None) -> FleetReader:
        """Creates a reader for an output of all cameras, including those that will be added later.

        It starts with new results. Each result is delivered once. If a reader is too slow, the agents'
        outboxes drop and count its oldest results; other readers are not affected.

        Args:
            output: The name of the output.
            name: If given, the reader can be resumed: after close(), results are queued as for a slow reader,
                and reader() with the same name continues with the first undelivered one. None: close()
                discards the results.

        Raises:
            GraphError: From the reader's methods: no camera has an output of this name.
            OptionError: A name is empty.
            OptionTypeError: A name is not a string.
            StateError: The fleet was closed, or a reader of this name is open, or was used for another
                output.
        """
        self._life.check_process()
        check.text("the name of an output", output)
        if name is not None:
            check.text("name", name)
        return self._controller.open_reader(output, name)

    def stats(self) -> FleetStats:
        """Returns a snapshot of the statistics. Also works after close().

        Raises:
            StateError: This is a forked child of the program that created the fleet.
        """
        self._life.check_process()
        return self._controller.stats()

    def serve(self, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None) -> FleetDashboard:
        """Serves a page with the agents, cameras, readers and events; several may be open.

        The state is also available as JSON at ``/api/fleet``, and ``/healthz`` fails while a camera is not
        running. It is updated every ten seconds, and continuously while a browser shows it.

        Args:
            host: Address to listen on; with "127.0.0.1" only this machine can connect.
            port: TCP port; 0: any free one.
            token: Password for visitors, 16 to 256 characters of a-z A-Z 0-9 - _. None: a random one if other
                machines can connect, otherwise none.

        Returns:
            The page; ``page.url`` is its URL.

        Raises:
            FreshframeError: The port is in use.
            OptionError: An option is out of range.
            OptionTypeError: An option is of the wrong type.
            StateError: The fleet was closed.
        """
        self._life.check_process()
        return self._life.serve(host, port, token)

    def _metrics_text(self) -> str:
        """Returns the fleet's metrics, for ff.stats.prometheus_collector()."""
        return metrics_text(self.stats())

    # ---- its life

    @property
    def name(self) -> str:
        """The name of the fleet, which may have been generated."""
        return self._controller.name

    def close(self) -> None:
        """Stops all cameras and the agents. Idempotent."""
        self._life.close()

    def __repr__(self) -> str:
        return f"<Fleet {self.name!r}>"

    def __reduce__(self) -> Any:
        """Always raises OptionTypeError, because the processes of a fleet cannot be pickled."""
        raise OptionTypeError("a Fleet cannot be pickled: it owns processes")


def _wait_until_empty(controller: Controller, agent: str, timeout: float) -> None:
    """Waits at most `timeout` seconds until a drained agent has no cameras.

    Raises:
        StopTimeoutError: The agent still has cameras then.
    """
    deadline = time.monotonic() + timeout
    while controller.count_cameras(agent):
        if time.monotonic() > deadline:
            left = count_cameras(controller.count_cameras(agent))
            raise StopTimeoutError(f"agent {agent!r} still has {left} {timeout:g} s after drain()", [agent])
        time.sleep(_LOOK_EVERY)
