"""Prints the tests of the folders that have changed, for ./dev test.

    changed.py tests    a line `python FOLDER` for each folder of pytest, `cpp PATTERN` for suites of ctest
    changed.py plots    the plots (parts of the tree with their own tests, such as gil) that have not
                        changed, nor the files that they import:
                        `./dev test` leaves out their tests
    changed.py digests  a hash for each plot, before its tests run: `./dev test` stores them if all pass

A change is a difference from origin/main, including the working tree. Without origin/main, the comparison is
with the previous commit. If HEAD is origin/main, `tests` compares with the previous commit, too.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
GREEN = ROOT / "build" / "green"

# Product folder: folders of tests. For a changed file, the longest matching folder counts. `python` below
# stands for tests/python, `cpp` for tests/cpp.
TABLE: dict[str, Sequence[str]] = {
    "include/freshframe": ("cpp/core", "cpp/plugin", "python/native", "python/graph"),
    "src/bindings": (
        "python/api",
        "python/graph",
        "python/frame",
        "python/nodes",
        "python/life",
        "python/reading",
    ),
    "src/core": ("cpp/core", "python/graph", "python/nodes", "python/reading", "python/life"),
    "src/fleet": ("cpp/fleet", "fleet/tests/python"),
    "src/inference": ("cpp/inference", "python/inference"),
    "src/media": ("cpp/media", "python/media", "python/frame"),
    "src/platform": ("cpp/platform", "cpp/core", "python/life"),
    "src/plugin": ("cpp/plugin", "python/native"),
    "src/process": ("cpp/process", "python/process"),
    "src/serve": ("cpp/serve", "python/serve"),
    "src/sinks": ("cpp/sinks", "python/sinks"),
    "src/sources": ("cpp/sources", "python/live", "python/media"),
    "src/vision": ("cpp/vision", "python/vision"),
    "src/why": ("cpp/why", "python/graph", "python/reports"),
    "python/freshframe": ("python/api", "python/command", "python/graph"),
    "python/freshframe/_cli": ("python/command",),
    "python/freshframe/_gil_watch": ("python/gil", "gil/tests/python"),
    "python/freshframe/_graph": ("python/graph", "python/api"),
    "python/freshframe/_interpreter": ("python/gil", "python/life"),
    "python/freshframe/_look": ("python/live", "python/serve", "python/reports"),
    "python/freshframe/_media": ("python/media", "python/live", "python/sinks"),
    "python/freshframe/_pipeline": ("python/graph", "python/life", "python/reading", "python/nodes"),
    "python/freshframe/_plugin": ("python/native",),
    "python/freshframe/_process": ("python/process",),
    "python/freshframe/_results": ("python/vision", "python/frame", "python/inference"),
    "python/freshframe/_shapes": ("python/inference",),
    "python/freshframe/_shortcuts": ("python/graph", "python/reading"),
    "python/freshframe/_sinks": ("python/sinks",),
    "python/freshframe/_spool": ("python/sinks",),
    "python/freshframe/_vision": ("python/vision",),
    "fleet": ("fleet/tests/python",),
    "tests/web": ("python/serve", "python/pages"),
    "gil/src": ("gil/tests/cpp", "gil/tests/python", "python/gil", "python/numeric"),
    "gil": ("gil/tests/python", "python/gil", "python/numeric"),
    "web": ("python/serve",),
    "examples": ("python/pages",),
    "docs": ("python/pages",),
    "tools": ("python/tree",),
    "cmake": ("python/tree",),
    "deploy": ("python/tree",),
    "bench": ("python/tree",),
    ".": ("python/tree", "python/pages"),
}

# The files that all Python tests load.
RIGS = (
    "tests/python/conftest.py", "tests/python/support.py", "tests/python/rigs/__init__.py",
    "tests/python/rigs/checked_tests.py", "tests/python/rigs/command_line.py",
    "tests/python/rigs/repeated.py", "tests/python/rigs/tiers.py", "tests/python/rigs/watchdog.py",
)  # fmt: skip

# The Python tests of a plot, and the files that they need: tests/python/tree/test_plots.py compares them with
# what the tests import and read. Tests of ctest have the plot's name as a label.
PLOTS = {
    "gil": (
        ("gil/tests", "tests/python/gil"),
        ("gil", "tests/python/gil", "python/freshframe/gil.py", "python/freshframe/_gil_watch",
         "python/freshframe/_interpreter", "python/freshframe/_cli/gil",
         "python/freshframe/_cli/doctor.py", "src/bindings/node",
         "include/freshframe/forks.hpp", "cmake", "pyproject.toml", *RIGS, "tests/python/rigs/card",
         "tests/python/rigs/gil_holds.c", "tests/python/rigs/gil_holds.py", "tests/python/rigs/web_client.py",
         "tests/gil_package", "examples/native_node", "docs/benchmarks/gil-holds.md",
         "tests/cpp/fingerprint.hpp", "tests/cpp/watchdog.hpp", "tools/check_symbols.py", "CMakeLists.txt",
         "tests/CMakeLists.txt"),
    ),
    "fleet": (
        ("fleet/tests",),
        ("fleet", "src/fleet", "src/process", "src/bindings/fleet", "src/bindings/process",
         "python/freshframe", "pyproject.toml", *RIGS, "tests/python/rigs/live",
         "tests/python/rigs/grafana.py", "tests/python/rigs/in_between.py", "tests/python/rigs/ports.py",
         "tests/python/rigs/stamped_picture.py", "tests/python/rigs/web_files.py", "web",
         "docs/grafana-fleet.json"),
    ),
    "extensions": (
        ("tests/python/pages/test_extension_examples.py",),
        ("examples", "include", "cmake", "gil/include", "src/plugin", "python/freshframe/_plugin",
         "tests/python/pages/test_extension_examples.py", "pyproject.toml", *RIGS, "tests/python/rigs/card",
         "docs/how-to/step-in-cpp.md"),
    ),
    "interleavings": (
        (),
        ("include", "src/core", "src/platform", "tests/cpp/core/interleave", "tests/cpp/core/join",
         "CMakeLists.txt", "tests/CMakeLists.txt", "tests/cpp/CMakeLists.txt"),
    ),
}  # fmt: skip


def git(*arguments: str) -> str:
    """Returns the output of a git command in this tree."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def differing_files(*, counts_published: bool) -> list[str] | None:
    """Returns the paths that differ from what was published, or None if git fails.

    Args:
        counts_published: Counts the last commit as a change, although it is published.
    """
    try:
        try:
            base = git("merge-base", "HEAD", "origin/main").strip()
            if counts_published and base == git("rev-parse", "HEAD").strip():
                base = "HEAD~"
        except subprocess.CalledProcessError:
            base = "HEAD~"
        files = git("diff", "--name-only", base).splitlines()
        return files + git("ls-files", "--others", "--exclude-standard").splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None


