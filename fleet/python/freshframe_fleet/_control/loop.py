"""A controller's thread and its clock: it waits for files that are ready, and does what others ask."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from freshframe import StateError

TICK = 0.1  # seconds: the longest wait

_T = TypeVar("_T")


def boot_time() -> float:
    """The time by which a controller decides: seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def settle(call: Future[_T], job: Callable[[], _T], catches: type[BaseException] = Exception) -> None:
    """Executes a job for the thread that waits for this call, unless that thread has cancelled it.

    ``catches``: errors that are the caller's. Others end the thread that does the job, and the caller
    gets a StateError.
    """
    if call.set_running_or_notify_cancel():
        try:
            call.set_result(job())
        except catches as error:
            call.set_exception(error)
        except BaseException as error:
            ended_by = type(error).__name__
            call.set_exception(StateError(f"{ended_by} has ended the thread that did this call"))
            raise


class Loop:
    """Makes all changes of a controller's state on one thread: Ctrl-C in the program interrupts none.

    Handlers and requests run with the lock.
    """

    def __init__(self, name: str) -> None:
        """The thread begins with start()."""
        self.lock = threading.RLock()  # guards the state of the controller and of its parts
        self.ended = threading.Event()  # set by the thread
        self._name = name
        self._thread: threading.Thread | None = None
        self._requests: deque[Callable[[], object]] = deque()
        self._hurried = False  # a decision is due now
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self.watch(self._wake_read, self._woken)

    def start(self, run: Callable[[], None]) -> None:
        """Starts the thread, which calls turn() again and again."""
        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()

    # ---- files

    def watch(self, file: Any, on_ready: Callable[[], None]) -> None:
        """The function is called whenever the file can be read."""
        self._selector.register(file, selectors.EVENT_READ, on_ready)

    def watch_room(self, file: Any, *, also: bool) -> None:
        """Whether the function is also called when the watched file can be written."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if also else 0)
        self._selector.modify(file, events, self._selector.get_key(file).data)

    def unwatch(self, file: Any) -> None:
        """Ends what watch() began for a file."""
        self._selector.unregister(file)

    def turn(self) -> None:
        """Calls the functions of the files that are ready, and waits for one if no file is ready."""
        for key, _ in self._selector.select(TICK):
            with self.lock:
                key.data()

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._hurried = b"1" in os.read(self._wake_read, 4096) or self._hurried

    # ---- requests

    def wake(self, *, hurry: bool = True) -> None:
        """Ends the thread's wait. ``hurry``: a decision is due."""
        with self.lock, contextlib.suppress(OSError):  # full: it wakes anyway
            if self._wake_write >= 0:
                os.write(self._wake_write, b"1" if hurry else b"0")

    def hurry(self) -> None:
        """A decision is due now. By the thread itself."""
        self._hurried = True

    def is_due(self) -> bool:
        """Whether a decision was due since the last call."""
        due, self._hurried = self._hurried, False
        return due

    def request(self, job: Callable[[], object]) -> None:
        """Has a job done by the thread, and does not wait for it. The job raises nothing."""
        self._requests.append(job)
        self.wake()

    def call(self, job: Callable[[], _T]) -> _T:
        """Has a job done by the thread, and waits for it. After the thread's end the caller does it."""
        call: Future[_T] = Future()
        if threading.current_thread() is not self._thread and not self.ended.is_set():
            self.request(lambda: settle(call, job))
            while not wait((call,), TICK).done and not self.ended.is_set():
                pass
        with self.lock:
            if not call.done():
                settle(call, job)
        return call.result()

    def do_requests(self) -> None:
        """Does the requests that wait. The caller holds the lock."""
        while self._requests:
            self._requests.popleft()()
            self._hurried = True

    # ---- the end

    def join(self, timeout: float) -> None:
        """Waits for the thread, which is about to end."""
        if self._thread is not None:
            self._thread.join(timeout)

    def close(self) -> None:
        """Watches no file any more. By the thread, with the lock."""
        self._selector.close()
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)
        self._wake_read = self._wake_write = -1

    def forget_in_child(self) -> None:
        """In a forked child, which has copies of the descriptors."""
        for descriptor in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._wake_write = -1
