"""Nodes with batch= that run in worker processes of the tests."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np

import freshframe as ff


def double_all(values: list[int]) -> list[int | Exception | None]:
    """Returns None for 5, and an exception for 7."""
    return [None if v == 5 else ValueError("seven") if v == 7 else 2 * v for v in values]


def sizes(values: list[Any]) -> list[tuple[int, int]]:
    return [(os.getpid(), len(values))] * len(values)


def inverted_all(frames: list[ff.Frame]) -> list[ff.Frame]:
    return [ff.Frame.from_array(255 - frame.luma, "gray") for frame in frames]


def same_all(frames: list[ff.Frame]) -> list[ff.Frame]:
    return frames


def large_all(values: list[int]) -> list[Any]:
    return [np.full(60_000, value, np.float64) for value in values]


def too_few(values: list[int]) -> list[int]:
    return values[1:]


def raises(values: list[int]) -> list[int]:
    raise KeyError("all of them")


def dies_on_twelve(values: list[int]) -> list[int]:
    if 12 in values:
        os.kill(os.getpid(), signal.SIGKILL)
    return values


class Sums(ff.Node[int, int]):
    """Adds the number of samples that it has seen before."""

    def open(self) -> None:
        self.seen = 0

    def process_batch(self, samples: list[ff.Sample[int]]) -> list[int]:
        results = [sample.value + self.seen for sample in samples]
        self.seen += len(samples)
        return results
