"""A camera whose packets are used decodes only while its frames are used: by a node, a reader, a viewer."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.media import encode, picture
from rigs.live.rtsp import RtspServer
from rigs.web_client import Video, request
from support import WATCHDOG, until

import freshframe as ff


def _decoded(pipeline: ff.Pipeline) -> int:
    return pipeline.stats().nodes["door"].processed


def _rests(pipeline: ff.Pipeline) -> None:
    """Waits until half a second of packets has arrived without a frame."""

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


def _take(packet: ff.types.Packet) -> None:
    """Nothing more."""


def test_cameras_decode_while_a_consumer_takes_frames(tmp_path: Path) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        with pipeline:
            camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
            until(lambda: _decoded(pipeline) > 0, lambda: "a camera without packets is decoded")
            pipeline.add(ff.VideoFile(tmp_path / "a.mkv"), camera.packets)
            _rests(pipeline)
            keys: set[float] = set()
            pipeline.add(Keys(keys), camera.packets)
            merge: ff.Port[None] = pipeline.add(take, [], name="merge")
            for _ in range(2):
                seen: list[ff.Sample[ff.Frame]] = []
                # So that even a busy machine does not drop any.
                node = pipeline.add(Seen(seen), camera, queue=ff.Queue(256))
                until(lambda: len(seen) > 20, lambda: "no frames")  # noqa: B023  (within this round)
                pipeline.remove(node)
                assert not any(sample.value.damaged for sample in seen)
                assert seen[0].pts in keys  # not after a gap
                _rests(pipeline)
            reader = pipeline.reader(camera)
            reader.get(WATCHDOG)
            reader.close()
            _rests(pipeline)
            reader = pipeline.reader(camera)
            reader.get(WATCHDOG)
            reader.close()
            _rests(pipeline)  # without another change
            pipeline.connect(merge, camera)
            until(lambda: pipeline.stats().nodes["merge"].processed > 5, lambda: "no frames")
            pipeline.disconnect(merge, camera)
            _rests(pipeline)
            with pytest.raises(ff.NodeError):
                pipeline.add(Refuses(), camera)
            _rests(pipeline)


def _camera(pipeline: ff.Pipeline) -> ff.stats.SourceStats:
    source = pipeline.stats().nodes["door"].source
    assert source is not None
    return source


@pytest.mark.slow
def test_a_camera_that_is_only_shown_is_not_decoded_and_has_its_figures() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, frozen_after=None, **PATIENT), name="door")
        page = pipeline.serve(port=0, view=camera)
        with pipeline:
            with Video(page.url) as viewer:
                viewer.watch("door")
                assert [viewer.next("picture").elapsed for _ in range(90)]
            until(lambda: _camera(pipeline).clock is not None, lambda: "no clock")
            assert _decoded(pipeline) == 0
            until(lambda: _camera(pipeline).undecoded >= 90, lambda: "a camera without figures")
            shown = _camera(pipeline)
            assert shown.state == "reading"
            state = request(page.url, "/api/state").json()["nodes"][0]
            assert state["source"]["undecoded_rate"] > 0
            assert state["rate"] == 0
            assert "freshframe_source_undecoded_total" in request(page.url, "/metrics").text
            until(lambda: _camera(pipeline).undecoded > 200, lambda: "no packets")  # for more than 5 s
            assert request(page.url, "/healthz").status == 200
            assert request(page.url, "/api/state").json()["problems"] == []
            info = camera.node.info
            assert (info.width, info.height, info.pixel_format) == (160, 120, "yuv420p")
            before = _camera(pipeline).undecoded
            assert request(page.url, "/api/picture/door.jpg").body.startswith(b"\xff\xd8")
            assert _decoded(pipeline) > 0
            until(lambda: _camera(pipeline).undecoded > before + 60, lambda: "the camera goes on decoding")


@pytest.mark.slow
def test_a_viewer_of_jpegs_need_not_wait_for_the_next_key_picture() -> None:
    one_key = encode("h264", 1800, options={"g": "9999", "sc_threshold": "0"})
    with RtspServer(one_key) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, frozen_after=None, **PATIENT), name="door")
        page = pipeline.serve(port=0, view=camera)
        with pipeline:
            until(lambda: _camera(pipeline).undecoded > 30, lambda: "no packets")
            times: list[float] = []
            for _ in range(2):
                with Video(page.url) as viewer:
                    viewer.watch("door", mode="jpeg")
                    times += [viewer.next("jpeg").pts for _ in range(10)]
                before = _camera(pipeline).undecoded
                until(lambda: _camera(pipeline).undecoded > before + 30, lambda: "goes on")  # noqa: B023
            reader = pipeline.reader(camera)
            samples = [reader.get(WATCHDOG) for _ in range(10)]
            reader.close()
            assert not any(sample.value.damaged for sample in samples)
            times += [sample.pts for sample in samples]
            assert times == sorted(set(times))
            assert times[0] >= 1
            assert times[-1] < 59, "they are of the keyframe a minute later"
            assert pipeline.stats().nodes["door"].drops == {}


@pytest.mark.table
@pytest.mark.parametrize("decode", ["all", "keyframes"])
@pytest.mark.parametrize("level", [0, 7], ids=["flat", "still"])
def test_a_hung_camera_that_is_only_shown_is_told(decode: Any, level: int) -> None:
    def one(number: int, width: int, height: int) -> Any:
        return picture(7, width, height) if level else np.zeros((height, width, 3), np.uint8)

    told = "frozen" if level else "flat"  # this cannot be seen in the bytes of a packet
    with RtspServer(encode("h264", 300, draw=one)) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, frozen_after=3, decode=decode, **PATIENT), name="door")
        pipeline.serve(port=0, view=camera)
        with pipeline:
            until(lambda: _camera(pipeline).frozen == told, lambda: f"{told}: {_camera(pipeline)}")
            assert _decoded(pipeline) == 0


class Seen(ff.Node[ff.Frame, None]):
    """Keeps its first samples."""

    def __init__(self, seen: list[ff.Sample[ff.Frame]]) -> None:
        self._seen = seen

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        if len(self._seen) < 22:
            self._seen.append(sample)


class Keys(ff.Node[ff.types.Packet, None]):
    """Records the times of keyframes."""

    def __init__(self, keys: set[float]) -> None:
        self._keys = keys

    def process(self, sample: ff.Sample[ff.types.Packet], /) -> None:
        if sample.value.is_keyframe:
            self._keys.add(sample.pts)


class Refuses(ff.Node[ff.Frame, None]):
    """Cannot open."""

    def open(self) -> None:
        raise OSError

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        """Never comes."""


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize("decode", ["all", "keyframes"])
def test_a_camera_decodes_while_a_page_has_a_viewer(decode: Any) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, decode=decode, **PATIENT), name="door")
        pipeline.add(_take, camera.packets)
        page = pipeline.serve(port=0)
        with pipeline:
            _rests(pipeline)  # no browser has opened the page
            for _ in range(2):
                with Video(page.url) as viewer:
                    viewer.watch("door", mode="jpeg")
                    shown = [viewer.next("jpeg").pts for _ in range(4)]
                assert shown == sorted(set(shown))
                _rests(pipeline)
