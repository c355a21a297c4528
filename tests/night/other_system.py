"""Compiles the portable layers for another system, so that they stay portable. Nothing is linked or run.

The compiler is Clang with the headers of that system, as the package ``ziglang`` has them.
``other_system.txt`` lists the files that do not compile yet: it may only shrink.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_suffix(".txt")
TARGET = "x86_64-windows-gnu"
FOLDERS = ("src/core", "src/media", "src/vision", "gil/src/numeric")
INCLUDES = ("include", "src", "gil/include", "gil/src")
# Headers of other libraries, the same on each system. A whole /usr/include would bring Linux's own headers.
FFMPEG = ("libavcodec", "libavformat", "libavutil", "libswscale")
FOREIGN = (*FFMPEG, "hwy", "cairo", "libyuv", "libyuv.h", "turbojpeg.h")
PLACES = ("/usr/include", "/usr/include/x86_64-linux-gnu", "/usr/include/aarch64-linux-gnu")


def is_here() -> bool:
    """Returns whether the compiler is installed."""
    return importlib.util.find_spec("ziglang") is not None


def sources(root: Path = ROOT) -> list[str]:
    """Returns the files to compile, relative to `root`."""
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*.cpp")]
    return sorted(path.relative_to(root).as_posix() for path in found)


def listed(path: Path = LIST) -> set[str]:
    """Returns the files that do not compile yet."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def findings(failed: dict[str, str], known: Iterable[str], compiled: Iterable[str]) -> list[str]:
    """Returns a sentence for each file that should compile and does not, and each needless line of the list.

    Args:
        failed: The first error by file.
        known: The files of the list.
        compiled: All files that were tried.
    """
    known, compiled = set(known), set(compiled)
    broken = [f"{file}: {error}" for file, error in sorted(failed.items()) if file not in known]
    repaired, missing = sorted(known & compiled - failed.keys()), sorted(known - compiled)
    over = [f"{file} compiles: remove it from {LIST.name}" for file in repaired]
    gone = [f"{file} is no longer there: remove it from {LIST.name}" for file in missing]
    return broken + over + gone


def compile_all(files: Sequence[str]) -> dict[str, str]:
    """Compiles each file, and forgets what is made. Returns the first error of each that failed."""
    with tempfile.TemporaryDirectory(prefix="headers-") as folder:
        for name in FOREIGN:
            place = next((Path(place, name) for place in PLACES if Path(place, name).exists()), None)
            if place is not None:
                Path(folder, name).symlink_to(place)
        given = [f"-I{path}" for path in INCLUDES] + ["-isystem", folder, "-isystem", f"{folder}/cairo"]
        options = ["-target", TARGET, "-std=c++20", "-fexperimental-library", "-c", "-O0", "-g0", "-w"]
        options += ["-include", str(LIST.with_suffix(".hpp"))]
        command = [sys.executable, "-m", "ziglang", "c++", *options, *given]

        def error_of(file: str) -> str | None:
            made = f"{folder}/{file.replace('/', '_')}.o"
            work = [*command, file, "-o", made]
            ended = subprocess.run(work, cwd=ROOT, capture_output=True, text=True, check=False)
            if ended.returncode == 0:
                return None
            return next(iter(re.findall(r"(?:fatal )?error: .*", ended.stderr)), "no error was printed")[:200]

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            errors = zip(files, pool.map(error_of, files), strict=True)
            return {file: error for file, error in errors if error is not None}


def other_system() -> tuple[int, list[str], dict[str, float]]:
    """Compiles all sources. Returns how many there are, the findings, and the length of the list."""
    files = sources()
    known = listed()
    return len(files), findings(compile_all(files), known, files), {"not yet": float(len(known))}


if __name__ == "__main__":  # the list as it would be now
    print(*sorted(compile_all(sources())), sep="\n")
