"""Follows the pipelines that a user's program starts, and calls why() on them after a while."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import TracebackType

import freshframe as ff
from freshframe import _native
from freshframe._pipeline import life

from .messages import Messages

_SLICE = 0.25  # seconds between two checks
_PATIENCE = 10.0  # time in seconds after which a missing pipeline is reported
_GRACE = 5.0  # how long the program may take to end after the answer was printed, in seconds


class Attached:
    """Collects the pipelines that start within the `with` block, and calls ``ask`` after some seconds.

    The program may start its pipeline on any line and block there, so a separate thread calls ``ask``,
    ``lasting`` seconds after the first start. It then ends the program with SIGINT, as Ctrl-C does.
    """

    def __init__(
        self,
        file: str,
        lasting: float,
        messages: Messages,
        ask: Callable[[list[tuple[str, _native.Engine]]], None],
    ) -> None:
        """``ask`` is called with (name, engine) of each pipeline, and prints the answer."""
        self._file = file
        self._lasting = lasting
        self._messages = messages
        self._ask = ask
        self._lock = threading.Lock()  # guards _begun, answered and busy
        self._begun: list[life.Running] = []
        self._watched: set[_native.Engine] = set()  # engines whose causes are being observed
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="ff why", daemon=True)
        main = threading.main_thread()  # signals interrupt only this thread
        self._main = main.ident if threading.current_thread() is main else None
        self.busy = True  # True while the code of the program runs
        self.answered = False
        self.failure: BaseException | None = None

    def __enter__(self) -> Attached:
        """Starts collecting."""
        life.at_start.append(self._note)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the pipelines that are still running."""
        self._over.set()
        life.at_start.remove(self._note)
        self._thread.join()
        for each in self.begun:
            self._stop(each)

    def _stop(self, pipeline: life.Running) -> None:
        try:
            pipeline.stop(_GRACE)
        except ff.StopTimeoutError as late:
            self._messages.complain(str(late))

    @property
    def begun(self) -> list[life.Running]:
        """The pipelines that have started so far. Thread-safe."""
        with self._lock:
            return list(self._begun)

    def wait(self) -> None:
        """Waits for the call of ``ask``, and raises its exception. Calls it if all pipelines have ended."""
        with self._lock:  # from here on, the thread sends no SIGINT
            self.busy = False
        while not self._over.wait(_SLICE):
            if all(each.engine.ended for each in self.begun):
                self._messages.say(
                    f"{self._file}: its pipeline ran for less than {self._lasting:g} s, and finding a cause "
                    "takes at least 20 s"
                )
                self._answer()
        if self.failure is not None:
            raise self.failure

    def _note(self, started: life.Running) -> None:
        with self._lock:
            self._begun.append(started)

    def _follow(self) -> None:
        try:
            self._look()
        except BaseException as error:  # raised by wait()
            self.failure = error
            self._over.set()

    def _look(self) -> None:
        process = os.getpid()
        began = time.monotonic()
        first: float | None = None
        told = False
        while not self._over.wait(_SLICE) and os.getpid() == process:
            if self._watch_new() and first is None:
                first = time.monotonic()
            if not self.begun and not told and time.monotonic() - began > _PATIENCE:
                told = True
                self._messages.say(
                    f"{self._file} has not started a pipeline for {_PATIENCE:g} s; the answer comes "
                    f"{self._lasting:g} s after it has started one"
                )
            if first is not None and time.monotonic() - first >= self._lasting:
                self._answer()
        with self._lock:
            ends = self.busy and self.answered
            if ends and self._main is not None:
                signal.pthread_kill(self._main, signal.SIGINT)
        if ends:
            self._end_program()

    def _watch_new(self) -> bool:
        """Starts observing the pipelines that are running now. Returns True if there is a new one."""
        found = False
        for each in self.begun:
            # An engine that is not running has ended, or is still starting and will be found by the next
            # check.
            if each.engine in self._watched or not each.engine.why().is_running:
                continue
            self._watched.add(each.engine)
            self._messages.say(f"running {each.name!r} for {self._lasting:g} s")
            found = True
        return found

    def _answer(self) -> None:
        with self._lock:
            if self.answered:
                return
            self.answered = True
            begun = list(self._begun)
        try:
            self._ask([(each.name, each.engine) for each in begun])
        except BaseException as error:  # from ask(), or from writing to stdout
            self.failure = error
        self._over.set()

    def _end_program(self) -> None:
        if self._main is None:
            for each in self.begun:
                each.engine.request_stop()
            return
        ends = time.monotonic() + _GRACE
        while self.busy and time.monotonic() < ends:
            time.sleep(_SLICE)
        if self.busy:
            self._messages.say(f"{self._file} is still running; press Ctrl-C to stop it")
