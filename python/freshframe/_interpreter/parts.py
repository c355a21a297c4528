"""Optional parts that may be missing: packages, and native modules that were not built."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
from typing import Any

from .._errors import MissingPackageError

# freshframe's extras contain the versions that work, and pip can find the extras of an installed freshframe.
_EXTRAS = {
    "onnxruntime": "onnx",
    "onnxruntime-gpu": "onnx-cuda",
    "gil_budget": "gil",
    "mcp": "mcp",
    "prometheus_client": "prometheus",
}


def install(package: str) -> str:
    """Returns the command that installs an optional package."""
    extra = _EXTRAS.get(package)
    return f"pip install 'freshframe[{extra}]'" if extra else f"pip install {package}"


def missing(what: str, package: str, error: ImportError | None = None) -> MissingPackageError:
    """Returns the error for a call that requires an optional package.

    Args:
        what: The call.
        package: The package, which has the name of its module.
        error: The error of its import, for an installed package that cannot be imported.
    """
    absent = error is None or (
        isinstance(error, ModuleNotFoundError) and str(error.name).partition(".")[0] == package
    )
    if not absent:
        return MissingPackageError(f"{what} cannot import the package {package}: {error}", name=package)
    return MissingPackageError(f"{what} needs the package {package}: {install(package)}", name=package)


def native(name: str) -> Any:
    """Returns a native module of freshframe that is loaded on first use.

    Raises:
        ImportError: The module was not built, or cannot be loaded.
    """
    try:
        return importlib.import_module(f"freshframe.{name}")
    except ModuleNotFoundError as error:
        raise ImportError(
            f"this build has no freshframe.{name}: run ./dev build, which builds what ./dev demo leaves out",
            name=error.name,
        ) from None
