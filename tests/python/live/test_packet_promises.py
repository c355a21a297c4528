"""The guarantees for a camera's samples hold downstream of the camera and of its packets."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.rtsp import RtspServer
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from support import WATCHDOG, Push, until

import freshframe as ff
from freshframe._cli.mcp import Eyes
from freshframe._cli.top import Target

AHEAD = 3600.0  # seconds by which the camera's clock is ahead
OUTPUTS = ["frames", "packets"]


def output(camera: ff.Port[Any], name: str) -> ff.Port[Any]:
    return camera.packets if name == "packets" else camera


@contextlib.contextmanager
def camera_ahead() -> Iterator[str]:
    """Runs an RTSP camera that often reports a clock that is an hour ahead."""
    manners, lies = Manners(report_interval=0.25), Lies(clock_ahead=AHEAD)
    with TruthServer(film(Shape()), fps=20.0, manners=manners, lies=lies) as server:
        yield server.url


def is_ahead(utc: float | None) -> bool:
    return utc is not None and abs(utc - time.time() - AHEAD) < AHEAD / 2


@pytest.mark.parametrize("name", OUTPUTS)
def test_utc_is_by_the_cameras_clock(name: str) -> None:
    with camera_ahead() as url:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(url, **PATIENT), name="door")
        reader = pipeline.reader(output(camera, name))
        with pipeline:
            for _ in range(200):
                sample = reader.get(WATCHDOG)
                if sample.utc_from == "camera":
                    break
            assert sample.utc_from == "camera"
            assert is_ahead(sample.utc)
            assert sample.utc_error < math.inf


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_segment_and_a_view_have_the_cameras_clock(tmp_path: Path, name: str) -> None:
    segments: list[ff.types.Segment] = []
    enough = threading.Event()

    def note(segment: ff.types.Segment) -> None:
        segments.append(segment)
        if segment.utc_from == "camera":
            enough.set()

    look = ff.Look(every=0)
    with camera_ahead() as url:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(url, **PATIENT), name="door")
        file = ff.VideoFile(tmp_path / "a_%d.mkv", segment_every=1, on_segment=note)
        pipeline.add(file, output(camera, name))
        pipeline.add(look, output(camera, name))
        with pipeline:
            assert enough.wait(WATCHDOG)
            view = look.now()
    assert is_ahead(segments[-1].first_utc)
    assert view.utc_from == "camera"
    assert is_ahead(view.utc)


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("drain", [False, True])
def test_a_merge_waits_for_another_camera(name: str, drain: bool) -> None:
    seen = []

    class Merge(ff.Node[Any, None]):
        def process(self, sample: ff.Sample[Any], /) -> None:
            seen.append(sample.source)

    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        pipeline.add(Push(), name="other")
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        port = pipeline.add(Merge(), [output(camera, name)], name="merge")
        with pipeline:
            until(lambda: seen, "a sample")
            books = pipeline.remove(camera, drain=drain)
            assert books is not None
            assert "door" in books.nodes
            assert ("door.packets" in books.nodes) == (name == "packets")
            gate = pipeline.add(ff.open(server.url, **PATIENT), name="gate")
            pipeline.connect(port, output(gate, name))
            until(lambda: seen[-1].startswith("gate"), "a sample of the other camera")


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_merge_outlasts_a_camera_that_fails(name: str) -> None:
    seen = []

    class Merge(ff.Node[Any, None]):
        def process(self, sample: ff.Sample[Any], /) -> None:
            seen.append(sample.source)

    with RtspServer(clip("h264")) as other, contextlib.ExitStack() as fails:
        server = fails.enter_context(RtspServer(clip("h264")))
        pipeline = ff.Pipeline()
        pipeline.add(Push(), name="other")
        door = pipeline.add(ff.open(server.url, reconnect=False, **PATIENT), name="door", on_error="remove")
        port = pipeline.add(Merge(), [output(door, name)], name="merge")
        with pipeline:
            until(lambda: seen, "a sample")
            fails.close()
            until(lambda: set(pipeline.stats().nodes) == {"other", "merge"}, "the camera has gone")
            gate = pipeline.add(ff.open(other.url, **PATIENT), name="gate")
            pipeline.connect(port, output(gate, name))
            until(lambda: seen[-1].startswith("gate"), "a sample of the other camera")
    (failure,) = pipeline.run().failures
    assert "'door'" in failure


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_agent_learns_the_rate_and_the_state_of_a_camera(name: str) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        look = ff.Look(every=0)
        pipeline.add(look, output(camera, name), name="past")
        with pipeline.serve(look=look) as dashboard, pipeline:
            eyes = Eyes(Target.parse(dashboard.url), 5)

            def sources() -> Any:
                return json.loads(eyes.cameras())["sources"]

            wanted = [("door", "reading", True)]  # packets before the first keyframe count, too
            until(
                lambda: [(each["name"], each["state"], each["fps"] > 0) for each in sources()] == wanted,
                lambda: str(sources()),
            )


MAKERS: dict[str, Callable[[Path], Any]] = {
    "Look": lambda _: ff.Look(),
    "VideoFile": lambda folder: ff.VideoFile(folder / "a.mkv"),
    "ClipRecorder": lambda _: ff.ClipRecorder(),
    "Publish": lambda _: ff.Publish("udp://127.0.0.1:9"),
}


@pytest.mark.parametrize("first", OUTPUTS)
@pytest.mark.parametrize("is_running", [False, True])
@pytest.mark.parametrize("maker", MAKERS)
def test_an_add_that_fails_changes_nothing(tmp_path: Path, maker: str, is_running: bool, first: str) -> None:
    pipeline = ff.Pipeline(keep_running=True)
    camera = pipeline.add(ff.open("rtsp://127.0.0.1:9/x", **PATIENT), name="door")
    with pipeline if is_running else contextlib.nullcontext():
        node = MAKERS[maker](tmp_path)
        second = "frames" if first == "packets" else "packets"
        with pytest.raises(ff.GraphError, match="'door' is taken"):
            pipeline.add(node, output(camera, first), name="door")
        assert pipeline.add(node, output(camera, second), name="sink").node is node


def test_a_join_of_packets_says_what_to_join() -> None:
    def both(one: object, other: object) -> object:
        return one, other

    pipeline = ff.Pipeline()
    door, gate = (pipeline.add(ff.open("rtsp://127.0.0.1:9/x", **PATIENT), name=n) for n in ("door", "gate"))
    join, said = ff.Join(max_wait=0.5, within=0.5), "joins packets.*: join the frames"
    for others in (gate.packets, gate):
        with pytest.raises(ff.GraphError, match=said):
            pipeline.add(both, [door.packets, others], join=join)
        with pytest.raises(ff.GraphError, match=said):
            pipeline.reader([door.packets, others], join=join)
