"""The same function in other binding libraries, which examples/fibonacci of a checkout builds once."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import freshframe as ff

from .measure import Bench

BINDINGS = {"pybind11": "pybind11", "PyO3": "pyo3", "Cython": "cython", "nanobind": "nanobind"}


@dataclass(frozen=True, slots=True)
class Twins:
    """The modules of the other bindings, and the reasons for the missing ones.

    Attributes:
        modules: Modules by the binding's name; each has `fibonacci(n, release)`.
        missing: For each missing binding the reason, with advice.
        builder: The module build_twins.py of the example; None outside a checkout.
    """

    modules: dict[str, Any]
    missing: dict[str, str]
    builder: Any

    @staticmethod
    def none(why: str) -> Twins:
        """No twin, for one reason."""
        return Twins({}, dict.fromkeys(BINDINGS, why), None)

    @staticmethod
    def find(bench: Bench) -> Twins:
        """Imports the twins. Builds missing ones once, except with --quick."""
        builder = load_builder()
        if builder is not None:
            builder._say = bench.say  # so that -q also silences its messages
        modules: dict[str, Any] = {}
        missing: dict[str, str] = {}
        for name, key in BINDINGS.items():
            found = _module_or_reason(bench, builder, key)
            if isinstance(found, str):
                missing[name] = found
            else:
                modules[name] = found
        return Twins(modules, missing, builder)


def load_builder() -> Any:
    """examples/fibonacci/build_twins.py of the checkout of this package; None outside a checkout."""
    path = Path(ff.__file__).resolve().parents[2] / "examples" / "fibonacci" / "build_twins.py"
    if not path.exists():
        return None
    spec = importlib.util.spec_from_file_location("freshframe_build_twins", path)
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _module_or_reason(bench: Bench, builder: Any, key: str) -> Any:
    try:
        return _module(bench, builder, key)
    except (ImportError, OSError) as error:
        return str(error).strip()
    except Exception as error:
        if builder is None or not isinstance(error, builder.BuildError):
            raise
        return str(error).strip()


def _module(bench: Bench, builder: Any, key: str) -> Any:
    name = f"fibonacci_{key}"
    if importlib.util.find_spec(name) is None:
        if builder is None:
            raise ImportError(
                f"there is no module {name}; build it in a checkout of freshframe: "
                f"python examples/fibonacci/build_twins.py {key}, then put the folder that it names on "
                "PYTHONPATH"
            )
        sys.path.insert(0, str(builder.build(key, only_cached=bench.quick)))
        importlib.invalidate_caches()
    return importlib.import_module(name)
