"""Loads a user's Python file for `run` and `fleet run`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
import builtins
import importlib.util
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freshframe as ff

from .outcome import ExitCode, UsageError

MODULE = "freshframe_app"  # not __main__, so that its `if __name__ == "__main__":` does not run


class AppError(Exception):
    """The file raised an exception, which has been printed."""

    def __init__(self, code: ExitCode) -> None:
        super().__init__()
        self.code = code


def loaded(path: Path, arguments: list[str]) -> types.ModuleType:
    """Runs the file as a module, with sys.argv and sys.path as `python` sets them. Returns the module."""
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(MODULE, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{str(path)!r} is not a Python file: its name must end with .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE] = module
    guarded(lambda: spec.loader.exec_module(module))  # type: ignore[union-attr]
    return module


def has_main_part(path: Path) -> bool:
    """Returns True if the file contains an `if __name__ == "__main__":`."""
    return any(
        isinstance(step, ast.If)
        and any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(step.test))
        for step in ast.parse(path.read_bytes()).body
    )


def run_as_main(path: Path, arguments: list[str]) -> None:
    """Runs the file as `python` does, including its `if __name__ == "__main__":`."""
    sys.argv = [str(path), *arguments]
    before = sys.modules["__main__"]
    module = types.ModuleType("__main__")
    module.__file__ = str(path.resolve())
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    try:
        # dont_inherit: otherwise the `from __future__` imports of this file would apply to the program.
        code = compile(path.read_bytes(), module.__file__, "exec", dont_inherit=True)
        guarded(lambda: exec(code, module.__dict__))
    finally:
        sys.modules["__main__"] = before


def guarded(call: Callable[[], Any]) -> Any:
    """Calls the user's code. Prints its exception with the user's part of the traceback."""
    try:
        return call()
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and (
            trace.tb_frame.f_code.co_filename == __file__
            or trace.tb_frame.f_code.co_filename.startswith("<frozen importlib")
        ):
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        refused = isinstance(error, ff.GraphError | ff.OptionError | ff.OptionTypeError)
        raise AppError(ExitCode.USAGE if refused else ExitCode.FAILED) from None
