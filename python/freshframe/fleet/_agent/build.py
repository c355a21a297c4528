"""A `build` function at an agent: it is loaded, and its return value is checked."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import threading
from collections.abc import Mapping
from typing import Any

from ... import _check
from ..._errors import FreshframeError, GraphError
from ..._graph.port import Port, belongs_to, value_type
from ..._native import Frame
from ..._pipeline.pipeline import Pipeline, engine_of
from ..._process import pickling
from .sent_modules import SentModules


class ReceivedBuild:
    """The first camera that needs it loads it.

    Modules that it imports may take their time, which is that of the cameras that start with it.
    """

    def __init__(self, known: bytes, pickled: bytes, modules: SentModules | None = None) -> None:
        """`known`: pickled definitions that it may refer to. `pickled`: the others, and the function.

        `modules`: that came with it.
        """
        self._pickles = known, pickled
        self._loads = pickle.loads if modules is None else modules.loads
        self._modules = modules
        self._lock = threading.Lock()  # held while it is loaded
        self._function: Any = None

    def function(self) -> Any:
        """The function.

        Raises:
            FreshframeError: It cannot be loaded.
        """
        with self._lock:
            if self._function is None:
                try:
                    known, pickled = self._pickles
                    pickling.learn(self._loads(known))
                    definitions, function = self._loads(pickled)
                    pickling.learn(definitions)
                except Exception as error:
                    why = f"{type(error).__name__}: {error}"
                    raise FreshframeError(f"build cannot be loaded here: {why}") from error
                self._function = function
            return self._function


def checked(made: Any) -> tuple[Pipeline, Mapping[str, Port[Any]]]:
    """The pipeline and its outputs, as a build has returned them.

    Raises:
        GraphError: It is something else.
    """
    if not isinstance(made, tuple) or len(made) != 2:
        raise GraphError(f"build must return (pipeline, outputs), got {type(made).__name__}")
    pipeline, outputs = made
    if not isinstance(pipeline, Pipeline):
        raise GraphError(
            f"build must return (pipeline, outputs), got {_check.with_article(type(pipeline).__name__)} first"
        )
    if engine_of(pipeline).started:
        raise GraphError("build must not start its pipeline: the agent adds what reads its outputs first")
    if not isinstance(outputs, Mapping) or not outputs:
        raise GraphError("build must return the outputs as a mapping of names to ports that is not empty")
    for name, port in outputs.items():
        if not (isinstance(name, str) and isinstance(port, Port) and belongs_to(port, engine_of(pipeline))):
            raise GraphError(f"the output {name!r} must be a port of the pipeline that build returns")
        if value_type(port) is Frame:
            raise GraphError(
                f"the output {name!r} gives frames, and pictures stay on their machine; give an output of "
                "results"
            )
    return pipeline, outputs
