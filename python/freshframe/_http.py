"""HTTP clients of the package: answers within bounds and without secrets, and hosts that are this machine."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import html
import http.client
import ipaddress
import re
import time
import urllib.error

from . import _check, _native

_CHUNK = 1 << 16  # bytes
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_ENOUGH = 1 << 13  # letters of a server's words
_MOST_WORDS = 1 << 16  # bytes of an answer that is an error
_LONGEST_FORM = 16  # letters of an escape, and a space after it


def read_body(answer: http.client.HTTPResponse, most: int, deadline: float) -> bytes:
    """The body of an answer, or the part that comes; the server decides whether that is all of it.

    Args:
        answer: Its headers have been read.
        most: Bytes.
        deadline: As time.monotonic(). A single wait for bytes has the time limit of the socket.

    Raises:
        TimeoutError: It has not ended by then.
        OSError: It is larger, or the connection failed.
    """
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > most:
            raise OSError(f"its answer is larger than {most >> 20} MiB")
        if time.monotonic() > deadline:
            raise TimeoutError(f"its answer has not ended after {len(body)} bytes")
    return bytes(body)


def read_words(error: urllib.error.HTTPError, secret: str, most: int = 200) -> str:
    """Returns what a server says about an error, as show_reply() does; "" if that cannot be read."""
    try:
        said = error.read(_MOST_WORDS)
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    return show_reply(said, secret, most, is_part=len(said) == _MOST_WORDS)


def show_reply(said: str | bytes, secret: str, most: int = 200, is_part: bool = False) -> str:
    """Returns a server's words for a message: at most ``most`` letters on one line, without secrets.

    They have no control letters, which a terminal would obey.

    A server may repeat what it was sent, in any of the forms that JSON, HTML and URLs have for a letter. The
    whole secret is hidden before the text is cut, because a part of it could not be recognised.

    Args:
        said: The words.
        secret: The key of the server, or "".
        most: Letters of the result.
        is_part: Their end is missing, and may be in the middle of a secret.
    """
    text = said if isinstance(said, str) else said.decode("utf-8", "replace")
    line = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(_check.as_utf8(text).split()))
    margin = _LONGEST_FORM * len(secret)
    is_cut = is_part or len(line) > _ENOUGH + margin
    if secret:
        line = _any_form(secret).sub("***", line[: _ENOUGH + margin])
    if is_cut:
        line = line[: max(0, len(line) - margin)]  # a secret may begin there
    return _native.mask_passwords(line)[:most]


def _any_form(secret: str) -> re.Pattern[str]:
    """Returns a pattern for a secret of ASCII whose letters may be escaped, and which may be wrapped."""
    return re.compile(" ?".join(map(_match_letter, secret)), re.IGNORECASE)


def _match_letter(letter: str) -> str:
    code = f"{ord(letter):02x}"
    name = "|&apos;" if letter == "'" else ""
    if (escaped := html.escape(letter)) != letter:
        name += "|" + escaped
    own = r"\\{1,8}" if letter == "\\" else rf"\\{{0,8}}{re.escape(letter)}"
    numbers = rf"&#0{{0,4}}{ord(letter)};|&#x0{{0,4}}{code};"
    return rf"(?:{own}|\\{{1,8}}u00{code}|\\{{1,8}}x{code}|%{code}|{numbers}{name})"


def is_this_machine(host: str) -> bool:
    """Whether a host is a loopback address, or localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
