"""The command devices, cameras in open() and probe, on a machine without a camera."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import errno
import grp
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import until

import freshframe as ff
from freshframe import _native
from freshframe._look import engine_stats


def size(width: int, height: int, **given: Any) -> SimpleNamespace:
    """A size as the engine returns it. Without steps, it is not a grid."""
    grid = {"min_width": width, "min_height": height, "step_width": 0, "step_height": 0}
    return SimpleNamespace(
        **{"width": width, "height": height, "fps": [], "fps_range": False, **grid, **given}
    )


def camera(path: str, **given: Any) -> SimpleNamespace:
    """A camera as the engine returns it."""
    nothing = {
        "name": "",
        "driver": "",
        "bus": "",
        "problem": "",
        "problem_code": 0,
        "formats": [],
        "controls": [],
    }
    return SimpleNamespace(**{"path": path, **nothing, **given})


def control(name: str, current: int, **given: Any) -> SimpleNamespace:
    """A control as the engine returns it."""
    rest = {"min": 0, "max": 0, "step": 1, "default": 0, "inactive": False, "menu": []}
    rest |= {"setting": "", "automatic": False}
    return SimpleNamespace(**{"name": name, "current": current, **rest, **given})


WEBCAM = camera(
    "/dev/video0",
    name="Some Webcam",
    driver="uvcvideo",
    bus="usb-0000:00:14.0-6",
    formats=[
        SimpleNamespace(
            name="mjpeg",
            description="Motion-JPEG",
            supported=True,
            sizes=[size(1280, 720, fps=[30.0, 29.97]), size(640, 480)],
        ),
        SimpleNamespace(
            name="nv12",
            description="Y/UV",
            supported=True,
            sizes=[
                size(
                    2592,
                    1944,
                    min_width=32,
                    min_height=32,
                    step_width=2,
                    step_height=2,
                    fps=[90.0, 1.0],
                    fps_range=True,
                )
            ],
        ),
        SimpleNamespace(name="HEVC", description="HEVC", supported=False, sizes=[]),
    ],
    controls=[
        control("Gain", 12, max=100, setting="gain"),
        control(
            "Auto Exposure", 3, max=3, default=3, menu=[(1, "Manual Mode"), (3, "Aperture Priority Mode")]
        ),
        control(
            "Exposure Time, Absolute",
            250,
            min=3,
            max=2047,
            default=250,
            setting="exposure",
            automatic=True,
            inactive=True,
        ),
    ],
)
DENIED = camera("/dev/video2", problem="permission denied", problem_code=errno.EACCES)
MISSING = "/dev/video987"  # a number that the kernel does not reach in practice


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns a function that sets which cameras exist."""

    def has(*cameras: SimpleNamespace) -> None:
        monkeypatch.setattr(_native, "cameras", lambda: list(cameras))

    return has


def test_devices_lists_each_camera_with_formats_sizes_and_rates(freshframe: Any, machine: Any) -> None:
    machine(WEBCAM)
    code, out, err = freshframe("devices")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "/dev/video0  Some Webcam  (uvcvideo, usb-0000:00:14.0-6)",
        "    mjpeg  1280x720 at 30, 29.97 fps",
        "           640x480",
        "    nv12   32x32 to 2592x1944 in steps of 2x2 at 1 to 90 fps",
        "    freshframe cannot read: HEVC",
    ]


def test_devices_writes_one_object_per_camera(freshframe: Any, machine: Any) -> None:
    machine(WEBCAM, DENIED)
    code, out, _ = freshframe("devices", "--json")
    first, second = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert (first["path"], first["usable"], first["problem"]) == ("/dev/video0", True, None)
    assert first["formats"][0]["sizes"][0] == {
        "width": 1280,
        "height": 720,
        "fps": [30.0, 29.97],
        "fps_range": False,
    }
    (grid,) = first["formats"][1]["sizes"]
    assert (grid["width"], grid["smallest"], grid["step"]) == (2592, [32, 32], [2, 2])
    assert (second["path"], second["usable"], second["problem"]) == (
        "/dev/video2",
        False,
        "permission denied",
    )
    assert "problem_code" not in first
    assert first["controls"][1]["menu"] == {"1": "Manual Mode", "3": "Aperture Priority Mode"}
    assert second["controls"] == []


