"""The Grafana dashboards query metrics that exist."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import urllib.request

from rigs.grafana import board, check
from rigs.live.camera import PATIENT, clip
from rigs.live.servers import TcpServer
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from support import WATCHDOG, until

import freshframe as ff


def test_every_metric_and_label_of_the_board_is_served() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x64"), name="camera")
    pipeline.reader(pipeline.add(lambda frame: frame.width, camera))
    other = pipeline.add(ff.open("demo:circles?fps=30&size=64x64"), name="other")
    pipeline.add(lambda one, two: None, (camera, other), join=ff.Join(within=0.1, max_wait=0.2))
    dashboard = pipeline.serve()
    # Only a stream with timestamps has a lag, and only one with sender reports has a clock.
    with (
        TcpServer(clip("mpegts")) as server,
        TruthServer(film(Shape()), fps=30, manners=Manners(report_interval=0.25)) as truth,
    ):
        stream = pipeline.reader(pipeline.add(ff.open(server.url, **PATIENT)))
        clock = pipeline.add(ff.open(truth.url, **PATIENT), name="clock")
        pipeline.reader(clock, queue=ff.LATEST)
        pipeline.start()
        stream.get(timeout=WATCHDOG)
        until(lambda: (source := pipeline.stats().nodes["clock"].source) and source.clock, "a report")
        text = urllib.request.urlopen(f"{dashboard.url}metrics").read().decode()
        pipeline.stop()
    check(board("grafana.json"), text)
