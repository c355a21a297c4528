"""A thousand tests in pure Python, none of which holds the GIL, for bench/pytest_budget.py."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

_SWITCH_MS = os.environ.get("SWITCH_MS")


@pytest.fixture(autouse=True)
def _switch_interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    if _SWITCH_MS is not None:
        sys.setswitchinterval(float(_SWITCH_MS) / 1e3)
    yield
    sys.setswitchinterval(before)


def _loop(size: int) -> None:
    total = 0
    for number in range(size * 400):
        total += number * number % 7


def _recursion(size: int) -> None:
    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    fibonacci(12 + size % 9)


def _deep(size: int) -> None:
    def down(n: int) -> int:
        return 0 if n == 0 else 1 + down(n - 1)

    for _ in range(size // 4):
        assert down(700) == 700


def _generators(size: int) -> None:
    def numbers() -> Iterator[int]:
        yield from (n * 2 for n in range(size * 100))

    assert sum(1 for _ in numbers()) == size * 100


class _Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y

    def __add__(self, other: _Point) -> _Point:
        return _Point(self.x + other.x, self.y + other.y)


def _objects(size: int) -> None:
    here = _Point(0, 0)
    for step in range(size * 60):
        here = here + _Point(step, -step)


def _exceptions(size: int) -> None:
    for number in range(size * 60):
        try:
            raise KeyError(number)
        except KeyError:  # noqa: PERF203  (that is what this one does)
            pass


def _words(size: int) -> None:
    counts: dict[str, int] = {}
    for number in range(size * 100):
        word = f"{number % 97}-{number % 13}"
        counts[word] = counts.get(word, 0) + 1


def _threads(size: int) -> None:
    workers = [threading.Thread(target=_loop, args=(size // 3,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def _sleep(size: int) -> None:
    time.sleep(size / 1e4)


def _comprehension(size: int) -> None:
    assert len([n * n for n in range(size * 300)]) == size * 300


_KINDS: list[Callable[[int], None]] = [
    _loop,
    _recursion,
    _deep,
    _generators,
    _objects,
    _exceptions,
    _words,
    _threads,
    _sleep,
    _comprehension,
]


@pytest.mark.parametrize("number", range(int(os.environ.get("TESTS", "1000"))))
def test_pure_python(number: int) -> None:
    """Some milliseconds of bytecode."""
    _KINDS[number % len(_KINDS)](random.Random(number).randint(5, 60))
