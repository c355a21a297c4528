"""Truncated images over RTSP: each one that is not marked as damaged has exactly the right pixels."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from rigs.live.camera import PATIENT
from rigs.live.truth.network import Network
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.watch import find_number
from rigs.live.truth.rtsp.server import TruthServer
from support import WATCHDOG

import freshframe as ff

av = pytest.importorskip("av", reason="needs PyAV, which decodes the pictures without loss")

FPS = 60.0
GROUP = 6  # images from one keyframe to the next
SHAPES = {
    "h264": Shape("h264", key_interval=GROUP, bit_rate=3_000_000),
    "h264-slices": Shape("h264", key_interval=GROUP, slices=4, bit_rate=3_000_000),
    "h264-b": Shape("h264", key_interval=GROUP, b_frames=2, bit_rate=3_000_000),
    "h265": Shape("h265", key_interval=GROUP, bit_rate=3_000_000),
}


@dataclass(frozen=True)
class Cut(Network):
    """Loses the last packet of every n-th image."""

    each: int = 1  # images from one cut to the next
    place: int = 0  # place of the cut among them
    cuts: list[int] = field(default_factory=list)  # numbers of the images cut so far

    def arriving(self, packets: list[bytes], picture: int, count: int) -> list[bytes]:
        """Returns the packets that arrive: for a cut image, all except the last."""
        if picture < GROUP or picture % self.each != self.place or len(packets) < 2:
            return packets
        self.cuts.append(picture)
        return packets[:-1]


@functools.cache
def pixels(shape: Shape) -> dict[int, str]:
    """Returns the digest of the luma of each image, decoded without loss."""
    decoder: Any = av.CodecContext.create({"h265": "hevc"}.get(shape.codec, shape.codec), "r")
    decoder.thread_count = 1
    frames = []
    for picture in film(shape).pictures:
        frames += decoder.decode(av.Packet(b"".join(b"\0\0\0\1" + unit for unit in picture.units)))
    frames += decoder.decode(None)
    lumas = [frame.to_ndarray(format="yuv420p")[: shape.size[1]] for frame in frames]
    assert [find_number(luma) for luma in lumas] == list(range(shape.count))
    return {number: digest(luma) for number, luma in enumerate(lumas)}


def digest(luma: np.ndarray) -> str:
    return hashlib.md5(np.ascontiguousarray(luma).tobytes(), usedforsecurity=False).hexdigest()


@pytest.mark.slow
@pytest.mark.table(cases=4)
@pytest.mark.parametrize(
    ("name", "cut"),
    [
        *((name, Cut(each=GROUP, place=GROUP - 1)) for name in SHAPES),  # the last image before a keyframe
        *((name, Cut(each=7)) for name in SHAPES),  # each place of a group, in turn
        *(("h264-b", Cut(each=GROUP, place=place)) for place in (2, 3)),  # one that no other image refers to
    ],
    ids=lambda value: value if isinstance(value, str) else f"each-{value.each}-at-{value.place}",
)
def test_each_picture_without_a_mark_has_the_pixels_of_a_decoder_without_loss(name: str, cut: Cut) -> None:
    shape = SHAPES[name]
    expected = pixels(shape)
    pipeline = ff.Pipeline()
    with TruthServer(film(shape), fps=FPS, network=cut) as server:
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="camera")
        reader = pipeline.reader(camera, queue=ff.Queue(256, "drop_oldest"))
        with pipeline:
            samples = [reader.get(timeout=WATCHDOG) for _ in range(20 * GROUP)]
    whole = [(find_number(sample.value.luma), sample.value.luma) for sample in samples if not sample.damaged]
    assert cut.cuts
    assert len(whole) > len(samples) // 10
    assert [number for number, luma in whole if number is None or digest(luma) != expected[number]] == []


@pytest.mark.parametrize("place", [2, 3])  # one that no other image refers to
def test_a_cut_picture_of_a_camera_that_sleeps_counts_as_damaged_also_where_no_other_refers_to_it(
    place: int,
) -> None:
    shape = SHAPES["h264-b"]
    cut = Cut(each=GROUP, place=place)
    pipeline = ff.Pipeline()
    with TruthServer(film(shape), fps=FPS, network=cut) as server:
        camera = pipeline.add(ff.open(server.url, decode="keyframes", **PATIENT), name="camera")
        reader = pipeline.reader(camera, queue=ff.Queue(256, "drop_oldest"))
        with pipeline:
            for _ in range(6):
                reader.get(timeout=WATCHDOG)
            found = pipeline.stats().nodes["camera"].source
    assert found is not None
    assert found.damaged >= 3
