"""Converts Python values to JSON types."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from .. import _check
from .._errors import OptionError, OptionTypeError

_AS_IT_IS = frozenset((type(None), bool, int))
# Reused, as json.dumps() would create one per record. No circularity check: plain() returns new lists and
# dicts.
_ENCODER = json.JSONEncoder(check_circular=False, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
_MOST_STEPS = 8  # how many steps into nested values a message shows
_SURROGATE = re.compile("[\ud800-\udfff]")


def valid_text(text: str) -> str:
    """Replaces lone surrogates, Python's representation of bytes that are not UTF-8, by U+FFFD."""
    return (
        text if text.isascii() or _check.is_utf8(text) else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
    )


def finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def plain(value: Any) -> Any:
    """Converts a value to JSON types: None, bool, int, finite float, str, list and dict with str keys.

    Raises:
        OptionError: The value contains itself, or is nested too deeply.
        UnwritableError: A part of it cannot be converted.
    """
    try:
        return _plain(value)
    except _CannotWriteError as refused:
        place = "".join(f"[{_check.show(step)}]" for step in _first_steps(value))
        at = f" at {place}" if place else ""
        raise UnwritableError(f"cannot write a value of type {refused.kind}{at}: {refused.advice}") from None
    except RecursionError:
        raise OptionError(
            "a value that contains itself, or whose parts are deeper than Python's recursion limit, cannot "
            "be written: convert it in a node before the sink"
        ) from None  # its traceback would have a thousand equal lines


class UnwritableError(TypeError):
    """A value has a part of a type that cannot be written."""


def _first_steps(value: Any) -> list[Any]:
    try:
        return list(itertools.islice(_way_to_fault(value), _MOST_STEPS))
    except RecursionError:  # the search needs more stack than the failed conversion
        return []


def _way_to_fault(value: Any) -> Iterator[Any]:
    """Yields the keys and indices that lead to the first part that _plain() refuses."""
    fields = named_fields(value)
    for step, part in (
        enumerate(value) if fields is None and isinstance(value, list | tuple) else fields or ()
    ):
        if not _can_write(part):
            yield step
            yield from _way_to_fault(part)
            return


def _can_write(value: Any) -> bool:
    try:
        _plain(value)
    except _CannotWriteError:
        return False
    return True


class _CannotWriteError(Exception):
    """Raised by _plain() for a part of another type."""

    def __init__(self, kind: str, advice: str) -> None:
        super().__init__(kind, advice)
        self.kind = kind
        self.advice = advice


def _plain(value: Any) -> Any:
    # Most values have exactly one of these types. isinstance() would take four times as long.
    kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is str:
        return valid_text(value)
    if kind in _AS_IT_IS:
        return value
    if kind is dict:
        mended = {checked_key(name): _plain(field) for name, field in value.items()}
        if len(mended) < len(value):
            mended = {name: _plain(field) for name, field in keyed(value.items()).items()}
        return mended
    if kind is list:
        return [_plain(item) for item in value]
    return _convert_other_kinds(value)


def _convert_other_kinds(value: Any) -> Any:
    """Implements _plain() for everything but the JSON types."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return finite(value)
    if isinstance(value, np.generic | np.ndarray):
        if value.dtype.kind not in "biufU":
            raise OptionTypeError(
                f"an array of {value.dtype} cannot be written as JSON: convert it to numbers or strings"
            )
        # Only float64 becomes a Python float; tolist() of a longdouble array returns NumPy scalars.
        return finite_parts((value.astype(np.float64) if value.dtype.kind == "f" else value).tolist())
    fields = named_fields(value)
    if fields is not None:
        return {name: _plain(field) for name, field in keyed(fields).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise _refusal(value)


def to_text(record: object) -> str:
    """Formats a result of plain() as a line of JSON."""
    return _ENCODER.encode(record)


def finite_parts(value: Any) -> Any:
    """Implements plain() for the result of tolist() of an array of numbers or strings."""
    if isinstance(value, list):
        return [finite_parts(item) for item in value]
    if isinstance(value, str):
        return valid_text(value)
    return finite(value) if isinstance(value, float) else value


def named_fields(value: Any) -> Iterator[tuple[Any, Any]] | None:
    """Returns names and values of a dict, dataclass or named tuple; None for anything else."""
    if isinstance(value, Mapping):
        return iter(value.items())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (
            (field.name, _recorded(field, getattr(value, field.name)))
            for field in dataclasses.fields(value)
            if field.metadata.get("recorded", True)
        )
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return zip(value._fields, value, strict=True)
    return None


def _recorded(field: dataclasses.Field[Any], value: Any) -> Any:
    """Returns a field's value, or what its metadata `recorded` makes of it."""
    form = field.metadata.get("recorded", True)
    return form(value) if callable(form) else value


def checked_key(name: Any) -> str:
    if isinstance(name, str):
        return valid_text(name)
    raise OptionTypeError(
        f"a key must be a str, got {type(name).__qualname__} {name!r}: convert the keys in a node before the "
        "sink, such as {str(key): value for key, value in ...}"
    )


def keyed(fields: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    """Returns a dict with valid keys. If keys become equal, the later ones get a number appended."""
    keys: dict[str, Any] = {}
    for name, value in fields:
        key = text = checked_key(name)
        places = itertools.count(2)
        while key in keys:
            key = f"{text} ({next(places)})"
        keys[key] = value
    return keys


_CONVERSIONS = {  # advice for types whose conversion is obvious
    "set": "sorted() makes it a list",
    "frozenset": "sorted() makes it a list",
    "datetime.datetime": "its isoformat() is a string",
    "datetime.date": "its isoformat() is a string",
    "datetime.timedelta": "its total_seconds() is a number",
    "datetime.time": "its isoformat() is a string",
    "uuid.UUID": "str() makes it a string",
    "decimal.Decimal": "float() makes it a number",
}


def _refusal(value: Any) -> _CannotWriteError:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if name.endswith(".Frame"):
        advice = "VideoFile writes frames"
    else:
        is_path = isinstance(value, os.PathLike)  # the module of Path differs between versions of Python
        conversion = "os.fspath() makes it a string" if is_path else _CONVERSIONS.get(name, "")
        advice = "convert it in a node before the sink" + (conversion and f", where {conversion}")
    return _CannotWriteError(
        name,
        "expected Circles, Detections, numbers, strings, None, numpy arrays, lists, dicts or dataclasses; "
        + advice,
    )
