"""An agent's process: runs the pipelines of its cameras. Started by a fleet, never by hand."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import pickle
import signal
import struct
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .. import _native, _pickling
from .._errors import FreshframeError, GraphError, StopTimeout
from .._native import Frame
from .._nodes import Node
from .._pipeline import Pipeline
from .._port import Port
from .._queue import Queue
from .._worker import _log_to_parent
from ._url import masked, resolved

_SOCKET = 3
_AT_ONCE = 32  # cameras that start or stop at a time
_LOOK_EVERY = 0.2  # seconds: for pipelines that have ended
_QUEUE = Queue(64, "drop_oldest")  # before a live output's pickling


class _Outlet(Node[Any, None]):
    """Puts the results of an output into the outboxes of its readers."""

    def __init__(self, stream: Any, output: str) -> None:
        self._stream = stream
        self._output = output

    def process(self, sample: Any) -> None:
        if not self._stream.wanted:
            self._stream.note(sample.captured)
            return
        value = sample.value
        if isinstance(value, Frame):
            raise GraphError(
                f"the output {self._output!r} gives frames, and pictures stay on their machine; give an "
                "output of results, or one whose node makes bytes of them (a JPEG of sample.frame)"
            )
        captured = sample.captured
        stamp = (sample.seq, sample.pts, captured, time.time() - (time.monotonic() - captured))
        self._stream.put(stamp, packed(_pickling.dumps(value)))


def packed(parts: tuple[bytes | memoryview, ...]) -> bytes:
    """The parts of a pickle in one."""
    return b"".join((struct.pack(f"<I{len(parts)}Q", len(parts), *map(len, parts)), *parts))


@dataclass(eq=False)
class _Run:
    """One start of a camera."""

    camera: int
    epoch: int
    name: str
    url: str
    exclusive: bool
    lock: threading.Lock = field(default_factory=threading.Lock)
    pipeline: Pipeline | None = None
    running: bool = False  # started, and nobody has begun to close it
    stopping: bool = False
    closing: bool = False  # somebody closes it

    @property
    def key(self) -> tuple[int, int]:
        return self.camera, self.epoch


class _Agent:
    def __init__(self, end: Any) -> None:
        self._end = end
        self._runs: dict[tuple[int, int], _Run] = {}
        self._lock = threading.Lock()
        self._builds: dict[int, Any] = {}  # functions, or why they cannot be had
        self._workers = ThreadPoolExecutor(_AT_ONCE, "camera")

    def log(self, level: int, logger: str, text: str) -> bool:
        """What the handler of worker processes wants."""
        self._tell("log", level, logger, text)
        return True

    def _tell(self, *what: Any) -> None:
        self._end.tell(pickle.dumps(what, 5))

    def work(self) -> None:
        """Does what the controller orders, until it orders the end or has gone."""
        threading.Thread(target=self._look, name="ended pipelines", daemon=True).start()
        orders: dict[str, Callable[..., None]] = {
            "levels": self._levels,
            "build": self._learn,
            "start": self._start,
            "stop": self._stop,
        }
        while True:
            order = self._end.next_order()
            if order is None:
                return
            if isinstance(order, tuple):  # not listed any more
                self._stop(order)
                continue
            what, *arguments = pickle.loads(order)
            if what == "end":
                self._end_all()
                return
            orders[what](*arguments)

    def _levels(self, levels: dict[str, int]) -> None:
        _log_to_parent(self, levels)

    def _learn(self, number: int, known: bytes, pickled: bytes) -> None:
        try:
            _pickling.learn(pickle.loads(known))
            definitions, build = pickle.loads(pickled)
            _pickling.learn(definitions)
        except Exception as error:
            build = FreshframeError(f"build cannot be loaded here: {_text(error)}")
        self._builds[number] = build

    # ---- start

    def _start(self, key: tuple[int, int], camera: dict[str, Any]) -> None:
        run = _Run(*key, camera["name"], camera["url"], camera["exclusive"])
        with self._lock:
            self._runs[key] = run
        self._end.open_run(*key, run.exclusive)
        self._workers.submit(self._guarded, self._open, run, self._builds[camera["build"]])

    def _guarded(self, job: Callable[..., None], run: _Run, *arguments: Any) -> None:
        try:
            job(run, *arguments)
        except BaseException as error:
            logging.getLogger("freshframe").exception("camera %r", run.name)
            self._close(run, ("failed", run.key, _text(error)))

    def _open(self, run: _Run, build: Any) -> None:
        with run.lock:
            if run.stopping:
                self._close(run, ("closed", run.key))
                return
            try:
                outputs = self._make(run, build)
            except BaseException as error:
                self._close(run, ("failed", run.key, masked(_text(error).replace(run.url, masked(run.url)))))
                return
            run.running = not run.stopping
            if run.running:
                self._tell("started", run.key, outputs)
        if not run.running:
            self._close(run, ("closed", run.key))

    def _make(self, run: _Run, build: Any) -> list[str]:
        if isinstance(build, Exception):
            raise build
        self._end.enter_gate(*run.key)
        try:
            made = build(resolved(run.url))
        finally:
            _native.leave_gate()
        pipeline, outputs = _checked(made)
        run.pipeline = pipeline
        for output, port in outputs.items():
            stream = self._end.open_stream(*run.key, output)
            live = pipeline._graph.live
            pipeline.add(
                _Outlet(stream, output), port, name=f"fleet {output}", queue=_QUEUE if live else None
            )
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
            self._workers.submit(self._guarded, self._close, run, ("closed", key))
        elif run.pipeline is not None:
            run.pipeline._engine.request_stop()  # a start that takes its time

    def _close(self, run: _Run, event: tuple[Any, ...]) -> None:
        """Ends its sessions, then tells of it."""
        with self._lock:
            if run.closing:
                return
            run.closing = True
            run.running = False
        while run.pipeline is not None:
            try:
                run.pipeline.stop()
                break
            except StopTimeout as error:
                logging.getLogger("freshframe").warning("camera %r: %s", run.name, error)
                if not run.exclusive:
                    break
        self._end.close_run(*run.key)
        with self._lock:
            self._runs.pop(run.key, None)
        self._tell(*event)

    def _look(self) -> None:
        """Finds pipelines that have ended by themselves."""
        while True:
            time.sleep(_LOOK_EVERY)
            with self._lock:
                runs = [run for run in self._runs.values() if run.running]
            for run in runs:
                if run.pipeline is not None and run.pipeline._engine.ended:
                    run.running = False
                    self._workers.submit(self._guarded, self._finish, run)

    def _finish(self, run: _Run) -> None:
        event: tuple[Any, ...] = ("ended", run.key)
        assert run.pipeline is not None
        try:
            run.pipeline.wait()
            getattr(run.pipeline, "_when_complete", int)()  # of Fleet.map()
        except Exception as error:
            event = ("failed", run.key, masked(_text(error)))
        self._close(run, event)

    def _end_all(self) -> None:
        with self._lock:
            runs = list(self._runs.values())
        for run in runs:
            if run.pipeline is not None:
                run.pipeline._engine.request_stop()
        for run in runs:
            self._stop(run.key)
        self._workers.shutdown(wait=True)


def _checked(made: Any) -> tuple[Pipeline, Mapping[str, Port[Any]]]:
    if not isinstance(made, tuple) or len(made) != 2:
        raise GraphError(f"build must return (pipeline, outputs), got {type(made).__name__}")
    pipeline, outputs = made
    if not isinstance(pipeline, Pipeline):
        raise GraphError(f"build must return (pipeline, outputs), got a {type(pipeline).__name__} first")
    if pipeline._engine.started:
        raise GraphError("build must not start its pipeline: the agent adds what reads its outputs first")
    if not isinstance(outputs, Mapping) or not outputs:
        raise GraphError("build must return the outputs as a mapping of names to ports that is not empty")
    for name, port in outputs.items():
        if not isinstance(name, str) or not isinstance(port, Port) or port._pipeline is not pipeline:
            raise GraphError(f"the output {name!r} must be a port of the pipeline that build returns")
        if port._type is Frame:
            raise GraphError(
                f"the output {name!r} gives frames, and pictures stay on their machine; give an output of "
                "results"
            )
    return pipeline, outputs


def _text(error: BaseException) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def main(parent: int, options: dict[str, Any]) -> None:
    """The agent's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the program's
    _native.let_leaks_pass()
    faulthandler.enable()
    os.set_inheritable(_SOCKET, False)
    end = _native.FleetAgent(_SOCKET, parent, options)
    _Agent(end).work()
    with contextlib.suppress(Exception):
        logging.shutdown()
    os._exit(0)  # what still runs is a camera that does not stop
