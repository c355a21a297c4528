"""Finds the pipeline of a loaded Python file: a variable, or the result of one of its functions."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import freshframe as ff
from freshframe._pipeline.pipeline import find_engine

from .app_file import guarded
from .outcome import UsageError


def find_pipeline(module: types.ModuleType, path: Path, name: str) -> ff.Pipeline:
    """Returns the pipeline with this name, not yet started. If the name is a function, calls it."""
    missing = object()
    found: Any = getattr(module, name, missing)
    if found is missing:
        raise UsageError(
            f"{_wanted(path, name)}, but the file does not define it{_instead(module, path, name)}"
        )
    if not isinstance(found, ff.Pipeline) and callable(found):
        found = _built(found, path, name)
    if not isinstance(found, ff.Pipeline):
        raise UsageError(f"{_wanted(path, name)}, but it is {found!r}{_instead(module, path, name)}")
    if find_engine(found).started:
        raise UsageError(
            f"{str(path)!r} has already started its pipeline {name!r}: start it under "
            'if __name__ == "__main__": so that this command can run it'
        )
    return found


def _wanted(path: Path, name: str) -> str:
    return f"expected a Pipeline named {name!r} in {str(path)!r}, or a function that returns one"


def _instead(module: types.ModuleType, path: Path, name: str) -> str:
    """Returns the names in the file that can be run: pipelines, then functions defined there."""
    pipelines = [key for key, value in vars(module).items() if isinstance(value, ff.Pipeline)]
    functions = [
        (key, value)
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and key != name
    ]
    possible = pipelines + [f"{key}()" for key, value in functions if not _refusal(value)]
    if possible:
        return f"; it has {', '.join(possible)}: run {path}:{possible[0].removesuffix('()')}"
    refused = "".join(f"; {key}() {_refusal(value)}" for key, value in functions[:5])
    return f". It has no Pipeline and no function without arguments{refused}"


def _refusal(function: Callable[..., Any]) -> str:
    """Returns why a function cannot be called to get its pipeline, or an empty string."""
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        return "is not a plain function"
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some native callables have no signature
        return ""
    free = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [each.name for each in parameters if each.default is each.empty and each.kind not in free]
    return f"needs the arguments {', '.join(needed)}" if needed else ""


def _built(function: Callable[..., Any], path: Path, name: str) -> ff.Pipeline:
    """Calls the function and returns its Pipeline."""
    if refusal := _refusal(function):
        raise UsageError(
            f"{name}() in {str(path)!r} {refusal}: expected a plain function without arguments that returns "
            "a Pipeline. Arguments after -- are in sys.argv"
        )
    made = guarded(function)
    if not isinstance(made, ff.Pipeline):
        raise UsageError(f"{name}() in {str(path)!r} must return a Pipeline, but it returned {made!r}")
    return made
