"""The pipelines that a program starts while this command runs it, and the moment at which they are asked."""
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

_SLICE = 0.25  # seconds between two looks
_PATIENCE = 10.0  # seconds without a pipeline until that is said
_GRACE = 5.0  # seconds that a program has to end after its answer


class Attached:
    """Follows the pipelines that start within the `with` block, and asks them after `lasting` seconds.

    A program may start its pipeline at any line and wait there, so a separate thread asks. After the answer
    it ends the program as Ctrl-C does.
    """

    def __init__(
        self,
        file: str,
        lasting: float,
        messages: Messages,
        ask: Callable[[list[tuple[str, _native.Engine]]], None],
    ) -> None:
        """`ask` gets the pipelines by name, and prints the answer."""
        self._file = file
        self._lasting = lasting
        self._messages = messages
        self._ask = ask
        self._lock = threading.Lock()  # guards _begun, `answered` and the end of `busy`
        self._begun: list[life.Running] = []
        self._watched: set[_native.Engine] = set()  # engines that the thread watches
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="ff why", daemon=True)
        main = threading.main_thread()  # the only thread that a signal interrupts
        self._main = main.ident if threading.current_thread() is main else None
        self.busy = True  # the program's own code runs
        self.answered = False
        self.failure: BaseException | None = None

    def __enter__(self) -> Attached:
        """Begins to follow."""
        life.at_start.append(self._note)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends what the program has left running."""
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
        """The pipelines that have started so far."""
        with self._lock:
            return list(self._begun)

    def wait(self) -> None:
        """Waits until the pipelines were asked. Asks now if all of them have ended."""
        with self._lock:  # no interrupt comes any more
            self.busy = False
        while not self._over.wait(_SLICE):
            if all(each.engine.ended for each in self.begun):
                self._messages.say(
                    f"{self._file}: its pipeline ran for less than {self._lasting:g} s; a cause is proven "
                    "after 20 s at the earliest"
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
        except BaseException as error:  # wait() raises it
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
                    f"{self._file} has started no pipeline for {_PATIENCE:g} s; it is asked "
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
        """Begins to look for causes in pipelines that run by now. Whether there was one."""
        found = False
        for each in self.begun:
            # A pipeline that does not run has yet to start, or has ended.
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
        except BaseException as error:  # from a question, or from stdout
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
            self._messages.say(f"{self._file} goes on; end it with Ctrl-C")
