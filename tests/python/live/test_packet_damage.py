"""Packet loss: lost packets are marked and counted the same, whether images are decoded or not.

The truth server omits packets, the same in every run.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from rigs.live.camera import PATIENT
from rigs.live.truth.log import Sent
from rigs.live.truth.network import Network
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.judge import harmed_places, lost_between
from rigs.live.truth.rtsp.server import TruthServer
from support import WATCHDOG, until

import freshframe as ff

FPS = 60.0
LOSSY = range(8, 180)  # pictures
LAST = 200
SMALL = Shape("h264", bit_rate=300_000)  # many images of a single packet


def begins_slice(packet: bytes) -> bool:
    """Returns True if an RTP packet with H.264 has a whole slice, or the first part of one."""
    kind, of_part = packet[12] & 31, packet[13] & 31
    return kind in range(1, 6) or (kind == 28 and packet[13] & 0x80 != 0 and of_part in range(1, 6))


@dataclass(frozen=True)
class Lossy(Network):
    """Loses packets only of the images in LOSSY.

    Attributes:
        gone: Images of which no slice arrives from its start.
    """

    lose: float = 0.05
    gone: set[int] = field(default_factory=set)

    def arriving(self, packets: list[bytes], picture: int, count: int) -> list[bytes]:
        """Returns the packets without the lost ones."""
        if picture not in LOSSY:
            return packets
        kept = super().arriving(packets, picture, count)
        if not any(begins_slice(packet) for packet in kept):
            self.gone.add(picture)
        return kept


class Read(NamedTuple):
    """A camera's counts and marks after all of LOSSY.

    Attributes:
        samples: Its packets.
        stats: Statistics of the camera's node.
        sent: The server's own counts.
        gone: Images of which no slice arrived from its start.
    """

    samples: list[ff.Sample[ff.types.Packet]]
    stats: ff.stats.NodeStats
    sent: list[Sent]
    gone: set[int]

    @property
    def lost(self) -> int:
        """Pictures."""
        return self.stats.drops.get("lost", 0)

    @property
    def source(self) -> ff.stats.SourceStats:
        """The camera's statistics."""
        assert self.stats.source is not None
        return self.stats.source

    def place(self, sample: ff.Sample[ff.types.Packet]) -> int:
        """Returns the image's index in display order."""
        return round((sample.pts - self.samples[0].pts) * FPS)


def nothing(frame: ff.Frame) -> None:
    """Accepts a frame, and does nothing."""


def read(shape: Shape, transport: dict[str, str], how: str, *, recorder: ff.VideoFile | None = None) -> Read:
    """Reads packets.

    `how`: "packets", "keys" (only keyframes are decoded), "all", or "changing" (decoded now and then).
    """
    network = Lossy()
    with TruthServer(film(shape), fps=FPS, network=network) as server:
        pipeline = ff.Pipeline(keep_running=True)
        decode: Literal["keyframes", "all"] = "keyframes" if how == "keys" else "all"
        camera = pipeline.add(ff.open(server.url, decode=decode, options=transport, **PATIENT), name="door")
        packets = pipeline.reader(camera.packets)
        if recorder is not None:
            pipeline.add(recorder, camera.packets)
        if how in ("keys", "all"):
            pipeline.add(nothing, camera)
        samples: list[ff.Sample[ff.types.Packet]] = []
        node: ff.Port[Any] | None = None
        with pipeline:
            while not samples or (samples[-1].pts - samples[0].pts) * FPS < LAST:
                samples.append(packets.get(WATCHDOG))
                if how == "changing" and len(samples) % 40 == 20:
                    node = pipeline.add(nothing, camera)
                elif node is not None and len(samples) % 40 == 0:
                    pipeline.remove(node)
            until(
                lambda: how == "packets" or pipeline.stats().nodes["door"].processed > 1,
                lambda: "no frames",
            )
            stats = pipeline.stats().nodes["door"]
            return Read(samples, stats, server.log.all(), network.gone)


@pytest.mark.table
@pytest.mark.parametrize("shape", [SMALL, Shape("h264", slices=4), Shape("h265")], ids=str)
def test_packets_behind_a_loss_have_a_mark(shape: Shape, transport: dict[str, str]) -> None:
    seen = read(shape, transport, "packets")
    came = {seen.place(sample) for sample in seen.samples}
    marked = {seen.place(sample) for sample in seen.samples if sample.damaged}
    most = harmed_places(seen.sent, film(shape))
    # A keyframe that has lost only its parameter sets is whole, because they are known.
    keys = {seen.place(sample) for sample in seen.samples if sample.value.is_keyframe}
    but_keys = [one._replace(lost=0) if one.place in keys else one for one in seen.sent]
    assert harmed_places(but_keys, film(shape)) & came <= marked <= most
    assert len(marked) > 5
    assert [sample.damaged for sample in seen.samples] == [sample.value.damaged for sample in seen.samples]
    assert seen.source.damaged == len(marked)
    # Each has a unit from its start on, so each is in a file.
    assert all(bytes(sample.value.data[:4]) == b"\0\0\0\1" for sample in seen.samples)


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("how", ["keys", "all", "changing"])
def test_lost_pictures_are_counted_the_same_with_and_without_a_decoder(
    how: str, transport: dict[str, str]
) -> None:
    alone, beside = read(SMALL, transport, "packets"), read(SMALL, transport, how)
    vanished = len(alone.gone)
    assert vanished > sum(one.lost == one.packets for one in alone.sent if one.place < LAST)
    assert alone.stats.processed == 0
    assert beside.stats.processed > 0
    assert alone.lost == beside.lost == vanished > 0
    assert alone.source.packets_lost == lost_between(alone.sent, 0, LAST) == beside.source.packets_lost
    assert [sample.damaged for sample in alone.samples] == [sample.damaged for sample in beside.samples]


def test_segments_say_how_many_of_their_pictures_are_damaged(tmp_path: Path) -> None:
    segments: list[ff.types.Segment] = []
    recorder = ff.VideoFile(tmp_path / "a_%d.mkv", segment_every=1, on_segment=segments.append)
    seen = read(SMALL, {"rtsp_transport": "tcp"}, "packets", recorder=recorder)
    until(lambda: len(segments) > 3, lambda: "no segments")
    for segment in segments:
        inside = [one for one in seen.samples if segment.first_pts <= one.pts <= segment.last_pts]
        if inside[-1].pts < seen.samples[-1].pts:
            assert segment.damaged == sum(one.damaged for one in inside)
    assert any(segment.damaged for segment in segments)