def nameless() -> str:
    """Python 3.11 does this for a user that is not in /etc/passwd."""
    raise KeyError("getpwuid(): uid not found: 1234")


def test_devices_says_how_to_get_the_permission(
    freshframe: Any, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(DENIED)
    video = grp.struct_group(("video", "x", 44, []))
    monkeypatch.setattr(grp, "getgrnam", lambda name: video)
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setattr(os, "getgroups", lambda: [100])
    code, out, err = freshframe("devices")
    assert code == 0
    assert out.splitlines() == ["/dev/video2  unknown", "    permission denied"]
    assert "sudo usermod -aG video ada" in err
    monkeypatch.setattr("getpass.getuser", nameless)
    assert "--group-add video" in freshframe("devices")[2]
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    video = grp.struct_group(("video", "x", 44, ["ada"]))
    assert "log out and in again" in freshframe("devices")[2]
    monkeypatch.setattr(os, "getgroups", lambda: [44, 100])
    assert "belongs to another" in freshframe("devices")[2]

    def no_group(name: str) -> grp.struct_group:
        raise KeyError(name)

    monkeypatch.setattr(grp, "getgrnam", no_group)
    assert "no group 'video'" in freshframe("devices")[2]


def test_no_camera_is_no_error_and_says_where_to_look(freshframe: Any, machine: Any) -> None:
    machine()
    code, out, err = freshframe("devices", "--json")
    assert (code, out) == (0, "")
    assert "no camera found" in err
    assert "--device /dev/video0" in err


@pytest.mark.parametrize(
    ("made", "native"),
    [
        (WEBCAM, _native.CameraInfo),
        (WEBCAM.formats[0], _native.CameraFormat),
        (WEBCAM.formats[0].sizes[0], _native.CameraSize),
        (WEBCAM.controls[0], _native.CameraControl),
    ],
)
def test_the_cameras_of_these_tests_have_the_attributes_of_the_engines(
    made: SimpleNamespace, native: type
) -> None:
    assert set(vars(made)) == {name for name in vars(native) if not name.startswith("_")}


def test_the_cameras_of_this_machine_can_be_asked() -> None:
    for found in _native.cameras():
        assert Path(found.path).name.startswith("video")


def test_probe_lists_the_controls_of_a_camera(freshframe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "camera_controls", lambda handle: WEBCAM.controls)
    code, out, _ = freshframe("probe", "demo:circles?frames=3&pace=0")
    assert code == 0
    assert out.splitlines()[-3:] == [
        "controls   Gain: 12 (0 to 100 in steps of 1; default 0), set by gain=",
        "           Auto Exposure: 3 (1: Manual Mode, 3: Aperture Priority Mode; default 3)",
        "           Exposure Time, Absolute: 250 (3 to 2047 in steps of 1; default 250, inactive: an "
        'automatic mode determines it), set by exposure= with a number or "auto"',
    ]
    code, out, _ = freshframe("probe", "demo:circles?frames=3&pace=0", "--json")
    (record,) = (json.loads(line) for line in out.splitlines())
    found = [(each["setting"], each["automatic"], each["min"], each["max"]) for each in record["controls"]]
    assert found == [("gain", False, 0, 100), (None, False, 0, 3), ("exposure", True, 3, 2047)]


def test_probe_of_a_camera_that_is_not_there_ends_at_once(freshframe: Any) -> None:
    code, out, err = freshframe("probe", MISSING, "--json")
    assert (code, out) == (3, "")
    assert f"cannot open camera '{MISSING}': there is no such camera" in err
    assert "freshframe devices" in err
    assert "trying again" not in err


@pytest.mark.parametrize("seconds", [0, 5])
def test_probe_tries_a_camera_once(caplog: pytest.LogCaptureFixture, seconds: float) -> None:
    with pytest.raises(ff.SourceError, match="there is no such camera"):
        ff.probe(MISSING, seconds=seconds)
    assert "trying again" not in caplog.text


def test_a_camera_that_is_not_there_is_an_error_without_reconnect() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(ff.open(MISSING, reconnect=False)))
    with pytest.raises(ff.SourceError, match="there is no such camera") as caught:
        pipeline.start()
    assert caught.value.errno == errno.ENOENT
    assert caught.value.url == MISSING


