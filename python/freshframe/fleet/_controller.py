"""A fleet's controller: a thread that guards agents, answers renewals and brings results to readers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from .. import _process
from .._errors import FreshframeError, StateError
from . import _snapshot, _wire
from ._agent_logs import AgentLogs
from ._counts import CameraCounts
from ._decisions import Action, Camera, CameraState, Decisions, Times
from ._link import Link
from ._reader import FleetReader
from ._state import StateFile
from ._stats import FleetEvent, FleetStats
from ._url import masked

_TICK = 0.1  # seconds
_MOST_EVENTS = 1000
_AT_A_PULL = (500, 1 << 20)  # results, bytes
_END_TIMEOUT = 8.0  # seconds that agents have to close their cameras
_SAVE_EVERY = 1.0  # seconds between two writes of where the cameras are


_T = TypeVar("_T")


def boot_time() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _Request:
    """Something that a thread of the program wants done by the controller's."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self._job = job
        self.done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def do(self) -> None:
        try:
            self.result = self._job()
        except Exception as error:
            self.error = error
        self.done.set()


class Controller:
    """Of a local fleet. Its methods may be called from any thread.

    What changes its state is done by its own thread: Ctrl-C in the program's main thread interrupts nothing
    that is half done.
    """

    def __init__(
        self, name: str, *, keep: bool, times: Times | None = None, options: dict[str, Any] | None = None
    ) -> None:
        """Starts its thread; there are no agents yet.

        Raises:
            FreshframeError: The state cannot be written.
            StateError: A fleet of this name runs already.
        """
        self.name = name
        self._options = options or {}
        self._state = StateFile(name, keep=keep)
        self._lock = threading.RLock()
        self._decisions = Decisions(self._state.next_epoch, self._is_flushed, times)
        self._links: dict[str, Link] = {}
        self._builds: list[tuple[bytes, bytes]] = []
        self._urls: dict[int, tuple[str, int]] = {}  # address and build, by camera number
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._counts: dict[int, CameraCounts] = {}
        self._readers: dict[int, FleetReader] = {}
        self._named: dict[str, FleetReader] = {}
        self._next_reader = 1
        self._next_camera = 0
        self._outputs: dict[str, set[int]] = {}  # builds, by the output that they give
        self._known_builds: set[int] = set()  # whose outputs are known
        self._events: deque[FleetEvent] = deque(maxlen=_MOST_EVENTS)
        self._unsaved = False
        self._saved = 0.0
        self._cpu = 0.0
        self._closing = False
        self._hurried = False  # something is to be decided now
        self._requests: deque[_Request] = deque()
        self._logs = AgentLogs(name)
        self._serving = False  # agents show pages of their own
        self.ticked = boot_time()  # when the thread was last seen to work
        self._ended = threading.Event()
        self._failure: str | None = None  # of the thread
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, name=f"fleet {name}", daemon=True)
        self._thread.start()

    # ---- for the fleet

    def _call(self, job: Callable[[], _T]) -> _T:
        """Has something done by the thread, and waits for it."""
        request = _Request(job)
        if threading.current_thread() is not self._thread and not self._ended.is_set():
            self._requests.append(request)
            self._wake()
            while not request.done.wait(_TICK) and not self._ended.is_set():
                pass
        with self._lock:
            if not request.done.is_set():
                request.do()
        if request.error is not None:
            raise request.error
        result: _T = request.result
        return result

    def _request(self, job: Callable[[], object]) -> None:
        """Has something done by the thread, and does not wait for it."""

        def guarded() -> None:
            try:
                job()
            except Exception:
                self._log_error(f"a request to fleet {self.name!r} failed")

        self._requests.append(_Request(guarded))
        self._wake()

    def add_agent(self, name: str, labels: Mapping[str, str]) -> None:
        """An agent that shall run."""
        self._call(lambda: self._decisions.add_agent(name, labels, boot_time()))

    def add_build(self, known: bytes, pickled: bytes) -> int:
        """A function that agents get once."""

        def add() -> int:
            self._builds.append((known, pickled))
            return len(self._builds) - 1

        return self._call(add)

    def add(self, cameras: Sequence[tuple[str, str, Mapping[str, str]]], build: int, exclusive: bool) -> None:
        """Cameras (name, address, needs) that shall run.

        Raises:
            StateError: One of them is there already, or the fleet was closed.
        """
        self._call(lambda: self._add(cameras, build, exclusive))

    def _add(
        self, cameras: Sequence[tuple[str, str, Mapping[str, str]]], build: int, exclusive: bool
    ) -> None:
        self._check_open()
        for name, _, _ in cameras:
            if name in self._numbers:
                self._refuse_leaving(name)
                raise StateError(f"there is a camera {name!r} already; remove it first")
        now = boot_time()
        for name, url, needs in cameras:
            number = self._next_camera
            self._next_camera += 1
            self._numbers[name] = number
            self._names[number] = name
            self._urls[number] = (url, build)
            self._counts[number] = CameraCounts()
            self._decisions.add(Camera(number, name, dict(needs), exclusive), now)
        for reader in self._readers.values():
            self._check_output(reader)
        self._unsaved = True

    def remove(self, name: str) -> None:
        """A camera that shall run nowhere."""
        self._call(lambda: self._do(self._decisions.remove(self._number(name), boot_time())))

    def move(self, name: str, to: str) -> None:
        """A camera that shall run on that agent."""
        self._call(lambda: self._move(name, to))

    def _move(self, name: str, to: str) -> None:
        camera = self._decisions.cameras[self._number(name)]
        agent = self._decisions.agents[self._agent(to)]
        unmet = {key: value for key, value in camera.needs.items() if agent.labels.get(key) != value}
        if unmet:
            raise StateError(f"camera {name!r} needs {unmet}, and agent {to!r} has {dict(agent.labels)}")
        if agent.state != "up" or agent.draining:
            state = "draining" if agent.draining else agent.state
            raise StateError(f"agent {to!r} takes no cameras now: it is {state}")
        self._do(self._decisions.move(camera.number, to, boot_time()))

    def drain(self, name: str, draining: bool) -> None:
        """An agent that shall have no cameras, or may have some again."""

        def drain() -> None:
            self._check_open()
            self._decisions.drain(self._agent(name), draining)
            self._note(name, "draining" if draining else "takes cameras again")

        self._call(drain)

    def cameras_of(self, name: str) -> int:
        """How many cameras an agent has."""
        with self._lock:
            return self._decisions.cameras_of(self._agent(name))

    def count_up(self) -> int:
        """How many agents take cameras."""
        with self._lock:
            agents = self._decisions.agents.values()
            return sum(agent.state == "up" and not agent.draining for agent in agents)

    def progress(self, name: str) -> tuple[CameraState, str, int, int]:
        """A camera's state, why it is in it, how often it failed or was held in a row, and its starts."""
        with self._lock:
            camera = self._decisions.cameras[self._numbers[name]]
            return camera.state, masked(camera.why), camera.failures_in_row + camera.holds, camera.starts

    def serve_agents(self) -> None:
        """Each agent shall show a page of its own."""

        def serve() -> None:
            self._check_open()
            if not self._serving:
                self._serving = True
                for link in self._links.values():
                    link.send(_wire.order(self._state.term, "serve"))

        self._call(serve)

    def open_reader(self, output: str, name: str | None = None) -> FleetReader:
        """A reader of an output; one of this name that was closed goes on.

        Raises:
            StateError: The fleet was closed, or there is a reader of this name.
        """
        return self._call(lambda: self._open_reader(output, name))

    def _open_reader(self, output: str, name: str | None) -> FleetReader:
        self._check_open()
        known = self._named.get(name) if name is not None else None
        if known is not None:
            if known.output != output:
                raise StateError(f"the reader {name!r} reads {known.output!r}, not {output!r}")
            if not known._closed:
                raise StateError(f"the reader {name!r} is open; close it first")
            known._reopen()
            self._check_output(known)
            return known
        number = self._next_reader
        self._next_reader += 1
        reader = FleetReader(
            number, output, self._names.__getitem__, self._wake_to_pull, self._close_reader, name
        )
        self._readers[number] = reader
        if name is not None:
            self._named[name] = reader
        for link in self._links.values():
            link.send(_wire.reader(self._state.term, number, output))
        self._check_output(reader)
        return reader

    def _number(self, name: str) -> int:
        self._check_open()
        if name not in self._numbers:
            raise StateError(f"there is no camera {name!r}")
        self._refuse_leaving(name)
        return self._numbers[name]

    def _refuse_leaving(self, name: str) -> None:
        """Its name is free once its run has ended: a camera never has two runs."""
        if self._decisions.cameras[self._numbers[name]].removed:
            raise StateError(
                f"camera {name!r} was removed and is still closing; stats().cameras has it until then"
            )

    def _agent(self, name: str) -> str:
        if name not in self._decisions.agents:
            known = ", ".join(map(repr, self._decisions.agents))
            raise StateError(f"there is no agent {name!r}; there are {known}")
        return name

    def check_open(self) -> None:
        """Raises StateError once the fleet was closed or its controller has failed."""
        with self._lock:
            self._check_open()

    def _check_open(self) -> None:
        if self._failure is not None:
            raise StateError(f"the fleet's controller has failed and its agents were ended: {self._failure}")
        if self._closing:
            raise StateError("the fleet was closed")

    # ---- readers

    def _close_reader(self, reader: FleetReader) -> None:
        if reader.name is None:
            self._call(lambda: self._forget_reader(reader))

    def _forget_reader(self, reader: FleetReader) -> None:
        self._readers.pop(reader._number, None)
        for link in self._links.values():
            link.pending.discard(reader._number)
            link.send(_wire.reader_gone(self._state.term, reader._number))

    def _wake_to_pull(self) -> None:
        """A reader has read what was here."""
        self._wake(b"0")

    def _pull_all(self) -> None:
        for reader in self._readers.values():
            if reader._has_room:
                for link in self._links.values():
                    self._pull(link, reader)

    def _pull(self, link: Link, reader: FleetReader) -> None:
        number = reader._number
        if number in link.pending or not reader._has_room:
            return
        link.pending.add(number)
        link.pulls[number] = link.pulls.get(number, 0) + 1
        link.send(_wire.pull(self._state.term, number, link.pulls[number], _AT_A_PULL))

    def _check_output(self, reader: FleetReader) -> None:
        """Ends a reader of something that no build gives, once all that is used are known."""
        used = {build for _, build in self._urls.values()}
        given = sorted(output for output, builds in self._outputs.items() if builds & used)
        if reader.output in given or not used or used - self._known_builds:
            return
        known = ", ".join(map(repr, given)) or "none"
        reader._finish(f"no camera has an output {reader.output!r}; there are: {known}")

    def _is_flushed(self, run: tuple[int, int]) -> bool:
        for link in self._links.values():
            if run not in link.runs:
                continue
            records = link.cameras
            if ((records["camera"] == run[0]) & (records["epoch"] == run[1])).any():
                return False  # its last records have not come
            records = link.outboxes
            records = records[(records["camera"] == run[0]) & (records["epoch"] == run[1])]
            for record in records:
                reader = self._readers.get(int(record["reader"]))
                if reader is not None:
                    reader._note(record.reshape(1))
        return all(reader._is_flushed(run) for reader in self._readers.values())

    def _fold(self, link: Link) -> None:
        """Brings a link's latest records into the readers' books."""
        records = link.outboxes
        for number, reader in self._readers.items():
            mine = records[records["reader"] == number]
            if len(mine):
                reader._note(mine)

    # ---- the thread

    def _run(self) -> None:
        ticked = 0.0
        try:
            while True:
                for key, _ in self._selector.select(_TICK):
                    with self._lock:
                        self._handle(key)
                with self._lock:
                    self._do_requests()
                    now = self.ticked = boot_time()
                    if self._hurried or now - ticked >= _TICK:
                        self._hurried = False
                        ticked = now
                        self._do(self._decisions.tick(now))
                        self._take_notes()
                        self._save()
                    self._pull_all()
                    self._send_all()
                    self._cpu = time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID)
                    if self._closing:
                        break
            self._end_agents()
        except BaseException as error:
            self._failure = f"{type(error).__name__}: {error}"
            self._log_error(f"the controller of fleet {self.name!r} failed")
        finally:
            try:
                self._finish()
            finally:
                self._ended.set()
                self._logs.close()

    def _do_requests(self) -> None:
        while self._requests:
            self._requests.popleft().do()
            self._hurried = True

    def _send_all(self) -> None:
        for link in self._links.values():
            if link.has_unsent:
                link.flush()
        self._watch_unsent()

    def _log_error(self, text: str) -> None:
        self._logs.put(logging.ERROR, "freshframe", masked(f"{text}\n{traceback.format_exc()}"))

    def _wake(self, what: bytes = b"1") -> None:
        with self._lock, contextlib.suppress(OSError):  # full: it wakes anyway
            if self._wake_write >= 0:
                os.write(self._wake_write, what)

    def _handle(self, key: selectors.SelectorKey) -> None:
        if key.fileobj == self._wake_read:
            with contextlib.suppress(BlockingIOError):
                self._hurried = b"1" in os.read(self._wake_read, 4096) or self._hurried
            return
        link: Link = key.data[1]
        if self._links.get(link.name) is not link:
            return
        if key.data[0] == "end":
            self._bury(link)
            return
        link.flush()
        self._hear(link)

    def _hear(self, link: Link) -> None:
        try:
            for message in link.receive():
                self._take(link, _wire.parsed(message))
        except EOFError:
            self._unregister(link)
            link.child.kill()  # it has ended or is about to: no deed of ours
        except Exception:
            self._log_error(f"agent {link.name!r} sent what cannot be: killed")
            self._unregister(link)
            link.kill()

    def _unregister(self, link: Link) -> None:
        if link.socket is not None:
            self._selector.unregister(link.socket)
            link.close_socket()

    def _watch_unsent(self) -> None:
        for link in self._links.values():
            if link.socket is None:
                continue
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.has_unsent else 0)
            if self._selector.get_key(link.socket).events != events:
                self._selector.modify(link.socket, events, ("socket", link))

    def _take(self, link: Link, message: Any) -> None:
        now = boot_time()
        if isinstance(message, _wire.Batch):
            reader = self._readers.get(message.reader)
            link.pending.discard(message.reader)
            if reader is not None:
                reader._push(message)
        elif isinstance(message, _wire.Renewal):
            self._renew(link, message, now)
        else:
            self._hear_event(link, message, now)

    def _renew(self, link: Link, message: _wire.Renewal, now: float) -> None:
        link.cameras = message.cameras
        link.outboxes = message.outboxes
        link.forgotten.append(set())
        for record in message.last:
            reader = self._readers.get(int(record["reader"]))
            if reader is not None:
                reader._note(record.reshape(1))
                reader._end_run((int(record["camera"]), int(record["epoch"])), lost=False)
        starting = self._decisions.agents[link.name].state == "starting"
        runs = [(int(each["camera"]), int(each["epoch"])) for each in message.cameras] if starting else ()
        self._decisions.heard(link.name, now, link.note_cpu(now, message.cpu), runs)
        self._do(self._decisions.tick(now))
        allowed = _wire.runs(self._decisions.allowed(link.name))
        link.send(_wire.answer(self._state.term, message.asked, allowed))

    def _hear_event(self, link: Link, event: tuple[Any, ...], now: float) -> None:
        what, *rest = event
        if what == "started":
            run, outputs = rest
            self._decisions.started(run, now)
            self._learn_outputs(run, outputs)
        elif what == "failed":
            self._do(self._decisions.failed(rest[0], now, rest[1]))
        elif what == "ended":
            self._do(self._decisions.ended(rest[0], now))
        elif what == "closed":
            self._do(self._decisions.closed(rest[0], now))
        elif what == "counts":
            (number, epoch), counts, _ = rest
            if number in self._counts:
                self._counts[number].tell(epoch, counts)
        elif what == "page":
            link.page = rest[0]
        elif what == "log":
            level, name, text = rest
            self._logs.put(level, name, f"{link.name}: {masked(text)}")

    def _learn_outputs(self, run: tuple[int, int], outputs: list[str]) -> None:
        if run[0] not in self._urls:
            return
        build = self._urls[run[0]][1]
        if build in self._known_builds:
            return
        self._known_builds.add(build)
        for output in outputs:
            self._outputs.setdefault(output, set()).add(build)
        for reader in self._readers.values():
            self._check_output(reader)

    # ---- actions

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if action.do == "launch":
                if not self._closing:
                    self._launch(action.agent)
            elif action.do == "gone":
                self._urls.pop(action.camera, None)
                self._counts.pop(action.camera, None)
                self._numbers.pop(self._names[action.camera], None)
                self._unsaved = True
            else:
                link = self._links.get(action.agent)
                if link is not None:
                    self._tell(link, action)

    def _tell(self, link: Link, action: Action) -> None:
        term = self._state.term
        run = (action.camera, action.epoch)
        if action.do == "kill":
            link.kill()
        elif action.do == "start":
            url, build = self._urls[action.camera]
            camera = self._decisions.cameras[action.camera]
            if build not in link.builds:
                link.builds.add(build)
                link.send(_wire.order(term, "build", build, *self._builds[build]))
            link.runs.add(run)
            self._unsaved = True
            what = {"name": camera.name, "url": url, "exclusive": camera.exclusive, "build": build}
            link.send(_wire.order(term, "start", run, what))
        elif action.do == "stop":
            link.send(_wire.order(term, "stop", run))
        elif action.do == "forget":
            link.runs.discard(run)
            link.forgotten[-1].add(run)  # until its last records have come
            link.send(_wire.forget(term, run))

    def _make_link(self, name: str) -> Link:
        return Link(name, self._options)

    def _launch(self, name: str) -> None:
        now = boot_time()
        try:
            link = self._make_link(name)
        except (OSError, FreshframeError) as error:
            self._decisions.launched(name, now)
            self._do(self._decisions.gone(name, now, f"cannot be started: {error}"))
            return
        self._links[name] = link
        self._selector.register(link.socket, selectors.EVENT_READ, ("socket", link))  # type: ignore[arg-type]
        self._selector.register(link.child, selectors.EVENT_READ, ("end", link))
        self._decisions.launched(name, now)
        link.send(_wire.order(self._state.term, "levels", _process._levels()))
        for number, reader in self._readers.items():
            link.send(_wire.reader(self._state.term, number, reader.output))
        if self._serving:
            link.send(_wire.order(self._state.term, "serve"))

    def _bury(self, link: Link) -> None:
        """Its process has ended: what it had sent is read, the rest is lost."""
        if link.socket is not None:
            self._hear(link)
        self._selector.unregister(link.child)
        why = str(link.child.reap() or "ended")
        self._unregister(link)
        del self._links[link.name]
        self._fold(link)
        for record in link.cameras:
            counts = self._counts.get(int(record["camera"]))
            if counts is not None:
                counts.tell(int(record["epoch"]), _snapshot.counts_of(record))
        for reader in self._readers.values():
            for run in link.runs.union(*link.forgotten):
                reader._end_run(run, lost=True)
        self._do(self._decisions.gone(link.name, boot_time(), why, crashed=link.has_crashed(why)))

    # ---- notes and state

    def _note(self, about: str, text: str) -> None:
        self._decisions.events.append((boot_time(), about, text))

    def _take_notes(self) -> None:
        offset = time.time() - boot_time()
        for when, about, text in self._decisions.events:
            self._events.append(FleetEvent(when + offset, about, masked(text)))
        self._decisions.events.clear()
        warnings, self._decisions.warnings = self._decisions.warnings, []
        for text in warnings:
            self._logs.put(logging.WARNING, "freshframe", masked(f"fleet {self.name!r}: {text}"))

    def _save(self) -> None:
        now = time.monotonic()
        if not self._unsaved or now - self._saved < _SAVE_EVERY:
            return
        self._unsaved = False
        self._saved = now
        self._state.write_cameras(
            [
                {
                    "name": camera.name,
                    "needs": dict(camera.needs),
                    "exclusive": camera.exclusive,
                    "agent": camera.agent,
                    "epoch": camera.epoch,
                }
                for camera in self._decisions.cameras.values()
                if camera.number in self._urls
            ]
        )

    # ---- the end

    def close(self) -> None:
        """Stops all cameras and agents. Idempotent."""
        with self._lock:
            self._closing = True
        self._wake()
        self._ended.wait()
        self._thread.join(1.0)

    def _end_agents(self) -> None:
        with self._lock:
            for link in self._links.values():
                link.send(_wire.order(self._state.term, "end"))
        deadline = time.monotonic() + _END_TIMEOUT
        while self._links:
            late = time.monotonic() > deadline
            with self._lock:
                self._do_requests()
                self._pull_all()
                self._send_all()
                for link in list(self._links.values()):
                    if late or self._decisions.agents[link.name].state == "ending":
                        link.kill()
            for key, _ in self._selector.select(_TICK):
                with self._lock:
                    self._handle(key)

    def _finish(self) -> None:
        with self._lock:
            self._closing = True
            for link in list(self._links.values()):  # after a failure
                link.kill()
                self._unregister(link)
            for reader in self._readers.values():
                reader._finish(failure=self._failure)
            self._do_requests()
            self._take_notes()
            self._selector.close()
            for descriptor in (self._wake_read, self._wake_write):
                os.close(descriptor)
            self._wake_write = -1
            self._state.close()

    # ---- stats

    def stats(self, timeout: float = -1) -> FleetStats:
        """A snapshot.

        Raises:
            StateError: The controller is busy for longer than ``timeout`` seconds; negative: no limit.
        """
        if not self._lock.acquire(timeout=timeout):
            raise StateError(f"the controller has not answered within {timeout:g} s")
        try:
            now = boot_time()
            self._take_notes()
            for link in self._links.values():
                self._fold(link)
            details = {
                (int(each["camera"]), int(each["epoch"])): each
                for link in self._links.values()
                for each in link.cameras
            }
            return FleetStats(
                name=self.name,
                term=self._state.term,
                agents={
                    name: _snapshot.agent_stats(
                        agent, self._links.get(name), self._decisions.cameras_of(name), now
                    )
                    for name, agent in self._decisions.agents.items()
                },
                cameras={
                    camera.name: _snapshot.camera_stats(
                        camera,
                        self._urls[camera.number][0],
                        details.get(camera.run),
                        self._counts[camera.number],
                        now,
                    )
                    for camera in self._decisions.cameras.values()
                    if camera.number in self._urls
                },
                readers=[_snapshot.reader_stats(reader) for reader in self._readers.values()],
                events=list(self._events),
                outputs=sorted(self._outputs),
                controller_cpu=self._cpu,
                failure=self._failure,
            )
        finally:
            self._lock.release()

    def forget_in_child(self) -> None:
        """In a forked child: closes what would keep the agents and the state's lock alive there."""
        for link in self._links.values():
            link.forget_in_child()
        self._state.forget_in_child()
        for descriptor in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._wake_write = -1
