"""Clips of a camera's packets at random times: each starts at a keyframe, has the requested length, and is
bit-exact.

./dev test --full saves a thousand.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rigs.live.camera import PATIENT
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.pictures.units import split
from rigs.live.truth.rtsp.server import TruthServer
from support import WATCHDOG, until

import freshframe as ff

av = pytest.importorskip("av", reason="needs PyAV, which reads the packets of files")

FPS = 60.0
BEFORE, AFTER = 0.5, 0.2  # seconds of a clip
SHAPES = {
    "h264": Shape("h264"),
    "h264-slices": Shape("h264", slices=4),
    "h264-b": Shape("h264", b_frames=2),
}
SLICES = (1, 5)  # types of NAL units with image data; containers modify the others


def slices(units: list[bytes]) -> tuple[bytes, ...]:
    return tuple(unit.rstrip(b"\0") for unit in units if unit[0] & 31 in SLICES)


def units_of(data: bytes, *, lengths: bool) -> list[bytes]:
    """Returns the NAL units in a file."""
    found = []
    while lengths and data:
        size = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found or list(split(data))


class Seen(NamedTuple):
    """A packet that the camera sent."""

    pts: float
    key: bool
    slices: tuple[bytes, ...]


class Clip(NamedTuple):
    """A clip that was requested."""

    path: Path
    at: float


class Collect(ff.Node[ff.types.Packet, None]):
    """Keeps the content of every packet."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def process(self, sample: ff.Sample[ff.types.Packet], /) -> None:
        packet = sample.value
        self.seen.append(Seen(sample.pts, packet.is_keyframe, slices(list(split(bytes(packet.data))))))


def pictures_of(path: Path) -> tuple[list[tuple[bytes, ...]], list[float]]:
    """Returns the images of a clip in decoding order, and their presentation times in seconds."""
    with av.open(path) as container:
        stream: Any = container.streams.video[0]
        lengths = (stream.codec_context.extradata or b"")[:1] == b"\1"
        packets = [packet for packet in container.demux(stream) if packet.size]
        return (
            [slices(units_of(bytes(packet), lengths=lengths)) for packet in packets],
            [float(packet.pts * packet.time_base) for packet in packets],
        )


def check(clip: Clip, seen: list[Seen], sent: set[tuple[bytes, ...]]) -> None:
    """Checks that the clip consists of consecutive packets of the camera, starting at the last keyframe
    before its time.

    On a busy machine save() may be called after the oldest packets were discarded. The clip may then start
    later, but never after the time of the event.
    """
    pictures, times = pictures_of(clip.path)
    keys = [n for n, one in enumerate(seen) if one.key]
    begin = max(n for n in keys if seen[n].pts <= clip.at - BEFORE)
    while seen[begin].slices != pictures[0]:
        begin = keys[keys.index(begin) + 1]
    assert seen[begin].pts <= clip.at
    expected = seen[begin : begin + len(pictures)]
    assert pictures == [one.slices for one in expected]
    assert set(pictures) <= sent
    shown = [one.pts - expected[0].pts for one in expected]
    assert times == pytest.approx([time + times[0] for time in shown], abs=0.002)
    assert max(one.pts for one in expected) >= clip.at + AFTER - 1.5 / FPS


def save_clips(shown: Film, count: int, folder: Path) -> None:
    """Saves `count` clips of random moments, from now on or shortly before, some at the same time."""
    chance = random.Random(count)
    sent = {slices(list(picture.units)) for picture in shown.pictures}
    with TruthServer(shown, fps=FPS) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        recorder = ff.ClipRecorder(before=BEFORE, after=AFTER)
        collect = Collect()
        pipeline.add(recorder, camera.packets)
        pipeline.add(collect, camera.packets)
        reader = pipeline.reader(camera.packets)
        with pipeline:
            first = reader.get(WATCHDOG).pts
            clips: list[Clip] = []
            while len(clips) < count:
                now = reader.get(WATCHDOG).pts
                if now < first + 2 * BEFORE or chance.random() > 0.3:
                    continue
                at = now + chance.uniform(0, 0.3)
                path = folder / f"{len(clips)}.{chance.choice(['mp4', 'mkv', 'mov'])}"
                recorder.save(path, pts=at)
                clips.append(Clip(path, at))
            until(lambda: not recorder.writing, lambda: f"{recorder.writing} do not end")
            assert pipeline.stats().nodes["door"].processed == 0
            drops = [node.drops for node in pipeline.stats().nodes.values()]
        assert not any(drops), drops
    for clip in clips:
        check(clip, collect.seen, sent)
        clip.path.unlink()


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_clips_at_random_moments_have_what_the_camera_sent(shape: Shape, tmp_path: Path) -> None:
    save_clips(film(shape), 7, tmp_path)


@pytest.mark.full
@pytest.mark.timeout(600)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_thousand_clips_have_what_the_camera_sent(shape: Shape, tmp_path: Path) -> None:
    for number in range(7):
        folder = tmp_path / str(number)
        folder.mkdir()
        save_clips(film(shape), 48, folder)
