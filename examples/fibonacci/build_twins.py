"""Builds this example with other binding libraries into a cache folder, for comparison.

As a program: progress goes to stderr, one JSON object per binding to stdout:

    $ python build_twins.py pybind11 pyo3
    {"binding": "pybind11", "module": "fibonacci_pybind11", "folder": "/...", "problem": null}
    {"binding": "pyo3", "module": "fibonacci_pyo3", "folder": null, "problem": "cargo was not found; ..."}

As a module:

    folder = build_twins.build("pybind11")  # put it on sys.path, then import fibonacci_pybind11
    message = build_twins.refusal("pyo3")  # the compiler's error for a second release of the GIL

Both raise BuildError, whose message names the missing tool and what to do. A module in the cache is not built
again. Each version of the sources, of Python and of the binding has its own folder. Every module has
`fibonacci(n: int, release: bool) -> int`. fibonacci_pybind11 and fibonacci_nanobind also have
`double_release()`, which ends the process. They and fibonacci_pyo3 have `double_acquire() -> bool`, which is
harmless.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CRATE = HERE.parents[1] / "bench" / "pyo3"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freshframe" / "fibonacci"

TWINS = ("nanobind", "pybind11", "pyo3", "cython")


_MODULE_OPTIONS = ["-O2", "-DNDEBUG", "-shared", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing"]


class BuildError(Exception):
    """Raised if something required for the build is missing, or if the build failed.

    The message says what to do.
    """


def build(binding: str, cache: Path = CACHE, *, only_cached: bool = False) -> Path:
    """Builds the module for this Python unless it is in the cache.

    Args:
        binding: "nanobind", "pybind11", "pyo3" or "cython".
        cache: Folder that keeps the built modules.
        only_cached: Raises BuildError instead of building.

    Returns:
        The folder to import `fibonacci_<binding>` from.

    Raises:
        BuildError: The compiler or the binding is missing, or the build failed.
    """
    if binding not in TWINS:
        raise ValueError(f"binding must be one of {', '.join(TWINS)}; got {binding!r}")
    builders = {
        "nanobind": _build_nanobind,
        "pybind11": _build_pybind11,
        "pyo3": _build_pyo3,
        "cython": _build_cython,
    }
    return builders[binding](cache, only_cached)


def refusal(binding: str, cache: Path = CACHE) -> str:
    """Compiles code that releases the GIL twice, and returns the compiler's error message.

    Args:
        binding: "freshframe" (double_release.cpp, by the C++ compiler) or "pyo3" (by cargo).
        cache: Folder that keeps what cargo has built.

    Raises:
        BuildError: There is no compiler, or it failed for another reason.
    """
    if binding == "freshframe":
        expected, said = _refused_by_cpp()
    elif binding == "pyo3":
        expected, said = _refused_by_cargo(cache)
    else:
        raise ValueError(f'binding must be "freshframe" or "pyo3"; got {binding!r}')
    if expected not in said:
        raise BuildError(f"the compiler was to say {expected!r}; it said:\n{said}")
    return said


def _say(text: str) -> None:
    print(f"build_twins: {text}", file=sys.stderr, flush=True)


def _package(name: str) -> str:
    """Returns the folder with the headers of an installed Python package that has get_include()."""
    try:
        return str(importlib.import_module(name).get_include())
    except ImportError:
        package = name.partition(".")[0]
        raise BuildError(f"{package} is not installed in {sys.executable}: pip install {package}") from None


def _cpp_command() -> list[str]:
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    compiler = next((found for name in names if (found := shutil.which(name))), None)
    if compiler is None:
        raise BuildError(
            f"no C++ compiler was found ({', '.join(names)}); on Debian: apt-get install g++, or set CXX"
        )
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").exists():
        raise BuildError(f"Python's headers are missing in {headers}; on Debian: apt-get install python3-dev")
    return [compiler, "-std=c++20", f"-I{headers}"]


def _run(command: Sequence[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, **environment}
    )


def _folder(cache: Path, binding: str, sources: Sequence[Path], version: str) -> Path:
    """Returns the folder for exactly these sources, this Python and this version of the binding."""
    key = hashlib.sha256(f"{version} {sys.version} {sysconfig.get_config_var('EXT_SUFFIX')}".encode())
    for source in sources:
        key.update(source.read_bytes())
    return cache / f"{binding}-{key.hexdigest()[:16]}"


def _module(folder: Path, binding: str) -> Path:
    return folder / f"fibonacci_{binding}{sysconfig.get_config_var('EXT_SUFFIX')}"


def _build_nanobind(cache: Path, only_cached: bool) -> Path:
    nanobind = importlib.util.find_spec("nanobind")
    if nanobind is None or nanobind.origin is None:
        raise BuildError(f"nanobind is not installed in {sys.executable}: pip install nanobind")
    root = Path(nanobind.origin).parent  # nanobind has no compiled library: each project compiles it
    freshframe = Path(_package("freshframe.native"))
    includes = [root / "include", root / "ext" / "robin_map" / "include", freshframe]
    header = [*sorted((freshframe / "freshframe").glob("gil*/*.hpp")), freshframe / "freshframe" / "gil.hpp"]
    tokens = "".join(part.read_text(encoding="utf-8") for part in header)
    version = f"{importlib.import_module('nanobind').__version__} {tokens}"
    return _build_cpp(cache, "nanobind", version, includes, [root / "src" / "nb_combined.cpp"], only_cached)


def _build_pybind11(cache: Path, only_cached: bool) -> Path:
    include = Path(_package("pybind11"))
    version = str(importlib.import_module("pybind11").__version__)
    return _build_cpp(cache, "pybind11", version, [include], [], only_cached)


def _build_cpp(
    cache: Path, binding: str, version: str, includes: list[Path], libraries: list[Path], only_cached: bool
) -> Path:
    source = HERE / "src" / f"fibonacci_{binding}.cpp"
    command = [*_cpp_command(), *_MODULE_OPTIONS, *(f"-I{include}" for include in includes)]
    folder = _folder(
        cache, binding, [source, HERE / "src" / "fibonacci.hpp"], f"{version} {' '.join(command)}"
    )
    module = _module(folder, binding)
    if module.exists():
        return folder
    _refuse_if(only_cached, binding)
    _say(f"compiling {source.name}, about 10 s")
    with _scratch(folder) as scratch:
        _compile([*command, source, *libraries], scratch / module.name).replace(module)
    return folder


@contextmanager
def _scratch(folder: Path) -> Generator[Path]:
    """Yields a new folder within, so that two builds at the same time do not interfere."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        yield Path(scratch)


