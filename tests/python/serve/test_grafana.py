"""The dashboard for Grafana asks for metrics that exist."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

from fleet_rigs import builds as fleet_builds
from rigs.live.camera import PATIENT, clip
from rigs.live.servers import TcpServer
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from support import WATCHDOG, until

import freshframe as ff

DOCS = Path(__file__).parents[3] / "docs"
BOARD = json.loads((DOCS / "grafana.json").read_text(encoding="utf-8"))
FLEET = json.loads((DOCS / "grafana-fleet.json").read_text(encoding="utf-8"))


def test_every_metric_and_label_of_the_board_is_served() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x64"), name="camera")
    pipeline.reader(pipeline.add(lambda frame: frame.width, camera))
    other = pipeline.add(ff.open("demo:circles?fps=30&size=64x64"), name="other")
    pipeline.add(lambda one, two: None, (camera, other), join=ff.Join(within=0.1, max_wait=0.2))
    dashboard = pipeline.serve()
    # Only a stream with timestamps can be behind, and only one with sender reports has a clock.
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
    check(BOARD, text)


def test_every_metric_and_label_of_the_fleets_board_is_served() -> None:
    with ff.fleet.Fleet() as fleet, fleet.serve() as page:
        fleet.add("gate", "demo:circles?fps=30&size=64x64", fleet_builds.demo)
        with fleet.reader("circles"):
            until(lambda: b"camera_result_age_seconds{" in metrics(page), "a result of the camera")
            check(FLEET, metrics(page).decode())


def metrics(page: Any) -> bytes:
    body: bytes = urllib.request.urlopen(f"{page.url}metrics").read()
    return body


def check(board: Any, text: str) -> None:
    served = {
        name: set(re.findall(r'(\w+)="', labels)) for name, labels in re.findall(r"^(\w+){(.*)} ", text, re.M)
    }
    targets = [target for panel in board["panels"] for target in panel["targets"]]
    assert len(targets) > 10
    for target in targets:
        names = re.findall(r"freshframe_\w+", target["expr"])
        assert names
        for name in names:
            assert name in served
        for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
            assert label in served[names[0]], target
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
