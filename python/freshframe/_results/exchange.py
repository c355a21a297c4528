"""Converts results for and from other libraries: supervision, Ultralytics, pandas, and plain dicts."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._check import show
from .._errors import OptionError, OptionTypeError
from .._interpreter import fork, parts
from ..masks import columns_for_supervision, columns_from_supervision, encode
from .columns import check_name, find_column, find_columns
from .numbers import as_numbers

if TYPE_CHECKING:
    from .circles import Circles
    from .detections import Detections

_TRACK_COLUMNS = ("velocity", "track_age", "track_confidence")
_MOST_NAMES = 1 << 16  # limit for class_ids of other libraries: names has an entry for every id


def make_dicts(found: Circles | Detections) -> list[dict[str, Any]]:
    """Returns a dict of Python numbers per element.

    Raises:
        OptionError: A column of `data` has the name of another column.
    """
    columns = {name: _entries(column, len(found)) for name, column in _all_columns(found).items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def make_frame(found: Circles | Detections) -> Any:
    """Returns a pandas DataFrame with a row per element.

    Raises:
        MissingPackageError: pandas is not installed.
        OptionError: A column of `data` has the name of another column.
    """
    try:
        with fork.explaining(), fork.loading():
            import pandas  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415
    except ImportError as error:
        raise parts.missing("to_pandas()", "pandas", error) from error
    columns = {}
    for name, column in _all_columns(found).items():
        whole = column is not None and column.ndim == 1
        columns[name] = column.copy() if whole and column is not None else _entries(column, len(found))
    return pandas.DataFrame({name: pandas.Series(column) for name, column in columns.items()})


def _all_columns(found: Circles | Detections) -> dict[str, npt.NDArray[Any] | None]:
    """Returns the built-in columns, then those of `data`."""
    columns = {name: find_column(found, column) for name, column in find_columns(found).items()}
    for name, column in getattr(found, "data", {}).items():
        if name == "class_name" and found.names is None:  # type: ignore[union-attr]
            continue  # is a built-in column of boxes already
        check_name(name, columns)
        columns[name] = column
    return columns


def _entries(column: npt.NDArray[Any] | None, count: int) -> list[Any]:
    return [None] * count if column is None else list(column.tolist())


def make_supervision(found: Detections) -> Any:
    """Converts to supervision's Detections.

    Raises:
        MissingPackageError: supervision is not installed.
    """
    try:
        with fork.explaining(), fork.loading():
            import supervision  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  (optional)
    except ImportError as error:
        raise parts.missing("to_supervision()", "supervision", error) from error

    columns = {name: getattr(found, name) for name in _TRACK_COLUMNS} | {"class_name": found.class_name}
    data, masks = columns_for_supervision(dict(found.data), getattr(supervision, "CompactMask", None))
    return supervision.Detections(
        xyxy=found.xyxy,
        mask=masks,
        confidence=found.confidence,
        class_id=found.class_id.astype(int),
        tracker_id=None if found.tracker_id is None else found.tracker_id.astype(int),
        data={**data, **{name: column for name, column in columns.items() if column is not None}},
    )


def from_supervision(given: Any) -> dict[str, Any]:
    """Returns the arguments of Detections for supervision's Detections.

    Raises:
        OptionTypeError: ``given`` is something else.
    """
    if not hasattr(given, "xyxy"):
        raise OptionTypeError(f"from_supervision() takes supervision's Detections, got {show(given)}")
    n = len(given.xyxy)
    data = {name: np.asarray(column) for name, column in given.data.items()}
    data = columns_from_supervision(data, getattr(given, "mask", None))
    tracks = {name: data.pop(name, None) for name in _TRACK_COLUMNS}
    class_id = (
        np.zeros(n, np.int32) if given.class_id is None else as_numbers("class_id", given.class_id, np.int32)
    )
    names = _names_seen(class_id, data.get("class_name"))
    if names is not None:
        del data["class_name"]
    return {
        "xyxy": as_numbers("xyxy", given.xyxy, np.float32).reshape(n, 4),
        "confidence": given.confidence,
        "class_id": class_id,
        "tracker_id": given.tracker_id,
        "names": names,
        "data": data,
        **tracks,
    }


def _names_seen(class_id: npt.NDArray[np.int32], given: Any) -> tuple[str, ...] | None:
    """Returns class names from a column of names, or None if they contradict each other."""
    if given is None or np.shape(given) != class_id.shape or np.asarray(given).dtype.kind not in "UO":
        return None
    seen: dict[int, str] = {}
    for number, name in zip(class_id.tolist(), np.asarray(given).tolist(), strict=True):
        if (
            not 0 <= number < _MOST_NAMES
            or not isinstance(name, str)
            or seen.setdefault(number, name) != name
        ):
            return None
    return tuple(seen.get(number, "") for number in range(max(seen, default=-1) + 2))


def from_ultralytics(result: Any) -> dict[str, Any]:
    """Returns the arguments of Detections for an Ultralytics result.

    Raises:
        OptionError: ``result`` is not the result of a detector.
        OptionTypeError: ``result`` is something else.
    """
    if not hasattr(result, "boxes"):
        several = isinstance(result, list | tuple) or hasattr(result, "__next__")
        advice = ", as in from_ultralytics(model(frame.bgr)[0])" if several else ""
        raise OptionTypeError(
            f"from_ultralytics() takes one result of a YOLO model{advice}, got {show(result)}"
        )
    turned = getattr(result, "obb", None)
    boxes = result.boxes if turned is None else turned
    if boxes is None:
        raise OptionError("from_ultralytics() needs a result with boxes: a classifier's result has none")
    data: dict[str, npt.NDArray[Any]] = {}
    if turned is not None:
        data["corners"] = np.asarray(_array(turned.xyxyxyxy), np.float32).reshape(-1, 4, 2)
    if getattr(result, "keypoints", None) is not None:
        data["keypoints"] = np.asarray(_array(result.keypoints.data), np.float32)
    if getattr(result, "masks", None) is not None:
        data["mask"] = encode(_resize_masks(_array(result.masks.data), result.orig_shape))
    ids = getattr(boxes, "id", None)
    return {
        "xyxy": as_numbers("xyxy", _array(boxes.xyxy), np.float32).reshape(-1, 4),
        "confidence": _array(boxes.conf),
        "class_id": as_numbers("boxes.cls", _array(boxes.cls), np.int32),
        "tracker_id": None if ids is None else as_numbers("boxes.id", _array(ids), np.int64),
        "names": dict(enumerate(result.names)) if isinstance(result.names, list) else dict(result.names),
        "data": data,
    }


def _array(tensor: Any) -> npt.NDArray[Any]:
    return np.asarray(tensor.cpu() if hasattr(tensor, "cpu") else tensor)


def _resize_masks(masks: npt.NDArray[Any], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Removes the letterbox bars from masks and scales them to the frame's size."""
    height, width = shape[:2]
    rows, columns = masks.shape[1:]
    scale = min(rows / height, columns / width)
    y = (np.arange(height) + 0.5) * scale + (rows - scale * height) / 2
    x = (np.arange(width) + 0.5) * scale + (columns - scale * width) / 2
    chosen = masks[:, y.astype(int).clip(0, rows - 1)][:, :, x.astype(int).clip(0, columns - 1)]
    return chosen > 0.5
