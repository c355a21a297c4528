"""A clip on the fake GPU, and the counters of a pipeline that reads it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from support import Gate, check_books, until

import freshframe as ff
from rigs.card import Card
from rigs.watchdog import LONG_WATCHDOG

WIDTH, HEIGHT = 320, 240
HOST_BYTES = WIDTH * HEIGHT * 3 // 2
CARD_BYTES = 512 * HEIGHT * 3 // 2  # rows of a multiple of 256 bytes


def frames_of(
    path: Path, *, on_device: bool = True, decoder: str = "cuda", **options: Any
) -> tuple[list[ff.Frame], ff.Pipeline]:
    pipeline = ff.Pipeline()
    opened = ff.open(path, decoder=decoder, on_device=on_device, **options)
    reader = pipeline.reader(pipeline.add(opened, name="film"))
    with pipeline:
        frames = [sample.frame for sample in reader]
    check_books(pipeline)
    return frames, pipeline


@contextmanager
def lazy_frames_of(path: Path, card: Card) -> Iterator[list[ff.Frame]]:
    """Yields the first eight frames of a clip. With the fault `lazy`, they are copied when somebody needs
    them.

    The decoder stays open until the block ends, because closing it frees memory, which waits for all copies.
    The end of the clip waits for them as well, so these are fewer than half of its frames.
    """
    pipeline = ff.Pipeline()
    reader = pipeline.reader(
        pipeline.add(ff.open(path, decoder="cuda", on_device=True, loop=True), name="film")
    )
    card.fault("lazy")
    with pipeline:
        frames = [reader.get(timeout=LONG_WATCHDOG).frame for _ in range(8)]
        assert card.count("decoders") == 1
        yield frames
    card.fault()
    check_books(pipeline)


def pictures_of(path: Path) -> list[npt.NDArray[np.uint8]]:
    frames, _ = frames_of(path, on_device=False, decoder="cpu")
    return [frame.rgb for frame in frames]


def downloads(pipeline: ff.Pipeline, name: str = "film") -> int:
    source = pipeline.stats().nodes[name].source
    assert source is not None
    return source.downloads


def same(frames: list[ff.Frame], wanted: list[npt.NDArray[np.uint8]]) -> bool:
    return all(np.array_equal(a.rgb, b) for a, b in zip(frames, wanted, strict=True))


def planes_of(frame: ff.Frame) -> tuple[Any, Any]:
    planes = frame.on_device
    assert planes is not None
    return planes


def sum_of(frame: ff.Frame) -> int:
    return int(frame.rgb.astype(np.int64).sum())


def lose_pictures(film: Path, card: Card, step: Any, **options: Any) -> ff.stats.NodeStats:
    """Makes the GPU fail after frames have arrived and before a step reads them.

    Every frame that the step does not pass on counts as dropped by it.
    """
    gate = Gate()
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(film, decoder="auto", on_device=True), name="film")

    def wait(frame: ff.Frame) -> ff.Frame:
        gate.enter()
        return frame

    waited = pipeline.add(wait, camera)
    reader = pipeline.reader(pipeline.add(step, waited, name="reads", **options))
    with pipeline:
        until(lambda: pipeline.stats().nodes["film"].processed > 3, "pictures on the card")
        card.fault("lost:0")
        gate.open()
        seen = len(list(reader))
    card.fault()
    node = pipeline.stats().nodes["reads"]
    assert set(node.drops) == {"device"}
    assert seen + node.drops["device"] == pipeline.stats().nodes["film"].processed
    check_books(pipeline)
    return node
