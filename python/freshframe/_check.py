"""Checks of options, with messages that say what was expected and what was given."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import functools
import math
import numbers
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from . import _native
from ._errors import OptionError, OptionTypeError
from ._interpreter.log import logger

_MOST_SHOWN = 100  # maximum number of characters of a value in a message
_MANY_SECONDS = 10.0  # for an age or wait in a pipeline: probably meant as milliseconds


def show(value: object) -> str:
    """Formats a value for a message: one short line, with passwords in URLs masked.

    Never raises, whatever the value's class does.
    """
    try:
        text = " ".join(repr(_masked(value)).split())
    except Exception:  # its __repr__ raises, or it is an int with too many digits
        if type(value) is int:
            return f"an int of {value.bit_length()} bits"
        return f"{with_article(type(value).__name__)} that cannot be shown: its __repr__() raises"
    text = _native.mask_passwords(as_utf8(text))
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]} ... ({type(value).__name__})"


def _masked(value: Any, depth: int = 3) -> Any:
    """Masks URLs within a value before repr(), which would hide where a URL ends."""
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        text = as_utf8(value)
        url = _native.shown_url(text)
        return value if url == text else url  # keep lone surrogates, which repr() escapes
    if depth and type(value) in (list, tuple, set, frozenset):
        return type(value)(_masked(each, depth - 1) for each in value)
    if depth and type(value) is dict:
        return {_masked(key, depth - 1): _masked(each, depth - 1) for key, each in value.items()}
    return value


def with_article(name: str) -> str:
    """Puts the right article before a name: "a Frame", "an OnnxDetector", "a uint8"."""
    sounds_as_vowel = name[:1].lower() in "aeio" or name[:2].lower() == "un"
    return f"{'an' if name and sounds_as_vowel else 'a'} {name}"


def optional_number(what: str, value: Any) -> float | None:
    """Returns number() of a value; None for None."""
    return None if value is None else number(what, value)


def number(what: str, value: Any, unit: str = "") -> float:
    """Returns a finite Python or NumPy number as a float.

    Args:
        what: The option's name.
        value: The given value.
        unit: Appended to "must be a number" in messages, such as " of seconds".

    Raises:
        OptionTypeError: The value is not a number.
        OptionError: The value is infinite or nan.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):  # NumPy's numbers are Real, too
        raise OptionTypeError(f"{what} must be a number{unit}, got {show(value)}")
    try:
        real = float(value)
    except OverflowError:  # an int too large for a float
        real = math.inf
    if not math.isfinite(real):
        raise OptionError(f"{what} must be a finite number, got {show(value)}")
    return real


def positive_seconds(what: str, value: Any) -> float:
    """Returns a duration above 0.

    Raises:
        OptionTypeError: The value is not a number.
        OptionError: The value is 0, negative, infinite or nan.
    """
    seconds = number(what, value)
    if not seconds > 0:
        raise OptionError(f"{what} must be more than 0 seconds, got {show(value)}")
    return seconds


def few_seconds(what: str, value: Any) -> float:
    """Returns seconds that are usually below one. Logs a warning if they look like milliseconds.

    Raises:
        OptionTypeError: The value is not a number.
        OptionError: The value is infinite or nan.
    """
    seconds = number(what, value, " of seconds, such as 0.1")
    if seconds > _MANY_SECONDS:
        _warn_about_milliseconds(what, seconds)
    return seconds


@functools.cache
def _warn_about_milliseconds(what: str, seconds: float) -> None:
    """Warns once per value, since a program may add many cameras."""
    logger.warning("%s=%g: it is in seconds; %g ms are %s=%g", what, seconds, seconds, what, seconds / 1000)


def timeout(value: Any) -> float:
    """Returns the seconds to wait, at least 0; infinity for None.

    Raises:
        OptionTypeError: The value is not a number.
        OptionError: The value is negative, infinite or nan.
    """
    return math.inf if value is None else seconds("timeout", value, " or None")


def seconds(what: str, value: Any, more: str = "") -> float:
    """Returns a duration of at least 0.

    Raises:
        OptionTypeError: The value is not a number.
        OptionError: The value is negative, infinite or nan.
    """
    duration = number(what, value)
    if not duration >= 0:
        raise OptionError(f"{what} must be at least 0 seconds{more}, got {show(value)}")
    return duration


