"""Formats that a node or a reader loop uses are prepared for the next frame before Python gets the GIL."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support import Push, run_node

import freshframe as ff

SIZE = 64 * 48
I420 = SIZE * 3 // 2


def frames(count: int) -> list[ff.Frame]:
    return [ff.Frame.from_array(np.zeros((72, 64), np.uint8), "i420") for _ in range(count)]


class Asker(ff.Node[ff.Frame, int]):
    """Emits the number of bytes that each frame has on arrival, then calls `asks`."""

    def __init__(self, asks: Callable[[ff.Frame, int], object]) -> None:
        self.asks = asks

    def process(self, sample: ff.Sample[ff.Frame]) -> int:
        came = sample.value._nbytes()
        self.asks(sample.value, sample.seq)
        return came


def sizes(asks: Callable[[ff.Frame, int], object], count: int = 4) -> list[int]:
    return [s.value for s in run_node(Asker(asks), frames(count))]


@pytest.mark.parametrize(
    ("asks", "more"),
    [
        (lambda frame: frame.bgr, 3 * SIZE),
        (lambda frame: frame.rgb, 3 * SIZE),
        (lambda frame: frame.to("gray"), SIZE),
        (lambda frame: frame.copy("bgr"), 3 * SIZE),
        (lambda frame: (frame.bgr, frame.rgb), 6 * SIZE),
        (lambda frame: frame.luma, 0),
        (lambda frame: frame.planes, 0),
    ],
    ids=["bgr", "rgb", "to", "copy", "two formats", "luma", "planes"],
)
def test_what_a_node_asked_for_is_made_of_its_next_frame(
    asks: Callable[[ff.Frame], object], more: int
) -> None:
    first, *later = sizes(lambda frame, _: asks(frame))
    assert all(size - first >= more for size in later), "it was not made ahead"
    assert all(size - first < more + SIZE for size in later), "more was made than was asked for"


def test_a_node_that_no_longer_asks_gets_its_frames_as_they_are() -> None:
    plain, made, *later = sizes(lambda frame, seq: frame.bgr if seq == 0 else None)
    assert made > plain
    assert later == [plain] * 2


def test_what_cannot_be_made_ahead_is_refused_when_it_is_asked_for() -> None:
    # A subsampled image of odd size has no packed array.
    odd = [ff.Frame.from_array(np.zeros((49, 65), np.uint8), "gray").to("i420") for _ in range(3)]

    def packed(frame: ff.Frame) -> str:
        with pytest.raises(ff.FreshframeError):
            _ = frame.array
        return frame.format

    assert [s.value for s in run_node(packed, odd)] == ["i420"] * 3


class Readers:
    """Two readers that wait for frames pushed by the test."""

    def __init__(self) -> None:
        self.source = Push()
        self.pipeline = ff.Pipeline()
        port = self.pipeline.add(self.source)
        self.one = self.pipeline.reader(port, queue=ff.NEXT)
        self.other = self.pipeline.reader(port, queue=ff.NEXT)
        self.pushed = 0

    def get(self, reader: ff.Reader[ff.Frame]) -> ff.Frame:
        """Returns a frame that was pushed while the reader was waiting for it. Its luma is its number."""
        while True:
            self.pushed += 1
            self.source.push(ff.Frame.from_array(np.full((72, 64), self.pushed, np.uint8), "i420"))
            try:
                return reader.get(timeout=0.1).value
            except ff.ReadTimeoutError:
                pass  # the frame arrived before the reader was waiting


def test_what_a_readers_loop_asked_for_is_made_of_its_next_frame() -> None:
    readers = Readers()
    with readers.pipeline:
        first = readers.get(readers.one)
        plain = first._nbytes()
        _ = first.bgr
        second = readers.get(readers.one)
        assert second._nbytes() >= plain + 3 * SIZE
        third = readers.get(readers.one)
        assert third._nbytes() == plain


def test_a_format_of_one_readers_frame_is_not_made_for_another() -> None:
    readers = Readers()
    with readers.pipeline:
        first = readers.get(readers.one)
        plain = first._nbytes()
        _ = first.bgr
        frame = readers.get(readers.other)
        while frame.luma[0, 0] == first.luma[0, 0]:  # it had already been sent to this reader, too
            frame = readers.get(readers.other)
        assert frame._nbytes() == plain
