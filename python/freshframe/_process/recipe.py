"""What is needed to start a node's worker processes: a command, an environment, the pickled node."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import _native
from .._errors import GraphError, OptionError, OptionTypeError
from .._graph import wiring
from .._graph.node import Native, Node
from .._graph.read_contract import find_contract
from .._interpreter import start_folder
from . import pickling
from .process import Process, checked
from .worker_log import log_levels

if TYPE_CHECKING:
    from .._graph.batch import Batch

_MOST_BATCH = 64  # maximum number of requests in a worker's socket
# A free-threaded Python reserves memory in large blocks, by default of 1 GiB, which would count as allocated.
_RESERVE = {"MIMALLOC_ARENA_RESERVE": "16384"}  # KiB
THREADS_OF = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Recipes:
    """Makes the recipes of one pipeline's nodes, whose workers share the numbers of classes."""

    def __init__(self) -> None:
        """Starts without recipes."""
        self.definitions = pickling.Definitions()

    def of(self, node: Any, process: Any, batch: Batch | None) -> Callable[[], _native.ProcessPlan]:
        """Checks ``process=`` of a node. Returns a function that pickles the node.

        Raises:
            GraphError: The node cannot run in another process, or does not support batches there.
            OptionError: The batch is too large for a worker.
            OptionTypeError: ``process`` is neither a bool nor a Process. The returned function raises it if
                the node cannot be pickled.
        """
        options = checked(process, node)
        _check_batch(node, batch)
        _check_contract(node, options)
        return partial(_plan, node, options, batch, self.definitions)


def _check_batch(node: Any, batch: Batch | None) -> None:
    if batch is not None and isinstance(node, Native):
        raise GraphError(
            f"{wiring.label(node)!r} is native and cannot have both batch= and process=: leave one out"
        )
    if batch is not None and batch.size > _MOST_BATCH:
        raise OptionError(f"a batch with process= must be at most {_MOST_BATCH} samples, got {batch.size}")


def _check_contract(node: Any, options: Process) -> None:
    contract = find_contract(node)
    if options.workers > 1 and contract.has_own_stream:
        method = "finish()" if contract.tick_every is None else "on_tick()"
        raise GraphError(
            f"{wiring.label(node)!r} has {method} and {options.workers} workers, and each worker sees only "
            f"a part of the samples: use one worker, whose {method} sees all"
        )
    if options.workers > 1 and (path := wiring.records_to(node)) is not None:
        raise GraphError(
            f"{wiring.label(node)!r} writes {path!r} and has {options.workers} workers, "
            "but only one process can write a file: use process=True, or Process(workers=1)"
        )


def _plan(
    node: Any, options: Process, batch: Batch | None, definitions: pickling.Definitions
) -> _native.ProcessPlan:
    """Returns the options in the engine's form, with the pickled node.

    Adds its definitions to the pipeline's.
    """
    known, pickled = _pickled(node, definitions)
    plan = _native.ProcessPlan()
    plan.workers = options.workers
    plan.ordered = options.ordered
    plan.timeout = options.timeout
    plan.max_bytes = options.max_bytes
    plan.max_restarts = options.max_restarts
    plan.restart_window = options.restart_window
    payload = {
        "node": pickled,
        "definitions": known,
        "takes_values": not isinstance(node, Node),
        "in_batches": batch is not None,
        "gives_several": find_contract(node).gives_several,
        "alone": options.workers == 1,
        "levels": log_levels(),
    }
    plan.start_with(
        arguments=[os.fsencode(argument) for argument in _arguments()],
        environment=make_environment(options),
        payload=pickle.dumps(payload),
        knows=definitions.knows,
    )
    return plan


def _arguments() -> list[str]:
    # The first statement sets the path, before anything can be imported from the working directory, which
    # Python puts first for -m (so that an argparse.py next to a script would be imported). The folders are
    # separate arguments, because the kernel limits each argument to 128 KiB.
    start = f"from freshframe._process.worker import main; main({os.getpid()})"
    code = f"import sys; sys.path[:] = sys.argv[1:]; del sys.argv[1:]; {start}"
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-c", code, *start_folder.import_path(sys.path)]


def make_environment(options: Process) -> list[bytes]:
    """Returns the environment of a worker, in which libraries use fewer threads to leave cores to others."""
    cores = len(os.sched_getaffinity(0))
    threads = str(max(1, cores // options.workers))
    reserve = {} if options.max_bytes is None else _RESERVE
    values = {**dict.fromkeys(THREADS_OF, threads), **reserve, **os.environ, **(options.env or {})}
    return [os.fsencode(f"{name}={value}") for name, value in values.items()]


def _pickled(node: Any, definitions: pickling.Definitions) -> tuple[bytes, bytes]:
    try:
        return definitions.pickle(node)
    except Exception as error:
        if isinstance(error, OptionTypeError) and "__reduce__" in vars(type(node)):
            raise  # raised by the node itself
        raise OptionTypeError(
            f"{wiring.label(node)!r} cannot be sent to another process: {pickling.culprit(node, error)}. "
            "Make it "
            "in open(), which runs in the worker"
        ) from error
