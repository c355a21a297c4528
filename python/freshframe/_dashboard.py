"""Pipeline.serve(): its arguments, the dashboard that it returns, and its end at exit and after a fork."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _check, _fork, _life
from ._closing import Closing
from ._errors import GraphError, OptionError, OptionTypeError, StateError
from ._port import Port

if TYPE_CHECKING:
    from ._pipeline import Pipeline

_MOST_PORTS = 1 << 16


class Dashboard(Closing):
    """The live page of a pipeline, returned by Pipeline.serve().

    The page is served until close(), until its pipeline is garbage-collected, or until the program exits.
    Deleting this object does not end it. ``with pipeline.serve() as dashboard:`` closes it at the end of the
    block.

    Attributes:
        urls: The URLs of the page. There are several if the server listens on all addresses of this machine:
            one for each address, then one with the machine's name. Each includes the token if there is one.
    """

    __slots__ = ("__weakref__", "_pipeline", "_request", "urls")

    def __init__(self, pipeline: Pipeline, request: Request, urls: Sequence[str]) -> None:
        """Called by Pipeline.serve()."""
        self._pipeline = weakref.ref(pipeline)
        self._request = request
        self.urls = tuple(urls)

    @property
    def url(self) -> str:
        """The first of ``urls``."""
        return self.urls[0]

    @property
    def closed(self) -> bool:
        """Whether the server has ended."""
        pipeline = self._pipeline()
        return pipeline is None or of(pipeline) is not self

    def close(self) -> None:
        """Ends the server and its connections. Idempotent. GIL: released while waiting."""
        pipeline = self._pipeline()
        if pipeline is None or pipeline._engine.forked:
            return
        with pipeline._serving:
            if of(pipeline) is not self:
                return
            del _open[pipeline]
            pipeline._engine.close_server()

    def __str__(self) -> str:
        """The URL."""
        return self.url

    def __repr__(self) -> str:
        """The URL without its token, and whether it is closed."""
        return f"<Dashboard {self.url.partition('?')[0]}{', closed' if self.closed else ''}>"

    def _repr_html_(self) -> str:
        """A link, for notebooks."""
        import html  # noqa: PLC0415  (it costs 2 ms, and only notebooks want it)

        url = html.escape(self.url)
        return (
            f'<a href="{url}" target="_blank" rel="noreferrer">{html.escape(self.url.partition("?")[0])}</a>'
        )


_open: weakref.WeakKeyDictionary[Pipeline, Dashboard] = weakref.WeakKeyDictionary()


def of(pipeline: Pipeline) -> Dashboard | None:
    """The open dashboard of a pipeline."""
    return _open.get(pipeline)


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of serve(), checked."""

    host: str
    port: int
    view: tuple[str, ...] | None
    token: str | None
    source_timeout: float | None

    @classmethod
    def of(
        cls, pipeline: Pipeline, host: object, port: object, view: Any, token: object, source_timeout: Any
    ) -> Request:
        """Checks the arguments. Raises OptionTypeError, OptionError or GraphError."""
        if not isinstance(host, str):
            raise OptionTypeError(f"host must be an address as a string, such as '127.0.0.1', got {host!r}")
        if not _check.is_utf8(host):
            raise OptionError(f"host must be UTF-8, got {host!r}")
        wanted = "port must be a whole number from 0 (a free port) to 65535"
        if type(port) is not int:
            raise OptionTypeError(f"{wanted}, got {port!r}")
        if not 0 <= port < _MOST_PORTS:
            raise OptionError(f"{wanted}, got {port!r}")
        wanted = "token must be a string of 16 to 256 letters of a-z A-Z 0-9 - _, or None"
        if token is not None and not isinstance(token, str):
            raise OptionTypeError(f"{wanted}, got a value of type {type(token).__name__}")
        if token is not None and (token == "" or not token.isascii()):
            raise OptionError(wanted)
        if source_timeout is not None:
            _check.positive_seconds("source_timeout", source_timeout)
        return cls(host, port, None if view is None else _names(pipeline, view), token, source_timeout)


def _names(pipeline: Pipeline, view: Any) -> tuple[str, ...]:
    ports = [view] if isinstance(view, Port) else view
    if not isinstance(ports, Sequence) or isinstance(ports, str):
        raise OptionTypeError(f"view must be a port that add() returned, or a list of ports; got {view!r}")
    for port in ports:
        if not isinstance(port, Port):
            raise OptionTypeError(f"view must contain ports that add() returned; got {port!r}")
        if port._pipeline is not pipeline:
            raise GraphError(f"the port {port.name!r} in view belongs to another pipeline")
    return tuple(port._view for port in ports)


def serve(pipeline: Pipeline, wanted: Request) -> Dashboard:
    """Starts the server, or returns the open dashboard if it has the same arguments. From any thread."""
    _ = pipeline._engine.ended  # raises in a forked child, where a thread of the parent may hold the lock
    with pipeline._serving:
        return _serve(pipeline, wanted)


def _serve(pipeline: Pipeline, wanted: Request) -> Dashboard:
    dashboard = of(pipeline)
    if dashboard is not None:
        if dashboard._request != wanted:
            raise StateError(
                f"this pipeline is already served at {dashboard.url.partition('?')[0]} with other "
                "arguments: close() that dashboard first"
            )
        return dashboard
    urls = pipeline._engine.serve(
        wanted.host,
        wanted.port,
        None if wanted.view is None else list(wanted.view),
        wanted.token or "",
        wanted.source_timeout,
    )
    dashboard = _open[pipeline] = Dashboard(pipeline, wanted, urls)
    return dashboard


def _close_all() -> None:
    """Closes all dashboards when the interpreter exits."""
    for dashboard in list(_open.values()):
        dashboard.close()


def _forget_in_child() -> None:
    for pipeline in list(_open):
        pipeline._engine.forget_server()
    _open.clear()


_fork.in_child(_forget_in_child)
_life.at_exit(_close_all)
