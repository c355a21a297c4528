"""Addresses of cameras: what may be shown of them, and those that only an agent's machine knows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

from .._errors import OptionError
from ._masked_url import masked

__all__ = ["masked", "resolved"]

_FROM_ENVIRONMENT = "env:"


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
