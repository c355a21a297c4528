"""A controller's thread and its clock: waits for files that are ready, and runs requested jobs."""

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

TICK = 0.1  # maximum wait in seconds

_T = TypeVar("_T")


def boot_time() -> float:
    """Returns the controller's clock in seconds, which includes the time that the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def settle(call: Future[_T], job: Callable[[], _T], catches: type[BaseException] = Exception) -> None:
    """Runs a job for the thread that waits for `call`, unless that thread has cancelled it.

    ``catches``: errors that are raised in the caller. Any other error ends the thread that runs the job, and
    raises StateError in the caller.
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
    """Makes all changes of a controller's state on one thread, where Ctrl-C cannot interrupt them.

    Handlers and requests run with the lock held.
    """

    def __init__(self, name: str) -> None:
        """The thread is started by start()."""
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
        """Starts the thread, which calls turn() repeatedly."""
        self._thread = threading.Thread(target=run, name=self._name, daemon=True)
        self._thread.start()

    # ---- files

    def watch(self, file: Any, on_ready: Callable[[], None]) -> None:
        """Calls the function whenever the file is readable."""
        self._selector.register(file, selectors.EVENT_READ, on_ready)

    def watch_room(self, file: Any, *, also: bool) -> None:
        """Sets whether the function is also called when the watched file is writable."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if also else 0)
        self._selector.modify(file, events, self._selector.get_key(file).data)

    def unwatch(self, file: Any) -> None:
        """Undoes watch() for a file."""
        self._selector.unregister(file)

    def turn(self) -> None:
        """Calls the functions of the files that are ready. If none is ready, waits for one."""
        for key, _ in self._selector.select(TICK):
            with self.lock:
                key.data()

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._hurried = b"1" in os.read(self._wake_read, 4096) or self._hurried

    # ---- requests

    def wake(self, *, hurry: bool = True) -> None:
        """Wakes the thread. ``hurry``: a decision is due."""
        with self.lock, contextlib.suppress(OSError):  # a full pipe wakes it anyway
            if self._wake_write >= 0:
                os.write(self._wake_write, b"1" if hurry else b"0")

    def hurry(self) -> None:
        """Marks a decision as due. Called on the thread itself."""
        self._hurried = True

    def is_due(self) -> bool:
        """Returns True if a decision has become due since the last call."""
        due, self._hurried = self._hurried, False
        return due

    def request(self, job: Callable[[], object]) -> None:
        """Queues a job, which must not raise, for the thread. Returns without waiting."""
        self._requests.append(job)
        self.wake()

    def call(self, job: Callable[[], _T]) -> _T:
        """Runs a job on the thread, and waits for it.

        If the thread has ended, runs it on the calling thread.
        """
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
        """Runs the queued requests. Requires the lock."""
        while self._requests:
            self._requests.popleft()()
            self._hurried = True

    # ---- the end

    def join(self, timeout: float) -> None:
        """Waits up to `timeout` seconds for the thread to end."""
        if self._thread is not None:
            self._thread.join(timeout)

    def close(self) -> None:
        """Stops watching files. Called on the thread with the lock held."""
        self._selector.close()
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)
        self._wake_read = self._wake_write = -1

    def forget_in_child(self) -> None:
        """Called in a forked child, which has copies of the descriptors."""
        for descriptor in (self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._wake_write = -1