def integer(what: str, value: Any, bits: int = 32) -> int:
    """Returns a Python or NumPy integer that fits into `bits` bits, signed.

    Raises:
        OptionTypeError: The value is not an integer.
        OptionError: The value is too large or too small.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise OptionTypeError(f"{what} must be a whole number, got {show(value)}")
    whole = int(value)
    limit = 1 << (bits - 1)
    if whole >= limit:
        raise OptionError(f"{what} must be below {limit}, got {show(value)}")
    if whole < -limit:
        raise OptionError(f"{what} must be at least {-limit}, got {show(value)}")
    return whole


def size_bytes(what: str, value: Any) -> int:
    """Returns a number of bytes: an int, or a float such as 1e9.

    Raises:
        OptionTypeError: The value is not a number.
        OptionError: The value is infinite, nan or too large.
    """
    if isinstance(value, numbers.Integral):
        return integer(what, value, bits=64)
    size = number(what, value)
    if not -(2.0**63) <= size < 2.0**63:
        raise OptionError(f"{what} must be below {1 << 63}, got {show(value)}")
    return int(size)


def flag(what: str, value: Any) -> bool:
    """Returns a bool.

    Raises:
        OptionTypeError: The value is not True or False.
    """
    if not isinstance(value, bool):
        raise OptionTypeError(f"{what} must be True or False, got {show(value)}")
    return value


def text(what: str, value: Any) -> str:
    """Returns a string that is not empty.

    Raises:
        OptionTypeError: The value is not a string.
        OptionError: The value is empty, or contains lone surrogates.
    """
    if not isinstance(value, str):
        raise OptionTypeError(f"{what} must be a string, got {show(value)}")
    if not value or not is_utf8(value):
        raise OptionError(f"{what} must be a non-empty UTF-8 string, got {show(value)}")
    return value


def line(what: str, value: Any) -> str:
    """Returns a string that is not empty and has no control characters.

    Raises:
        OptionTypeError: The value is not a string.
        OptionError: The value is empty, or contains control characters or lone surrogates.
    """
    given = text(what, value)
    if any(each < " " or each == "\x7f" for each in given):
        raise OptionError(f"{what} must not contain control characters, got {show(value)}")
    return given


def path(what: str, value: Any) -> str:
    """Returns a path as a string.

    Raises:
        OptionTypeError: The value is not a path.
        OptionError: The path cannot be encoded, contains NUL, or is a URL.
    """
    text = path_or_url(what, value)
    if is_url(text):
        raise OptionError(f"{what} must be the path of a file, got a URL: {show(text)}")
    return text


def path_or_url(what: str, value: Any) -> str:
    """Returns a path or a URL as a string.

    Raises:
        OptionTypeError: The value is not a path.
        OptionError: The path cannot be encoded, or contains NUL.
    """
    if isinstance(value, bytes):
        raise OptionTypeError(f"{what} must be a path as a string, got {show(value)}: pass os.fsdecode(path)")
    if not isinstance(value, (str, os.PathLike)):
        raise OptionTypeError(f"{what} must be a path, got {show(value)}")
    text = os.fspath(value)
    if not isinstance(text, str):
        raise OptionTypeError(f"{what} must be a path as a string, got {show(value)}: pass os.fsdecode(path)")
    if "\0" in text:
        raise OptionError(f"{what} must be a path without NUL characters, got {show(value)}")
    try:
        _encoded(text)
    except UnicodeEncodeError:
        name = "UTF-8" if is_url(text) else sys.getfilesystemencoding()
        remedy = "" if name.lower() in ("utf-8", "utf8") else ": run Python with PYTHONUTF8=1"
        raise OptionError(f"{what} cannot be encoded as {name}, got {show(value)}{remedy}") from None
    return text


def engine_name(what: str, value: Any) -> bytes:
    """Returns a path or URL as bytes for the engine: a path in the file system's encoding.

    Raises:
        OptionTypeError: The value is not a path.
        OptionError: The path cannot be encoded, or contains NUL.
    """
    return _encoded(path_or_url(what, value))


def is_url(text: str) -> bool:
    """Returns True for a URL other than file://."""
    return "://" in text and not text.lower().startswith("file:")


def _encoded(text: str) -> bytes:
    return text.encode() if is_url(text) else os.fsencode(text)


