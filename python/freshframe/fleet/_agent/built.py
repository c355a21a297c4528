"""Checks the return value of a build."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import _check
from ..._errors import GraphError
from ..._graph.port import Port, belongs_to, value_type
from ..._native import Frame
from ..._pipeline.pipeline import Pipeline, engine_of


def checked(made: Any) -> tuple[Pipeline, Mapping[str, Port[Any]]]:
    """The pipeline and its outputs.

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
