"""What a wheel costs: its size, its installation into a new environment and its import, beside other wheels.

It takes the wheel of dist/ that fits this Python: ./dev wheel makes it. All wheels are downloaded before
anything is timed. Each round installs each package, with NumPy, into an environment of its own. Imports are
processes of their own.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from _measure import RESULTS, ROOT, Result, Row, median, quantile, spread, take_turns

PEERS = {"av": "av==18.1.0", "cv2": "opencv-python-headless==5.0.0.93"}
WHEELS = {"freshframe": "freshframe", "av": "av", "cv2": "opencv_python_headless"}
NUMPY = "numpy==2.3.5"
ALLOWED_MS = 30.0  # of `import freshframe` more than a bare import of NumPy


def megabytes(paths: list[Path]) -> float:
    """Of files."""
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


class Package:
    """A package with its wheels in a folder, and an environment that is made again for each installation."""

    def __init__(self, module: str, requirement: str, folder: Path) -> None:
        """Downloads the wheels of the package and of its dependencies."""
        self.module = module
        self.requirement = requirement
        self.wheels = folder / "wheels" / module
        self.environment = folder / "environments" / module
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
        subprocess.run([*pip, "--dest", str(self.wheels), requirement, NUMPY], check=True)

    def install(self) -> float:
        """Seconds of pip, NumPy and byte code included."""
        shutil.rmtree(self.environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(self.environment)], check=True)
        pip = [
            str(self.environment / "bin/python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-index",
            "--find-links",
        ]
        began = time.perf_counter()
        subprocess.run([*pip, str(self.wheels), self.requirement, NUMPY], check=True)
        return time.perf_counter() - began

    def import_ms(self, statement: str) -> float:
        """Milliseconds of a process that runs a statement, from its start to its exit."""
        began = time.perf_counter()
        subprocess.run([self.environment / "bin/python", "-c", statement], check=True)
        return 1e3 * (time.perf_counter() - began)

    def sizes(self) -> dict[str, float]:
        """Of its own wheel and of what that installed."""
        name = WHEELS[self.module]
        wheel = next(self.wheels.glob(f"{name}-*.whl"))
        site = next((self.environment / "lib").glob("python*/site-packages"))
        folders = [site / self.module, *site.glob(f"{name}*.libs"), *site.glob(f"{self.module}*.libs")]
        files = {path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts}
        return {"wheel_mb": megabytes([wheel]), "installed_mb": megabytes(list(files))}


def own_wheel() -> Path | None:
    """The wheel of dist/ for this Python."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    wheels = sorted(
        (ROOT / "dist").glob(f"freshframe-*-{tag}-{tag}-*.whl"), key=lambda path: path.stat().st_mtime
    )
    return wheels[-1] if wheels else None


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21, help="of imports; default: %(default)s")
    parser.add_argument("--installs", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=RESULTS / "install.json", help="default: %(default)s")
    options = parser.parse_args()
    wheel = own_wheel()
    if wheel is None:
        print("install: no wheel for this Python in dist/; ./dev wheel makes one")
        return
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as name:
        folder = Path(name)
        packages = [Package("freshframe", str(wheel), folder)]
        packages += [Package(module, wanted, folder) for module, wanted in PEERS.items()]
        installs = take_turns({p.module: p.install for p in packages}, options.installs)
        kinds = {}
        for package in packages:
            for statement in ("import numpy", f"import {package.module}"):
                package.import_ms(statement)  # byte code and the disk's cache
                kinds[f"{package.module}: {statement}"] = partial(package.import_ms, statement)
        imports = take_turns(kinds, options.rounds)
        settings = {"rounds": options.rounds, "installs": options.installs, "wheel": wheel.name}
        result = Result("install", "wheels: size, installation with NumPy, import", settings, dict(PEERS))
        noise = spread(imports["freshframe: import numpy"], imports["av: import numpy"])
        for package in packages:
            values = imports[f"{package.module}: import {package.module}"]
            more = median(values) - median(imports[f"{package.module}: import numpy"])
            figures = package.sizes() | {
                "install_s": median(installs[package.module]),
                "import_p50_ms": median(values),
                "import_p99_ms": quantile(values, 0.99),
                "more_than_numpy_ms": more,
            }
            goal = ALLOWED_MS if package.module == "freshframe" else None
            scale = median(imports[f"{package.module}: import numpy"])
            result.add(Row(package.module, figures, more, goal, spread=noise, scale=scale))
        result.keep(options.out)


if __name__ == "__main__":
    main()
