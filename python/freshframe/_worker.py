"""A worker process: one node, samples in, results out. Started by the engine, never by hand."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import faulthandler
import logging
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from . import _native, _pickling
from ._native_nodes import Travels
from ._nodes import checked_results

_SOCKET = 3
_MOST_RECORDS = 1000  # per second
_MOST_TRACEBACK = 12_000  # characters; its end is the most useful part


class _ToParent(logging.Handler):
    """Sends records to the parent's logging, formatted; never waits for it."""

    def __init__(self, end: Any) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))
        self._end = end
        self._second = 0.0
        self._sent = 0
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        now = time.monotonic()
        if now - self._second >= 1:
            self._second, self._sent = now, 0
        self._sent += 1
        try:
            text = self.format(record)
        except Exception:  # of the record's arguments, as in logging itself
            self.handleError(record)
            return
        if self._lost:
            text += f" (and {self._lost} more, which arrived too fast)"
        if self._sent <= _MOST_RECORDS and self._end.log(record.levelno, record.name, text):
            self._lost = 0
        else:
            self._lost += 1


def _log_to_parent(end: Any, levels: dict[str, int]) -> None:
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)
    logging.getLogger().addHandler(_ToParent(end))
    logging.captureWarnings(True)


def _describe(error: BaseException) -> tuple[str, str]:
    text = str(error)
    name = type(error).__name__
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).rstrip("\n")
    if len(lines) > _MOST_TRACEBACK:
        lines = "...\n" + lines[-_MOST_TRACEBACK:]
    return (f"{name}: {text}" if text else name), lines


def _fail(end: Any, what: str, error: BaseException) -> None:
    texts = _describe(error)
    error.__traceback__ = None
    try:
        parts = _pickling.dumps(error)
    except Exception:  # any exception of its class: the text is known
        parts = None
    end.fail(what, texts, parts)


def _work(end: Any, call: Callable[[Any], Any], takes_values: bool) -> None:
    while True:
        sample = end.receive()
        if sample is None:
            return
        given = sample.value if takes_values else sample
        del sample
        try:
            result = call(given)
            del given  # the reply returns the leases of dropped frames
            end.reply(result)
            del result
        except Exception as error:
            given = None
            _fail(end, "sample", error)


def _work_in_batches(end: Any, call: Callable[[Any], Any], takes_values: bool) -> None:
    what = "a function with a batch" if takes_values else "process_batch()"
    while True:
        samples = end.receive_batch()
        if samples is None:
            return
        count = len(samples)
        try:
            given = [sample.value for sample in samples] if takes_values else samples
            del samples
            results = list(checked_results(call(given), count, what))
            del given  # the last reply returns the leases of dropped frames
        except Exception as error:
            given = samples = None
            _fail(end, "call", error)
            continue
        for number in range(count):
            result, results[number] = results[number], None
            try:
                if isinstance(result, BaseException):
                    raise result
                end.reply(result)
                del result
            except Exception as error:
                result = None
                _fail(end, "sample", error)


def _run(end: Any, task: dict[str, Any], name: str) -> None:
    opened = False
    node: Any = None
    try:
        _pickling.learn(pickle.loads(task["definitions"]))
        definitions, node = pickle.loads(task["node"])
        _pickling.learn(definitions)
        if isinstance(node, Travels):
            node._freshframe_name = name
        if not task["takes_values"]:
            node.open()
        opened = True
        end.opened()
    except Exception as error:
        _fail(end, "outside", error)
        _wait_for_end(end)
    if opened:
        if task["in_batches"]:
            _work_in_batches(end, node if task["takes_values"] else node.process_batch, task["takes_values"])
        else:
            _work(end, node if task["takes_values"] else node.process, task["takes_values"])
        if not task["takes_values"]:
            try:
                node.close()
            except Exception as error:
                _fail(end, "outside", error)
    end.closed()


def _wait_for_end(end: Any) -> None:
    while end.receive() is not None:
        pass


def main(parent: int) -> None:
    """The worker's whole life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C
    _native.let_leaks_pass()  # the node may keep references until its end
    end = _native.WorkerEnd(_SOCKET, parent)
    payload, stacks, name = end.init()
    faulthandler.register(signal.SIGRTMIN + 3, file=stacks, all_threads=True)
    task = pickle.loads(payload)
    threading.current_thread().name = name
    _log_to_parent(end, task["levels"])
    _run(end, task, name)
