"""Runs a program from the docs with fakes of packages that are too large for the tests.

python -m rigs.stand_ins program.py
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

Timers = list[tuple[float, Callable[[], object]]]


def turn(timers: Timers) -> None:
    """Calls the timers until Ctrl-C, as an event loop does."""
    while True:
        for period, call in timers:
            time.sleep(period)
            call()


class RosNode:
    """A node of rclpy with a working clock, publishers and timers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.timers: Timers = []

    def create_publisher(self, _kind: type, _topic: str, _depth: int) -> SimpleNamespace:
        return SimpleNamespace(publish=vars)

    def create_timer(self, period: float, call: Callable[[], object]) -> None:
        self.timers.append((period, call))

    def get_clock(self) -> SimpleNamespace:
        return SimpleNamespace(now=lambda: RosTime(time.time()))


class RosTime:
    """A time, or the difference of two times, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __sub__(self, other: RosTime) -> RosTime:
        return RosTime(self.seconds - other.seconds)

    def to_msg(self) -> float:
        return self.seconds


def point_stamped() -> SimpleNamespace:
    return SimpleNamespace(header=SimpleNamespace(), point=SimpleNamespace())


class Blocks:
    """A Gradio page whose timers work once it is launched."""

    timers: ClassVar[Timers] = []

    def __enter__(self) -> Blocks:
        return self

    def __exit__(self, *_error: object) -> None:
        return

    def launch(self) -> None:
        turn(self.timers)


class Timer:
    """A timer of Gradio's page."""

    def __init__(self, period: float) -> None:
        self.period = period

    def tick(self, call: Callable[[], object], *, outputs: object) -> None:
        assert outputs is not None
        Blocks.timers.append((self.period, call))


class Image:
    """An image of a page, which checks its arguments."""

    def __init__(self, *, streaming: bool = False) -> None:
        self.streaming = streaming

    def image(self, picture: Any) -> None:
        assert picture.shape[2] == 3


MODULES: dict[str, dict[str, object]] = {
    "rclpy": {"init": lambda: None, "spin": lambda node: turn(node.timers)},
    "rclpy.node": {"Node": RosNode},
    "rclpy.duration": {"Duration": RosTime},
    "geometry_msgs": {},
    "geometry_msgs.msg": {"PointStamped": point_stamped},
    "gradio": {"Blocks": Blocks, "Timer": Timer, "Image": Image},
    "streamlit": {
        "cache_resource": lambda call: call,
        "slider": lambda _label, _least, _most, value: value,
        "empty": Image,
    },
}


def install() -> None:
    """Makes the stand-ins importable."""
    for name, content in MODULES.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(content)


if __name__ == "__main__":
    install()
    runpy.run_path(sys.argv[1], run_name="__main__")
