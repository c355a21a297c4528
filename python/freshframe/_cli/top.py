"""`freshframe top`: shows a running pipeline in the terminal, edges with the most drops first."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import freshframe as ff

from .. import _native
from .._check import as_utf8
from .._http import read_words, show_reply
from .messages import Messages
from .outcome import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SCHEMA = 1
_PATIENCE = 3.0  # timeout of a request in seconds
_MOST = 16 << 20  # maximum size of a response in bytes
_SHOWN = {"name", "phase", "error", "time", "elapsed", "nodes", "edges", "gil", "events"}
_OVER = ("ended", "stopped", "failed")

# The dashboard is on this machine or in its network, so the proxies of the environment are not used.


class _NoRedirection(urllib.request.HTTPRedirectHandler):
    """Refuses redirections, which would send the token to another server."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Returns None: not followed."""


opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirection)


class UnreachableError(Exception):
    """The server does not answer, or is not a dashboard."""


@dataclass(frozen=True, slots=True)
class Target:
    """The address of a dashboard.

    Attributes:
        shown: The URL without the token.
        token: The token, or "" if the URL has none.
    """

    shown: str
    token: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """Parses a URL as serve() returns it, `host:port`, or a port number."""
        if text.isascii() and text.isdigit():
            text = f"127.0.0.1:{text}"
        try:
            parts = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:  # an invalid port, or an unclosed bracket
            usable = False
        # An '@' after the host means that this is not the host, but part of a password with a '/' or '?'.
        if not usable or " " in parts.netloc or "@" in text.partition("token=")[0].partition(parts.netloc)[2]:
            shown = _native.shown_url(as_utf8(text)).partition("?")[0]  # without the token
            raise UsageError(f"expected the URL of a dashboard such as http://127.0.0.1:8080, got {shown!r}")
        token = urllib.parse.parse_qs(parts.query).get("token", [""])[0]
        return cls(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", token)

    def state(self) -> dict[str, Any]:
        """Fetches the state of the pipeline.

        Raises:
            UsageError: The server rejects the request, for example the token.
            UnreachableError: Nothing answers at this address, or it is not a dashboard.
        """
        state = self.fetched("/api/state")
        if missing := _SHOWN.difference(state):
            raise UnreachableError(
                f"there is no dashboard at {self.shown}: its state does not contain "
                f"{', '.join(sorted(missing))}"
            )
        return state

    def request(self, path: str) -> urllib.request.Request:
        """Returns a request with the token."""
        request = urllib.request.Request(f"{self.shown}{path}")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        return request

    def fetched(self, path: str) -> dict[str, Any]:
        """Fetches a JSON object and checks the version of its schema. Raises the same as state()."""
        request = self.request(path)
        request.add_header("Accept", "application/json")
        try:
            with opener.open(request, timeout=_PATIENCE) as answer:
                state = json.loads(answer.read(_MOST))
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (401, 403):
                    raise UsageError(
                        f"{self.shown} refused the request ({error.code}): use the whole URL that serve() "
                        "returned, including its token"
                    ) from None
                if error.code == 400:  # the body has the server's reason
                    words = read_words(error, self.token, most=2_000)
                    raise UsageError(words or f"{self.shown} refused the request (400)") from None
            raise UnreachableError(
                f"there is no dashboard at {self.shown}: it answered with status {error.code}"
            ) from None
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            said = str(getattr(error, "reason", error))  # contains what the server sent, if that was not HTTP
            reason = show_reply(said, self.token) or type(error).__name__
            raise UnreachableError(f"there is no dashboard at {self.shown}: {reason}") from None
        if not isinstance(state, dict) or state.get("schema") != _SCHEMA:
            found = state.get("schema") if isinstance(state, dict) else None
            is_short = isinstance(found, str | int)
            schema = (
                "none" if found is None else show_reply(str(found), self.token) if is_short else "another"
            )
            raise UnreachableError(
                f"there is no dashboard of this version at {self.shown}: expected schema {_SCHEMA}, got "
                f"{schema}; check the URL, or use the freshframe version that serves it"
            )
        return state


UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError),
    ff.OptionError,
)


@contextlib.contextmanager
def readable(what: str, target: Target) -> Iterator[None]:
    """Turns the exceptions of code that reads a response into an UnreachableError.

    All code that reads a response is in such a `with` block: the server may be of another version.

    Args:
        what: What was requested, for the message.
        target: The server that has answered.

    Raises:
        UnreachableError: The response cannot be read.
    """
    try:
        yield
    except UNREADABLE as error:
        reason = show_reply(str(error), target.token)
        raise UnreachableError(
            f"expected {what} from {target.shown}, but cannot read the answer "
            f"({type(error).__name__}: {reason}): the program there must run the same version as this "
            f"command, {ff.__version__}"
        ) from None


def run(options: Any, messages: Messages) -> ExitCode:
    """Prints the state of a served pipeline: once, as JSON lines, or as a table that is updated."""
    target = Target.parse(options.url)
    try:
        state = target.state()
        return _print(target, state, options, messages)
    except UnreachableError as error:
        messages.complain(f"{error}; is a pipeline serving there?")
        return ExitCode.SOURCE


def _print(target: Target, state: dict[str, Any], options: Any, messages: Messages) -> ExitCode:
    if options.json:
        _follow(target, state, options, messages, functools.partial(_print_line, target))
    elif sys.stdout.isatty() and not options.once:
        _show(target, state, options, messages)
    else:
        from .top_table import page, plain_console  # noqa: PLC0415  (60 ms that JSON does not need)

        with readable("the state of a pipeline", target):
            made = page(state, None)
        plain_console().print(made)
        return _code(state)
    return ExitCode.OK if options.once else _code(state)


def _code(state: dict[str, Any]) -> ExitCode:
    return ExitCode.FAILED if state["phase"] == "failed" else ExitCode.OK


def _print_line(target: Target, state: dict[str, Any] | None, trouble: str | None) -> None:
    if state is not None and trouble is None:
        with readable("the state of a pipeline", target):
            line = json.dumps(state, allow_nan=False)
        print(line, flush=True)


def _show(target: Target, state: dict[str, Any], options: Any, messages: Messages) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    from .top_table import page  # noqa: PLC0415

    console = Console()
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as display:

        def show(newest: dict[str, Any] | None, trouble: str | None) -> None:
            if newest is not None:
                with readable("the state of a pipeline", target):
                    made = page(newest, trouble, console.width)
                display.update(made, refresh=True)

        _follow(target, state, options, messages, show)


def _follow(
    target: Target,
    state: dict[str, Any],
    options: Any,
    messages: Messages,
    show: Callable[[dict[str, Any] | None, str | None], None],
) -> None:
    """Updates the table until the pipeline has ended. Keeps trying if the server does not answer."""
    said = False
    show(state, None)
    while not options.once and state["phase"] not in _OVER:
        time.sleep(options.every)
        try:
            newest = target.state()
        except UnreachableError as error:
            show(state, str(error))
            if options.json and not said:
                messages.say(f"{error}; trying again")
            said = True
            continue
        said = False
        state.clear()
        state.update(newest)
        show(state, None)
