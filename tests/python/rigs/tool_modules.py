"""Loads the programs of tools/ and other files as modules."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).resolve().parents[3] / "tools"


def load_module(path: Path, name: str) -> ModuleType:
    """Loads a Python file or an extension as a new module, which stays in sys.modules."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def load_tool(name: str) -> ModuleType:
    """Loads a program such as "changed" or "wheel/bill" as a new module."""
    path = TOOLS / f"{name}.py"
    sys.path.insert(0, str(path.parent))
    try:
        return load_module(path, f"tool_{path.stem}")
    finally:
        sys.path.remove(str(path.parent))
