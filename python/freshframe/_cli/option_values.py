"""Parsers for argparse: durations, rates, ranges, ports and sources."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import math
import re

_UNITS = {"": 1.0, "s": 1.0, "ms": 1e-3, "m": 60.0, "min": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """Parses a duration above 0: `10s`, `500ms`, `2m`, `1h` or a number of seconds. Returns seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)", text)
    if match is None or match[2] not in _UNITS or float(match[1]) == 0:
        raise argparse.ArgumentTypeError(
            f"expected a duration above 0 such as 10s, 500ms or 2m, got {text!r}"
        )
    return float(match[1]) * _UNITS[match[2]]


def moment(text: str) -> float:
    """Parses a time in a file: a duration, or 0. Returns seconds."""
    return 0.0 if re.fullmatch(r"0+(\.0*)?s?", text) else seconds(text)


def share(text: str) -> float:
    """Parses a number above 0 and at most 1."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number above 0 and at most 1, got {text!r}")
    return value


def dimensions(text: str) -> tuple[int, int]:
    """Parses `640x480` into width and height in pixels."""
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected width and height such as 640x480, got {text!r}")
    return int(match[1]), int(match[2])


def count(text: str) -> int:
    """Parses an integer of at least 1."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def index(text: str) -> int:
    """Parses an integer of at least 0."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text!r}")
    return int(text)


def degrees(text: str) -> int:
    """Parses a rotation: 0, 90, 180 or 270 degrees."""
    if text not in {"0", "90", "180", "270"}:
        raise argparse.ArgumentTypeError(f"expected 0, 90, 180 or 270 degrees clockwise, got {text!r}")
    return int(text)


def rate(text: str) -> float:
    """Parses a frame rate above 0. ff.open() checks the upper limit."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a frame rate above 0 such as 25, got {text!r}")
    return value


def radius(text: str) -> tuple[float, float]:
    """Parses a range of radii in pixels, `8:120`."""
    try:
        least, most = (float(part) for part in text.split(":"))
    except ValueError:
        least, most = math.nan, math.nan
    if not 0 < least <= most < math.inf:
        raise argparse.ArgumentTypeError(f"expected two radii in pixels such as 8:120, got {text!r}")
    return least, most


def port(text: str) -> int:
    """Parses a TCP port; 0 means any free port."""
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def setting(text: str) -> tuple[str, str]:
    """Parses a name and its value, `device_type=GPU`."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE such as device_type=GPU, got {text!r}")
    return name, value


def source(text: str) -> int | str:
    """Returns the argument for ff.open(): the number of a camera, a path or a URL."""
    return int(text) if text.isascii() and text.isdigit() else text
