"""Changes of the graph at a camera whose packets are taken."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.rtsp import RtspServer
from support import WATCHDOG, until

import freshframe as ff

pytestmark = pytest.mark.takes(10)


def test_a_camera_is_replaced_when_its_packets_have_gone() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        kept = camera.of(camera)
        packets = camera.packets
        with pipeline.start():
            with pytest.raises(ff.GraphError, match="its packets are taken, too"):
                pipeline.replace(camera, ff.open(server.url, **PATIENT))
            with pytest.raises(ff.GraphError, match="it is an output of its camera"):
                pipeline.replace(packets, ff.open(server.url, **PATIENT))
            pipeline.remove(packets)
            pipeline.replace(camera, ff.open(server.url, **PATIENT))
            assert kept.packets is camera.packets
            reader = pipeline.reader(kept.packets)
            assert reader.get(WATCHDOG).value.data


def test_a_publisher_of_packets_is_replaced_by_another() -> None:
    with RtspServer(clip("h264")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        camera = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        sent = pipeline.add(ff.Publish("udp://127.0.0.1:9"), camera.packets, name="sent")
        with pipeline.start():
            pipeline.replace(sent, new := ff.Publish("udp://127.0.0.1:9"))
            until(lambda: new.stats().sent, lambda: "nothing was sent")
            assert sent.node is new


def test_a_signals_handler_may_change_the_graph_while_a_change_settles() -> None:
    source = ff.open("rtsp://127.0.0.1:1/x")
    source._packet_port = object()
    looks: list[int] = []

    class Interrupted:
        """An engine whose stats() a signal interrupts, whose handler changes the graph."""

        started = True

        def node_name(self, index: int) -> str:
            return "door"

        def stats(self) -> Any:
            looks.append(1)
            if len(looks) == 1:
                source._settle(self, 0)  # type: ignore[arg-type]
            return SimpleNamespace(edges=[])

    source._settle(Interrupted(), 0)  # type: ignore[arg-type]
    assert len(looks) == 2  # the newest graph decides
