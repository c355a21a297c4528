"""camera.packets: a camera's encoded stream, in Python and in files."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import logging
from pathlib import Path
from typing import Any

import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.media import encode
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer
from support import WATCHDOG, until

import freshframe as ff


@pytest.mark.slow
def test_packets_are_recorded_without_decoding(tmp_path: Path) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        assert camera.packets is camera.packets
        assert camera.packets.name == "door.packets"
        pipeline.add(ff.VideoFile(tmp_path / "a_%d.mp4", segment_every=1), camera.packets)
        with pipeline:
            until((tmp_path / "a_2.mp4").exists, lambda: "no second segment")
            stats = pipeline.stats()
        assert stats.nodes["door"].processed == 0
        source = stats.nodes["door"].source
        assert source is not None
        assert source.state == "reading"
        assert stats.nodes["door.packets"].processed > 0
    pts = [sample.pts for sample in ff.stream(ff.open(tmp_path / "a_1.mp4"))]
    assert len(pts) > 5
    assert pts[0] == 0


@pytest.mark.slow
def test_packets_are_asked_for_again_when_their_port_was_removed(tmp_path: Path) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        with pipeline:
            camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
            for number in range(3):
                port = camera.packets
                assert port is camera.packets
                pipeline.add(ff.VideoFile(tmp_path / f"{number}.mkv"), port, name="file")
                until(lambda: pipeline.stats().nodes["file"].processed > 15, lambda: "no packets")
                pipeline.remove(port)
                assert "door.packets" not in pipeline.stats().nodes
            packets = pipeline.reader(camera.packets)
            assert packets.get(WATCHDOG).value.is_keyframe
            pipeline.remove(camera)
            with pytest.raises(ff.GraphError, match="'door' was removed"):
                _ = camera.packets
    for number in range(3):
        frames = [
            (sample.pts, sample.value.damaged) for sample in ff.stream(ff.open(tmp_path / f"{number}.mkv"))
        ]
        assert len(frames) > 10
        assert frames[0][0] == 0
        assert frames[-1][0] < 0.2 * WATCHDOG
        assert not any(damaged for _, damaged in frames)


def test_packets_and_frames_of_one_picture_have_the_same_times() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT))
        frames = pipeline.reader(camera, queue=ff.Queue(300, "drop_newest"))
        packets = pipeline.reader(camera.packets)
        with pipeline:
            seen = {sample.pts: sample.captured for sample in (frames.get(WATCHDOG) for _ in range(20))}
            sent = [packets.get(WATCHDOG) for _ in range(20)]
    first = sent[0].value
    assert first.is_keyframe
    assert first.codec == "h264"
    assert first.format == "annexb"
    assert first.size == (160, 120)
    assert len(first.extradata) > 0
    assert bytes(first.data)[:3] in (b"\0\0\0", b"\0\0\1")
    assert first.data.readonly
    assert len(first) == len(first.data)
    assert {sample.pts: sample.captured for sample in sent} == seen


def packets_of(url: str, count: int) -> list[ff.types.Packet]:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(url, **PATIENT)).packets)
    with pipeline:
        return [reader.get(WATCHDOG).value for _ in range(count)]


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize(("container", "form"), [("mpegts", "annexb"), ("matroska", "avcc")])
def test_annexb_makes_a_file_of_packets_that_decodes(
    tmp_path: Path, codec: str, container: str, form: str
) -> None:
    with TcpServer(encode(container, 120, codec=codec)) as server:
        packets = packets_of(server.url, 30)
    assert {packet.format for packet in packets} == {form}
    path = tmp_path / f"a.{packets[0].codec}"
    path.write_bytes(b"".join(packet.annexb() for packet in packets))
    frames = [sample.value for sample in ff.stream(ff.open(path))]
    assert len(frames) == 30
    assert not any(frame.damaged for frame in frames)
    assert (frames[0].width, frames[0].height) == (160, 120)


def test_annexb_of_another_codec_is_refused() -> None:
    with HttpServer(clip("mjpeg")) as server:
        packet = packets_of(server.url, 1)[0]
    with pytest.raises(ff.OptionError, match=r"needs an h264 or hevc packet, got a packet of mjpeg"):
        packet.annexb()


@pytest.mark.slow
@pytest.mark.parametrize("later", ["frames", "packets"])
def test_an_output_that_is_asked_for_later_has_the_times_of_the_other(later: str) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT))
        wide = ff.Queue(300, "drop_newest")
        first: ff.Reader[Any] = (
            pipeline.reader(camera.packets) if later == "frames" else pipeline.reader(camera, queue=wide)
        )
        with pipeline:
            times = {}
            for _ in range(40):
                sample = first.get(WATCHDOG)
                times[sample.captured] = sample.pts
            second: ff.Reader[Any] = (
                pipeline.reader(camera, queue=wide) if later == "frames" else pipeline.reader(camera.packets)
            )
            found = [second.get(WATCHDOG) for _ in range(20)]
            while max(times) < found[-1].captured:
                sample = first.get(WATCHDOG)
                times[sample.captured] = sample.pts
    assert found[0].pts > 1
    assert {sample.captured: sample.pts for sample in found}.items() <= times.items()


def look_at(packet: ff.types.Packet) -> int:
    return len(packet)


def test_what_would_damage_packets_is_refused(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("rtsp://127.0.0.1:9/a"))
    with pytest.raises(ff.GraphError, match="LATEST would drop packets"):
        pipeline.add(look_at, camera.packets, queue=ff.LATEST)
    with pytest.raises(ff.GraphError, match="max_rate"):
        pipeline.reader(camera.packets, max_rate=5)
    with pytest.raises(ff.GraphError, match="max_age"):
        pipeline.add(ff.VideoFile(tmp_path / "a.mp4"), camera.packets, max_age=1)
    with pytest.raises(ff.GraphError, match="takes Frame"):
        pipeline.add(ff.CircleDetector(), camera.packets)  # type: ignore[misc]
    with pytest.raises(ff.GraphError, match="worker processes"):
        pipeline.add(look_at, camera.packets, process=True)
    for url in ("demo:circles", str(tmp_path / "a.mp4")):
        with pytest.raises(ff.GraphError, match="has no packets"):
            _ = pipeline.add(ff.open(url)).packets
    with pytest.raises(ff.GraphError, match="has no packets"):
        _ = pipeline.add(ff.CircleDetector(), camera).packets


def test_what_means_nothing_below_packets_is_refused(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("rtsp://127.0.0.1:9/a", **PATIENT), name="door")
    nodes: dict[str, list[Any]] = {
        "codec": [
            ff.VideoFile(tmp_path / "a.mp4", codec="h264"),
            ff.ClipRecorder(codec="h264"),
            ff.Publish("rtsp://127.0.0.1:9/b", codec="h264"),
        ],
        "crf": [ff.VideoFile(tmp_path / "a.mp4", crf=30), ff.ClipRecorder(crf=30)],
        "preset": [ff.VideoFile(tmp_path / "a.mp4", preset="slow")],
        "fps": [ff.VideoFile(tmp_path / "a.mp4", fps=25)],
        "every": [ff.VideoFile(tmp_path / "a.mp4", every=2)],
        "keyframe_every": [ff.Publish("rtsp://127.0.0.1:9/b", keyframe_every=1)],
        "options": [ff.Publish("rtsp://127.0.0.1:9/b", options={"tune": "film"})],
    }
    for option, given in nodes.items():
        for node in given:
            with pytest.raises(ff.OptionError, match=f"encodes nothing: leave {option} out, or use"):
                pipeline.add(node, camera.packets)
            pipeline.add(node, camera)
    recorder = ff.VideoFile(tmp_path / "a.mp4", options={"preset": "slow"})
    with pytest.raises(ff.OptionError, match="its container has no option 'preset'"):
        pipeline.add(recorder, camera.packets)
    pipeline.add(ff.VideoFile(tmp_path / "b.mp4", options={"movflags": "frag_keyframe"}), camera.packets)


def test_a_file_that_cannot_be_made_is_an_error_of_the_start(tmp_path: Path) -> None:
    for path in (tmp_path / "no" / "a.mp4", tmp_path / "no" / "a_%d.mp4"):
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open("rtsp://127.0.0.1:9/a", **PATIENT), name="door")
        segment = 5.0 if "%d" in path.name else None
        pipeline.add(ff.VideoFile(path, segment_every=segment), camera.packets)
        with pytest.raises(ff.NodeError, match=rf"no such file.*create the folder '{tmp_path / 'no'}' first"):
            pipeline.start()


def test_the_file_of_a_camera_that_never_comes_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old.mp4").write_bytes(b"old")
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("rtsp://127.0.0.1:9/a", **PATIENT), name="door")
    pipeline.add(ff.VideoFile(tmp_path / "old.mp4"), camera.packets)
    pipeline.add(ff.VideoFile(tmp_path / "new.mp4"), camera.packets)
    with pipeline:
        assert not (tmp_path / "new.mp4").exists()
    assert (tmp_path / "old.mp4").read_bytes() == b"old"
    assert not (tmp_path / "new.mp4").exists()


def test_packets_have_no_latest() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(ff.open(server.url, **PATIENT), name="door").packets)
        with pipeline:
            with pytest.raises(
                ff.GraphError, match=r"a packet of 'door.packets' means nothing without the packets before it"
            ):
                reader.latest()
            assert reader.get(WATCHDOG).value.is_keyframe


@pytest.mark.slow
def test_clips_of_packets_are_written_without_decoding(tmp_path: Path) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        clips = ff.ClipRecorder(before=0.5, after=0.5)
        pipeline.add(clips, camera.packets)
        with pipeline:
            until(lambda: pipeline.stats().nodes["door.packets"].processed > 30, lambda: "no packets")
            with pytest.raises(ff.OptionError, match=r"\.mp4, \.mov, \.mkv or \.webm"):
                clips.save(tmp_path / "a.ts")
            with pytest.raises(ff.FreshframeError, match="cannot store the camera's h264"):
                clips.save(tmp_path / "a.webm")
            clips.save(tmp_path / "a.mp4")
            until(lambda: not clips.writing, lambda: "the clip does not end")
            assert pipeline.stats().nodes["door"].processed == 0
    pts = [sample.pts for sample in ff.stream(ff.open(tmp_path / "a.mp4"))]
    assert pts[0] == 0
    assert pts[-1] >= 0.9


@pytest.mark.slow
def test_a_camera_sleeps_and_wakes(tmp_path: Path) -> None:
    with RtspServer(clip("h264")) as server:  # a keyframe each 10
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, decode="keyframes", **PATIENT), name="door")
        reader = pipeline.reader(camera, queue=ff.Queue(300, "drop_newest"))
        pipeline.add(ff.VideoFile(tmp_path / "a.mkv"), camera.packets)
        with pipeline:
            asleep = [reader.get(WATCHDOG).seq for _ in range(4)]
            camera.wake(WATCHDOG)
            awake = [reader.get(WATCHDOG).seq for _ in range(20)]
            # Packets are counted after they were passed on.
            until(
                lambda: pipeline.stats().nodes["door.packets"].processed >= awake[-1],
                lambda: "packets that were decoded are recorded",
            )
            not_decoded = pipeline.stats().nodes["door"].drops["not_decoded"]
            pipeline.remove(camera)
            with pytest.raises(ff.StateError, match="cannot wake 'door': it was removed"):
                camera.wake(1)
    with pytest.raises(ff.StateError, match="cannot wake 'door': its pipeline has ended"):
        camera.wake(1)
    assert [seq % 10 for seq in asleep] == [0, 0, 0, 0]
    assert [b - a for a, b in zip(awake[-15:], awake[-14:], strict=False)] == [1] * 14
    assert awake == sorted(set(awake))
    assert not_decoded >= 27


def take(frame: ff.Frame) -> None:
    """Nothing more."""


@pytest.mark.slow
def test_intra_refresh_is_a_warning_and_cuts_no_recording(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="freshframe")
    # Parts of images are refreshed, instead of keyframes.
    parts = encode("h264", options={"g": "5", "intra-refresh": "1"})
    with RtspServer(parts) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(
            ff.open(server.url, decode="keyframes", **PATIENT | {"read_timeout": 1}), name="door"
        )
        packets = pipeline.reader(camera.packets)
        pipeline.add(take, camera)
        with pipeline:
            sent = [packets.get(WATCHDOG) for _ in range(150)]  # 5 seconds
            stats = pipeline.stats().nodes["door"]
    assert sum(sample.value.is_keyframe for sample in sent) > 20
    assert max(b.pts - a.pts for a, b in itertools.pairwise(sent)) < 0.3
    assert stats.source is not None
    assert (stats.source.outages, stats.source.last_error) == (0, None)
    assert stats.processed <= 1
    warnings = [
        record for record in caplog.records if "cannot be decoded by themselves" in record.getMessage()
    ]
    assert len(warnings) == 1


def test_what_cannot_sleep_is_refused(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    with pytest.raises(ff.OptionError, match='decode must be "all" or "keyframes", got "some"'):
        ff.open("rtsp://127.0.0.1:9/a", decode="some")  # type: ignore[arg-type]
    with pytest.raises(ff.OptionError, match='decode="keyframes" is for live network streams'):
        ff.open(tmp_path / "a.mp4", decode="keyframes")
    awake = pipeline.add(ff.open("rtsp://127.0.0.1:9/a"))
    with pytest.raises(ff.GraphError, match="does not sleep"):
        awake.wake(1)
    with pytest.raises(ff.GraphError, match="does not sleep"):
        pipeline.add(ff.CircleDetector(), awake).wake(1)
    camera = pipeline.add(ff.open("rtsp://127.0.0.1:9/a", decode="keyframes"))
    with pytest.raises(ff.OptionError, match="needs either"):
        camera.wake()
    with pytest.raises(ff.OptionError, match="at most 86400"):
        camera.wake(-1)
    camera.wake(1)
    camera.wake(pts=5)
