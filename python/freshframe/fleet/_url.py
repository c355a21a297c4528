"""Addresses of cameras: what may be shown of them, and those that only an agent's machine knows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import functools
import os

from .. import _native
from .._errors import OptionError

_FROM_ENVIRONMENT = "env:"


@functools.lru_cache(4096)  # the addresses of a fleet are shown again and again
def masked(text: str) -> str:
    """A text without the passwords of its URLs, by the engine's own rules."""
    return _native.mask_passwords(text)


def resolved(url: str) -> str:
    """``env:NAME``: what the agent's environment has under that name.

    Raises:
        OptionError: It has nothing.
    """
    if not url.startswith(_FROM_ENVIRONMENT):
        return url
    name = url[len(_FROM_ENVIRONMENT) :]
    if name not in os.environ:
        raise OptionError(f"the agent's environment has no {name!r}, which {url!r} names")
    return os.environ[name]
