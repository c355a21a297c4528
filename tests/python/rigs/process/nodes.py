"""Nodes that run in worker processes of the tests: a separate module, so that a worker imports little."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import mmap
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import freshframe as ff


def get_pid(value: Any) -> int:
    return os.getpid()


def same(value: Any) -> Any:
    return value


def variable(name: str) -> str | None:
    return os.environ.get(name)


def double(value: int) -> int:
    return 2 * value


def drop_value(value: Any) -> Any:
    """Emits nothing."""


def mean(frame: ff.Frame) -> float:
    return float(frame.luma.mean())


def slow_if_odd(value: int) -> int:
    if value % 2:
        time.sleep(0.02)
    return value


def inverted(frame: ff.Frame) -> ff.Frame:
    return ff.Frame.from_array(255 - frame.luma, "gray")


def own_gray(frame: ff.Frame) -> ff.Frame:
    return frame.to("gray")


def read_planes(frame: ff.Frame) -> list[Any]:
    return [np.array(plane) for plane in frame.planes]


def large_array(value: int) -> np.ndarray[Any, Any]:
    return np.full((500, 1000), value, np.float64)


def shared_array(value: Any) -> np.ndarray[Any, Any]:
    """Returns 300 MiB that do not count as the process's own memory."""
    return np.frombuffer(mmap.mmap(-1, 300 << 20), np.uint8)


def make_circles(value: Any) -> ff.Circles:
    return ff.Circles(np.array([[1, 2, 3]], np.float32), np.array([0.5], np.float32))


class Stamps(ff.Node[Any, tuple[Any, ...]]):
    """Describes a sample as it is in the worker."""

    def process(self, sample: ff.Sample[Any]) -> tuple[Any, ...]:
        return sample.seq, sample.pts, sample.source, sample.node, sample.value, sample.captured


class Hooks(ff.Node[Any, tuple[str, int]]):
    """Writes a line to a file in each hook."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0

    def _write(self, what: str) -> None:
        with Path(self.path).open("a") as file:
            file.write(f"{what} {os.getpid()}\n")

    def open(self) -> None:
        self._write("open")

    def process(self, sample: ff.Sample[Any]) -> tuple[str, int]:
        self.count += 1
        return "count", self.count

    def close(self) -> None:
        self._write("close")


class FailsIn(ff.Node[Any, Any]):
    """Raises in one hook."""

    def __init__(self, hook: str, value: Any = None) -> None:
        self.hook = hook
        self.value = value

    def _check(self, hook: str) -> None:
        if hook == self.hook:
            raise ValueError(f"wrong in {hook}")

    def open(self) -> None:
        self._check("open")

    def process(self, sample: ff.Sample[Any]) -> Any:
        if self.value in (None, sample.value):
            self._check("process")
        return sample.value

    def close(self) -> None:
        self._check("close")


class Odd(Exception):  # noqa: N818
    """Cannot be unpickled: its __init__ needs two arguments."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def raise_odd(value: Any) -> Any:
    raise Odd(1, 2)


class Dies(ff.Node[Any, Any]):
    """Ends its own process in a hook, on one value."""

    def __init__(self, how: str, value: int = 3, hook: str = "process") -> None:
        self.how = how
        self.value = value
        self.hook = hook

    def _die(self) -> None:
        if self.how == "exit":
            os._exit(7)
        os.kill(os.getpid(), getattr(signal, self.how))

    def open(self) -> None:
        if self.hook == "open":
            self._die()

    def process(self, sample: ff.Sample[Any]) -> Any:
        if self.hook == "process" and sample.value == self.value:
            self._die()
        return sample.value

    def close(self) -> None:
        if self.hook == "close":
            self._die()


class DiesWithoutSample(Dies):
    """Ends its own process in a hook that gets no sample."""

    tick_every = 0.01

    def on_tick(self, now: float) -> None:
        if self.hook == "on_tick":
            self._die()

    def finish(self) -> None:
        if self.hook == "finish":
            self._die()


