"""The page of a fleet: its files, its state, its health, its end, and the metrics that Grafana shows."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import urllib.error
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import fetch
from rigs.grafana import board, check
from rigs.web_files import WEB, named, own_files, there
from rigs.web_files import check as check_file
from support import until

import freshframe as ff
import freshframe_fleet
from freshframe.fleet import CameraStats, FleetStats
from freshframe_fleet._page import _FILES, health, page_state

FOLDER = (Path(freshframe_fleet.__file__).parent / "_web").resolve()

CAMERA = CameraStats(
    name="gate",
    url="rtsp://10.0.0.7/main",
    needs={},
    exclusive=False,
    state="running",
    reason="",
    state_for=1.0,
    agent="agent0",
    epoch=(1_763_700_000 << 32) + 3,
    starts=3,
    results=10,
    result_age=0.1,
)


def stats(*cameras: CameraStats) -> FleetStats:
    """Returns the stats of a fleet with these cameras."""
    return FleetStats(
        name="yard",
        agents={},
        cameras={camera.name: camera for camera in cameras},
        readers=[],
        events=[],
    )


@pytest.mark.slow
def test_the_page_and_its_state_are_served() -> None:
    with ff.fleet.Fleet(agents=1) as fleet:
        page = fleet.serve()
        assert b"fleet.js" in fetch(page.url)[1]
        state = json.loads(fetch(page.url + "api/fleet")[1])
        assert state["name"] == fleet.name
        assert state["cameras"] == {}
        fleet.add("gate", "demo:circles?size=64x48&fps=20", fleet_builds.demo)

        def results() -> int:
            cameras = json.loads(fetch(page.url + "api/fleet")[1])["cameras"]
            return int(cameras.get("gate", {}).get("results", 0))

        until(results, "a result of the camera")
        assert fetch(page.url + "healthz")[1].startswith(b"1 of 1 cameras run")  # then perhaps the cost
        address = page.url
        assert address in str(page)
    with pytest.raises(urllib.error.URLError):
        fetch(address)


@pytest.mark.slow
def test_health_fails_while_the_controller_stands_still_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshframe_fleet._page._STALLED", 0.5)
    with ff.fleet.Fleet(agents=1) as fleet:
        page = fleet.serve()
        health = page.url + "healthz"
        until(lambda: fetch(health) == (200, b"0 of 0 cameras run\n"), "a sound fleet")
        controller: Any = fleet._controller
        with controller.lock:
            until(lambda: fetch(health)[0] == 503, "the stall")
        until(lambda: fetch(health)[0] == 200, "a sound fleet again")


def test_epochs_are_texts_that_javascript_can_hold() -> None:
    state = page_state(stats(CAMERA, replace(CAMERA, name="new", epoch=0)))
    assert state["cameras"]["gate"]["epoch"] == "1763700000.3"
    assert state["cameras"]["new"]["epoch"] == ""
    json.dumps(state)


def test_health_fails_while_a_camera_does_not_run() -> None:
    failed = replace(CAMERA, state="failed", reason="401 Unauthorized")
    assert health(stats(CAMERA)) == (True, "1 of 1 cameras run")
    starting = replace(CAMERA, name="new", state="starting")
    assert health(stats(CAMERA, starting)) == (True, "1 of 2 cameras run, 1 starting")
    broken = replace(stats(CAMERA), reason="KeyError: 3")
    assert health(broken) == (False, "the controller has failed: KeyError: 3")
    assert health(stats(failed)) == (False, "camera 'gate' is not running: 401 Unauthorized")
    both = stats(failed, replace(failed, name="yard"))
    assert health(both) == (False, "camera 'gate' and 1 other are not running: 401 Unauthorized")


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"port": 65536}, ff.OptionError, "port must be 0"),
        ({"port": "80"}, ff.OptionTypeError, "port"),
        ({"host": "nowhere.example"}, ff.OptionError, "an address to listen on"),
        ({"token": "short"}, ff.OptionError, "token"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], error: type[Exception], match: str) -> None:
    with ff.fleet.Fleet(agents=1) as fleet, pytest.raises(error, match=match):
        fleet.serve(**options)


def test_a_closed_page_is_gone_and_another_can_be_made() -> None:
    with ff.fleet.Fleet(agents=1) as fleet:
        with fleet.serve() as page:
            address = page.url
        page.close()
        with pytest.raises(urllib.error.URLError):
            fetch(address)
        assert fleet.serve().url.startswith("http://127.0.0.1:")
    with pytest.raises(ff.StateError, match="closed"):
        fleet.serve()


@pytest.mark.parametrize("path", own_files(FOLDER), ids=lambda path: path.name)
def test_the_page_makes_no_markup_of_text_and_loads_nothing_from_elsewhere(path: Path) -> None:
    check_file(path)


def test_every_file_is_served_and_those_of_the_server_are_there() -> None:
    assert {name for _, name, _ in _FILES} == there(FOLDER)
    own = {address.removeprefix("/") for address, _, _ in _FILES}
    assert named(FOLDER) - own <= there(WEB)
    assert own - named(FOLDER) == {""}, "no file is left over"


def test_every_metric_and_label_of_the_board_for_grafana_is_served() -> None:
    with ff.fleet.Fleet() as fleet, fleet.serve() as page:
        fleet.add("gate", "demo:circles?fps=30&size=64x64", fleet_builds.demo)
        with fleet.reader("circles"):
            metrics = page.url + "metrics"
            until(lambda: b"camera_result_age_seconds{" in fetch(metrics)[1], "a result of the camera")
            check(board("grafana-fleet.json"), fetch(metrics)[1].decode())
