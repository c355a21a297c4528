"""The main program of an agent process, which runs its cameras' pipelines. Only started by fleets."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import pickle
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from freshframe import FreshframeError, Pipeline, StopTimeoutError
from freshframe._agent import native, pipelines, worker_log

from .._control.agents.ends import IN_ORDER
from .._messages import (
    Alive,
    Build,
    Closed,
    Counts,
    End,
    Ended,
    EndOfRun,
    Event,
    Failed,
    ForgetBuild,
    Hangs,
    Levels,
    Log,
    Order,
    Start,
    Started,
    Stop,
)
from .._url import cut, masked, resolved
from .run import ReceivedBuild, Run, add_counts, add_final_counts, add_outlet, checked, describe_error, hangs
from .threads import Crew

_SOCKET = 3
_PAGE = 4  # file descriptor of the shared memory page in which a dying process records why it died
_AT_ONCE = 32  # number of cameras that may be starting or stopping at the same time
_LOOK_EVERY = 0.2  # in seconds: how often to check for pipelines that have ended
_COUNT_EVERY = 1.0  # in seconds: how often to report losses of the outputs
_START_TIMEOUT = 120.0  # seconds
_BEAT_EVERY = 1.0  # seconds
_TRACE_AFTER = 0.8  # dump stack traces after this fraction of gil_timeout, before the agent is killed


class _Agent:
    def __init__(self, end: Any, start_timeout: float | None, gil_timeout: float | None) -> None:
        self._end = end
        self._start_timeout = start_timeout
        self._gil_timeout = gil_timeout
        self._runs: dict[tuple[int, int], Run] = {}
        self._hung: dict[int, Run] = {}  # by camera: an earlier start that timed out but has not returned
        self._lock = threading.RLock()  # reentrant, because log() may be called while it is held
        self._builds: dict[int, ReceivedBuild] = {}
        self._crew = Crew(_AT_ONCE, "camera")

    def log(self, level: int, logger: str, text: str) -> bool:
        """Called by the log handler. Hides passwords before the line is sent to the controller."""
        with self._lock:
            secrets = [run for run in self._runs.values() if run.secret and run.secret in text]
        for run in secrets:
            text = run.hidden(text)
        self._tell(Log(level, logger, cut(masked(text))))
        return True

    def _tell(self, event: Event) -> None:
        self._end.tell(pickle.dumps(event, 5))

    def work(self) -> None:
        """Executes the controller's orders until it sends End or disconnects."""
        _begin_beat(lambda: self._tell(Alive()), self._gil_timeout)
        threading.Thread(target=self._look, name="ended pipelines", daemon=True).start()
        while True:
            order = self._end.next_order()
            if order is None:
                return
            received: Order = pickle.loads(order)
            if isinstance(received, End):
                self._end_all()
                return
            self._obey(received)

    def _obey(self, order: Order) -> None:
        match order:
            case Levels(levels):
                worker_log.log_to_parent(self, levels)
            case Build(number, known, pickled):
                self._builds[number] = ReceivedBuild(known, pickled)
            case ForgetBuild(number):
                self._builds.pop(number, None)
            case Start():
                self._start(order)
            case Stop(run):
                self._stop(run)

    # ---- start

    def _start(self, order: Start) -> None:
        run = Run(*order.run, order.name, order.url, order.exclusive)
        with self._lock:
            self._runs[run.key] = run
        self._end.open_run(*run.key)
        build = self._builds[order.build]
        self._crew.submit(lambda: self._guarded(self._open, run, build))

    def _guarded(self, job: Callable[..., None], run: Run, *arguments: Any) -> None:
        run.thread = threading.get_ident()
        native.enter_run(*run.key)  # a crash of this thread, or of one that it starts, then names the camera
        try:
            job(run, *arguments)
        except BaseException as error:
            logging.getLogger("freshframe").exception("camera %r", run.name)
            self._close(run, Failed(run.key, run.hide_passwords(describe_error(error))))
        finally:
            native.leave_run()

    def _open(self, run: Run, build: ReceivedBuild) -> None:
        with run.lock:
            with self._lock:
                hung = self._hung.get(run.camera)
            if run.stopping:
                self._close(run, Closed(run.key))
                return
            try:
                if hung is not None:
                    raise FreshframeError(f"build() of an earlier start {hangs(hung)}")
                outputs = self._make(run, build)
            except BaseException as error:
                if not self._has_returned(run):
                    self._close(run, Failed(run.key, run.hide_passwords(describe_error(error))))
                return
            if self._has_returned(run):
                return
            run.running = not run.stopping
            if run.running:
                assert run.pipeline is not None
                self._end.watch(*run.key, pipelines.find_engine(run.pipeline))
                run.outputs = outputs
                self._tell(Started(run.key, outputs))
        if not run.running:
            self._close(run, Closed(run.key))

    def _has_returned(self, run: Run) -> bool:
        """Called when a start has returned. Returns True, and cleans up the run, if it had timed out."""
        with self._lock:
            run.began = None
            if not run.hung:
                return False
            self._hung.pop(run.camera, None)
        logging.getLogger("freshframe").warning(
            "camera %r: build() returned after its start was abandoned", run.name
        )
        self._stop_pipeline(run)
        self._tell_end(run, Failed(run.key, "build() returned after its start was abandoned"))
        return True

    def _give_up(self, run: Run) -> None:
        """Handles a start that takes too long. Its thread cannot be killed, so the crew replaces it."""
        with self._lock:
            if run.began is None or run.hung or run.closing:
                return
            run.hung = run.closing = True
            self._hung[run.camera] = run
        self._crew.write_off(run.thread)
        text = f"it did not start within {self._start_timeout:g} s: build() {hangs(run)}"
        logging.getLogger("freshframe").warning("camera %r: %s", run.name, text)
        if run.pipeline is not None:
            pipelines.find_engine(run.pipeline).request_stop()
        event = Failed(run.key, run.hide_passwords(text))
        if run.exclusive:
            # The session may still be open. Failed is sent when the start returns.
            self._tell(Hangs(event.run, event.why))
        else:
            self._tell_end(run, event)

    def _make(self, run: Run, received: ReceivedBuild) -> list[str]:
        run.began = time.monotonic()
        build = received.function()
        url = resolved(run.url)
        run.secret = url if url != run.url else ""
        made = build(url)
        if run.hung:
            return []
        pipeline, outputs = checked(made)
        pipeline.name = run.start_name  # a name in use would cause a warning
        for output, port in outputs.items():
            stream = self._end.open_stream(*run.key, output)
            run.outlets.append(add_outlet(pipeline, port, stream, output))
        with self._lock:
            if run.hung:
                return []
            run.pipeline = pipeline
        pipeline.start()
        return list(outputs)

    # ---- stop

    def _stop(self, key: tuple[int, int]) -> None:
        with self._lock:
            run = self._runs.get(key)
        if run is None or run.stopping:
            return
        run.stopping = True
        if run.running:
            run.running = False
            self._crew.submit(lambda: self._guarded(self._close, run, Closed(key)))
        elif run.pipeline is not None:
            pipelines.find_engine(run.pipeline).request_stop()  # interrupts a start in progress

    def _close(self, run: Run, event: EndOfRun) -> None:
        """Stops the run's pipeline and sessions, then sends the event."""
        with self._lock:
            if run.closing:
                return
            run.closing = True
            run.running = False
        self._stop_pipeline(run)
        self._tell_end(run, event)

    def _stop_pipeline(self, run: Run) -> None:
        while run.pipeline is not None:
            try:
                run.pipeline.stop()
                return
            except StopTimeoutError as error:  # noqa: PERF203  (it waits for seconds)
                logging.getLogger("freshframe").warning("camera %r: %s", run.name, error)
                if not run.exclusive:
                    return
                self._crew.write_off(threading.get_ident())  # other runs can be closed in the meantime

    def _tell_end(self, run: Run, event: EndOfRun) -> None:
        with self._lock:
            if run.ended:
                return
            run.ended = True
        self._end.close_run(*run.key)
        with self._lock:
            self._runs.pop(run.key, None)
        if run.pipeline is not None:
            try:  # the event must be sent even if this fails
                self._tell_last_counts(run, run.pipeline)
            except Exception:
                logging.getLogger("freshframe").exception(
                    "camera %r: cannot report its last counts", run.name
                )
        self._tell(event)

    def _tell_last_counts(self, run: Run, pipeline: Pipeline) -> None:
        self._tell(Counts(run.key, dict(add_final_counts(pipeline, run.outlets))))

    def _look(self) -> None:
        """Looks for pipelines that have ended on their own, starts that hang, and losses."""
        counted = 0.0
        while True:
            time.sleep(_LOOK_EVERY)
            now = time.monotonic()
            with self._lock:
                runs = list(self._runs.values())
            for run in runs:
                if run.running and run.pipeline is not None and pipelines.find_engine(run.pipeline).ended:
                    run.running = False
                    self._crew.submit(lambda run=run: self._guarded(self._finish, run))  # type: ignore[misc]
                began = run.began
                if (
                    began is not None
                    and self._start_timeout is not None
                    and now - began > self._start_timeout
                ):
                    self._give_up(run)
            if now - counted >= _COUNT_EVERY:
                counted = now
                for run in runs:
                    self._tell_losses(run)

    def _tell_losses(self, run: Run) -> None:
        """Reports losses that renewals do not include."""
        counts = Counter(too_large=add_counts(run.outlets)["too_large"])
        if run.running and counts != run.reported:
            run.reported = counts
            self._tell(Counts(run.key, dict(counts)))

    def _finish(self, run: Run) -> None:
        event: EndOfRun = Ended(run.key)
        assert run.pipeline is not None
        try:
            run.pipeline.wait()
        except Exception as error:
            event = Failed(run.key, run.hide_passwords(describe_error(error)))
        self._close(run, event)

    def _end_all(self) -> None:
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            if run.pipeline is not None:
                pipelines.find_engine(run.pipeline).request_stop()
        for run in runs:
            self._stop(run.key)
        self._crew.wait()


