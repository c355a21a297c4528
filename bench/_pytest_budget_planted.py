"""Tests that hold the GIL for known times, for bench/pytest_budget.py, which runs them under a budget.

Each writes what its call took into the file TRUTH: processor time, and of a sleep its length.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import json
import os
import random
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

_C = ctypes.PyDLL(None)
_TRUTH = open(os.environ["TRUTH"], "a", encoding="utf-8")  # noqa: SIM115
_PATTERN = re.compile(r"(?:(x+x+)+y)|q")
_UNIT = "x" * 11 + "z"


def _milliseconds_each(make: Callable[[int], Any], run: Callable[[Any], object]) -> float:
    """How much input keeps the call busy for a millisecond."""
    size = 64
    while True:
        given = make(size)
        began = time.thread_time()
        run(given)
        took = time.thread_time() - began
        if took > 0.02:
            return size / took / 1e3
        size *= 2


_MAKERS: dict[str, tuple[Callable[[int], Any], Callable[[Any], object]]] = {
    "re": (lambda size: _UNIT * size, _PATTERN.findall),
    "json": (lambda size: "[" + ",".join(["1.5"] * size) + "]", json.loads),
    "sorted": (lambda size: [random.random() for _ in range(size)], sorted),
    "crc": (lambda size: [b"x" * 4096] * size, lambda parts: list(map(__import__("zlib").crc32, parts))),
}
_RATES = {name: _milliseconds_each(*maker) for name, maker in _MAKERS.items()}


def _call(kind: str, length_ms: float) -> Callable[[], object]:
    if kind == "usleep":
        return lambda: _C.usleep(int(length_ms * 1000))
    make, run = _MAKERS[kind]
    given = make(int(_RATES[kind] * length_ms))
    return lambda: run(given)


_LENGTHS = [0.05 * step * step for step in range(11)] + [6, 7, 8, 9, 9.5, 10.5, 11, 12.2, 13, 14, 16, 18, 20]
_LENGTHS += [25, 30, 35, 40, 45, 50]
_CASES = [(kind, length) for length in _LENGTHS for kind in ("usleep", *_MAKERS)]
random.Random(1).shuffle(_CASES)


@pytest.mark.parametrize("turn", range(int(os.environ.get("TURNS", "2"))))
@pytest.mark.parametrize(("kind", "length_ms"), _CASES)
def test_hold(kind: str, length_ms: float, turn: int, request: pytest.FixtureRequest) -> None:
    """One hold between two moments without the GIL."""
    call = _call(kind, length_ms)
    time.sleep(0.005)
    processor, clock = time.thread_time(), time.perf_counter()
    call()
    took = {"wall": time.perf_counter() - clock, "cpu": time.thread_time() - processor}
    need = length_ms / 1e3 if kind == "usleep" else took["cpu"]
    _TRUTH.write(
        json.dumps({"test": request.node.nodeid, "kind": kind, "turn": turn, "need": need, **took}) + "\n"
    )
    _TRUTH.flush()
    del call
    time.sleep(0.002)
