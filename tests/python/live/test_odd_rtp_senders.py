"""Every image of an RTP sender arrives whole and once, whatever its timestamps, markers and packets."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from typing import Any

import pytest
from rigs.live.camera import Camera
from rigs.live.odd_sender import FPS, MARKS, STAMPS, STEP, Odd, OddServer, scrambled
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.pictures.number import read_number
from rigs.live.truth.pictures.units import Codec, pieces

import freshframe as ff

# A machine that stalls for longer than the source keeps undecoded packets makes it drop some.
pytestmark = pytest.mark.repeats
COUNT = 60
CODECS: tuple[Codec, ...] = ("h264", "h265", "mpeg4", "mjpeg", "vp8", "vp9")
# Timestamps with correct ticks, so that pts has their intervals to the microsecond.
EXACT = ("good", "wrapping")
# Timestamps that are recognised as invalid immediately, not only after three seconds.
UNTIMED = ("all-0", "all-the-same", "per-second", "per-group", "in-pairs", "two-in-turn", "random")


def number_in(frame: ff.Frame) -> int | None:
    """Returns the number painted into a frame, or None if it is torn."""
    luma = frame.luma
    height, width = luma.shape
    return read_number(luma.tobytes(), width, height, width)


def receive(odd: Odd, shape: Shape, wanted: int = COUNT) -> list[ff.Sample[ff.Frame]]:
    """Returns the first frames that arrive from this sender."""
    with OddServer(film(shape), odd) as server:
        options = {"rtsp": "own"}
        with Camera(server.url, options=options, reconnect=False, queue=ff.Queue(256)) as camera:
            try:
                return camera.read(wanted)
            except ff.SourceTimeoutError as error:
                raise AssertionError(f"fewer than {wanted} frames arrived: {camera.stats}") from error


def shape_of(codec: Codec, **changes: Any) -> Shape:
    return Shape(codec, count=COUNT, **changes)


def check(odd: Odd, shape: Shape) -> list[ff.Sample[ff.Frame]]:
    """Checks that every image arrives, in order, with timestamps that increase roughly as they were sent."""
    samples = receive(odd, shape)
    assert [number_in(sample.frame) for sample in samples] == list(range(COUNT))
    times = [sample.pts for sample in samples]
    assert times == sorted(times)
    return samples


@pytest.mark.table(cases=6)
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("marks", ["last", "never", "always"])
@pytest.mark.parametrize("stamps", STAMPS)
def test_images_end_whatever_the_timestamps(stamps: str, marks: str, codec: Codec) -> None:
    samples = check(Odd(stamp=STAMPS[stamps], marked=MARKS[marks]), shape_of(codec))
    steps = [after.pts - before.pts for before, after in itertools.pairwise(samples)]
    if stamps in EXACT:
        assert steps == pytest.approx([1 / FPS] * (COUNT - 1), abs=1e-4)
    elif stamps in UNTIMED:
        assert samples[-1].pts - samples[0].pts > 0.5 * COUNT / FPS


@pytest.mark.table(cases=4)
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("marks", MARKS)
def test_no_image_is_lost_or_torn_for_long_by_wrong_markers(marks: str, codec: Codec) -> None:
    # Such markers are right for some images, then one is torn. VP8 and VP9 lose the images up to the next
    # keyframe.
    torn = marks in ("second", "random")
    samples = receive(Odd(marked=MARKS[marks]), shape_of(codec), COUNT - 12 if torn else COUNT)
    numbers = [number_in(each.frame) for each in samples]
    if torn:
        numbers = numbers[24:]
        assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))
    else:
        assert numbers == list(range(COUNT))


DELIMITER = {"h264": b"\x09\xf0", "h265": b"\x46\x01\x50"}
MESSAGE = {"h264": b"\x06\x05\x04abcd\x80", "h265": b"\x4e\x01\x05\x04abcd\x80"}
SUFFIX = {"h264": b"\x0c\xff\xff\x80", "h265": b"\x50\x01\x05\x04abcd\x80"}  # filler, a suffix message


def sets_of(codec: Codec) -> list[bytes]:
    return list(film(shape_of(codec, slices=4)).parameter_sets.values())


def slices_of(units: tuple[bytes, ...], codec: Codec) -> list[bytes]:
    sets = film(shape_of(codec, slices=4)).parameter_sets.values()
    return [unit for unit in units if unit not in sets]


def turned(units: tuple[bytes, ...], codec: Codec) -> list[bytes]:
    """Returns the slices in reverse order, after the parameter sets."""
    slices = slices_of(units, codec)
    return [unit for unit in units if unit not in slices] + slices[::-1]


Arrangement = Callable[[tuple[bytes, ...], Codec], list[bytes]]
ARRANGEMENTS: dict[str, Arrangement] = {
    "usual": lambda units, _: list(units),
    "a-delimiter-first": lambda units, codec: [DELIMITER[codec], *units],
    "a-delimiter-last": lambda units, codec: [*units, DELIMITER[codec]],
    "a-message-first": lambda units, codec: [MESSAGE[codec], *units],
    "a-message-last": lambda units, codec: [*units, MESSAGE[codec]],
    "filler-last": lambda units, codec: [*units, SUFFIX[codec]],
    "sets-before-each-image": lambda units, codec: [*sets_of(codec), *slices_of(units, codec)],
    "sets-after-each-image": lambda units, codec: [*units, *sets_of(codec)],
    "sets-before-each-slice": lambda units, codec: [
        unit for each in slices_of(units, codec) for unit in (*sets_of(codec), each)
    ],
    "messages-between-slices": lambda units, codec: (
        [unit for each in slices_of(units, codec) for unit in (MESSAGE[codec], each)]
        if len(units) == len(slices_of(units, codec))
        else list(units)
    ),
}


@pytest.mark.table(cases=6)
@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.parametrize("marks", ["last", "never", "always"])
@pytest.mark.parametrize("stamps", ["good", "all-the-same", "per-packet"])
@pytest.mark.parametrize("arrangement", ARRANGEMENTS)
def test_images_of_several_slices_end_whatever_lies_between(
    arrangement: str, stamps: str, marks: str, codec: Codec
) -> None:
    arrange = ARRANGEMENTS[arrangement]
    odd = Odd(stamp=STAMPS[stamps], marked=MARKS[marks], units=lambda units, _: arrange(units, codec))
    check(odd, shape_of(codec, slices=4))


def aggregate(units: list[bytes], _: int) -> list[bytes]:
    """Returns one STAP-A per image."""
    return [b"\x78" + b"".join(struct.pack(">H", len(unit)) + unit for unit in units)]


@pytest.mark.parametrize("stamps", ["good", "all-the-same", "random"])
@pytest.mark.parametrize("marks", ["last", "never"])
def test_images_in_one_packet_each_are_told_apart(marks: str, stamps: str) -> None:
    check(
        Odd(stamp=STAMPS[stamps], marked=MARKS[marks], cut=aggregate),
        shape_of("h264", bit_rate=200_000),
    )


@pytest.mark.parametrize("marks", ["last", "never"])
@pytest.mark.parametrize("stamps", ["good", "all-the-same"])
def test_slices_in_any_order_belong_to_one_image(stamps: str, marks: str) -> None:
    odd = Odd(stamp=STAMPS[stamps], marked=MARKS[marks], units=lambda units, _: turned(units, "h264"))
    samples = receive(odd, shape_of("h264", slices=4), wanted=COUNT - 1)
    assert samples[-1].seq < COUNT  # a torn image would count as two


def in_order_sent(number: int, _: int) -> int:
    return 4321 + STEP * number


@pytest.mark.parametrize("marks", ["last", "never"])
@pytest.mark.parametrize("stamps", ["as-sent", "all-the-same", "random"])
def test_images_with_b_frames_are_shown_in_order(stamps: str, marks: str) -> None:
    stamp = {"as-sent": in_order_sent, "all-the-same": STAMPS["all-the-same"], "random": scrambled}[stamps]
    samples = receive(
        Odd(stamp=stamp, marked=MARKS[marks]), shape_of("h264", b_frames=2, key_interval=15), COUNT - 3
    )
    assert [number_in(sample.frame) for sample in samples] == list(range(COUNT - 3))
    times = [sample.pts for sample in samples]
    assert times == sorted(times)


@pytest.mark.parametrize("sent", [True, False], ids=["lost", "never-sent"])
def test_a_jpeg_without_its_first_fragment_is_a_lost_image(sent: bool) -> None:
    def without_first(units: list[bytes], number: int) -> list[bytes]:
        made = [piece.data for unit in units for piece in pieces(unit, "mjpeg")]
        return made if sent or number % 10 != 5 else made[1:]

    odd = Odd(cut=without_first, lost=lambda number, at: sent and number % 10 == 5 and at == 0)
    samples = receive(odd, shape_of("mjpeg"), COUNT - 10)
    expected = [number for number in range(COUNT) if number % 10 != 5]
    assert [number_in(sample.frame) for sample in samples] == expected[: len(samples)]
    assert not any(sample.frame.damaged for sample in samples)


@pytest.mark.parametrize("options", [{}, {"rtsp": "own"}], ids=["any-client", "own"])
def test_a_codec_that_rtsp_does_not_read_is_named(options: dict[str, str]) -> None:
    class Other(OddServer):
        def _sdp(self) -> str:
            return super()._sdp().replace("JPEG/", "X-LATER/")

    with (
        Other(film(shape_of("mjpeg")), Odd()) as server,
        pytest.raises(ff.SourceError, match="X-LATER"),
        Camera(server.url, options=options, reconnect=False, open_timeout=5.0) as camera,
    ):
        camera.read(1)
