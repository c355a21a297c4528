"""Measures the size of a peer's installation. Runs in the peer's environment, without freshframe."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.metadata
import importlib.util
import re
import subprocess
from pathlib import Path
from typing import Any


def closure(names: list[str]) -> dict[str, importlib.metadata.Distribution]:
    """Returns the distributions and all of their dependencies."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.split(r"[^\w.-]", waiting.pop())[0].lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += [one for one in found[name].requires or () if "extra ==" not in one]
    return found


def sizes(names: list[str]) -> dict[str, Any]:
    """Returns "versions", "mb", and as "debian_mb" the size of the shared libraries that freshframe loads."""
    distributions = closure(names)
    megabytes = 0.0
    for one in distributions.values():
        paths = [Path(str(one.locate_file(file))) for file in one.files or ()]
        megabytes += sum(path.stat().st_size for path in paths if path.exists()) / 1e6
    result: dict[str, Any] = {"versions": {name: one.version for name, one in distributions.items()}}
    ours = importlib.util.find_spec("freshframe") if "rich" in names else None
    if ours is not None and ours.origin is not None:
        files = [path for path in Path(ours.origin).parent.rglob("*") if path.is_file()]
        megabytes += sum(path.stat().st_size for path in files if "__pycache__" not in path.parts) / 1e6
        listed = subprocess.run(
            ["ldd", *(str(path) for path in files if path.suffix == ".so")],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        libraries = {Path(path).resolve() for path in re.findall(r"=> (/\S+)", listed)}
        result["debian_mb"] = sum(path.stat().st_size for path in libraries) / 1e6
    return {**result, "mb": megabytes}
