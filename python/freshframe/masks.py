"""Masks as a column of Detections: encode() turns each into a run-length string, decode() reads it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _check, _native
from ._errors import OptionError, OptionTypeError

__all__ = ["decode", "encode"]

_FORM = re.compile(r"([0-9]{1,9})x([0-9]{1,9}):([0-o]*)")
_FIRST = ord("0")
_LONGEST_SIDE = 1 << 15  # pixels


def encode(masks: npt.ArrayLike) -> npt.NDArray[np.str_]:
    """Encodes full-frame masks as strings, for the column ``mask`` of ``Detections.data``.

    Each string is "HEIGHTxWIDTH:COUNTS" with COCO's compressed RLE counts, as in pycocotools. A 720p mask
    takes a few hundred characters instead of a megabyte. Annotate draws the column, and trackers, worker
    processes and files preserve it.

    Args:
        masks: (n, height, width) bool.

    Returns:
        (n,) str.

    Raises:
        OptionError: The array is not three-dimensional.
        OptionTypeError: ``masks`` is not an array of bool.

    GIL: released while encoding.

    Example:
        >>> import numpy as np
        >>> import freshframe as ff
        >>> mask = np.zeros((1, 4, 6), bool)
        >>> mask[0, 1:3, 2:4] = True
        >>> texts = ff.masks.encode(mask)
        >>> bool((ff.masks.decode(texts) == mask).all())
        True
    """
    try:
        array = np.asarray(masks)
    except Exception:  # ragged lists, or a class whose conversion raises
        raise OptionTypeError(
            f"masks must be an array of bool of the shape (n, height, width), got {_check.show(masks)}"
        ) from None
    if array.dtype != np.bool_:
        raise OptionTypeError(
            f"masks must be an array of bool, got {_check.show(masks)} ({array.dtype}): compare the array "
            f"first, such as with masks > 0.5"
        )
    if array.ndim != 3:
        raise OptionError(f"masks must have the shape (n, height, width), got {array.shape}")
    return np.array(_native.encode_masks(np.ascontiguousarray(array)), np.str_).reshape(len(array))


def decode(texts: Iterable[str], size: tuple[int, int] | None = None) -> npt.NDArray[np.bool_]:
    """Decodes masks that encode() has written.

    Args:
        texts: n strings, such as ``found.data["mask"]``. "" is an empty mask, too.
        size: Width and height of the frame. Only needed if all strings are "".

    Returns:
        (n, height, width) bool. (0, 0, 0) without strings and size.

    Raises:
        OptionError: A string is malformed, the sizes differ, or no size is known.
        OptionTypeError: An argument has the wrong type.
    """
    given = [_parsed(text) for text in _several(texts)]
    if not given and size is None:
        return np.zeros((0, 0, 0), np.bool_)
    sizes = {(height, width) for height, width, _ in given if height}
    if size is not None:
        sizes.add(_sides(size))
    ((height, width),) = _one_size(sizes)
    result = np.zeros((len(given), height, width), np.bool_)
    for mask, (_, _, counts) in zip(result, given, strict=True):
        ends = np.cumsum([*_counts(counts)], dtype=np.int64)
        if len(ends) and ends[-1] > mask.size:
            raise _too_long(int(ends[-1]), height, width)
        if not len(ends[1:]):  # an empty mask
            continue
        first, last = int(ends[0]) // height, -(int(ends[1::2][-1]) // -height)  # columns
        part = np.zeros((last - first, height), np.bool_)
        flat, begin = part.reshape(-1), first * height
        for start, end in zip((ends[::2] - begin).tolist(), (ends[1::2] - begin).tolist(), strict=False):
            flat[start:end] = True
        mask[:, first:last] = part.T
    return result


def columns_for_supervision(data: dict[str, Any], compact: Any) -> tuple[dict[str, Any], Any]:
    """Returns the columns under supervision's names, and the masks apart, or None if there are none.

    Args:
        data: The columns.
        compact: The class CompactMask of supervision. None if this version has none: masks are then dense.
    """
    columns = dict(data)
    if "corners" in columns:
        columns["xyxyxyxy"] = columns.pop("corners")
    texts = columns.get("mask")
    if texts is None or not any(texts.tolist()):  # masks of "" only have no size
        return columns, None
    rest = {name: column for name, column in columns.items() if name != "mask"}
    return rest, decode(texts) if compact is None else _compacted(texts, compact)


def _compacted(texts: Iterable[str], compact: Any) -> Any:
    """Returns masks as supervision's CompactMask: run lengths within each mask's bounding box."""
    given = [_parsed(text) for text in texts]
    ((height, width),) = _one_size({(height, width) for height, width, _ in given if height})
    runs, bounds = [], np.zeros((len(given), 4), np.int32)
    for (_, _, counts), box in zip(given, bounds, strict=True):
        lengths = list(_counts(counts)) or [height * width]
        if (rest := height * width - sum(lengths)) < 0:
            raise _too_long(sum(lengths), height, width)
        lengths += [rest] if len(lengths) % 2 == 0 else [0, rest]
        ends = np.cumsum(lengths)
        begin, end = ends[:-1:2], ends[1::2] - 1
        begin, end = begin[begin <= end], end[begin <= end]
        if len(begin):
            across = (begin // height != end // height).any()  # a run continues in the next column
            rows = (0, height - 1) if across else ((begin % height).min(), (end % height).max())
            box[:] = begin[0] // height, rows[0], end[-1] // height, rows[1]
        runs.append({"size": (height, width), "counts": lengths})
    return compact.from_coco_rle(runs, bounds, image_shape=(height, width))


def columns_from_supervision(data: dict[str, Any], masks: Any) -> dict[str, Any]:
    """Returns the columns under our names, including those that supervision keeps elsewhere."""
    columns = dict(data)
    if "xyxyxyxy" in columns:
        columns["corners"] = np.asarray(columns.pop("xyxyxyxy"), np.float32)
    if masks is not None:
        columns["mask"] = encode(np.asarray(masks, np.bool_))
    return columns


def _too_long(pixels: int, height: int, width: int) -> OptionError:
    return OptionError(
        f"the run lengths of a mask add up to {pixels} pixels, more than its image of {width} x {height}: "
        "it is corrupt; pass a string that encode() returned"
    )


def _one_size(sizes: set[tuple[int, int]]) -> set[tuple[int, int]]:
    if len(sizes) != 1:
        if not sizes:
            raise OptionError(
                "the size of the masks is unknown, because all of their strings are empty: pass size="
            )
        raise OptionError(f"masks must all have the same size, got the (height, width) {sorted(sizes)}")
    return sizes


def _several(texts: Any) -> Iterable[Any]:
    return _check.items(texts, "masks must be several strings of encode()")


def _parsed(text: Any) -> tuple[int, int, str]:
    if not isinstance(text, str):
        raise OptionTypeError(f"masks must be strings that encode() returned, got {_check.show(text)}")
    if not text:
        return 0, 0, ""
    found = _FORM.fullmatch(text)
    if found is None:
        raise OptionError(f"a mask must have the form HEIGHTxWIDTH:COUNTS, got {text[:40]!r}")
    return *_sides((int(found[2]), int(found[1]))), found[3]


def _sides(size: Any) -> tuple[int, int]:
    """Returns (height, width) of a checked (width, height)."""
    given = _check.several(size, 2, "size must be two numbers")
    width, height = (_check.integer("each number of size", each) for each in given)
    if not (0 < width <= _LONGEST_SIDE and 0 < height <= _LONGEST_SIDE):
        raise OptionError(f"the sides of a mask must be 1 to {_LONGEST_SIDE} pixels, got {width} x {height}")
    return height, width


def _counts(letters: str) -> Iterator[int]:
    """Yields run lengths, alternating between outside and inside."""
    earlier: list[int] = []
    number = shift = 0
    for letter in letters:
        bits = ord(letter) - _FIRST
        number |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            number -= 1 << shift
        if len(earlier) > 2:
            number += earlier[-2]
        if not 0 <= number <= _LONGEST_SIDE**2:
            raise OptionError(
                f"a mask's string contains a run length of {number}, which must be 0 to {_LONGEST_SIDE**2}: "
                "it is corrupt; pass a string that encode() returned"
            )
        earlier.append(number)
        yield number
        number = shift = 0
    if shift:
        raise OptionError(
            "the last run length of a mask is cut off: it is corrupt; pass a string that encode() returned"
        )
