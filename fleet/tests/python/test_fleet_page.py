"""The page of a fleet: its state, its health, its end."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from dataclasses import replace
from typing import Any

import pytest
from support import until

import freshframe as ff
from freshframe.fleet import CameraStats, FleetDashboard, FleetStats
from freshframe_fleet._page import health, page_state

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


def get(url: str) -> Any:
    """Returns the response of a page. Its token is exchanged for a cookie."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(url, timeout=30) as answer:
        return answer.read()


@pytest.mark.slow
def test_the_page_and_its_state_are_served() -> None:
    """It shows changes after a while, and the server ends with the fleet."""
    with ff.fleet.Fleet(agents=1) as fleet:
        page = fleet.serve()
        assert b"fleet.js" in get(page.url)
        state = json.loads(get(page.url + "api/fleet"))
        assert state["name"] == fleet.name
        assert state["cameras"] == {}
        fleet.add("gate", "demo:circles?size=64x48&fps=20", build)
        url = page.url + "api/fleet"
        until(
            lambda: json.loads(get(url))["cameras"].get("gate", {}).get("results"), "a result of the camera"
        )
        assert get(page.url + "healthz").startswith(b"1 of 1 cameras run")  # after that, on a busy machine
        address = page.url
        assert address in str(page)
    with pytest.raises(urllib.error.URLError):
        get(address)


@pytest.mark.slow
def test_health_fails_while_the_controller_stands_still_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lock may be held in the meantime: the page does not wait for it."""
    monkeypatch.setattr("freshframe_fleet._page._STALLED", 0.5)
    with ff.fleet.Fleet(agents=1) as fleet:
        page = fleet.serve()
        health = page.url + "healthz"
        until(lambda: get(health) == b"0 of 0 cameras run\n", "a sound fleet")
        controller: Any = fleet._controller
        with controller.lock:
            until(lambda: status(health) == 503, "the stall")
        until(lambda: status(health) == 200, "a sound fleet again")


@pytest.mark.slow
def test_health_fails_when_a_controller_far_away_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshframe_fleet._page._STALLED", 0.2)
    gone = threading.Event()
    with ff.fleet.Fleet(agents=1) as fleet:

        def stats() -> FleetStats:
            if gone.is_set():
                raise ff.StateError("no controller at http://me:secret@head:1")
            return fleet.stats()

        with FleetDashboard(stats, "127.0.0.1", 0, None) as page:
            assert status(page.url + "healthz") == 200
            gone.set()
            until(lambda: status(page.url + "healthz") == 503, "the end of the controller")
            with pytest.raises(urllib.error.HTTPError) as told:
                get(page.url + "healthz")
            with told.value as error:
                assert "secret" not in error.read().decode()
            gone.clear()
            until(lambda: status(page.url + "healthz") == 200, "a controller")


def status(url: str) -> int:
    """Returns the status of a response."""
    try:
        get(url)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


def build(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """A camera's numbers."""
    pipeline = ff.Pipeline()
    return pipeline, {"widths": pipeline.add(width_of, pipeline.add(ff.open(url)))}


def width_of(frame: ff.Frame) -> int:
    """A node."""
    return frame.width


def test_epochs_are_texts_that_javascript_can_hold() -> None:
    """The fleet's start and the count; empty before the first start."""
    state = page_state(stats(CAMERA, replace(CAMERA, name="new", epoch=0)))
    assert state["cameras"]["gate"]["epoch"] == "1763700000.3"
    assert state["cameras"]["new"]["epoch"] == ""
    json.dumps(state)


def test_health_fails_while_a_camera_does_not_run() -> None:
    """It names the camera and the reason."""
    failed = replace(CAMERA, state="failed", reason="401 Unauthorized")
    assert health(stats(CAMERA)) == (True, "1 of 1 cameras run")
    starting = replace(CAMERA, name="new", state="starting")
    assert health(stats(CAMERA, starting)) == (True, "1 of 2 cameras run, 1 starting")
    broken = replace(stats(CAMERA), reason="KeyError: 3")
    assert health(broken) == (False, "the controller has failed: KeyError: 3")
    assert health(stats(failed)) == (False, "camera 'gate' not running: 401 Unauthorized")
    both = stats(failed, replace(failed, name="yard"))
    assert health(both) == (False, "camera 'gate' and 1 others not running: 401 Unauthorized")


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
    """Before a server is made."""
    with ff.fleet.Fleet(agents=1) as fleet, pytest.raises(error, match=match):
        fleet.serve(**options)


def test_a_closed_page_is_gone_and_another_can_be_made() -> None:
    """close() twice is fine."""
    with ff.fleet.Fleet(agents=1) as fleet:
        with fleet.serve() as page:
            address = page.url
        page.close()
        with pytest.raises(urllib.error.URLError):
            get(address)
        assert fleet.serve().url.startswith("http://127.0.0.1:")
    with pytest.raises(ff.StateError, match="closed"):
        fleet.serve()
