"""Addresses of cameras: without passwords, or from an environment that only an agent's machine has."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

from freshframe import OptionError
from freshframe import _agent as engine

_FROM_ENVIRONMENT = "env:"
_LONGEST = 8192  # letters of a text from a camera
_TAIL = 2048  # letters of them that its end has: the last line of a traceback says what happened


def masked(text: str) -> str:
    """A text without the passwords of its URLs, by the engine's own rules."""
    return engine.native.mask_passwords(text)


def hide_password(url: str) -> str:
    """Returns a URL without its password, which may have spaces."""
    return engine.native.shown_url(url)


def cut(text: str) -> str:
    """A text of a camera, which may be of any length, in a length that everything can bear.

    It is cut at spaces: a part of a URL could be a part of its password.
    """
    if len(text) <= _LONGEST:
        return text
    head, *rest = text[: _LONGEST - _TAIL].rsplit(maxsplit=1)
    if not rest:
        head = head.partition("://")[0]
    tail = text[-_TAIL:].split(maxsplit=1)[1:]
    left = len(text) - len(head) - sum(map(len, tail))
    return " ".join([head, f"[{left} letters left out]", *tail])


def resolved(url: str) -> str:
    """``env:NAME``: the variable of the agent's environment.

    Raises:
        OptionError: It has nothing.
    """
    if not url.startswith(_FROM_ENVIRONMENT):
        return url
    name = url[len(_FROM_ENVIRONMENT) :]
    if name not in os.environ:
        raise OptionError(f"the agent's environment has no {name!r}, which {hide_password(url)!r} names")
    return os.environ[name]
