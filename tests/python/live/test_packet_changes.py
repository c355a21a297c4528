"""Changes of the graph at a camera whose packets are used."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.rtsp import RtspServer
from rigs.publishing import counts
from rigs.web_client import request
from support import WATCHDOG, at_once, until

import freshframe as ff
from freshframe._graph.port import find_place


def test_a_camera_is_replaced_when_its_packets_have_gone() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        kept = camera.of(camera)
        packets = camera.packets
        with pipeline:
            with pytest.raises(ff.GraphError, match="its packets are also used"):
                pipeline.replace(camera, ff.open(server.url, **PATIENT))
            with pytest.raises(ff.GraphError, match="it is an output of its camera"):
                pipeline.replace(packets, ff.open(server.url, **PATIENT))
            pipeline.remove(packets)
            pipeline.replace(camera, ff.open(server.url, **PATIENT))
            assert kept.packets is camera.packets
            reader = pipeline.reader(kept.packets)
            assert reader.get(WATCHDOG).value.data


def test_threads_that_ask_for_the_packets_at_once_get_one_port() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        with pipeline:
            camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
            for _ in range(5):
                got = at_once(*[lambda: camera.packets] * 4)
                assert got == [camera.packets] * 4
                pipeline.remove(camera.packets)


def test_a_camera_that_is_being_replaced_gives_the_packets_of_the_new_one() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        with pipeline:
            camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
            place, new = find_place(camera), ff.open(server.url, **PATIENT)
            got: list[Any] = []
            asking = threading.Event()

            class Asked:
                """Replaces the lock of the camera's node, and reports when another thread wants it."""

                def __enter__(self) -> None:
                    asking.set()
                    lock.acquire()

                def __exit__(self, *exception: object) -> None:
                    lock.release()

            lock = place.changing
            place.changing = Asked()  # type: ignore[assignment]
            with lock:
                thread = threading.Thread(target=lambda: got.append(camera.packets))
                thread.start()
                assert asking.wait(WATCHDOG)
                pipeline.replace(camera, new)
            thread.join(WATCHDOG)
            assert camera.node is new
            assert pipeline.reader(got[0]).get(WATCHDOG).value.data


def test_the_packets_of_a_camera_that_is_removed_meanwhile_go_with_it() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        with pipeline:
            source = ff.open(server.url, **PATIENT)
            camera = pipeline.add(source, name="door")
            make = source._packets

            def remove_and_make() -> Any:
                packets = make()
                pipeline.remove(camera)
                return packets

            source._packets = remove_and_make  # type: ignore[method-assign]
            with pytest.raises(ff.GraphError, match="'door' was removed, and its packets with it"):
                camera.packets  # noqa: B018
            assert not pipeline.stats().nodes


def test_the_last_statistics_of_a_camera_have_what_was_below_its_packets(tmp_path: Path) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        pipeline.add(ff.VideoFile(tmp_path / "a.mkv"), camera.packets, name="file")
        with pipeline:
            until(lambda: pipeline.stats().nodes["file"].processed > 2, "three packets")
            gone = pipeline.remove(camera)
            removed = pipeline.stats().removed
        assert gone is not None
        assert set(gone.nodes) == {"door", "door.packets", "file"}
        assert [(edge.parent, edge.child) for edge in gone.edges] == [("door.packets", "file")]
        assert removed.passed_in == gone.edges[0].passed_in > 2


def test_a_pipeline_that_ends_with_its_only_camera_tells_the_statistics_of_what_was_removed() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        assert camera.packets.name == "door.packets"
        with pipeline:
            gone = pipeline.remove(camera)
        assert gone is not None
        assert set(gone.nodes) == {"door", "door.packets"}


def test_a_merge_loses_no_packets_of_a_camera_that_is_connected_later() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        first = pipeline.add(ff.open(server.url, **PATIENT), name="first")
        second = pipeline.add(ff.open(server.url, **PATIENT), name="second")
        merge: ff.Port[None] = pipeline.add(lambda packet: None, [first.packets], name="merge")
        with pytest.raises(ff.GraphError, match="'merge' takes packets, and"):
            pipeline.connect(merge, second.packets, queue=ff.LATEST)
        with pipeline:
            pipeline.connect(merge, second.packets)
            queues = {edge.parent: edge.queue for edge in pipeline.stats().edges}
        assert queues == {"first.packets": ff.RECORDING, "second.packets": ff.RECORDING}


def test_packets_go_with_a_camera_whose_removal_takes_longer(tmp_path: Path) -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        with pipeline:
            camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
            pipeline.add(ff.VideoFile(tmp_path / "a.mkv"), camera.packets)
            with contextlib.suppress(ff.StopTimeoutError):
                pipeline.remove(camera, timeout=0)
            until(lambda: not pipeline.stats().nodes, lambda: f"still there: {pipeline.stats()}")


def test_a_publisher_of_packets_is_replaced_by_another() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        sent = pipeline.add(ff.Publish("udp://127.0.0.1:9"), camera.packets, name="sent")
        with pipeline:
            pipeline.replace(sent, new := ff.Publish("udp://127.0.0.1:9"))
            until(lambda: counts(pipeline).sent, lambda: "nothing was sent")
            assert sent.node is new


def test_the_state_says_whose_packets_these_are() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        pipeline.add(lambda packet: None, camera.packets, name="seen")
        pipeline.add(ff.open("demo:circles"), name="window.packets")
        with pipeline, pipeline.serve(port=0) as dashboard:
            nodes = {node["name"]: node for node in request(dashboard.url, "/api/state").json()["nodes"]}
        assert {name: node["packets_of"] for name, node in nodes.items()} == {
            "door": None,
            "door.packets": "door",
            "seen": None,
            "window.packets": None,
        }


def test_packets_of_a_name_that_is_taken_are_refused() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("rtsp://127.0.0.1:9/a"), name="door")
    pipeline.add(ff.open("demo:circles"), name="door.packets")
    with pytest.raises(ff.GraphError, match=r"the name 'door\.packets' is taken"):
        camera.packets  # noqa: B018