def main(parent: int, options: dict[str, Any]) -> None:
    """Runs an agent until the controller sends End or disconnects."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is handled by the program that owns the fleet
    native.let_leaks_pass()
    faulthandler.enable()
    os.set_inheritable(_SOCKET, False)
    exit_at_once = _keep_last_words()
    timeouts = options.pop("start_timeout", _START_TIMEOUT), options.pop("gil_timeout", None)
    end = native.FleetAgent(_SOCKET, parent, options)
    _Agent(end, *timeouts).work()
    with contextlib.suppress(Exception):
        logging.shutdown()
    native.say_end_in_order(IN_ORDER)
    exit_at_once(IN_ORDER)  # do not wait for threads: those left belong to cameras that do not stop


def _begin_beat(tell: Callable[[], None], gil_timeout: float | None) -> None:
    """Starts a thread that sends an event every second as long as Python code can run.

    Renewals do not show that, since they are sent without Python. If the GIL is blocked for long,
    faulthandler dumps the stacks of all threads to stderr, for which it does not need the GIL.
    """
    threading.Thread(target=_beat, args=(tell, gil_timeout), name="beat", daemon=True).start()


def _beat(tell: Callable[[], None], gil_timeout: float | None) -> None:
    while True:
        if gil_timeout is not None:
            faulthandler.dump_traceback_later(_TRACE_AFTER * gil_timeout)
        tell()
        time.sleep(_BEAT_EVERY)


def _keep_last_words() -> Callable[[int], None]:
    """Records from now on why this process exits, including os._exit(). Returns the original os._exit."""
    os.set_inheritable(_PAGE, False)
    native.keep_last_words(_PAGE)
    exit_at_once = os._exit

    def say_and_exit(status: int) -> None:
        try:
            native.say_fault(status & 0xFFFFFFFF)
        finally:
            exit_at_once(status)

    os._exit = say_and_exit  # type: ignore[assignment]  # only for Python code; exits from C are recognised by their status
    return exit_at_once