def find_folder(path: str) -> str:
    """Returns the longest folder of the table that contains a path."""
    return max((one for one in TABLE if path.startswith(one + "/")), key=len, default=".")


def find_tests(paths: Iterable[str]) -> list[str]:
    """Returns the test folders for changed files of the product and of the tests."""
    found: set[str] = set()
    for path in paths:
        if path.startswith(("tests/python/rigs/", "tests/python/conftest.py", "tests/conftest.py")):
            found |= {str(each.relative_to(ROOT)) for each in (ROOT / "tests/python").iterdir()}
            continue
        own = re.match(r"(?:tests/(?:python|cpp)/\w+|fleet/tests/python|gil/tests/(?:python|cpp))(?=/)", path)
        found |= {own[0]} if own else {_long(name) for name in TABLE[find_folder(path)]}
    left_out = ("/rigs", "__pycache__")
    return sorted(name for name in found if (ROOT / name).is_dir() and not name.endswith(left_out))


def _long(name: str) -> str:
    return f"tests/{name}" if name.startswith(("python/", "cpp/")) else name


def suites(folder: str) -> list[str]:
    """Returns the suites of GoogleTest that the files of a folder define."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.cpp"):
        found |= set(re.findall(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\((\w+),", path.read_text(), re.M))
    return sorted(found)


def print_tests() -> int:
    """Prints the folders of pytest and the pattern of ctest."""
    paths = differing_files(counts_published=True)
    if paths is None:
        print("git cannot list the changed files", file=sys.stderr)
        return 1
    folders = find_tests(paths)
    for folder in folders:
        if "/cpp" not in folder:
            print("python", folder)
    names = [name for folder in folders if "/cpp" in folder for name in suites(folder)]
    if names:
        print("cpp", f"^([A-Za-z0-9_]+/)?({'|'.join(names)})(/[0-9]+)?$")
    return 0


def digest(plot: str) -> str:
    """Returns a hash of the contents of a plot's files."""
    total = hashlib.sha256()
    for path in git(
        "ls-files", "--cached", "--others", "--exclude-standard", "--", *PLOTS[plot][1]
    ).splitlines():
        if (ROOT / path).is_file():
            total.update(path.encode() + b"\0" + (ROOT / path).read_bytes())
    return total.hexdigest()


def unchanged_plots() -> list[str]:
    """Returns the plots that have not changed since origin/main, or since the last green run."""
    paths = differing_files(counts_published=False)
    green = GREEN.read_text().split() if GREEN.exists() else []
    found = []
    for plot, (_, parts) in PLOTS.items():
        touched = paths is None or any(  # not a clone: all tests run
            path == part or path.startswith(part.rstrip("/") + "/") for path in paths for part in parts
        )
        if not touched or (green and digest(plot) in green):
            found.append(plot)
    return found


def main(verb: str) -> int:
    """Prints tests, plots, or hashes of the plots."""
    if verb == "tests":
        return print_tests()
    if verb == "plots":
        for plot in unchanged_plots():
            print(plot, *PLOTS[plot][0])
        return 0
    try:
        print(*(digest(plot) for plot in PLOTS), sep="\n")
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"git cannot list the files of a plot: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
