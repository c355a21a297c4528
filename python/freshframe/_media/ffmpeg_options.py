"""Checks options for FFmpeg and its encoders."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from .. import _check
from .._errors import OptionError, OptionTypeError

if TYPE_CHECKING:
    from .._native import Frame, Packet  # noqa: F401  (in strings)


Preset = Literal["slow", "medium", "fast", "fastest"]


def ffmpeg_options(who: str, options: Any) -> dict[str, str]:
    """Checks options for FFmpeg. Messages do not show the values, which may be passwords."""
    wanted = f"options of {who} must be a mapping from strings to strings"
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise OptionTypeError(f"{wanted}, got a value of type {type(options).__name__}")
    for name, value in options.items():
        if not isinstance(name, str) or not _check.is_utf8(name):
            raise OptionTypeError(f"{wanted}, got the name {name!r}")
        if not isinstance(value, str):
            raise OptionTypeError(
                f"{wanted}; the value of {name!r} has the type {type(value).__name__}: write it as a string"
            )
        if not _check.is_utf8(value):
            raise OptionError(
                f"options of {who} must be encodable as UTF-8, but the value of {name!r} contains unpaired "
                "surrogates: decode it from its bytes with the right encoding"
            )
    return dict(options)


def encoding(who: str, codec: str, crf: int, preset: Preset, options: Any) -> dict[str, Any]:
    """Returns the checked encoder options; `who` is the node's name for messages."""
    return {
        "codec": _check.text("codec", codec),
        "crf": _check.integer("crf", crf),
        "preset": _check.text("preset", preset),
        "options": ffmpeg_options(who, options),
    }