def _compile(command: Sequence[str | Path], made: Path) -> Path:
    done = _run([*command, "-o", made])
    if done.returncode != 0:
        raise BuildError(f"{shlex.join(map(str, command))} failed:\n{done.stderr}")
    return made


def _build_cython(cache: Path, only_cached: bool) -> Path:
    if importlib.util.find_spec("Cython") is None:
        raise BuildError(f"Cython is not installed in {sys.executable}: pip install Cython")
    source = HERE / "src" / "fibonacci_cython.pyx"
    command = [*_cpp_command(), *_MODULE_OPTIONS, f"-I{HERE / 'src'}"]
    version = f"{importlib.import_module('Cython').__version__} {' '.join(command)}"
    folder = _folder(cache, "cython", [source, HERE / "src" / "fibonacci.hpp"], version)
    module = _module(folder, "cython")
    if module.exists():
        return folder
    _refuse_if(only_cached, "cython")
    _say(f"translating and compiling {source.name}, about 5 s")
    with _scratch(folder) as scratch:
        translated = scratch / "fibonacci_cython.cpp"
        _compile([sys.executable, "-m", "cython", "-3", "--cplus", source], translated)
        _compile([*command, translated], scratch / module.name).replace(module)
    return folder


def _cargo(cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs cargo on the crate, with its build files in the cache."""
    if not CRATE.exists():
        raise BuildError(f"the crate is in freshframe's repository, under bench/pyo3; {CRATE} does not exist")
    cargo = shutil.which("cargo")
    if cargo is None:
        raise BuildError("cargo was not found; install Rust 1.85 or newer from https://rustup.rs")
    command: list[str | Path] = [
        cargo,
        arguments[0],
        "--locked",
        "--manifest-path",
        CRATE / "Cargo.toml",
        *arguments[1:],
    ]
    return _run(
        command,
        PYO3_PYTHON=sys.executable,
        PYO3_BUILD_EXTENSION_MODULE="1",  # do not link libpython
        CARGO_TARGET_DIR=str(cache / "cargo"),
        CARGO_TERM_COLOR="never",
    )


def _refuse_if(only_cached: bool, binding: str) -> None:
    if only_cached:
        raise BuildError(f"it is not built yet: python {HERE / 'build_twins.py'} {binding}")


def _build_pyo3(cache: Path, only_cached: bool) -> Path:
    sources = [CRATE / "Cargo.toml", CRATE / "Cargo.lock", CRATE / "src" / "lib.rs"]
    folder = _folder(cache, "pyo3", [path for path in sources if path.exists()], "")
    module = _module(folder, "pyo3")
    if module.exists():
        return folder
    _refuse_if(only_cached, "pyo3")
    _say("building bench/pyo3 with cargo, about 10 s and a download the first time")
    done = _cargo(cache, "build", "--release")
    if done.returncode != 0:
        raise BuildError(f"cargo could not build {CRATE}:\n{done.stderr}")
    with _scratch(folder) as scratch:
        made = scratch / module.name
        shutil.copy2(cache / "cargo" / "release" / "libfibonacci_pyo3.so", made)
        made.replace(module)
    return folder


def _expected(source: Path) -> str:
    """Returns the expected error, from the source line that starts with EXPECT."""
    mark = "// EXPECT: "
    return next(line[len(mark) :] for line in source.read_text().splitlines() if line.startswith(mark))


def _refused_by_cpp() -> tuple[str, str]:
    source = HERE / "double_release.cpp"
    include = _package("freshframe.native")
    return _expected(source), _run([*_cpp_command(), "-fsyntax-only", f"-I{include}", source]).stderr


def _refused_by_cargo(cache: Path) -> tuple[str, str]:
    _say("compiling double_release.rs with cargo")
    done = _cargo(cache, "build", "--release", "--quiet", "--features", "double_release")
    return _expected(CRATE / "src" / "double_release.rs"), done.stderr


def main() -> int:
    """Builds the given bindings. The exit status is 1 if one of them could not be built."""
    parser = argparse.ArgumentParser(
        description="Builds the twins of examples/fibonacci into a cache folder."
    )
    parser.add_argument("bindings", nargs="*", default=list(TWINS), metavar="|".join(TWINS))
    parser.add_argument("--cache", type=Path, default=CACHE, help="default: %(default)s")
    options = parser.parse_args()
    if not set(options.bindings) <= set(TWINS):
        parser.error(f"bindings are {', '.join(TWINS)}; got {' '.join(options.bindings)}")
    failed = False
    for binding in options.bindings or TWINS:
        folder = problem = None
        try:
            folder = str(build(binding, options.cache))
        except BuildError as error:
            problem, failed = str(error), True
        record = {
            "binding": binding,
            "module": f"fibonacci_{binding}",
            "folder": folder,
            "problem": problem,
        }
        print(json.dumps(record), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
