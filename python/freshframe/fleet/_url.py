"""Addresses of cameras: what may be shown of them, and those that only an agent's machine knows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re

from .._errors import OptionError

_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):([^/\s]*)@")
_SECRET = re.compile(r"(?i)([?&](?:pass(?:word|wd)?|pwd|token|key|secret)=)[^&\s]+")
_FROM_ENVIRONMENT = "env:"


def masked(text: str) -> str:
    """A text without the passwords of URLs."""
    return _SECRET.sub(r"\1***", _PASSWORD.sub(r"\1:***@", text))


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
