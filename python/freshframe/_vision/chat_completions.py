"""One call of OpenAI's chat completions API, on its own thread so that it can be abandoned at any time."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any

from .. import _check
from .._errors import OptionError
from .._http import is_this_machine, read_body, show_reply
from .._sinks.plain import valid_text

_LARGEST_ANSWER = 4 << 20  # bytes
_LONGEST_PAUSE = 30.0  # maximum seconds before the retry, whatever Retry-After says
_BUSY = (429, 503)


class BusyError(OSError):
    """The server answered 429 or 503: retry once after ``pause`` seconds."""

    def __init__(self, text: str, pause: float = 1.0) -> None:
        super().__init__(text)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Server:
    """A server address."""

    host: str
    port: int
    path: str
    is_tls: bool
    is_local: bool

    @classmethod
    def parse(cls, url: str, remote: bool) -> Server:
        """Parses a URL. Error messages never contain its user or password.

        Raises:
            OptionError: The URL is not an http or https URL, has a user or a query, or names another machine
                without ``remote``.
        """
        text = _check.line("url", url)
        if "@" in text:
            raise OptionError(
                "url must not contain a user or a password (an @): pass a key with api_key_env="
            )
        try:
            parts = urllib.parse.urlsplit(text)
            port = parts.port
        except ValueError as error:
            raise OptionError(f"url is invalid: {error}; got {_check.show(url)}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OptionError(f'url must look like "http://127.0.0.1:8000/v1", got {_check.show(url)}')
        if parts.query or parts.fragment or not (parts.path.isascii() and parts.path.isprintable()):
            raise OptionError(f"url must have an ASCII path and no query, got {_check.show(url)}")
        if port == 0 or " " in parts.path:
            raise OptionError(f"url must have a port of 1 to 65535 and no spaces, got {_check.show(url)}")
        is_local = is_this_machine(parts.hostname)
        if not is_local and not remote:
            raise OptionError(
                f"{parts.hostname!r} is not this machine: pass remote=True to send frames there"
            )
        path = parts.path.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        is_tls = parts.scheme == "https"
        return cls(parts.hostname, port or (443 if is_tls else 80), path, is_tls, is_local)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.is_tls else 'http'}://{host}:{self.port}{self.path}"


class Call:
    """One request on its own thread, so that the node's thread can abandon it at any time.

    Attributes:
        ended: Set when there is an answer or an error.
    """

    def __init__(self, server: Server, body: bytes, key: str, timeout: float) -> None:
        """Starts the call."""
        self.ended = threading.Event()
        self._server = server
        self._key = key
        self._timeout = timeout
        self._lock = threading.Lock()
        self._is_cut = False
        self._socket: socket.socket | None = None
        self._status = 0
        self._retry_after = 1.0
        self._answer = b""
        self._error = ""
        self._is_late = False
        threading.Thread(target=self._run, args=(body,), name="ff ask", daemon=True).start()

    def cut(self) -> None:
        """Aborts the call if it is still running. If it has not connected yet, nothing is sent."""
        with self._lock:
            self._is_cut = True
            if self._socket is not None:
                with contextlib.suppress(OSError):  # already finished
                    # Not SSLSocket.shutdown(), after which the socket would send the remaining bytes
                    # unencrypted.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def reply(self) -> dict[str, Any]:
        """Returns the answer of a finished call.

        Raises:
            BusyError: The server asked for a retry.
            OSError: The server cannot be reached, or answered with an error or something other than JSON.
        """
        if self._is_late:
            raise self.too_late()
        if self._error:
            raise OSError(f"the request to {self._server} failed: {self._show_reply(self._error)}")
        reason = http.client.responses.get(self._status, "")
        text = f"{self._server} answered {self._status} {reason}".rstrip()
        if self._status in _BUSY:
            raise BusyError(text, self._retry_after)
        found = _json_object(self._answer)
        said = self._show_reply(_reason(found) or self._answer)
        if self._status != 200:
            raise OSError(f"{text}: {said}")
        if found is None:
            raise OSError(f"{text}, but not a JSON object: {said}")
        return found

    def too_late(self) -> TimeoutError:
        """Returns the error for a call that timed out."""
        return TimeoutError(f"{self._server} did not answer within timeout={self._timeout:g} s")

    def _run(self, body: bytes) -> None:
        deadline = time.monotonic() + self._timeout
        try:
            with contextlib.closing(self._connected()) as connection:
                self._talk(connection, body, deadline)
        except TimeoutError:
            self._is_late = True
        except Exception as error:  # any exception: the node's thread raises it
            self._error = str(error) or type(error).__name__
        finally:
            self.ended.set()

    def _connected(self) -> http.client.HTTPConnection:
        server = self._server
        link = self._kept(socket.create_connection((server.host, server.port), self._timeout))
        if server.is_tls:
            context = ssl.create_default_context()
            secure = context.wrap_socket(link, server_hostname=server.host, do_handshake_on_connect=False)
            self._kept(secure)
            secure.do_handshake()
            link = secure
        connection = http.client.HTTPConnection(server.host, server.port)
        connection.sock = link
        return connection

    def _kept(self, link: socket.socket) -> socket.socket:
        with self._lock:
            if not self._is_cut:
                self._socket = link
                return link
        link.close()
        raise ConnectionAbortedError("the call was aborted")

    def _talk(self, connection: http.client.HTTPConnection, body: bytes, deadline: float) -> None:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        connection.request("POST", self._server.path, body, headers)
        with connection.getresponse() as response:
            self._status = response.status
            self._retry_after = _seconds(response.getheader("Retry-After"))
            self._answer = read_body(response, _LARGEST_ANSWER, deadline)

    def _show_reply(self, said: str | bytes) -> str:
        return show_reply(said, self._key)


def read_text(reply: dict[str, Any], key: str) -> tuple[str, str]:
    """Returns the text and finish reason of a completion. Errors do not contain the key.

    Raises:
        OSError: The completion has no text.
    """
    choices = reply.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    text = message.get("content") if isinstance(message, dict) else None
    finish = str(first.get("finish_reason") or "") if isinstance(first, dict) else ""
    if isinstance(text, str) and text.strip():
        return text.strip(), finish
    advice = ": raise max_tokens in options" if finish == "length" else ""
    reason = show_reply(finish, key)
    raise OSError(f"the model's answer has no text (finish_reason={reason!r}){advice}")


def _json_object(data: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(data, object_pairs_hook=_with_valid_texts)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _with_valid_texts(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Replaces lone surrogates, which JSON escapes can produce and print() and files reject."""
    return {key: valid_text(value) if isinstance(value, str) else value for key, value in pairs}


def _reason(found: dict[str, Any] | None) -> str:
    """Returns the server's error message, or "" if it is not in the usual place."""
    error = found.get("error", found) if found else None
    text = error.get("message") if isinstance(error, dict) else error
    return text if isinstance(text, str) else ""


def _seconds(text: str | None) -> float:
    try:
        found = float(text or 1.0)
    except ValueError:  # an HTTP date, not seconds
        return 1.0
    return min(found, _LONGEST_PAUSE) if found >= 0 else 1.0
