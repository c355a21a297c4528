"""URLs without their passwords, by the rules of src/media/masked_url.cpp; a test compares the two."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import functools
import re

_SPACE = re.compile(r"[ \t\r\n]")
_END_OF_AUTHORITY = re.compile(r"[/?#]")
_SECRET_WORDS = ("pas", "pw", "token", "secret", "key", "auth", "sig", "session", "jwt")
_SECRET_NAMES = ("p", "sid", "pin")
_END_OF_VALUE = re.compile(r"[&# \t\r\n]")
_OF_THE_SENTENCE = "'\":,.;)>"  # around a URL, not of its last value


@functools.lru_cache(4096)  # the addresses of a fleet are shown again and again
def masked(text: str) -> str:
    """``rtsp://user:secret@host/?pwd=a`` -> ``rtsp://user:***@host/?pwd=***``, for every URL in the text."""
    if "://" not in text:
        return text
    done = _masked_once(text)
    while (again := _masked_once(done)) != done:  # what is left may read as another URL
        done = again
    return done


def _find(pattern: re.Pattern[str], text: str, begin: int) -> int:
    found = pattern.search(text, begin)
    return len(text) if found is None else found.start()


def _password_span(text: str, begin: int) -> tuple[int, int]:
    """Where the password of the URL whose "://" ends at ``begin`` lies; it may reach to the last '@'."""
    url = text[: _find(_SPACE, text, begin)]
    end = _find(_END_OF_AUTHORITY, url, begin)
    user_end = url.rfind("@", begin, end)
    host = begin if user_end < 0 else user_end + 1
    colon = url.find(":", begin, end)
    if colon < 0 or 0 <= user_end < colon:
        is_token = user_end >= 0 and text[:begin].lower().endswith(("http://", "https://"))
        return (begin, user_end) if is_token else (0, 0)
    port = url[colon + 1 : end]
    before_port = url.startswith("[", host) or all(each in "0123456789" for each in port)
    if colon >= host and before_port:
        return 0, 0
    at = url.rfind("@")
    return (0, 0) if at < colon else (colon + 1, at)


def _masked_once(text: str) -> str:
    parts, done = [], 0
    at = text.find("://")
    while at >= 0:
        first, last = _password_span(text, at + 3)
        if first != last and first >= done:
            parts += [text[done:first], "***"]
            done = last
        at = text.find("://", at + 3)
    return _masked_parameters("".join((*parts, text[done:])))


def _masked_parameters(text: str) -> str:
    """``?pwd=a``, and ``/user=joe_password=a_channel=1`` as well, which some cameras have as their path."""
    parts, done = [], 0
    equals = text.find("=")
    while equals >= 0:
        scheme = text.rfind("://", 0, equals + 3)
        if equals >= done and scheme >= 0 and _find(_SPACE, text, scheme) >= equals:
            name = max(text.rfind(each, 0, equals) for each in "?&;,/=") + 1
            if _is_secret(text[name:equals]):
                end = _find(_END_OF_VALUE, text, equals + 1)
                end = max(len(text[:end].rstrip(_OF_THE_SENTENCE)), equals + 1)
                parts += [text[done : equals + 1], "***"]
                done = end
        equals = text.find("=", equals + 1)
    return "".join((*parts, text[done:]))


def _is_secret(name: str) -> bool:
    small = name.lower()
    return small in _SECRET_NAMES or any(word in small for word in _SECRET_WORDS)