class OpensSlowlyAgain(ff.Node[Any, Any]):
    """Its open() takes seven seconds once a file exists, and its close() one second."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @staticmethod
    def slow(folder: str) -> None:
        """Makes the file."""
        (Path(folder) / "slow").touch()

    def open(self) -> None:
        if (Path(self.folder) / "slow").exists():
            time.sleep(7)

    def process(self, sample: ff.Sample[Any]) -> Any:
        return sample.value

    def close(self) -> None:
        time.sleep(1)


class ClosesForever(ff.Node[Any, Any]):
    """Its close() never returns."""

    def process(self, sample: ff.Sample[Any]) -> Any:
        return sample.value

    def close(self) -> None:
        time.sleep(1000)


def sleep_forever(value: Any) -> None:
    time.sleep(1000)


def sleep_on_three(value: int) -> int:
    if value == 3:
        time.sleep(1000)
    return value


def hold_the_gil(value: int) -> int:
    """Runs a C function forever that holds the GIL."""
    if value == 3:
        re_bomb()
    return value


def re_bomb() -> None:
    import re  # noqa: PLC0415

    re.match("(a+)+$", "a" * 40 + "b")


def balloon(value: int) -> int:
    if value == 3:
        return len(bytearray(4 << 30))
    return value


class KeepsFrames(ff.Node[ff.Frame, int]):
    """Keeps every frame that it receives."""

    def __init__(self, most: int | None = None) -> None:
        self.most = most
        self.kept: list[Any] = []

    def process(self, sample: ff.Sample[ff.Frame]) -> int:
        self.kept.append(sample.value)
        if self.most is not None:
            del self.kept[: -self.most]
        return len(self.kept)


class Says(ff.Node[Any, Any]):
    """Logs, warns and prints."""

    def process(self, sample: ff.Sample[Any]) -> Any:
        logging.getLogger("detector").warning("value %d", sample.value)
        logging.getLogger("detector").debug("not wanted")
        if sample.value == 0:
            warnings.warn("old habit", UserWarning, stacklevel=1)
            print("printed by a worker", flush=True)
        return sample.value


class WritesToItsInput(ff.Node[ff.Frame, str]):
    """Tries every way to modify its image."""

    def process(self, sample: ff.Sample[ff.Frame]) -> str:
        import ctypes  # noqa: PLC0415

        luma = sample.value.luma
        if luma.flags.writeable:
            return "writeable"
        libc = ctypes.CDLL(None, use_errno=True)
        page = luma.ctypes.data // 4096 * 4096
        if libc.mprotect(ctypes.c_void_p(page), 4096, 3) == 0:
            return "mprotect"
        for entry in (
            Path("/proc/self/map_files").iterdir() if os.access("/proc/self/map_files", os.R_OK) else []
        ):
            begin, end = (int(side, 16) for side in entry.name.split("-"))
            if begin <= page < end:
                try:
                    file = os.open(entry, os.O_RDWR)
                except OSError:
                    return "refused"
                try:
                    os.pwrite(file, b"x", 0)
                except OSError:
                    return "refused"
                return "map_files"
        return "refused"


def hold_the_gil_at_once(value: Any) -> Any:
    """Like hold_the_gil(), but for any value."""
    re_bomb()
    return value


def flags(value: Any) -> tuple[bool, list[str], list[str]]:
    """Returns the interpreter's options and module search path."""
    return sys.flags.dev_mode, sys.warnoptions, sys.path


def read_a_line(value: Any) -> str:
    try:
        return input()
    except EOFError:
        return "nothing to read"


def hold_the_gil_with_a_child(path: str) -> None:
    """Starts a program, writes its PID to a file, and runs a C function forever."""
    pid = subprocess.Popen(["sleep", "1000"]).pid
    part = Path(path + ".part")
    part.write_text(str(pid))
    part.rename(path)
    re_bomb()


