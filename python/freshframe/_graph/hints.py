"""Suggestions for the errors that nodes raise most often, appended to their messages."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import linecache
import re

from .._native import Frame, Sample

# Attributes of a Sample that its value does not have.
_OF_SAMPLES = frozenset(
    {"value", "frame", "seq", "pts", "captured", "source", "node", "dropped", "age", "path", "utc"}
)
_OF_TIMES = frozenset({"timestamp", "time", "ts"})  # the error of Sample itself lists its times
# Columns that are None until a node has filled them.
_FILLED_BY = {
    "tracker_id": "a BoxTracker or a CircleTracker assigns the ids",
    "velocity": "a tracker fills it",
    "track_age": "a tracker fills it",
    "track_confidence": "a tracker fills it",
    "class_name": "pass the names to Detections(..., names=)",
}
_COLUMN = re.compile(rf"\.({'|'.join(_FILLED_BY)})\b")
_READ_ONLY = ("assignment destination is read-only", "provided NumPy array marked as readonly")
_NO_ARRAY = "Expected Ptr<cv::UMat>"
# Python 3.13 names the module.
_NO_ITERATION = re.compile(r"'(freshframe\._native\.)?Frame' object is not iterable")


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
        return ". OpenCV takes arrays: pass frame.bgr instead of the frame"
    if _NO_ITERATION.fullmatch(text):
        return ". A Frame is one image: its array is frame.bgr"
    if text.startswith("'NoneType' object is not"):
        return _of_none(error)
    return ""


def _of_none(error: BaseException) -> str:
    """Finds the column by the line of code that failed, because None does not know where it came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    line = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
    named = _COLUMN.search(line)
    return f". {named[1]} is None here: {_FILLED_BY[named[1]]}" if named else ""


def for_reader(error: BaseException) -> str:
    """Returns the hint for an error in a program that reads samples."""
    if not isinstance(error, AttributeError):
        return hint(error).removeprefix(". ")
    if isinstance(error.obj, Sample) and error.name not in _OF_TIMES:
        return f"A reader returns Samples: sample.value is the {type(error.obj.value).__name__}."
    if error.obj is None and error.name in _OF_SAMPLES:
        return "latest() and poll() return None until there is a sample: get() waits for one."
    return ""


def _hint_at_attribute(owner: object, name: str | None) -> str:
    if isinstance(owner, Sample) and name not in _OF_TIMES:
        return f". process() receives a Sample: sample.value is the {type(owner.value).__name__}"
    if isinstance(owner, list):
        return ". With batch=, a function receives a list of values and returns a list of results"
    if name in _OF_SAMPLES and (isinstance(owner, Frame) or type(owner).__module__.startswith("freshframe.")):
        kind = type(owner).__name__
        return (
            f". A function receives the value itself, here the {kind}. A Node's process() receives the Sample"
        )
    return ""
