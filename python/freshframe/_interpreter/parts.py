"""The parts that may be missing: optional packages, and native modules that a build has left out."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
from typing import Any

from .._errors import MissingPackageError

# freshframe's extras have the versions that work, and pip knows the extras of an installed freshframe.
_EXTRAS = {
    "onnxruntime": "onnx",
    "onnxruntime-gpu": "onnx-cuda",
    "gil_budget": "gil",
    "mcp": "mcp",
    "prometheus_client": "prometheus",
}


def install(package: str) -> str:
    """The command that installs an optional package."""
    extra = _EXTRAS.get(package)
    return f"pip install 'freshframe[{extra}]'" if extra else f"pip install {package}"


def missing(what: str, package: str) -> MissingPackageError:
    """The error of a call that needs an optional package which is not installed."""
    return MissingPackageError(f"{what} needs the package {package}: {install(package)}", name=package)


def native(name: str) -> Any:
    """A native module of freshframe that loads on first use.

    Raises:
        ImportError: It was not built, or cannot be loaded.
    """
    try:
        return importlib.import_module(f"freshframe.{name}")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"this build has no freshframe.{name}: ./dev build makes what ./dev demo leaves out",
            name=error.name,
        ) from None
