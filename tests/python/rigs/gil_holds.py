"""Ways to hold the GIL that the GIL watch must find. The native ones are built once per run."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import atexit
import contextlib
import ctypes
import functools
import importlib.machinery
import importlib.util
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from freshframe import gil

HOLD_MS = 30


@functools.cache
def compiler() -> str | None:
    """Returns a C compiler, or None."""
    return next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), None)


def compiled(library: Path, code: str) -> Path:
    """Compiles C code into a shared library, which may also be a module. Needs compiler()."""
    include = f"-I{sysconfig.get_path('include')}"
    command = [str(compiler()), "-O2", "-shared", "-fPIC", include, "-x", "c", "-", "-o", str(library)]
    subprocess.run(command, input=code, text=True, check=True)
    return library


@functools.cache
def library() -> Path | None:
    """Returns the compiled gil_holds.c, a shared library and a module; None without a compiler."""
    if compiler() is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="gil_holds"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    built = folder / f"gil_holds{sysconfig.get_config_var('EXT_SUFFIX')}"
    source = Path(__file__).with_name("gil_holds.c")
    return compiled(built, source.read_text(encoding="utf-8"))


@functools.cache
def module() -> Any:
    """The module gil_holds."""
    path = str(library())
    loader = importlib.machinery.ExtensionFileLoader("gil_holds", path)
    spec = importlib.util.spec_from_file_location("gil_holds", path, loader=loader)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    loader.exec_module(made)
    return made


@functools.cache
def by_ctypes() -> ctypes.PyDLL:
    """Returns the functions of the library through ctypes.PyDLL, which keeps the GIL."""
    made = ctypes.PyDLL(str(library()))
    made.hold_burn.restype = ctypes.c_double
    return made


@functools.cache
def numbers() -> list[float]:
    """Returns so many numbers that sorting them takes about 40 ms or more."""
    made = random.Random(1)
    return [made.random() for _ in range(150_000)]


def loop(seconds: float) -> int:
    """Runs bytecode."""
    end = time.perf_counter() + seconds
    count = 0
    while time.perf_counter() < end:
        count += 1
    return count


def hog() -> None:
    """Runs bytecode with a switch interval so long that no other thread gets the GIL."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(10)
    try:
        loop(HOLD_MS * 1e-3)
    finally:
        sys.setswitchinterval(before)


@dataclass(frozen=True)
class Way:
    """One way to hold the GIL.

    Attributes:
        run: Holds the GIL.
        native: The native function that the watch must report. None means bytecode.
            ``LIB`` stands for the library's file name.
        function: The Python function that it must report.
        state: The state that it must report.
        system_call: The system call in which the thread blocks, if it does.
    """

    run: Callable[[], object]
    native: str | None
    function: str
    state: str
    system_call: str = "clock_nanosleep"

    @property
    def expected(self) -> str | None:
        """The native name that the watch must report, with the file name of the library."""
        return self.native.replace("LIB", str(library() and library().name)) if self.native else None  # type: ignore[union-attr]


def call_ctypes_block() -> None:
    """Blocks below ctypes.PyDLL."""
    by_ctypes().hold_block(HOLD_MS)


def call_ctypes_burn() -> None:
    """Keeps the CPU busy below ctypes.PyDLL."""
    by_ctypes().hold_burn(HOLD_MS)


def call_libc() -> None:
    """Blocks in the C library itself."""
    ctypes.PyDLL(None).usleep(HOLD_MS * 1000)


def call_extension_block() -> None:
    """Blocks in an extension."""
    module().block(HOLD_MS)


def call_extension_burn() -> None:
    """Keeps the CPU busy in an extension."""
    module().burn(HOLD_MS)


def call_sorted() -> None:
    """Keeps the CPU busy in a builtin function."""
    sorted(numbers())


@functools.cache
def fifo() -> str:
    """Makes a FIFO with the name of an extension: opening it blocks until there is a writer."""
    path = Path(str(library())).with_name(f"gil_fifo{sysconfig.get_config_var('EXT_SUFFIX')}")
    os.mkfifo(path)
    return str(path)


@contextlib.contextmanager
def written_later() -> Iterator[str]:
    """Makes a FIFO whose reader blocks for HOLD_MS. The writing thread does not need the GIL."""
    let_go = ctypes.CDLL(str(library())).let_go
    writer = threading.Thread(target=let_go, args=(fifo().encode(), HOLD_MS))
    writer.start()
    yield fifo()
    writer.join()


def call_import() -> None:
    """Imports an extension whose file is a FIFO without a writer yet."""
    with written_later() as path, contextlib.suppress(ImportError):
        spec = importlib.util.spec_from_file_location("gil_fifo", path)
        assert spec is not None
        importlib.util.module_from_spec(spec)


def call_load() -> None:
    """Loads a library in an extension."""
    with written_later() as path:
        assert not module().load(path)


WAYS = {
    "ctypes-block": Way(call_ctypes_block, "LIB:hold_block", "call_ctypes_block", "blocked"),
    "ctypes-burn": Way(call_ctypes_burn, "LIB:hold_burn", "call_ctypes_burn", "cpu"),
    "libc": Way(call_libc, "libc.so.6:usleep", "call_libc", "blocked"),
    "extension-block": Way(call_extension_block, "LIB:py_block", "call_extension_block", "blocked"),
    "extension-burn": Way(call_extension_burn, "LIB:py_burn", "call_extension_burn", "cpu"),
    "sorted": Way(call_sorted, "builtins:sorted", "call_sorted", "cpu"),
    "import": Way(call_import, "_imp:create_dynamic", "_call_with_frames_removed", "blocked", "openat"),
    "dlopen": Way(call_load, "LIB:py_load", "call_load", "blocked", "openat"),
    "bytecode": Way(hog, None, "loop", "cpu"),
}


def functions_right(way: Way, stall: Any) -> bool:
    """Returns True if the stall names the native and the Python function of this way."""
    function = stall.python.rsplit(":", 1)[1] if stall.python else None
    return (stall.native, function) == (way.expected, way.function)


def named_right(way: Way, stall: Any) -> bool:
    """Returns True if the stall names the functions and the state of this way."""
    return functions_right(way, stall) and stall.state == way.state


def repeat(way: Way, times: int, gap: float = 0.005) -> list[float]:
    """Holds the GIL several times on one thread while another waits for it.

    Returns the duration of each hold in seconds.
    """
    way.run()  # once before: builds and loads the library
    took: list[float] = []
    done = threading.Event()

    def wants_it() -> None:
        while not done.wait(0.003):
            sum(range(1000))

    def keeps_it() -> None:
        for _ in range(times):
            before = time.perf_counter()
            way.run()
            took.append(time.perf_counter() - before)
            time.sleep(gap)

    other = threading.Thread(target=wants_it, name="victim")
    keeper = threading.Thread(target=keeps_it, name="keeper")
    other.start()
    keeper.start()
    keeper.join()
    done.set()
    other.join()
    return took


def environment() -> dict[str, str]:
    """Returns an environment for programs that import this module."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}


def blocked(watch: gil.GilWatch) -> list[gil.GilStall]:
    """Returns the stalls of the extension only: on a busy machine others occur."""
    return [stall for stall in watch.stalls if stall.native == WAYS["extension-block"].expected]