def test_a_camera_that_is_not_there_is_waited_for_and_stops_at_once() -> None:
    pipeline = ff.Pipeline()
    camera = ff.open(MISSING)
    reader = pipeline.reader(pipeline.add(camera, name="camera"))
    with pipeline:
        assert camera.live
        assert reader.latest() is None

        def connection() -> ff.stats.SourceStats:
            source = pipeline.stats().nodes["camera"].source
            assert source is not None
            return source

        until(lambda: connection().state == "backing_off", "the wait for the next attempt")
        until(lambda: connection().away_total > 0, "the outage to last")
        assert connection().outages == 1
        assert "there is no such camera" in str(connection().last_error)
    assert pipeline.stats().nodes["camera"].state == "ended"


def test_a_file_that_is_no_device_is_no_camera(tmp_path: Path) -> None:
    path = Path("/dev/video98765")
    try:
        path.symlink_to("/dev/null")
    except OSError:
        pytest.skip("this user may not make a file in /dev")
    try:
        pipeline = ff.Pipeline()
        pipeline.reader(pipeline.add(ff.open(path)))
        with pytest.raises(ff.SourceError, match="it is not a camera"):
            pipeline.start()
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        (-1, {}, "a camera's number must be 0 or more, got -1"),
        (256, {}, "a camera's number must be 0 to 255, got 256"),
        (10**30, {}, "a camera's number must be 0 to 255, got 10{30}$"),
        ("4294967296", {}, "a camera's number must be 0 to 255, got 4294967296"),
        (0, {"options": {"format": "bgr"}}, "one of nv12, i420, yuyv, uyvy, mjpeg, h264, gray, got 'bgr'"),
        (0, {"options": {"buffers": "99"}}, "must be 2 to 32, got '99'"),
        (0, {"start": 1.0}, "'0' is a camera: start is for files and images"),
        ("clip.mp4", {"reconnect": True}, "'clip.mp4' is a file: reconnect is for live sources"),
    ],
)
def test_options_that_cannot_be_are_refused_by_open(url: Any, options: Any, message: str) -> None:
    with pytest.raises(ff.OptionError, match=message):
        ff.open(url, **options)


def test_a_number_of_a_camera_is_no_bool() -> None:
    with pytest.raises(
        ff.OptionTypeError, match="url must be a path, a URL or the number of a camera, got True"
    ):
        ff.open(True)


@pytest.mark.parametrize("name", ["exposure", "gain", "focus", "white_balance"])
def test_settings_are_for_cameras_and_whole_numbers_or_auto(name: str) -> None:
    setting: Any = {name: 3}
    scene = ff.open("demo:circles")
    with pytest.raises(
        ff.OptionError, match=f"URL only, .*: {name} is for a camera of this machine, such as 0"
    ):
        ff.open("demo:circles", **setting)
    for refused in (
        lambda: getattr(scene, name),
        lambda: setattr(scene, name, 3),
    ):
        with pytest.raises(
            ff.OptionError, match=f"^{name} works only for a local camera, .*, not for 'demo:circles'$"
        ):
            refused()
    away = ff.open(MISSING, **setting)
    for wrong in (1.5, True, "manual", None):
        with pytest.raises(ff.OptionTypeError, match=f'^{name} must be a whole number or "auto", got '):
            setattr(away, name, wrong)
    with pytest.raises(ff.SourceError, match=f"cannot set {name} of camera .*there is no such camera"):
        setattr(away, name, 3)
    with pytest.raises(ff.SourceError, match=f"cannot read {name} of camera .*there is no such camera"):
        getattr(away, name)
    with pytest.raises(ff.OptionError, match=f"^{name} is given twice: leave it out of options="):
        ff.open(MISSING, **setting, options={name: "4"})


def test_the_statistics_have_the_settings_of_a_camera() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(ff.open(MISSING, exposure=3), name="camera"))
    with pipeline:
        source = pipeline.stats().nodes["camera"].source
        assert source is not None
        assert (source.settings, source.settings_reason) == ({}, None)  # the driver has not been queried yet
    names = [name for name in vars(_native.SourceStats) if not name.startswith("_")]
    seen: Any = SimpleNamespace(**dict.fromkeys(names) | {"settings": {"gain": 3, "focus": None}})
    assert engine_stats._source(seen).settings == {"gain": 3, "focus": "auto"}
