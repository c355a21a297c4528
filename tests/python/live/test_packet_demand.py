"""A camera whose packets are taken decodes while its frames are taken: by a node, a reader, a viewer."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.rtsp import RtspServer
from rigs.web_client import Live
from support import WATCHDOG, until

import freshframe as ff

pytestmark = pytest.mark.takes(20)


def _decoded(pipeline: ff.Pipeline) -> int:
    return pipeline.stats().nodes["door"].processed


def _rests(pipeline: ff.Pipeline) -> None:
    """Waits until half a second of packets has come without a frame."""

    def comes() -> bool:
        frames, packets = _decoded(pipeline), pipeline.stats().nodes["door.packets"].processed
        until(
            lambda: pipeline.stats().nodes["door.packets"].processed >= packets + 15,
            lambda: "no packets",
        )
        return _decoded(pipeline) == frames

    until(comes, lambda: "the camera goes on decoding without a consumer")


def take(frame: ff.Frame) -> None:
    """Nothing more."""


def _take(packet: ff.Packet) -> None:
    """Nothing more."""


def test_cameras_decode_while_a_consumer_takes_frames(tmp_path: Path) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        with pipeline.start():
            camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
            until(lambda: _decoded(pipeline) > 0, lambda: "a camera without packets is decoded")
            pipeline.add(ff.VideoFile(tmp_path / "a.mkv"), camera.packets)
            _rests(pipeline)
            keys: set[float] = set()
            pipeline.add(Keys(keys), camera.packets)
            merge: ff.Port[None] = pipeline.add(take, [], name="merge")
            for _ in range(2):
                seen: list[ff.Sample[ff.Frame]] = []
                node = pipeline.add(Seen(seen), camera)
                until(lambda: len(seen) > 20, lambda: "no frames")  # noqa: B023  (within this round)
                pipeline.remove(node)
                assert not any(sample.value.damaged for sample in seen)
                assert seen[0].pts in keys  # not behind a gap
                _rests(pipeline)
            reader = pipeline.reader(camera)
            reader.get(WATCHDOG)
            pipeline.remove(reader)
            _rests(pipeline)
            reader = pipeline.reader(camera)
            reader.get(WATCHDOG)
            reader.close()
            _rests(pipeline)  # without another change
            pipeline.connect(camera, merge)
            until(lambda: pipeline.stats().nodes["merge"].processed > 5, lambda: "no frames")
            pipeline.disconnect(camera, merge)
            _rests(pipeline)
            with pytest.raises(ff.NodeError):
                pipeline.add(Refuses(), camera)
            _rests(pipeline)


class Seen(ff.Node[ff.Frame, None]):
    """Keeps its first samples."""

    def __init__(self, seen: list[ff.Sample[ff.Frame]]) -> None:
        self._seen = seen

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        if len(self._seen) < 22:
            self._seen.append(sample)


class Keys(ff.Node[ff.Packet, None]):
    """Notes the times of key pictures."""

    def __init__(self, keys: set[float]) -> None:
        self._keys = keys

    def process(self, sample: ff.Sample[ff.Packet], /) -> None:
        if sample.value.key:
            self._keys.add(sample.pts)


class Refuses(ff.Node[ff.Frame, None]):
    """Cannot open."""

    def open(self) -> None:
        raise OSError

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        """Never comes."""


@pytest.mark.parametrize("decode", ["all", "keys"])
def test_a_camera_decodes_while_a_page_has_a_viewer(decode: Any) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, decode=decode, **PATIENT), name="door")
        pipeline.add(_take, camera.packets)
        page = pipeline.serve(port=0)
        with pipeline.start():
            _rests(pipeline)  # no browser has opened the page
            for _ in range(2):
                with Live(page.url) as viewer:
                    viewer.send({"view": ["door"], "width": 640})
                    shown = [viewer.next("picture")[0]["seq"] for _ in range(4)]
                assert shown == sorted(set(shown))
                _rests(pipeline)
