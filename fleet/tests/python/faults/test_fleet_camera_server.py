"""The test cameras of fleets: their images, their sessions and their log."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import random
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from rig.camera_server import CameraServer
from rig.rules import read_sessions
from rigs.stamped_picture import read_stamp, stamped_jpeg

import freshframe as ff


def test_a_stamp_survives_its_jpeg(tmp_path: Path) -> None:
    choose = random.Random(4)
    stamps = [
        (0, 0),
        (65535, 2**32 - 1),
        *((choose.randrange(2**16), choose.randrange(2**32)) for _ in range(50)),
    ]
    path = tmp_path / "stamped.jpg"
    for camera, frame in stamps:
        path.write_bytes(stamped_jpeg(camera, frame))
        assert read_stamp(ff.Frame.read(path).luma) == (camera, frame)


def test_a_damaged_stamp_is_none(tmp_path: Path) -> None:
    path = tmp_path / "stamped.jpg"
    path.write_bytes(stamped_jpeg(7, 1234))
    luma = ff.Frame.read(path).luma.copy()
    luma[:8, 64:72] = 255 - luma[:8, 64:72]
    assert read_stamp(luma) is None
    assert read_stamp(luma[:, :80]) is None


@pytest.mark.slow
def test_frames_rise_and_the_log_has_the_sessions(tmp_path: Path) -> None:
    log = tmp_path / "sessions.jsonl"
    seen: dict[int, list[int]] = {}
    with CameraServer(3, fps=50, log=log) as server:
        for camera in (0, 2):
            for picture in itertools.islice(ff.stream(ff.open(server.url(camera))), 4):
                stamp = read_stamp(picture.value.luma)
                assert stamp is not None
                assert stamp[0] == camera
                seen.setdefault(camera, []).append(stamp[1])
    sessions = read_sessions(log, now=float("inf"))
    assert [session.camera for session in sessions] == [0, 2]
    for session in sessions:
        assert session.opened < session.closed < float("inf")
        sent = {frame for first, last in session.sent for frame in range(first, last + 1)}
        assert sent.issuperset(seen[session.camera])
        assert seen[session.camera] == sorted(set(seen[session.camera]))


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/camera/3", "/camera/-1", "/camera/x", "/"])
def test_another_address_is_no_camera(tmp_path: Path, path: str) -> None:
    log = tmp_path / "sessions.jsonl"
    with CameraServer(3, fps=50, log=log) as server:
        address = server.url(0).removesuffix("/camera/0") + path
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(address, timeout=30)
        refused.value.close()
    assert log.read_text(encoding="utf-8") == ""