def product(size: int) -> float:
    """Returns the result of a library with its own threads."""
    matrix = np.full((size, size), 0.5)
    return float((matrix @ matrix)[0, 0])


def counted(value: int) -> Any:
    return Counted(value)


class Counted:
    """Counts in each process how often an instance was unpickled there."""

    opened = 0

    def __init__(self, number: int) -> None:
        self.number = number

    def __setstate__(self, state: dict[str, Any]) -> None:
        Counted.opened += 1
        self.__dict__.update(state)


def read_number(box: Any) -> int:
    return int(box.number)


class OnlyThere:
    """Can be pickled anywhere, but unpickled only in the worker that created it."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["pid"] != os.getpid():
            raise RuntimeError("not here")


def only_there(value: Any) -> OnlyThere:
    return OnlyThere()


class NeedsMemory(ff.Node[Any, Any]):
    """Its open() allocates 600 MB."""

    def open(self) -> None:
        self.kept = bytearray(600_000_000)

    def process(self, sample: ff.Sample[Any]) -> Any:
        return sample.value


def eat_memory(value: int) -> int:
    """Allocates memory until the kernel kills the process."""
    kept = []
    while value == 3:
        kept.append(np.ones(4 << 20))
    return value


class StartsAGroup(ff.Node[Any, Any]):
    """Starts a program in a new process group, and writes both PIDs to a file."""

    def __init__(self, path: str, then: str) -> None:
        self.path = Path(path)
        self.then = then

    def process(self, sample: ff.Sample[Any]) -> Any:
        program = subprocess.Popen(["timeout", "1000", "sleep", "1000"])
        while os.getpgid(program.pid) == os.getpgid(0):
            time.sleep(0.001)
        part = self.path.with_suffix(".part")
        part.write_text(f"{os.getpid()} {program.pid}")
        part.rename(self.path)
        if self.then == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(1000)


def refuses_2(frame: ff.Frame) -> int:
    """Fails on an image filled with the value 2."""
    level = int(frame.luma[0, 0])
    if level == 2:
        raise ValueError("it is 2")
    return level


class RefusesIn2s(ff.Node[ff.Frame, int]):
    """Like refuses_2(), for a whole batch."""

    def process_batch(self, samples: list[ff.Sample[ff.Frame]]) -> list[int]:
        return [refuses_2(sample.value) for sample in samples]


class Farewells(ff.Node[int, "tuple[int, str, list[str]]"]):
    """Returns its worker's PID, the sample's source, and the sources that had ended before."""

    def __init__(self, bad: str = "") -> None:
        self.gone: list[str] = []
        self.bad = bad

    def process(self, sample: ff.Sample[int]) -> tuple[int, str, list[str]]:
        return os.getpid(), sample.source, list(self.gone)

    def process_batch(self, samples: list[ff.Sample[int]]) -> list[tuple[int, str, list[str]]]:
        return [self.process(sample) for sample in samples]

    def source_gone(self, name: str) -> None:
        if name == self.bad:
            raise RuntimeError(f"cannot forget {name}")
        self.gone.append(name)


class LastOfSource(ff.Node[int, int]):
    """Passes values on. When a source ends, returns the negative of its last value in its stream."""

    tick_every = 3600.0

    def __init__(self) -> None:
        self._last: dict[str, ff.Sample[int]] = {}
        self._gone: list[str] = []

    def process(self, sample: ff.Sample[int]) -> int:
        self._last[sample.source] = sample
        return sample.value

    def process_batch(self, samples: list[ff.Sample[int]]) -> list[int]:
        return [self.process(sample) for sample in samples]

    def source_gone(self, name: str) -> None:
        self._gone.append(name)

    def on_tick(self, now: float) -> Iterator[int]:
        for name in self._gone:
            last = self._last.pop(name)
            yield ff.stamped(-last.value, like=last)
        self._gone = []
