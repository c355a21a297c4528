"""A fleet's controller at work: its thread guards agents, answers renewals and feeds readers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import logging
import math
import os
import selectors
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from ..._errors import FreshframeError
from ..._process import worker_log
from .. import _wire
from .._decide.decisions import Action, Run
from .._messages import (
    Alive,
    Build,
    Closed,
    Counts,
    End,
    Ended,
    Event,
    Failed,
    ForgetBuild,
    Hangs,
    Levels,
    Log,
    Marked,
    Start,
    Started,
    Stop,
)
from .._url import cut, masked
from . import snapshot
from .controller_state import ControllerState, Setup, boot_time
from .link import Link
from .place import Place

_TICK = 0.1  # seconds
_END_TIMEOUT = 8.0  # seconds that agents have to close their cameras

_T = TypeVar("_T")


class _Request:
    """Something that a thread of the program wants done by the controller's."""

    def __init__(self, job: Callable[[], Any]) -> None:
        self._job = job
        self.done = threading.Event()
        self.abandoned = False  # its caller waits no longer
        self.result: Any = None
        self.error: BaseException | None = None

    def do(self) -> None:
        try:
            self.result = self._job()
        except Exception as error:
            self.error = error
        self.done.set()


class ControllerThread(ControllerState):
    """What changes its state is done by its thread: Ctrl-C in the program interrupts nothing half done."""

    _forgets_builds = True  # when no camera has them any more

    def __init__(self, setup: Setup, place: Place) -> None:
        """Starts the thread; there are no agents yet.

        Raises:
            FreshframeError: The state cannot be written.
            StateError: A fleet of this name runs already.
        """
        super().__init__(setup)
        self._requests: deque[_Request] = deque()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self.place = place
        self._thread = threading.Thread(target=self._run, name=f"fleet {setup.name}", daemon=True)
        self._thread.start()

    def request(self, job: Callable[[], object]) -> None:
        """Has something done by the thread, and does not wait for it."""

        def guarded() -> None:
            try:
                job()
            except Exception:
                self._log_error(f"a message of a guard of fleet {self.name!r} was not understood")

        self._requests.append(_Request(guarded))
        self._wake()

    def call(self, job: Callable[[], _T]) -> _T:
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
            self.bury(link)
            return
        link.flush()
        self._hear(link)

    def _hear(self, link: Link, *, last: bool = False) -> None:
        """``last``: nothing will follow."""
        try:
            for message in link.receive(last=last):
                self._take(link, _wire.parsed(message))
        except EOFError:
            self.unregister(link)
            link.child.kill()  # it has ended or is about to: this is no kill of ours
        except Exception:
            self._log_error(f"agent {link.name!r} sent an invalid message: killed")
            self.unregister(link)
            link.kill()

    def unregister(self, link: Link) -> None:
        """Closes its connection."""
        if link.socket is not None:
            self._selector.unregister(link.socket)
            link.close_socket()

    def _watch_unsent(self) -> None:
        for link in self._links.values():
            if link.socket is None or link.waits_to_send == link.has_unsent:
                continue
            link.waits_to_send = link.has_unsent
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if link.waits_to_send else 0)
            self._selector.modify(link.socket, events, ("socket", link))

    def _take(self, link: Link, message: Any) -> None:
        now = boot_time()
        if isinstance(message, _wire.Batch):
            reader = self._readers.get(message.reader)
            link.pending.discard(message.reader)
            if reader is not None:
                reader._push(message, link.clock_offset)
        elif isinstance(message, _wire.Renewal):
            self._renew(link, message, now)
        else:
            self._hear_event(link, message, now)

    def _renew(self, link: Link, message: _wire.Renewal, now: float) -> None:
        link.cameras = message.cameras
        link.answers = message.answers
        link.note_clock(message.clock)
        link.note_losses(now)
        link.lateness.note(message.cameras, now)
        link.outboxes = message.outboxes
        link.forgotten.append(set())
        for record in message.last:
            self._end_outbox(record)
        starting = self._decisions.agents[link.name].state == "starting"
        runs = [(int(each["camera"]), int(each["epoch"])) for each in message.cameras] if starting else ()
        if self._decisions.moves:
            some = message.cameras[message.cameras["results"] > 0]
            self._decisions.give_results({(int(each["camera"]), int(each["epoch"])) for each in some})
        load, late = link.note_cpu(now, message.cpu), link.lateness.seconds
        self._decisions.heard(link.name, now, load, runs, late=late)
        self._do(self._decisions.tick(now))
        self.place.renewed(link)
        link.send(_wire.answer(self._state.term, message.asked, _wire.runs(self._allowed(link.name))))

    def _allowed(self, name: str) -> list[Run]:
        """The runs that an agent may have."""
        return self._decisions.allowed(name)

    def _end_outbox(self, record: Any) -> None:
        reader = self._readers.get(int(record["reader"]))
        if reader is not None:
            reader._note(record.reshape(1))
            reader._end_run((int(record["camera"]), int(record["epoch"])), lost=False)

    def _hear_event(self, link: Link, event: Event, now: float) -> None:
        self._decisions.python_ran(link.name, now)
        match self.place.explained(event):
            case Started(run, outputs):
                self._decisions.started(run, now)
                self._learn_outputs(run, outputs)
            case Failed(run, why):
                self._do(self._decisions.failed(run, now, cut(why)))
            case Hangs(run, why):
                self._do(self._decisions.hangs(run, now, cut(why)))
            case Ended(run):
                self._do(self._decisions.ended(run, now))
            case Closed(run):
                self._do(self._decisions.closed(run, now))
            case Counts((number, epoch), counts):
                if number in self._counts:
                    self._counts[number].tell(epoch, counts)
            case Log(level, name, text):
                self._logs.put(level, name, f"{link.name}: {masked(cut(text))}")
            case Alive() | Marked():
                pass

    def _learn_outputs(self, run: tuple[int, int], outputs: list[str]) -> None:
        build = next((link.runs[run] for link in self._links.values() if run in link.runs), -1)
        if build < 0 or build in self._known_builds or self._builds[build] is None:
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
                _, build = self._urls.pop(action.camera, ("", -1))
                self._forget_build(build)
                self._counts.pop(action.camera, None)
                self._numbers.pop(self._names[action.camera], None)
                self._unsaved = True
            else:
                link = self._links.get(action.agent)
                if link is not None:
                    self._tell(link, action)

    def _forget_build(self, build: int) -> None:
        """No camera uses it any more: a program that adds and removes cameras for years makes many."""
        if not self._forgets_builds or build < 0 or any(build == used for _, used in self._urls.values()):
            return
        self._builds[build] = None
        self._known_builds.discard(build)
        for link in self._links.values():
            if build in link.builds:
                link.builds.discard(build)
                link.send(_wire.order(self._state.term, ForgetBuild(build)))

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
                link.send(_wire.order(term, Build(build, *(self._builds[build] or (b"", b"")))))
            link.runs[run] = build
            self._unsaved = True
            link.send(_wire.order(term, Start(run, camera.name, url, camera.exclusive, build)))
        elif action.do == "stop":
            link.send(_wire.order(term, Stop(run)))
        elif action.do == "forget":
            link.runs.pop(run, None)
            link.forgotten[-1].add(run)  # until its last records have come
            link.send(_wire.forget(term, run))

    def _launch(self, name: str) -> None:
        if not self.place.can_launch(name):
            self._decisions.agents[name].launch_at = math.inf  # until the place can
            return
        now = boot_time()
        try:
            link = self.place.launch(name)
        except (OSError, FreshframeError) as error:
            self._decisions.launched(name, now)
            self._do(self._decisions.gone(name, now, f"cannot be started: {error}"))
            return
        self._links[name] = link
        self._selector.register(link.socket, selectors.EVENT_READ, ("socket", link))  # type: ignore[arg-type]
        self._selector.register(link.child, selectors.EVENT_READ, ("end", link))
        self._decisions.launched(name, now)
        link.send(_wire.order(self._state.term, Levels(worker_log.log_levels())))
        for number, reader in self._readers.items():
            link.send(_wire.reader(self._state.term, number, reader.output))

    def bury(self, link: Link) -> None:
        """Its process has ended. Its messages that have arrived are read, the rest is lost."""
        if link.socket is not None:
            self._hear(link, last=True)
        self._selector.unregister(link.child)
        why = str(link.child.reap() or "ended")
        words = link.last_words()
        self.unregister(link)
        del self._links[link.name]
        self._lose_results(link)
        for record in link.cameras:
            counts = self._counts.get(int(record["camera"]))
            if counts is not None:
                counts.tell(int(record["epoch"]), snapshot.counts_of(record))
        crashed = link.has_crashed(why)
        link.close_page()
        self._do(self._decisions.gone(link.name, boot_time(), why, crashed=crashed, culprit=words.run))

    def cut_off(self, link: Link, why: str) -> None:
        """It will end, which cannot be seen: cameras that allow several sessions need not wait."""
        if link.socket is not None:
            self._hear(link, last=True)
        self.unregister(link)
        self._lose_results(link)
        link.runs.clear()
        link.forgotten.clear()
        link.forgotten.append(set())
        link.outboxes = link.outboxes[:0]
        self._do(self._decisions.cut_off(link.name, boot_time(), why))

    def _lose_results(self, link: Link) -> None:
        """Of its runs. This controller may never have heard of those of an earlier one."""
        self._fold(link)
        for reader in self._readers.values():
            for run in set(link.runs).union(*link.forgotten):
                untold = run in link.runs and self._may_give(link.runs[run], reader.output)
                reader._end_run(run, lost=True, untold=untold)

    def _may_give(self, build: int, output: str) -> bool:
        return build not in self._known_builds or build in self._outputs.get(output, ())

    # ---- the end

    def close(self) -> None:
        """Stops all cameras and agents. Idempotent."""
        with self._lock:
            self._closing = True
        self._wake()
        if not self._ended.wait(self.place.patience):
            with self._lock:
                self.place.give_up(self._links.values())
            self._ended.wait()
        self._thread.join(1.0)
        self.place.close()

    def _end_agents(self) -> None:
        with self._lock:
            self.place.closing(self._links.values())
            for link in self._links.values():
                link.send(_wire.order(self._state.term, End()))
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
                self.unregister(link)
            for reader in self._readers.values():
                reader._finish(failure=self._failure)
            self._do_requests()
            self._take_notes()
            self._selector.close()
            for descriptor in (self._wake_read, self._wake_write):
                os.close(descriptor)
            self._wake_write = -1
            self._state.close()

    def forget_in_child(self) -> None:
        """In a forked child: closes what would keep the agents and the state's lock alive there."""
        for link in self._links.values():
            link.forget_in_child()
        self.place.forget_in_child()
        self._state.forget_in_child()
        for descriptor in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._wake_write = -1
