"""HTTP client helpers: size and time limits, masking of secrets, and recognition of local hosts."""

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
_ENOUGH = 1 << 13  # maximum number of characters of a server's message
_MOST_WORDS = 1 << 16  # maximum bytes of an error response
_LONGEST_FORM = 16  # maximum number of characters of an escape sequence and a following space


def read_body(answer: http.client.HTTPResponse, most: int, deadline: float) -> bytes:
    """Reads the body of a response, as far as the server sends it.

    Args:
        answer: A response whose headers have been read.
        most: Limit in bytes.
        deadline: A time.monotonic() value. Each single read has the socket's timeout.

    Raises:
        TimeoutError: The body is not complete at the deadline.
        OSError: The body is larger than the limit, or the connection failed.
    """
    body = bytearray()
    while chunk := answer.read1(_CHUNK):
        body += chunk
        if len(body) > most:
            raise OSError(f"the response is larger than {most >> 20} MiB")
        if time.monotonic() > deadline:
            raise TimeoutError(f"the response is still incomplete after {len(body)} bytes")
    return bytes(body)


def read_words(error: urllib.error.HTTPError, secret: str, most: int = 200) -> str:
    """Returns a server's error message, as show_reply() formats it; "" if it cannot be read."""
    try:
        said = error.read(_MOST_WORDS)
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    return show_reply(said, secret, most, is_part=len(said) == _MOST_WORDS)


def show_reply(said: str | bytes, secret: str, most: int = 200, is_part: bool = False) -> str:
    """Formats a server's message: at most ``most`` characters on one line, without secrets.

    Control characters are removed, because a terminal would interpret them.

    A server may echo what it was sent, with any escapes of JSON, HTML or URLs. The secret is masked before
    the message is truncated, because a part of it could not be recognized.

    Args:
        said: The message.
        secret: The key of the server, or "".
        most: Maximum characters of the result.
        is_part: Whether ``said`` is truncated, possibly in the middle of a secret.
    """
    text = said if isinstance(said, str) else said.decode("utf-8", "replace")
    line = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", " ".join(_check.as_utf8(text).split()))
    margin = _LONGEST_FORM * len(secret)
    is_cut = is_part or len(line) > _ENOUGH + margin
    if secret:
        line = _any_form(secret).sub("***", line[: _ENOUGH + margin])
    if is_cut:
        line = line[: max(0, len(line) - margin)]  # a truncated secret may start there
    return _native.mask_passwords(line)[:most]


def _any_form(secret: str) -> re.Pattern[str]:
    """Returns a pattern for an ASCII secret that also matches escaped characters and line breaks."""
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
    """Returns True for localhost and for a loopback address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
