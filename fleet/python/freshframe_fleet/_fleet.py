"""Fleet: many cameras on several agents."""

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
from ._plan import Limits, local_setup
from ._read.reader import FleetReader
from ._stats import FleetStats

if TYPE_CHECKING:
    from freshframe import Pipeline, Port


_PATIENCE = 0.5  # seconds that a page waits for the state

Build = Callable[[str], "tuple[Pipeline, Mapping[str, Port[Any]]]"]


class Life:
    """Closes the parts of a fleet in order. The end of the program closes it, too."""

    def __init__(self, controller: Controller) -> None:
        """Has a controller, which close() ends."""
        self._controller = controller
        self._pid = os.getpid()
        self._lock = threading.Lock()  # guards the next two
        self._pages: list[FleetDashboard] = []
        self._closed = False
        self._desk: Desk | None = None

    def begin(self, answers: dict[str, Callable[..., Any]]) -> None:
        """Has the end of the program close the fleet. `answers`: to the command line.

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
                "the fleet belongs to the parent of this forked process: make a fleet after the fork"
            )

    def serve(self, host: str, port: int, token: str | None) -> FleetDashboard:
        """Serves one more page, as Fleet.serve()."""
        controller = self._controller
        controller.check_open()
        page = FleetDashboard(
            lambda: controller.stats(_PATIENCE), host, port, token, lambda: controller.ticked
        )
        with self._lock:
            if not self._closed:
                self._pages.append(page)
                return page
        page.close()  # another thread has closed the fleet since
        raise StateError("the fleet was closed")

    def close(self) -> None:
        """Ends the pages, the socket for the command line and the fleet, in this order. Idempotent."""
        if os.getpid() != self._pid:
            return
        with contextlib.ExitStack() as parts:  # all of them end, whichever fails
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


_open: set[Life] = set()  # fleets that have agents, kept alive until they are closed


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
    """Runs many cameras on several agents, and brings their results here.

    An agent is a process with its own pipelines, a child of the program that ends with it. Each camera is a
    call of a ``build`` function in one of them.

    Args:
        agents: How many, or a list of their labels: ``[{"site": "north"}, {"site": "south", "name": "s1"}]``.
        name: For the command line. None makes one up.
        start_timeout: Seconds that a ``build`` and the start of its pipeline may take, or None for no limit.
            After them the camera has failed, and others can start.
        gil_timeout: Seconds for which something in an agent may keep its GIL, so that no Python runs there,
            or None for no limit. After them the agent is killed, and its cameras start elsewhere. While one
            of its cameras starts, ``start_timeout`` counts if it is longer.
        outbox_bytes: Bytes of all results together that may wait at an agent for readers. Beyond it the
            fattest outboxes drop their oldest ones.

    Raises:
        OptionError: An option is out of range.
        OptionTypeError: An option is of the wrong type.
        StateError: A fleet of this name runs already.
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
        """Starts the agents; they come up while the program goes on."""
        specs = _specs.agent_specs(agents)
        controller = Controller(local_setup(name, Limits(start_timeout, gil_timeout, outbox_bytes)))
        self._controller = controller
        self._builds = SentBuilds(controller.add_build)
        self._life = Life(controller)
        self._life.begin(self._answers())  # answers need the life
        for agent, labels in specs.items():
            controller.add_agent(agent, labels)

    def _answers(self) -> dict[str, Callable[..., Any]]:
        """Returns the functions that answer the command line."""
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
        """Adds a camera; an agent starts it as soon as one can.

        Args:
            name: Of the camera, once in the fleet.
            url: What ``build`` gets. ``env:NAME`` is replaced by a variable of the agent's environment.
            build: Called with the URL on the agent; returns ``(pipeline, outputs)``: a pipeline that was not
                started, and its ports whose results leave the machine, by name. Importable, or picklable by
                cloudpickle.
            needs: Labels that the agent must have.
            exclusive: The camera allows one session: a run of it is closed, or its agent's process has ended,
                before the next one starts.

        Raises:
            OptionError: An argument is out of range.
            OptionTypeError: An argument is of the wrong type, or ``build`` cannot go to another process.
            StateError: There is a camera of this name, or the fleet was closed.
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
        """Adds cameras: all of them, or none when one is wrong.

        Args:
            cameras: A mapping of names to URLs or to ``(url, needs)``; or the path of a CSV file with the
                columns ``name``, ``url`` and perhaps ``needs`` (``site=north;gpu=yes``).
            build: As for add().
            exclusive: As for add().

        Returns:
            How many.

        Raises:
            OptionError: A camera is out of range, or a name appears twice.
            OptionTypeError: An argument is of the wrong type, or ``build`` cannot go to another process.
            OSError: The file cannot be read.
            StateError: There is a camera of one of the names, or the fleet was closed.
        """
        self._life.check_process()
        specs = _specs.camera_specs(cameras)
        check.flag("exclusive", exclusive)
        self._builds.use(build, lambda number: self._controller.add(specs, number, exclusive))
        return len(specs)

    def update(self, name: str, *, url: str | None = None, build: Build | None = None) -> None:
        """Gives a camera another URL, another build, or both, without a gap.

        It starts again at its agent, and its present run ends when the new one gives results. An
        exclusive camera is closed first. If the new build fails, the present run goes on, and the start is
        tried again. Agents keep the modules that they have imported.

        Args:
            name: Of the camera.
            url: What ``build`` gets from now on. None keeps the URL.
            build: As for add(). None keeps the build.

        Raises:
            OptionError: An argument is out of range, or neither ``url`` nor ``build`` is given.
            OptionTypeError: An argument is of the wrong type, or ``build`` cannot go to another process.
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
            raise OptionError(f"update({name!r}) needs url= or build=, and got neither")

    def remove(self, name: str) -> None:
        """Ends a camera. Results that wait for readers are still read for a second.

        Raises:
            OptionTypeError: The name is no text.
            StateError: There is no such camera, or the fleet was closed.
        """
        self._life.check_process()
        self._controller.remove(check.text("the name of a camera", name))

    def move(self, name: str, to: str) -> None:
        """Moves a camera: it gives results there before it is closed here. An exclusive one is closed first.

        Raises:
            OptionTypeError: A name is no text.
            StateError: There is no such camera or agent, the agent does not meet the camera's needs or takes
                no cameras now, or the fleet was closed.
        """
        self._life.check_process()
        self._controller.move(
            check.text("the name of a camera", name), check.text("the name of an agent", to)
        )

    def drain(self, agent: str, *, timeout: float | None = 0.0) -> None:
        """Moves all cameras of an agent to others, some at a time; it takes none until resume().

        Cameras that no other agent can take stay and run on. The others move as with move().

        Args:
            agent: Its name.
            timeout: Seconds to wait until it has none; 0 means does not wait. None means no limit.

        Raises:
            OptionError: The timeout is negative.
            OptionTypeError: An argument is of the wrong type.
            StateError: There is no such agent, or the fleet was closed.
            StopTimeoutError: It has cameras after ``timeout`` seconds, more than 0. They go on leaving.
        """
        self._life.check_process()
        agent = check.text("the name of an agent", agent)
        limit = check.timeout(timeout)
        self._controller.drain(agent, True)
        if limit != 0:
            _wait_until_empty(self._controller, agent, limit)

    def resume(self, agent: str) -> None:
        """The opposite of drain(): the agent takes cameras again.

        Raises:
            OptionTypeError: The name is no text.
            StateError: There is no such agent, or the fleet was closed.
        """
        self._life.check_process()
        self._controller.drain(check.text("the name of an agent", agent), False)

    # ---- results

    def reader(self, output: str, *, name: str | None = None) -> FleetReader:
        """Reads an output of all cameras from now on, including cameras that will be added.

        Each result is delivered once. A reader that is too slow loses the oldest results at the agents'
        outboxes, which are counted, and slows no other reader.

        Args:
            output: The name of the output.
            name: Under which the reader comes back: after its close() results wait as for a slow reader, and
                reader() with the same name goes on with the first that was not delivered. With None the
                results end with close().

        Raises:
            GraphError: In the reader's calls: no camera has an output of this name.
            OptionError: A name is empty.
            OptionTypeError: A name is no text.
            StateError: The fleet was closed, or a reader of this name is open or reads another output.
        """
        self._life.check_process()
        check.text("the name of an output", output)
        if name is not None:
            check.text("name", name)
        return self._controller.open_reader(output, name)

    def stats(self) -> FleetStats:
        """A snapshot; works after close(), too.

        Raises:
            StateError: This is a forked child of the program that made the fleet.
        """
        self._life.check_process()
        return self._controller.stats()

    def serve(self, *, host: str = "127.0.0.1", port: int = 0, token: str | None = None) -> FleetDashboard:
        """Serves a page with the agents, cameras, readers and events; several may be open.

        The state is also at ``/api/fleet`` as JSON, and ``/healthz`` fails while a camera does not run. It is
        made once in ten seconds, and at once while a browser looks.

        Args:
            host: An address of this machine; "127.0.0.1": only this machine can connect.
            port: 0: any free port.
            token: The password of visitors, 16 to 256 letters of a-z A-Z 0-9 - _. None means no token
                on this machine, and a made-up one when others can connect.

        Returns:
            The page; ``page.url`` is where it is.

        Raises:
            FreshframeError: The port is taken.
            OptionError: An option is out of range.
            OptionTypeError: An option is of the wrong type.
            StateError: The fleet was closed.
        """
        self._life.check_process()
        return self._life.serve(host, port, token)

    def _metrics_text(self) -> str:
        """Returns its metrics, for ff.stats.prometheus_collector()."""
        return metrics_text(self.stats())

    # ---- its life

    @property
    def name(self) -> str:
        """Returns the name of the fleet, which may be made up."""
        return self._controller.name

    def close(self) -> None:
        """Stops all cameras and ends the agents. Idempotent."""
        self._life.close()

    def __repr__(self) -> str:
        """Returns a text with the fleet's name."""
        return f"<Fleet {self.name!r}>"

    def __reduce__(self) -> Any:
        """Refuses to be pickled: a fleet has processes."""
        raise OptionTypeError("a Fleet cannot be pickled: it has processes")


def _wait_until_empty(controller: Controller, agent: str, timeout: float) -> None:
    """Waits at most `timeout` seconds until a drained agent has no cameras.

    Raises:
        StopTimeoutError: The agent has cameras after them.
    """
    deadline = time.monotonic() + timeout
    while controller.count_cameras(agent):
        if time.monotonic() > deadline:
            left = controller.count_cameras(agent)
            raise StopTimeoutError(f"agent {agent!r} still has {left} cameras after {timeout:g} s", [agent])
        time.sleep(_LOOK_EVERY)
