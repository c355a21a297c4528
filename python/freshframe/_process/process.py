"""Process: the options of ``add(process=)``."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import _check
from .._errors import GraphError, OptionError, OptionTypeError
from .._graph import wiring
from .._graph.node import Native
from .._graph.read_contract import declared
from .._graph.source import Source

_LEAST_BYTES = 128 << 20
_MOST_WORKERS = 256


@dataclass(frozen=True, slots=True, init=False)
class Process:
    """How a node runs in worker processes: ``pipeline.add(node, parent, process=Process(workers=4))``.

    Frames are passed to a worker in shared, read-only memory without a copy. Results are copied and checked.
    When a worker dies, one sample is lost and counted, and the worker is restarted.

    Attributes:
        workers: Number of processes, each with its own copy of the node.
        ordered: Whether to emit results in the order of their samples. False: each as soon as it is ready,
            which reduces latency if some samples take longer than others.
        timeout: Seconds that one sample may take; after that the worker's stacks are logged and it is killed.
            If close() takes longer than this and longer than 5 seconds, it is killed too, with a NodeError.
        max_bytes: Bytes of memory that a worker may allocate, such as ``2 << 30``; beyond that, the node gets
            a MemoryError.
        max_restarts: Number of restarts within ``restart_window``; one more death makes the node fail. 0: no
            restarts.
        restart_window: Period in seconds for ``max_restarts``.
        env: Environment variables in addition to this process's.

    Example:
        >>> import freshframe as ff
        >>> pipeline = ff.Pipeline()
        >>> camera = pipeline.add(ff.open("demo:circles?frames=5"))
        >>> two = ff.Process(workers=2)
        >>> light = pipeline.add(lambda frame: float(frame.luma.mean()), camera, process=two)
    """

    workers: int
    ordered: bool
    timeout: float | None
    max_bytes: int | None
    max_restarts: int
    restart_window: float
    env: Mapping[str, str] | None = field(repr=False)  # may contain secrets

    def __init__(
        self,
        workers: int = 1,
        *,
        ordered: bool = True,
        timeout: float | None = None,
        max_bytes: float | None = None,
        max_restarts: int = 3,
        restart_window: float = 60.0,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Checks the options.

        Raises:
            OptionError: An option is out of range.
            OptionTypeError: An option is of the wrong type.
        """
        count = _check.integer("workers", workers)
        if not 1 <= count <= _MOST_WORKERS:
            raise OptionError(f"workers must be 1 to {_MOST_WORKERS}, got {_check.show(workers)}")
        deaths = _check.integer("max_restarts", max_restarts)
        if deaths < 0:
            raise OptionError(f"max_restarts must be at least 0, got {_check.show(max_restarts)}")
        values = {
            "workers": count,
            "ordered": _check.flag("ordered", ordered),
            "timeout": None if timeout is None else _check.positive_seconds("timeout", timeout),
            "max_bytes": None if max_bytes is None else _bytes("max_bytes", max_bytes),
            "max_restarts": deaths,
            "restart_window": _check.positive_seconds("restart_window", restart_window),
            "env": None if env is None else _environment(env),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)


def _bytes(what: str, value: Any) -> int:
    size = _check.number(what, value)
    if size >= 1 << 62:
        raise OptionError(f"{what} must be less than 4 EiB (1 << 62), got {_check.show(value)}")
    if size < _LEAST_BYTES:
        raise OptionError(
            f"{what} must be at least 128 MiB (1 << 27), which Python and NumPy need, "
            f"got {_check.show(value)}"
        )
    return int(value)


def _environment(env: Any) -> dict[str, str]:
    if not isinstance(env, Mapping):
        kind = _check.with_article(type(env).__name__)
        raise OptionTypeError(
            f"env must be a mapping of strings, such as {{'OMP_NUM_THREADS': '1'}}, got {kind}"
        )
    for name, value in env.items():  # messages do not show the values, which may be secrets
        if not isinstance(name, str):
            raise OptionTypeError(f"the keys of env must be strings, got {_check.show(name)}")
        if not isinstance(value, str):
            kind = _check.with_article(type(value).__name__)
            raise OptionTypeError(f"env must be a mapping of strings, got {kind} for {_check.show(name)}")
        if not name or "=" in name or "\0" in name:
            shown = name.partition("=")[0]  # the rest may be a value: "API_KEY=..."
            got = f"one with = after {shown!r}" if "=" in name else _check.show(name)
            raise OptionError(f"the keys of env must be names of environment variables, got {got}")
        if "\0" in value:
            raise OptionError(f"the values of env must not contain NUL, but that of {_check.show(name)} does")
    return dict(env)


def checked(process: Any, node: Any) -> Process:
    """Returns the options of a ``process=`` other than False.

    Raises:
        OptionTypeError: The value is neither a bool nor a Process.
        GraphError: The node cannot run in another process.
    """
    if process is not True and not isinstance(process, Process):
        raise OptionTypeError(
            f"process must be True, False or a freshframe.Process, got {_check.show(process)}"
        )
    if isinstance(node, Source):
        raise GraphError(
            f"{wiring.label(node)!r} is a source and cannot have process=: a source must stay in the "
            "engine's process. Pass process= to a node downstream of it"
        )
    if isinstance(node, Native) and not declared(node).travels:
        raise GraphError(
            f"{wiring.label(node)!r} is native and cannot have process=: it runs on its own thread and "
            "never holds the GIL"
        )
    if not sys.executable or getattr(sys, "frozen", False):
        raise GraphError(
            "process= needs a Python interpreter to start workers, but this program has none "
            "(sys.executable), for example because it is frozen: leave process= out"
        )
    return Process() if process is True else process