def is_utf8(text: str) -> bool:
    """Returns False for a string with lone surrogates, which stand for undecodable bytes of file names."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_utf8(text: str) -> str:
    """Escapes lone surrogates, so that the engine accepts the string."""
    return text.encode(errors="backslashreplace").decode()


def items(value: Any, wanted: str) -> list[Any]:
    """Returns the items of an iterable other than a string.

    Args:
        value: The iterable.
        wanted: Start of the message, such as "names must be a list of strings".

    Raises:
        OptionTypeError: The value is a string, or cannot be iterated.
    """
    with contextlib.suppress(Exception):  # a zero-dimensional array, or a class whose methods raise
        if not isinstance(value, str | bytes):
            return list(value)
    raise OptionTypeError(f"{wanted}, got {show(value)}")


def several(value: Any, count: int, wanted: str) -> list[Any]:
    """Returns the items of a sequence of `count` items, see items().

    Raises:
        OptionTypeError: The value has another length or is not a sequence.
    """
    length = 0
    if not isinstance(value, Mapping):
        with contextlib.suppress(Exception):
            length = len(value)
    given = items(value, wanted) if length == count else []
    if len(given) != count:
        raise OptionTypeError(f"{wanted}, got {show(value)}")
    return given


def region(what: str, value: Any) -> tuple[int, int, int, int] | None:
    """Returns a rectangle of whole pixels, or None.

    Raises:
        OptionTypeError: The value is not a rectangle.
    """
    if value is None:
        return None
    numbers_of = several(value, 4, f"{what} must be (x0, y0, x1, y1) in pixels or None")
    x0, y0, x1, y1 = (integer(f"each number of {what}", each) for each in numbers_of)
    return x0, y0, x1, y1


def pair(what: str, value: Any) -> tuple[float, float]:
    """Returns two numbers.

    Raises:
        OptionTypeError: The value is not a pair of numbers.
        OptionError: A number is infinite or nan.
    """
    first, second = several(value, 2, f"{what} must be two numbers")
    return number(what, first), number(what, second)


def size(what: str, value: Any) -> tuple[int, int]:
    """Returns a width and height in pixels, each at least 1.

    Raises:
        OptionTypeError: The value is not a pair of integers.
        OptionError: A side is below 1 or too large.
    """
    sides = several(value, 2, f"{what} must be (width, height) in pixels")
    width, height = (integer(f"each number of {what}", side) for side in sides)
    if width < 1 or height < 1:
        raise OptionError(f"{what} must be (width, height), each at least 1, got {show(value)}")
    return width, height


def degrees(rotate: Any) -> int:
    """Returns a rotation by quarter turns; None is 0."""
    if rotate is None:
        return 0
    is_whole = isinstance(rotate, numbers.Integral) and not isinstance(rotate, bool)
    if is_whole and int(rotate) in {0, 90, 180, 270}:
        return int(rotate)
    wrong = OptionError if is_whole else OptionTypeError
    raise wrong(f"rotate must be 0, 90, 180 or 270 degrees clockwise, or None, got {show(rotate)}")


def progress(value: Any, interval: Any) -> None:
    """Checks the options of run(): a bool or callable, and the seconds between its calls."""
    if not isinstance(value, bool) and not callable(value):
        raise OptionTypeError(
            f"progress must be True, False or a callable that takes a Progress, got {show(value)}"
        )
    positive_seconds("progress_every", interval)


def no_attribute(owner: object, name: str, meant: Mapping[str, str]) -> AttributeError:
    """Returns the error for a missing attribute, with a hint what to write instead."""
    advice = f": {meant[name]}" if name in meant else ""
    text = f"{type(owner).__name__!r} object has no attribute {name!r}{advice}"
    return AttributeError(text, name=name, obj=owner)


def not_iterable(instead: str) -> Callable[[object], Any]:
    """Returns an ``__iter__`` for a class that has none, whose error says what to loop over instead."""

    def refuse(owner: object) -> Any:
        raise TypeError(f"{type(owner).__name__!r} object is not iterable: {instead}")

    return refuse


def attribute_hints(meant: Mapping[str, str]) -> Callable[[object, str], Any]:
    """Returns a ``__getattr__`` for a class whose errors say what to write instead of these names."""

    def find(owner: object, name: str) -> Any:
        raise no_attribute(owner, name, meant)

    return find
