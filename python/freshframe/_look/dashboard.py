"""Pipeline.serve(): its arguments, the Dashboard that it returns, and closing at exit and after a fork."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from .. import _check, _native
from .._closed_by_with import ClosedByWith
from .._errors import FreshframeError, GraphError, OptionError, OptionTypeError, StateError
from .._graph.port import Port, advice, belongs_to, view_name
from .._graph.read_contract import declared
from .._interpreter import exit_hooks, fork
from .._vision.annotate import Annotate, list_fields

_MOST_PORTS = 1 << 16
_NOT_SENT = ("vx", "vy", "track_age", "track_confidence", "dwell")


class Dashboard(ClosedByWith):
    """The live dashboard of a pipeline, returned by Pipeline.serve().

    The page is served until close(), until its pipeline is garbage-collected, or until the program exits.
    Deleting this object does not close it. ``with pipeline.serve() as dashboard:`` closes it at the end of
    the block.

    Attributes:
        urls: The URLs of the page. There are several if the server listens on all addresses: one per address,
            then one with the host name. Each includes the token if there is one.
    """

    __slots__ = ("__weakref__", "_engine", "_request", "urls")

    def __init__(self, engine: _native.Engine, request: Request, urls: Sequence[str]) -> None:
        """Created by Pipeline.serve()."""
        self._engine = weakref.ref(engine)
        self._request = request
        self.urls = tuple(urls)

    @property
    def url(self) -> str:
        """The first of ``urls``."""
        return self.urls[0]

    def jpeg_url(self, port: Port[Any] | str) -> str:
        """Returns the URL of a port's newest frame as JPEG.

        If the page requires a token, this URL contains a different one that only gives access to images,
        because URLs end up in logs. With ``serve(token=...)`` it stays the same after a restart.

        Args:
            port: A port of the pipeline, or its name.

        Raises:
            OptionError: The dashboard does not show frames of the port.
            OptionTypeError: ``port`` is neither a Port nor a string.
            StateError: The dashboard is closed.
        """
        return self._picture(port, "jpg", {})

    def mjpeg_url(
        self, port: Port[Any] | str, *, fps: float | None = None, max_side: int | None = None
    ) -> str:
        """Returns the URL of a port's live video as an MJPEG stream, for ``<img>``, VLC or Home Assistant.

        The token is as in jpeg_url(). There can be at most 32 streams at a time, and browsers open at most
        six connections per server: use jpeg_url() for a wall of cameras.

        Args:
            port: A port of the pipeline, or its name.
            fps: Maximum frames per second, 1 to 15; None means 10. Slow clients get fewer.
            max_side: Requested length of the longer side in pixels, 64 to 1920; None means 960. All viewers
                of a port get the same stream, so it may be larger.

        Raises:
            OptionError: A value is out of range, or the dashboard does not show frames of the port.
            OptionTypeError: An argument is of the wrong type.
            StateError: The dashboard is closed.
        """
        query = {}
        if fps is not None:
            query["fps"] = f"{_within('fps', _check.number('fps', fps), 1, 15):g}"
        if max_side is not None:
            query["max_side"] = str(_within("max_side", _check.integer("max_side", max_side), 64, 1920))
        return self._picture(port, "mjpg", query)

    def _picture(self, port: Port[Any] | str, suffix: str, query: dict[str, str]) -> str:
        name, engine = self._find_shown(port)
        if token := engine.picture_token():
            query["token"] = token
        with fork.explaining(), fork.loading():
            from urllib.parse import quote, urlencode  # noqa: PLC0415  (it costs 5 ms)

        address = f"{self.url.partition('?')[0]}api/picture/{quote(name, safe='')}.{suffix}"
        return address + (f"?{urlencode(query)}" if query else "")

    def show(self, *, window: bool = True) -> None:
        """Opens the page on this machine's screen, in a window that stays open when the program ends.

        Args:
            window: True: an app window of Chromium, Chrome, Edge or Brave if one of them is installed.
                Otherwise, or with False: a tab in the default browser.

        Raises:
            FreshframeError: No display or no browser was found. The page is still served, and the message
                contains its URL.
            OptionTypeError: ``window`` is not a bool.
        """
        with fork.explaining(), fork.loading():
            from .window import open_page  # noqa: PLC0415  (few programs open it themselves)

        open_page(self.url, as_window=_check.flag("window", window))

    def embed(self, port: Port[Any] | str, *, labels: str | None = None) -> str:
        """Returns HTML for your own page that shows the port's live video with results drawn on it.

        For a port of results, the frames are those of its source. The HTML contains a token that only gives
        access to images. Pages from another server require ``serve(origins=)``. Where scripts are not
        allowed, use view_url().

        Args:
            port: A port of the pipeline, or its name.
            labels: Text for each object, with the fields ``tracker_id``, ``class_id``, ``class_name``,
                ``confidence``, the numbers of the box or circle, and the columns of ``Detections.data``, and
                formats as in ``Annotate(labels=)``, such as ``"{class_name} {confidence:.2f}"``. Default
                ``"{class_name} {tracker_id}"``. "" draws none. A field without a value is left out.

        Raises:
            OptionError: The dashboard does not show frames of the port, or ``labels`` is malformed.
            OptionTypeError: An argument is of the wrong type.
            StateError: The dashboard is closed.
        """
        name, engine = self._find_shown(port)
        _check_labels(labels)
        with fork.explaining(), fork.loading():
            from html import escape  # noqa: PLC0415  (it costs 2 ms)

        server = escape(self.url.partition("?")[0])
        token = engine.picture_token()
        right = f' token="{escape(token)}"' if token else ""
        texts = "" if labels is None else f' labels="{escape(labels)}"'
        return (
            f'<script type="module" src="{server}view.js"></script>'
            f'<freshframe-view src="{server}" port="{escape(name)}"{right}{texts}></freshframe-view>'
        )

    def view_url(self, port: Port[Any] | str, *, labels: str | None = None) -> str:
        """Returns the URL of a page for an ``<iframe>``, showing the same as embed(). Any page may embed it.

        The token only gives access to images. It follows ``#``, so browsers do not send it to servers.

        Args:
            port: A port of the pipeline, or its name.
            labels: As for embed().

        Raises:
            OptionError: The dashboard does not show frames of the port, or ``labels`` is malformed.
            OptionTypeError: An argument is of the wrong type.
            StateError: The dashboard is closed.
        """
        name, engine = self._find_shown(port)
        _check_labels(labels)
        with fork.explaining(), fork.loading():
            from urllib.parse import urlencode  # noqa: PLC0415  (it costs 5 ms)

        query = {"port": name}
        if token := engine.picture_token():
            query["token"] = token
        if labels is not None:
            query["labels"] = labels
        return f"{self.url.partition('?')[0]}view.html#{urlencode(query)}"

    def camera_url(self, source: Port[Any] | str) -> str:
        """Returns the URL of a page that sends the camera of its browser to a ``browser:`` source.

        Open it on the device that has the camera. Browsers allow cameras only on https and localhost. The
        page shows the first port of ``serve(view=...)`` with its results.

        The URL contains a token, which only gives the right to send this camera and to see images. It
        follows ``#``, so browsers do not send it to servers. Another ``serve()`` uses another token.

        Args:
            source: The port of the source, or its name.

        Raises:
            OptionError: The source is not a ``browser:`` source.
            OptionTypeError: ``source`` is neither a Port nor a string.
            StateError: The dashboard is closed.
        """
        name, token = self._find_camera(source)
        with fork.explaining(), fork.loading():
            from urllib.parse import urlencode  # noqa: PLC0415  (it costs 5 ms)

        query = {"camera": name, "token": token}
        if self._request.view:
            query["view"] = self._request.view[0]
        return f"{self.url.partition('?')[0]}camera#{urlencode(query)}"

    def embed_camera(self, source: Port[Any] | str) -> str:
        """Returns HTML for your own page that sends the camera of its browser to a ``browser:`` source.

        It does the same as the page of camera_url(), and contains the same token. Pages from another server
        require ``serve(origins=)``.

        Args:
            source: The port of the source, or its name.

        Raises:
            OptionError: The source is not a ``browser:`` source.
            OptionTypeError: ``source`` is neither a Port nor a string.
            StateError: The dashboard is closed.
        """
        name, token = self._find_camera(source)
        with fork.explaining(), fork.loading():
            from html import escape  # noqa: PLC0415  (it costs 2 ms)

        server = escape(self.url.partition("?")[0])
        view = f' view="{escape(self._request.view[0])}"' if self._request.view else ""
        return (
            f'<script type="module" src="{server}camera.js"></script>'
            f'<freshframe-camera src="{server}" camera="{escape(name)}" token="{token}"{view}>'
            "</freshframe-camera>"
        )

    def _find_camera(self, source: Port[Any] | str) -> tuple[str, str]:
        """Returns the name of a source that a browser feeds, and the token of its page."""
        engine = self._open_engine()
        name = view_name(source) if isinstance(source, Port) else _check.text("source", source)
        tokens = engine.camera_tokens()
        if name not in tokens:
            if tokens:
                some = f"choose one of {', '.join(map(repr, tokens))}"
            else:
                some = 'it has none, so add ff.open("browser:") first'
            raise OptionError(f'{name!r} is not a "browser:" source of this pipeline: {some}')
        return name, tokens[name]

    def _open_engine(self) -> _native.Engine:
        engine = self._engine()
        if engine is not None and engine.forked:
            raise StateError(
                "this dashboard was created before this process was forked, and its threads run only in the "
                "parent: build the pipeline and call serve() after the fork, or run and serve it in another "
                "process"
            )
        if engine is None or self.closed:
            raise StateError("this dashboard is closed: call serve() for a new one")
        return engine

    def _find_shown(self, port: Port[Any] | str) -> tuple[str, _native.Engine]:
        """Returns the name of a port whose frames are served, and the engine."""
        engine = self._open_engine()
        name = view_name(port) if isinstance(port, Port) else _check.text("port", port)
        shown = engine.shown_views() if self._request.view is None else self._request.view
        if name not in shown:
            some = f"it shows {', '.join(map(repr, shown))}" if shown else "no port returns frames"
            raise OptionError(
                f"this dashboard does not show {name!r}: {some}; choose the ports with serve(view=...)"
            )
        return name, engine

    @property
    def closed(self) -> bool:
        """True if the server has been closed."""
        engine = self._engine()
        return engine is None or find_dashboard(engine) is not self

    def close(self) -> None:
        """Stops the server and closes its connections. Idempotent. GIL: released while waiting."""
        engine = self._engine()
        if engine is None or engine.forked:
            return
        with _find_lock(engine):
            if find_dashboard(engine) is self:
                del _open[engine]
                engine.close_server()

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"<Dashboard {self.url.partition('?')[0]}{', closed' if self.closed else ''}>"

    def _repr_html_(self) -> str:
        """Returns a link, for notebooks."""
        with fork.explaining(), fork.loading():
            import html  # noqa: PLC0415  (it costs 2 ms, and only notebooks want it)

        url = html.escape(self.url)
        return (
            f'<a href="{url}" target="_blank" rel="noreferrer">{html.escape(self.url.partition("?")[0])}</a>'
        )


_open: weakref.WeakKeyDictionary[_native.Engine, Dashboard] = weakref.WeakKeyDictionary()
# One per engine: held while its dashboard is started or closed.
_locks: weakref.WeakKeyDictionary[_native.Engine, threading.RLock] = weakref.WeakKeyDictionary()
_making_locks = threading.Lock()


_Number = TypeVar("_Number", int, float)


def _within(what: str, value: _Number, least: _Number, most: _Number) -> _Number:
    if not least <= value <= most:
        raise OptionError(f"{what} must be {least} to {most}, got {_check.show(value)}")
    return value


def _check_labels(labels: str | None) -> None:
    """Checks a label pattern with Annotate: a web page would display a malformed one as text."""
    try:
        Annotate(labels=labels)
    except OptionError as wrong:
        raise OptionError(str(wrong).replace("Annotate(labels=)", "labels")) from None
    for field in list_fields(labels or ""):
        if field in _NOT_SENT:
            raise OptionError(
                f"labels has the field {{{field}}}, which is not available in a live view: "
                "use tracker_id, class_id, class_name, confidence, the numbers of the box or circle, or "
                "the columns of Detections.data"
            )


def _find_lock(engine: _native.Engine) -> threading.RLock:
    with _making_locks:
        return _locks.setdefault(engine, threading.RLock())


def find_dashboard(engine: _native.Engine) -> Dashboard | None:
    """Returns the open dashboard of a pipeline, if any."""
    return _open.get(engine)


@dataclass(frozen=True, slots=True)
class Request:
    """The checked arguments of serve()."""

    host: str = "127.0.0.1"
    port: int = 0
    view: tuple[str, ...] | None = None
    token: str | None = None
    away_after: float | None = 30.0
    look: tuple[Any, ...] = ()
    looks_per_minute: float = 30.0
    origins: tuple[str, ...] = ()

    @classmethod
    def check(
        cls,
        engine: _native.Engine,
        host: object = "127.0.0.1",
        port: object = 0,
        view: Any = None,
        token: object = None,
        away_after: Any = 30.0,
        look: Any = (),
        looks_per_minute: Any = 30.0,
        origins: Any = (),
    ) -> Request:
        """Checks the arguments. Raises OptionTypeError, OptionError or GraphError."""
        if not isinstance(host, str):
            raise OptionTypeError(
                f"host must be an address as a string, such as '127.0.0.1', got {_check.show(host)}"
            )
        if not _check.is_utf8(host):
            raise OptionError(f"host must be UTF-8, got {_check.show(host)}")
        wanted = "port must be a whole number from 0 (a free port) to 65535"
        if type(port) is not int:
            raise OptionTypeError(f"{wanted}, got {_check.show(port)}")
        if not 0 <= port < _MOST_PORTS:
            raise OptionError(f"{wanted}, got {_check.show(port)}")
        wanted = "token must be a string of 16 to 256 characters of a-z A-Z 0-9 - _, or None"
        if token is not None and not isinstance(token, str):
            raise OptionTypeError(f"{wanted}, got a value of type {type(token).__name__}")
        if token is not None and (token == "" or not token.isascii()):
            raise OptionError(wanted)
        if away_after is not None:
            _check.positive_seconds("away_after", away_after)
        rate = _within("looks_per_minute", _check.number("looks_per_minute", looks_per_minute), 0.1, 6000)
        ports = None if view is None else _names(engine, view)
        looks = _looks(engine, look)
        return cls(host, port, ports, token, away_after, looks, rate, _origins(origins))


def _origins(origins: Any) -> tuple[str, ...]:
    listed = [origins] if isinstance(origins, str) else origins
    if not isinstance(listed, Sequence):
        raise OptionTypeError(
            f'origins must be a list of strings, such as ["https://my.site"]; got {_check.show(origins)}'
        )
    return tuple(_check.text("each of origins", each) for each in listed)


def _names(engine: _native.Engine, view: Any) -> tuple[str, ...]:
    ports = [view] if isinstance(view, Port) else view
    if not isinstance(ports, Sequence) or isinstance(ports, str):
        raise OptionTypeError(
            "view must be a port that add() returned, or a list of ports; "
            f"got {_check.show(view)}{advice(view)}"
        )
    for port in ports:
        if not isinstance(port, Port):
            raise OptionTypeError(
                f"view must contain ports that add() returned; got {_check.show(port)}{advice(port)}"
            )
        if not belongs_to(port, engine):
            raise GraphError(f"the port {port.name!r} in view belongs to another pipeline")
    return tuple(view_name(port) for port in ports)


def _looks(engine: _native.Engine, look: Any) -> tuple[Any, ...]:
    looks = [look] if declared(look).is_part_of is not None else look
    if not isinstance(looks, Sequence) or isinstance(looks, str):
        raise OptionTypeError(f"look must be a Look or a list of Looks, got {_check.show(look)}")
    for each in looks:
        is_part_of = declared(each).is_part_of
        if is_part_of is None:
            raise OptionTypeError(f"look must contain Looks, got {_check.show(each)}")
        if not is_part_of(engine):
            raise GraphError("look contains a Look that is not in this pipeline: add() it before serve()")
    return tuple(looks)


def serve(engine: _native.Engine, wanted: Request) -> Dashboard:
    """Starts the server, or returns the open dashboard if it has the same arguments or none are given."""
    _ = engine.ended  # raises in a forked child, where a parent's thread may hold the lock
    with _find_lock(engine):
        dashboard = find_dashboard(engine)
        if dashboard is None:
            dashboard = _open[engine] = Dashboard(engine, wanted, _served(engine, wanted))
        elif wanted not in (dashboard._request, Request()):
            other = [
                each.name
                for each in fields(Request)
                if getattr(wanted, each.name) != getattr(dashboard._request, each.name)
            ]
            raise StateError(
                f"this pipeline is already served at {dashboard.url.partition('?')[0]} with another "
                f"{' and another '.join(other)}: serve() without arguments returns that dashboard; close() "
                "it before serving with other arguments"
            )
        return dashboard


def _served(engine: _native.Engine, wanted: Request) -> list[str]:
    """Starts the server; returns its URLs."""
    try:
        return _urls(engine, wanted)
    except FreshframeError as error:
        if "Address already in use" not in str(error):
            raise
        text = str(error)
    with fork.explaining(), fork.loading():
        from . import port_owner  # noqa: PLC0415  (only this failure needs it)

    relative = port_owner.relative_with(wanted.port)
    if relative is None:
        raise FreshframeError(text)
    raise FreshframeError(
        f"{text.partition(';')[0]} by {relative}. Is this program running twice, as with a reloader or "
        "several workers? Then each would read the cameras: run the pipeline in a single process that serves "
        "the page to all of them, such as with `freshframe run app.py`"
    )


def _urls(engine: _native.Engine, wanted: Request) -> list[str]:
    return engine.serve(
        wanted.host,
        wanted.port,
        None if wanted.view is None else list(wanted.view),
        wanted.token or "",
        _picture_token(wanted.token),
        wanted.away_after,
        [each._node_name for each in wanted.look],
        wanted.looks_per_minute,
        list(wanted.origins),
    )


def _picture_token(token: str | None) -> str:
    """Derives the token for images from the main token, so that their URLs survive restarts."""
    if not token:
        return ""
    with fork.explaining(), fork.loading():
        import hashlib  # noqa: PLC0415  (few programs give a token)
        import hmac  # noqa: PLC0415

    return hmac.new(token.encode(), b"freshframe pictures", hashlib.sha256).hexdigest()


def _close_all() -> None:
    """Closes all dashboards when the interpreter exits."""
    for dashboard in list(_open.values()):
        dashboard.close()


def _forget_in_child() -> None:
    global _making_locks  # noqa: PLW0603
    _making_locks = threading.Lock()
    for engine in list(_open):
        engine.forget_server()
    _open.clear()
    _locks.clear()


fork.in_child(_forget_in_child)
exit_hooks.add(_close_all)
