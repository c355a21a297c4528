"""Fails to import in a subinterpreter, before any native module is loaded there.

If one were loaded there and failed later, nanobind's types would be broken in the main interpreter, too.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import _thread
import importlib


def _is_main() -> bool:
    """Returns True in the main interpreter, or if Python does not provide the information."""
    if hasattr(_thread, "_is_main_interpreter"):  # Python 3.12 and later
        return bool(_thread._is_main_interpreter())
    try:
        interpreters = importlib.import_module("_xxsubinterpreters")  # not in every build
    except ImportError:
        return True
    return bool(interpreters.get_current() == interpreters.get_main())


if not _is_main():
    raise ImportError(
        "freshframe works in the main interpreter only, and this is a subinterpreter: its native threads "
        "belong to the main interpreter. Use threads, or multiprocessing with 'spawn'"
    )
