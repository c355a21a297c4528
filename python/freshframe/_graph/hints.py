"""Suggestions for the errors that nodes raise most often, appended to their messages."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from .._native import Frame, Reader, Sample

# Attributes of a Sample that its value does not have.
_OF_SAMPLES = frozenset(
    {"value", "frame", "seq", "pts", "captured", "source", "node", "dropped", "age", "path", "utc"}
)
_OF_TIMES = frozenset({"timestamp", "time", "ts"})
_OF_PIXELS = {
    **dict.fromkeys(("gray", "grey"), "luma, an array of the brightness"),
    **dict.fromkeys(("array", "data", "image", "img", "pixels", "numpy"), "bgr, an array (height, width, 3)"),
}
_OF_READERS = frozenset({"read", "next", "pop", "recv", "retrieve", "grab"})
_READ_ONLY = ("assignment destination is read-only", "provided NumPy array marked as readonly")
_NO_ARRAY = "Expected Ptr<cv::UMat>"


def hint(error: BaseException) -> str:
    """Returns a sentence to append to the error's message, or "". Never raises."""
    try:
        return _hint(error)
    except BaseException:  # str() of a third-party exception may raise anything
        return ""


def _hint(error: BaseException) -> str:
    if isinstance(error, AttributeError):
        return _hint_at_attribute(error.obj, error.name)
    text = str(error)
    if any(sign in text for sign in _READ_ONLY):
        return '. The pixels of a frame are read-only: draw on a copy, frame.copy("bgr")'
    if _NO_ARRAY in text:
        return ". OpenCV takes arrays: give it frame.bgr instead of a frame"
    if text == "'Frame' object is not iterable":
        return ". A Frame is one image: frame.bgr is its array"
    return ""


def _of_frame(owner: object, name: str | None) -> str:
    meant = _OF_PIXELS.get(name or "") if isinstance(owner, Frame) else None
    return f". The pixels are frame.{meant}" if meant else ""


def _of_sample(sample: Sample[object], name: str | None) -> str:
    if name in _OF_TIMES:
        return "Its times are pts, the seconds in the video; captured, by time.monotonic(); and utc."
    return f"A reader gives Samples: sample.value is the {type(sample.value).__name__}."


def for_reader(error: BaseException) -> str:
    """Returns the hint for an error in a program that reads samples."""
    if not isinstance(error, AttributeError):
        return hint(error).removeprefix(". ")
    if isinstance(error.obj, Reader) and error.name in _OF_READERS:
        return "A reader has get() for the next sample and latest() for the newest, and a loop takes all."
    if isinstance(error.obj, Frame):
        return _of_frame(error.obj, error.name).removeprefix(". ")
    if isinstance(error.obj, Sample):
        return _of_sample(error.obj, error.name)
    if error.obj is None and error.name in _OF_SAMPLES:
        return "latest() and poll() return None until there is a sample: get() waits for one."
    return ""


def _hint_at_attribute(owner: object, name: str | None) -> str:
    if isinstance(owner, Sample):
        return f". process() gets a Sample: sample.value is the {type(owner.value).__name__}"
    if found := _of_frame(owner, name):
        return found
    if isinstance(owner, list):
        return ". With batch=, a function gets a list of values and returns a list of results"
    if name in _OF_SAMPLES and (isinstance(owner, Frame) or type(owner).__module__.startswith("freshframe.")):
        kind = type(owner).__name__
        return f". A function gets the value itself, here the {kind}. A Node's process() gets the Sample"
    return ""
