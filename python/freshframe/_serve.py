"""Pipeline.serve(): its arguments, and the end of servers when the interpreter exits or forks."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._errors import GraphError

if TYPE_CHECKING:
    from ._pipeline import Pipeline

_MOST_PORTS = 1 << 16

_served: weakref.WeakSet[Pipeline] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of serve(), checked."""

    host: str
    port: int
    view: tuple[str, ...] | None
    token: str | None

    @classmethod
    def of(cls, pipeline: Pipeline, host: object, port: object, view: Any, token: object) -> Request:
        """Checks them; raises GraphError."""
        if not isinstance(host, str):
            raise GraphError(f"host must be an address as a text, such as '127.0.0.1', got {host!r}")
        if type(port) is not int or not 0 <= port < _MOST_PORTS:
            raise GraphError(f"port must be a whole number from 0 (any that is free) to 65535, got {port!r}")
        if token is not None and (not isinstance(token, str) or not token):
            raise GraphError("token must be a text of 16 to 256 letters of a-z A-Z 0-9 - _, or None")
        return cls(host, port, None if view is None else _names(pipeline, view), token)


def _names(pipeline: Pipeline, view: Any) -> tuple[str, ...]:
    from ._pipeline import Port  # noqa: PLC0415  (it imports this module)

    ports = [view] if isinstance(view, Port) else view
    if not isinstance(ports, Sequence) or isinstance(ports, str):
        raise GraphError(f"view must be a port, as add() returns it, or several; got {view!r}")
    for port in ports:
        if not isinstance(port, Port):
            raise GraphError(f"view must name ports, as add() returns them; got {port!r}")
        if port._pipeline is not pipeline:
            raise GraphError(f"the port {port.name!r} of view belongs to another pipeline")
    return tuple(port.name for port in ports)


def serve(pipeline: Pipeline, wanted: Request) -> str:
    """Starts the server, or returns the URL of the one that runs."""
    if pipeline._served is not None:
        request, url = pipeline._served
        if request != wanted:
            raise GraphError(
                f"this pipeline is served at {url.partition('?')[0]} already, with other arguments: "
                "unserve() first"
            )
        return url
    url = pipeline._engine.serve(
        wanted.host, wanted.port, None if wanted.view is None else list(wanted.view), wanted.token or ""
    )
    pipeline._served = (wanted, url)
    _served.add(pipeline)
    return url


def unserve(pipeline: Pipeline) -> None:
    """Ends it."""
    pipeline._engine.close_server()
    pipeline._served = None


def end_all() -> None:
    """When the interpreter exits."""
    for pipeline in list(_served):
        unserve(pipeline)


def _forget_in_child() -> None:
    for pipeline in list(_served):
        pipeline._engine.forget_server()
    _served.clear()


os.register_at_fork(after_in_child=_forget_in_child)
