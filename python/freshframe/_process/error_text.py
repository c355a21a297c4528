"""Formats any exception as text, even one whose str() raises."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import traceback


def printable(text: str) -> str:
    """Replaces lone surrogates, as from file names that are not UTF-8, which cannot be logged."""
    return text.encode("utf-8", "backslashreplace").decode()


def _whole(text: str) -> str:
    """Makes a string printable and replaces NUL, which would truncate the message of a C++ exception."""
    return printable(text).replace("\0", "\\x00")


def describe_error(error: BaseException) -> str:
    """Returns ``str()`` of an exception, or why that fails."""
    try:
        return _whole(str.__str__(str(error)))
    except BaseException as reason:  # user code may raise anything
        return f"(its message is not available: its __str__() raised {_class_name(reason)})"


def _class_name(error: BaseException) -> str:
    """Returns the class name known to the interpreter, since a metaclass may override `__name__`."""
    return _whole(type.__dict__["__name__"].__get__(type(error)))


def named(error: BaseException) -> str:
    """Returns the class name and message."""
    name, text = _class_name(error), describe_error(error)
    return f"{name}: {text}" if text else name


def format_traceback(error: BaseException) -> str:
    """Formats a traceback as the interpreter prints it, without the final newline."""
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
    except BaseException:  # raised by a cause, a note or str()
        lines = [*traceback.format_tb(error.__traceback__), named(error)]
    return _whole("".join(lines).rstrip("\n"))
