"""merge() of Circles and Detections."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from .._check import show
from .._errors import OptionError, OptionTypeError

if TYPE_CHECKING:
    from .circles import Circles
    from .detections import Detections

Found = TypeVar("Found", "Circles", "Detections")


def merged(kind: type[Found], several: Iterable[Found]) -> Found:
    """Implements merge() of Circles and Detections."""
    given = list(several)
    for each in given:
        if not isinstance(each, kind):
            raise OptionTypeError(f"merge() takes several {kind.__name__}, got {show(each)}")
    given = [each for each in given if len(each)] or given[:1]
    if not given:
        return kind.empty()
    columns: dict[str, Any] = {}
    names = [each.name for each in fields(given[0])]
    if "names" in names:
        given = _with_common_names(given)
    for name in names:
        parts = [getattr(each, name) for each in given]
        columns[name] = _joined(kind, name, parts)
    return kind(**columns)


def _with_common_names(given: list[Any]) -> list[Any]:
    """Returns the boxes with a common list of names, if all have names and these differ."""
    if any(each.names is None for each in given) or all(each.names == given[0].names for each in given):
        return given
    numbers: dict[str, int] = {}
    renumbered = [
        [numbers.setdefault(name, len(numbers)) for name in each.class_name.tolist()] for each in given
    ]
    return [
        replace(each, class_id=class_id, names=tuple(numbers))
        for each, class_id in zip(given, renumbered, strict=True)
    ]


def _joined(kind: type, name: str, parts: list[Any]) -> Any:
    """Concatenates one column."""
    what = f"merge() needs {kind.__name__} with the same"
    if name == "names":
        if any(part != parts[0] for part in parts):
            raise OptionError(f"{what} class names, but some have other names or none")
        return parts[0]
    if isinstance(parts[0], Mapping):
        if any(part.keys() != parts[0].keys() for part in parts):
            missing = set().union(*parts) - set.intersection(*map(set, parts))
            raise OptionError(f"{what} columns in data, but some do not have {show(sorted(missing))}")
        return {column: _joined(kind, column, [part[column] for part in parts]) for column in parts[0]}
    if any(part is None for part in parts):
        if any(part is not None for part in parts):
            raise OptionError(f"{what} columns, but some do not have {name!r}")
        return None
    try:
        return np.concatenate(parts)
    except ValueError as error:  # rows of different shapes
        raise OptionError(
            f"merge() needs columns with rows of the same shape, but those of {name!r} differ: {error}"
        ) from None
