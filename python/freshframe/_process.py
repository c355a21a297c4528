"""Nodes in worker processes: the options, and the start of a worker."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect
import logging
import math
import os
import pickle
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _check, _pickling, _wiring
from ._errors import GraphError, OptionError, OptionTypeError
from ._nodes import Native, Node, Source

if TYPE_CHECKING:
    from ._batch import Batch

_UNITS = {
    "": 1,
    "B": 1,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
}
_LEAST_MEMORY = 128 << 20
_MOST_WORKERS = 256
_MOST_BATCH = 64  # requests that a worker's socket holds
# A free-threaded Python reserves memory in large pieces, by itself of 1 GiB, which would count as allocated.
_RESERVE = {"MIMALLOC_ARENA_RESERVE": "16384"}  # KiB
_THREADS_OF = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True, init=False)
class Process:
    """How a node runs in worker processes: ``pipeline.add(node, parent, process=Process(workers=4))``.

    Pictures reach a worker without a copy, in memory that it can only read. Results are copied and checked.
    When a worker dies, one sample is lost and counted, and another worker replaces it.

    Attributes:
        workers: Number of processes, each with its own copy of the node.
        ordered: Results leave in the order of their samples. False: each result leaves as soon as it is
            ready, which is fresher when some samples take longer than others.
        timeout: Seconds that one sample may take; then the worker's stacks are logged and the worker is
            killed.
        memory: Memory that a worker may allocate, in bytes or as "2GiB"; above it the node gets a
            MemoryError.
        restarts: Deaths within ``restart_window`` after which the node fails. 0: the first one ends it.
        restart_window: Seconds.
        env: Environment variables in addition to those of this process.
    """

    workers: int
    ordered: bool
    timeout: float | None
    memory: int | None
    restarts: int
    restart_window: float
    env: Mapping[str, str] | None

    def __init__(
        self,
        workers: int = 1,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        memory: int | str | None = None,
        restarts: int = 3,
        restart_window: float = 60.0,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Checks the options.

        Raises:
            OptionError: One is out of range.
            OptionTypeError: One is of the wrong type.
        """
        count = _check.integer("workers", workers)
        if not 1 <= count <= _MOST_WORKERS:
            raise OptionError(f"workers must be 1 to {_MOST_WORKERS}, got {workers!r}")
        deaths = _check.integer("restarts", restarts)
        if deaths < 0:
            raise OptionError(f"restarts must be at least 0, got {restarts!r}")
        values = {
            "workers": count,
            "ordered": _check.flag("ordered", ordered),
            "timeout": None if timeout is None else _check.positive_seconds("timeout", timeout),
            "memory": None if memory is None else _bytes("memory", memory),
            "restarts": deaths,
            "restart_window": _check.positive_seconds("restart_window", restart_window),
            "env": None if env is None else _environment(env),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _bytes(what: str, value: Any) -> int:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", value)
        if match is None or match[2] not in _UNITS:
            raise OptionError(f"{what} must be a number of bytes or a string such as '2GiB', got {value!r}")
        size = math.ceil(float(match[1]) * _UNITS[match[2]])
    elif isinstance(value, bool) or not isinstance(value, int):
        raise OptionTypeError(f"{what} must be a number of bytes or a string such as '2GiB', got {value!r}")
    else:
        size = value
    if not _LEAST_MEMORY <= size < 1 << 62:
        raise OptionError(f"{what} must be at least 128 MiB, which Python and NumPy need, got {value!r}")
    return size


def _environment(env: Any) -> dict[str, str]:
    if not isinstance(env, Mapping):
        raise OptionTypeError(f"env must be a mapping of strings, got {env!r}")
    for name, value in env.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise OptionTypeError(f"env must be a mapping of strings, got {name!r}: {value!r}")
        if not name or "=" in name or "\0" in name + value:
            raise OptionError(f"env must have names of environment variables, got {name!r}: {value!r}")
    return dict(env)


def checked(process: Any, node: Any) -> Process:
    """The options in ``process=``, which is not False.

    Raises:
        OptionTypeError: It is neither a bool nor a Process.
        GraphError: The node cannot run in another process.
    """
    if process is not True and not isinstance(process, Process):
        raise OptionTypeError(f"process must be True, False or a freshframe.Process, got {process!r}")
    if isinstance(node, Source):
        raise GraphError(
            f"{_wiring.label(node)!r} is a source and cannot have process=: a source must stay in the "
            "engine's process. Give process= to the node below it that computes"
        )
    if isinstance(node, Native) and not getattr(node, "_freshframe_travels", False):
        raise GraphError(
            f"{_wiring.label(node)!r} is native and cannot have process=: it runs on a thread of its own and "
            "never holds the GIL"
        )
    if not sys.executable or getattr(sys, "frozen", False):
        raise GraphError(
            "process= needs a Python to start workers with, and this program has none (sys.executable); "
            "frozen applications run their nodes on threads"
        )
    return Process() if process is True else process


def recipe(
    node: Any, options: Process, batch: Batch | None, definitions: _pickling.Definitions
) -> dict[str, Any]:
    """The arguments of add_process() beyond the graph's own options.

    Adds the definitions of this node to the pipeline's.

    Raises:
        GraphError: The node takes no batch.
        OptionError: The batch is too large for a worker.
        OptionTypeError: The node cannot be pickled.
    """
    if batch is not None and isinstance(node, Native):
        raise GraphError(f"{_wiring.label(node)!r} is native and cannot have both batch= and process=")
    if batch is not None and batch.size > _MOST_BATCH:
        raise OptionError(f"a batch with process= must be at most {_MOST_BATCH} samples, got {batch.size}")
    known, pickled = _pickled(node, definitions)
    return {
        "workers": options.workers,
        "ordered": options.ordered,
        "timeout": options.timeout,
        "memory": options.memory,
        "restarts": options.restarts,
        "restart_window": options.restart_window,
        "arguments": [os.fsencode(argument) for argument in _arguments()],
        "environment": _environment_of(options),
        "knows": definitions.knows,
        "payload": pickle.dumps(
            {
                "node": pickled,
                "definitions": known,
                "takes_values": not isinstance(node, Node),
                "in_batches": batch is not None,
                "levels": _levels(),
            }
        ),
    }


def _arguments() -> list[str]:
    import subprocess  # noqa: PLC0415  (it costs a program without workers 4 ms)

    # The first statement sets the path, before anything can be imported from the working directory, which
    # Python puts first for -m (a file argparse.py beside a script would be found).
    path = [entry or os.getcwd() for entry in sys.path]
    code = f"import sys; sys.path[:] = {path!r}; from freshframe._worker import main; main({os.getpid()})"
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-c", code]


def _environment_of(options: Process) -> list[bytes]:
    cores = len(os.sched_getaffinity(0))
    threads = str(max(1, cores // options.workers))
    reserve = {} if options.memory is None else _RESERVE
    values = {**dict.fromkeys(_THREADS_OF, threads), **reserve, **os.environ, **(options.env or {})}
    return [os.fsencode(f"{name}={value}") for name, value in values.items()]


def _levels() -> dict[str, int]:
    """The present log levels, so that workers send only records that would be logged."""
    levels = {"": logging.getLogger().level}
    for name, logger in logging.Logger.manager.loggerDict.items():
        if isinstance(logger, logging.Logger) and logger.level != logging.NOTSET:
            levels[name] = logger.level
    return levels


def _pickled(node: Any, definitions: _pickling.Definitions) -> tuple[bytes, bytes]:
    try:
        return definitions.pickle(node)
    except Exception as error:
        raise OptionTypeError(
            f"{_wiring.label(node)!r} cannot go to another process: {_culprit(node, error)}. Make it in "
            "open(), which runs in the worker"
        ) from error


def _culprit(node: Any, error: Exception) -> str:
    """The name of the part that cannot be pickled."""
    import cloudpickle  # noqa: PLC0415

    for what, value in _parts(node):
        try:
            cloudpickle.dumps(value)
        except Exception as reason:  # noqa: PERF203  (once, for a message)
            return f"{what}, a {type(value).__name__}, cannot be pickled ({reason})"
    return str(error)


def _parts(node: Any) -> list[tuple[str, Any]]:
    if not inspect.isroutine(node):
        slots = [name for cls in type(node).__mro__ for name in getattr(cls, "__slots__", ())]
        named = {name: getattr(node, name) for name in slots if hasattr(node, name)}
        return [
            (f"its attribute {name!r}", value)
            for name, value in {**getattr(node, "__dict__", {}), **named}.items()
        ]
    bound = getattr(node, "__self__", None)
    if bound is not None and not inspect.ismodule(bound):
        return _parts(bound)
    try:
        variables = inspect.getclosurevars(node)
    except TypeError:  # a builtin
        return []
    return [
        (f"its variable {name!r}", value)
        for name, value in {**variables.nonlocals, **variables.globals}.items()
    ]
