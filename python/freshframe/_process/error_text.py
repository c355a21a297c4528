"""The texts of any exception, even of an exception that cannot be printed."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import traceback


def printable(text: str) -> str:
    """The text without lone surrogates, which file names that are not UTF-8 have and no log line can."""
    return text.encode("utf-8", "backslashreplace").decode()


def _whole(text: str) -> str:
    """Printable, and without the NUL at which the text of a C++ exception would end."""
    return printable(text).replace("\0", "\\x00")


def describe_error(error: BaseException) -> str:
    """Returns ``str()`` of an error, or why that fails."""
    try:
        return _whole(str.__str__(str(error)))
    except BaseException as reason:  # the class is the user's
        return f"(its text cannot be had: its __str__() raised {_class_name(reason)})"


def _class_name(error: BaseException) -> str:
    """The name that the interpreter knows. A metaclass may answer `__name__` with anything."""
    return _whole(type.__dict__["__name__"].__get__(type(error)))


def named(error: BaseException) -> str:
    """The name of its class and its text."""
    name, text = _class_name(error), describe_error(error)
    return f"{name}: {text}" if text else name


def format_traceback(error: BaseException) -> str:
    """The lines that the interpreter prints, without the last line's end."""
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__)
    except BaseException:  # raised by its causes, its notes or its text
        lines = [*traceback.format_tb(error.__traceback__), named(error)]
    return _whole("".join(lines).rstrip("\n"))
