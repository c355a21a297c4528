"""Camera URLs: hides passwords, and resolves URLs from an agent's environment."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

from freshframe import OptionError
from freshframe import _agent as engine

_FROM_ENVIRONMENT = "env:"
_LONGEST = 8192  # maximum number of characters of a message from a camera
_TAIL = 2048  # characters kept from the end, because the last line of a traceback has the error


def masked(text: str) -> str:
    """Masks the passwords of URLs in a string, by the engine's rules."""
    return engine.native.mask_passwords(text)


def hide_password(url: str) -> str:
    """Returns a URL with its password masked; the password may contain spaces."""
    return engine.native.shown_url(url)


def cut(text: str) -> str:
    """Shortens a message from a camera, which may have any length.

    Cuts at spaces, because part of a URL could be part of its password.
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
    """Replaces ``env:NAME`` by that variable of the agent's environment.

    Raises:
        OptionError: The variable is not set or empty.
    """
    if not url.startswith(_FROM_ENVIRONMENT):
        return url
    name = url[len(_FROM_ENVIRONMENT) :]
    if name not in os.environ:
        raise OptionError(
            f"the URL {hide_password(url)!r} needs the environment variable {name!r}, which is not set for "
            "the agent"
        )
    return os.environ[name]
