"""The watch and frames that Python does not show: those between a hot call of a class and its constructor."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from types import FrameType, FunctionType
from typing import Any

import gil_budget
import pytest
from bare_watch import seen
from gil_budget._gil_watch.code_places import function_name
from gil_budget._gil_watch.interpreter import native_module
from gil_budget.windows import Window

pytestmark = pytest.mark.needs_gil

C = ctypes.PyDLL(None)
OFTEN = 2000  # CPython 3.12 to 3.15 specialise a call of a class after some dozens of calls


class Made:
    """Its constructor calls something. Since CPython 3.12 a hot call site enters it through a shim frame."""

    def __init__(self, call: Callable[[], Any]) -> None:
        """`call` runs below this frame."""
        self.found = call()


class Slotted:
    """Another kind of class, whose instances have no dict."""

    __slots__ = ("found",)

    def __init__(self, call: Callable[[], Any]) -> None:
        """`call` runs below this frame."""
        self.found = call()


def make_often(kind: type[Any], call: Callable[[], Any]) -> Any:
    """The result of `call`, which the last of many constructors calls."""
    found = None
    for number in range(OFTEN):
        found = kind(call if number == OFTEN - 1 else int).found
    return found


def in_hot_constructor(call: Callable[[], Any], kind: type[Any] = Made) -> Any:
    """The same with a copy of the code: its call site has seen no other class."""
    return FunctionType(make_often.__code__.replace(), globals(), "make_often")(kind, call)


def in_generator(call: Callable[[], Any]) -> Any:
    """The same within a generator, whose frame lies elsewhere."""

    def generate() -> Iterator[Any]:
        yield in_hot_constructor(call)

    return next(generate())


def in_slotted(call: Callable[[], Any]) -> Any:
    """The same of a class without a dict."""
    return in_hot_constructor(call, Slotted)


def in_two(call: Callable[[], Any]) -> Any:
    """One hot constructor below another one."""
    return in_hot_constructor(lambda: in_hot_constructor(call))


STACKS = [in_hot_constructor, in_generator, in_slotted, in_two]


def shown() -> list[tuple[str, str, int]]:
    """The frames that Python shows of the caller, outermost last, as frames_now() does."""
    frames = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        frames.append((frame.f_code.co_filename, function_name(frame.f_code), frame.f_lineno))
        frame = frame.f_back
    return frames


@pytest.mark.parametrize("stack", STACKS)
def test_the_frames_are_those_that_python_shows(stack: Callable[..., Any]) -> None:
    native = native_module()
    read, expected = stack(lambda: (native.frames_now(), shown()))
    assert read == expected[: len(read)]
    assert len(read) == min(len(expected), 64)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("stack", STACKS)
def test_a_watch_and_a_budget_start_below_one(stack: Callable[..., Any]) -> None:
    def start() -> int:
        Window(10.0, lambda hold: None).close()
        with gil_budget.budget("10s"):
            return 7

    assert stack(start) == 7


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("stack", STACKS)
def test_no_line_of_a_finding_is_a_frame_that_python_does_not_show(stack: Callable[..., Any]) -> None:
    expected: list[tuple[str, str, int]] = []

    def hold() -> None:
        C.usleep(100_000)
        expected[:] = shown()

    stall = seen(lambda: stack(hold), "libc.so.6:usleep")
    functions = [place.rsplit(":", 1)[1] for place in stall.python_stack]
    assert functions == [function for _, function, _ in expected][: len(functions)]
    assert not [place for place in stall.python_stack if ":0:" in place]


def test_frames_of_strangers_do_not_make_it_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the frames that it has made itself are its proof: it cannot know all that others push."""
    native = native_module()

    class Strange:
        """The module, which reads every frame of another file wrongly."""

        def __getattr__(self, name: str) -> Any:
            return getattr(native, name)

        def frames_now(self) -> list[tuple[str, str, int]]:
            frames = native.frames_now()[1:]  # without this one
            return [
                each if each[0].endswith("interpreter.py") else ("__init__", "__init__", 0) for each in frames
            ]

    monkeypatch.setattr(sys.modules["gil_budget"], "_gil", Strange(), raising=False)
    monkeypatch.setitem(sys.modules, "gil_budget._gil", Strange())
    assert isinstance(native_module(), Strange)


@pytest.mark.parametrize("change", ["line", "function", "file", "missing"])
def test_a_frame_of_its_own_that_is_read_wrongly_makes_it_refuse(
    monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    native = native_module()

    class Wrong:
        """The module, which reads one frame wrongly."""

        def __getattr__(self, name: str) -> Any:
            return getattr(native, name)

        def frames_now(self) -> list[tuple[str, str, int]]:
            frames = list(native.frames_now()[1:])  # without this one
            file, function, line = frames[1]
            frames[1] = {
                "line": (file, function, line + 1),
                "function": (file, function + "x", line),
                "file": (file + "x", function, line),
                "missing": frames[2],
            }[change]
            return frames

    monkeypatch.setattr(sys.modules["gil_budget"], "_gil", Wrong(), raising=False)
    monkeypatch.setitem(sys.modules, "gil_budget._gil", Wrong())
    with pytest.raises(gil_budget.Unsupported, match="the layout of its frames differs"):
        native_module()
