"""The Grafana dashboard for fleets queries metrics that exist."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import urllib.request
from typing import Any

from fleet_rigs import builds as fleet_builds
from rigs.grafana import board, check
from support import until

import freshframe as ff


def test_every_metric_and_label_of_the_fleets_board_is_served() -> None:
    with ff.fleet.Fleet() as fleet, fleet.serve() as page:
        fleet.add("gate", "demo:circles?fps=30&size=64x64", fleet_builds.demo)
        with fleet.reader("circles"):
            until(lambda: b"camera_result_age_seconds{" in metrics(page), "a result of the camera")
            check(board("grafana-fleet.json"), metrics(page).decode())


def metrics(page: Any) -> bytes:
    body: bytes = urllib.request.urlopen(f"{page.url}metrics").read()
    return body
