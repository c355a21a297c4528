"""Makes films with PyAV: images with a number in front of noise, so that each needs several packets."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import fractions
import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from rigs.live.truth.pictures.film import Film, Picture
from rigs.live.truth.pictures.number import BLACK, WHITE, cells, make_bits
from rigs.live.truth.pictures.units import WHOLE, Codec, split

av = pytest.importorskip("av", reason="needs PyAV, which encodes the pictures of the truth server")

ENCODERS = {
    "h264": "libx264",
    "h265": "libx265",
    "mjpeg": "mjpeg",
    "mpeg4": "mpeg4",
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
}
RATE = 30  # frame rate for the encoder's rate control; a server can send the images at any rate
NOISE = 24  # difference between the darkest and the brightest level


@dataclass(frozen=True)
class Shape:
    """The parameters of a film.

    Attributes:
        codec: Name of the codec. With "mjpeg", all images are keyframes.
        count: Number of images.
        size: Width and height in pixels.
        key_interval: Number of images from one keyframe to the next.
        slices: Number of slices per image.
        b_frames: Number of B-frames between two other frames.
        bit_rate: Bits per second, at RATE images per second.
    """

    codec: Codec = "h264"
    count: int = 120
    size: tuple[int, int] = (320, 180)
    key_interval: int = 12
    slices: int = 1
    b_frames: int = 0
    bit_rate: int = 1_500_000


def luma(number: int, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Picture `number`."""
    width, height = size
    pixels = np.empty((height, width), np.int16)
    bits = make_bits(number)
    for bit, left, top, right, bottom in cells(width, height):
        pixels[top:bottom, left:right] = WHITE if bits[bit] else BLACK
    shift = number * 4 % width
    return (pixels + _noise(size)[:, shift : shift + width]).astype(np.uint8)


@functools.cache
def _noise(size: tuple[int, int]) -> npt.NDArray[np.int16]:
    width, height = size
    coarse = np.random.default_rng(1).integers(0, NOISE, (height // 4 + 1, width // 2 + 1), dtype=np.int16)
    return np.kron(coarse, np.ones((4, 4), np.int16))[:height, : 2 * width] - NOISE // 2


@functools.cache
def film(shape: Shape) -> Film:
    """Encodes the film. The result is cached for the process."""
    width, height = shape.size
    coder = av.CodecContext.create(ENCODERS[shape.codec], "w")
    pixels = "yuvj420p" if shape.codec == "mjpeg" else "yuv420p"
    coder.width, coder.height, coder.pix_fmt = width, height, pixels
    coder.framerate, coder.time_base = fractions.Fraction(RATE), fractions.Fraction(1, RATE)
    coder.bit_rate = shape.bit_rate
    coder.options = _options(shape)
    packets: list[Any] = []
    for number in range(shape.count):
        grey = np.full((height // 2, width), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.vstack((luma(number, shape.size), grey)), format=pixels)
        frame.pts, frame.time_base = number, coder.time_base
        packets += coder.encode(frame)
    packets += coder.encode(None)
    pictures = tuple(Picture(packet.pts, _units(bytes(packet), shape.codec)) for packet in packets)
    assert sorted(one.number for one in pictures) == list(range(shape.count))
    return Film.of(shape.codec, shape.size, pictures)


def _units(packet: bytes, codec: Codec) -> tuple[bytes, ...]:
    return (packet,) if codec in WHOLE else tuple(split(packet))


def _options(shape: Shape) -> dict[str, str]:
    """Returns options that disable threads, look-ahead and scene cuts, and repeat the parameter sets in each
    keyframe.
    """
    if shape.codec == "mjpeg":
        # RTP does not carry Huffman tables, and the packetizer does not support restart markers.
        return {"huffman": "default", "threads": "1"}
    if shape.codec == "mpeg4":
        return {"threads": "1", "g": str(shape.key_interval), "bf": str(shape.b_frames)}
    if shape.codec in ("vp8", "vp9"):
        return {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": str(shape.key_interval)}
    keys = (
        f"keyint={shape.key_interval}:min-keyint={shape.key_interval}:scenecut=0:open-gop=0:repeat-headers=1"
    )
    order = f"bframes={shape.b_frames}:b-adapt=0"
    if shape.codec == "h265":  # the encoder produces slices only with wavefronts
        params = f"log-level=none:frame-threads=1:slices={shape.slices}:{keys}:{order}"
        options = {"preset": "ultrafast", "x265-params": params}
    else:
        params = f"threads=1:sliced-threads=0:slices={shape.slices}:{keys}:{order}"
        options = {"preset": "ultrafast", "x264-params": params}
    return options if shape.b_frames else options | {"tune": "zerolatency"}
