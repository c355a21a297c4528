"""The commands probe and doctor."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rigs.command_line import FRAMES, records

import freshframe as ff
from freshframe._cli import doctor
from freshframe._gil_watch.interpreter import PYTHONS


class One(ff.Source[ff.Frame]):
    """Emits one frame."""

    live = False

    def __init__(self, picture: ff.Frame) -> None:
        self.picture = picture

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        yield self.picture, 0.0


def test_probe_says_what_a_file_is(freshframe: Any, clip: Path) -> None:
    code, out, _ = freshframe("probe", clip, "--json")
    (record,) = records(out)
    assert code == 0
    assert (record["codec"], record["width"], record["height"]) == (ff.VideoFile("a.mp4").codec, 320, 240)
    assert (record["live"], record["frame_count"], record["fps"]) == (False, FRAMES, 60)
    assert record["duration"] == pytest.approx(FRAMES / 60, abs=0.02)
    assert record["measured"]["frames"] == FRAMES
    assert record["measured"]["interval"] == pytest.approx(1 / 60, abs=1e-4)
    assert record["measured"]["deviation"] < 1e-3
    assert record["measured"]["dropped"] == 0
    assert str(clip) in record["url"]


def test_probe_shows_where_a_video_is_decoded(freshframe: Any, clip: Path) -> None:
    assert "decoder    CPU\n" in freshframe("probe", clip)[1]
    code, out, _ = freshframe("probe", clip, "--decoder", "auto")
    assert code == 0
    assert re.search(r"^decoder +(cuda:0|CPU: \S.*)$", out, re.MULTILINE), out
    code, _, errors = freshframe("probe", clip, "--decoder", "gpu")
    assert code != 0
    assert "decoder must be" in errors


def test_track_and_probe_take_pictures_in_sequence(freshframe: Any, tmp_path: Path) -> None:
    picture = ff.Frame.from_array(np.full((48, 64, 3), 9, np.uint8))
    for number in (1, 2, 3, 4):
        pipeline = ff.Pipeline()
        pipeline.add(ff.VideoFile(tmp_path / f"{number}.avi", codec="mjpeg"), pipeline.add(One(picture)))
        assert pipeline.run().complete
        jpeg = (tmp_path / f"{number}.avi").read_bytes()
        (tmp_path / f"{number}.jpg").write_bytes(jpeg[jpeg.index(b"\xff\xd8") : jpeg.rindex(b"\xff\xd9") + 2])
    for url in (tmp_path, tmp_path / "%d.jpg", tmp_path / "*.jpg"):
        code, out, _ = freshframe("track", url, "--json")
        assert code == 0
        assert [(record["seq"], record["pts"]) for record in records(out)] == [(n, n / 25) for n in range(4)]
    code, out, _ = freshframe("probe", tmp_path, "--json")
    (record,) = records(out)
    assert (code, record["codec"], record["frame_count"], record["fps"]) == (0, "mjpeg", 4, 25)
    code, out, _ = freshframe("track", tmp_path / "%d.jpg", "--fps", "5", "--json")
    assert [record["pts"] for record in records(out)] == [0, 0.2, 0.4, 0.6]
    code, out, _ = freshframe("probe", tmp_path, "--fps", "5", "--json")
    (record,) = records(out)
    assert (code, record["fps"], record["duration"]) == (0, 5, 0.8)
    code, _, err = freshframe("probe", *sorted(tmp_path.glob("*.jpg")))
    assert code == 2
    assert "put a pattern in quotes" in err
    code, _, err = freshframe("probe", tmp_path, "--fps", "fast")
    assert code == 2
    assert "expected a frame rate above 0 such as 25, got 'fast'" in err
    code, _, err = freshframe("probe", tmp_path / "1.avi", "--fps", "5")
    assert code == 2
    assert "which is for image sequences: a video has its own frame rate" in err
    (tmp_path / "2.jpg").unlink()
    code, _, err = freshframe("track", tmp_path / "%d.jpg")
    assert code == 4, "a lossless run that lost a frame"
    assert "1" in err
    code, _, err = freshframe("track", tmp_path / "*.png")
    assert code == 3
    assert "no file matches" in err


def test_probe_prints_a_table_for_people(freshframe: Any, clip: Path) -> None:
    code, out, _ = freshframe("probe", clip)
    assert code == 0
    assert f"{ff.VideoFile('a.mp4').codec}, 320x240" in out
    assert f"{FRAMES} frames in" in out


@pytest.mark.slow
def test_probe_of_a_live_source_measures_it(freshframe: Any) -> None:
    code, out, _ = freshframe("probe", "demo:circles?size=64x64&fps=20", "--json")
    (record,) = records(out)
    assert code == 0
    assert record["live"] is True
    assert record["measured"]["interval"] == pytest.approx(1 / 20, abs=1e-4)
    assert record["measured"]["frames"] > 1


@pytest.mark.slow
def test_doctor_checks_line_by_line(freshframe: Any) -> None:
    code, out, _ = freshframe("doctor", "--json")
    found = {record["check"]: record for record in records(out)}
    assert code == 0
    assert {"freshframe", "Python", "NumPy", "FFmpeg", "FFmpeg licence", "processor", "self-test"} <= set(
        found
    )
    assert all(record["state"] in ("ok", "warn") for record in found.values())
    assert ff.__version__ in found["freshframe"]["found"]
    code, out, err = freshframe("doctor")
    assert code == 0
    assert out.count("\n") >= len(found)
    assert f"{len(found)} checks" in err


DAMAGES: dict[str, tuple[str, str]] = {  # broken part -> the check that reports it, and its message
    "an empty dist-info": ("packages", "broken-1.0.dist-info does not name its package"),
    "METADATA of other bytes": ("packages", "bytes-1.0.dist-info does not name its package"),
    "METADATA that is a folder": ("packages", "folder-1.0.dist-info does not name its package"),
    "the path of packages": ("packages", "cannot be checked: RuntimeError: no path"),
    "no folder for temporary files": ("self-test", "no file can be written: "),
    "a version without numbers": ("NumPy", "cannot be checked: ValueError: "),
    "no list of processors": ("processor", "cannot be checked: OSError: no answer"),
    "FFmpeg": ("FFmpeg", "cannot be checked: AttributeError: "),
    "ONNX Runtime": ("ONNX Runtime", "cannot be checked: RuntimeError: initialization failed"),
    "the scene": ("self-test", "cannot be checked: RuntimeError: initialization failed"),
}


def damage(what: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no path" if "path" in what else "initialization failed")

    def refuse(*_: Any) -> Any:
        raise OSError("no answer")

    monkeypatch.syspath_prepend(str(folder))
    (folder / "broken-1.0.dist-info").mkdir()
    if what == "METADATA of other bytes":
        (folder / "broken-1.0.dist-info").rename(folder / "bytes-1.0.dist-info")
        (folder / "bytes-1.0.dist-info" / "METADATA").write_bytes(b"Name: \xff\xfe\0")
    elif what == "METADATA that is a folder":
        (folder / "folder-1.0.dist-info" / "METADATA").mkdir(parents=True)
    elif what == "the path of packages":
        monkeypatch.setattr("importlib.metadata.distributions", fail)
    elif what == "no folder for temporary files":
        monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    elif what == "a version without numbers":
        monkeypatch.setattr(np, "__version__", "unknown")
    elif what == "no list of processors":
        monkeypatch.setattr("os.sched_getaffinity", refuse)
    elif what == "FFmpeg":
        monkeypatch.setattr("freshframe._native.media_versions", lambda: None)
    elif what == "ONNX Runtime":
        monkeypatch.setattr("freshframe._vision.onnx_runtime.prepare", fail)
    elif what == "the scene":
        monkeypatch.setattr(ff, "CircleTracker", fail)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("what", DAMAGES)
def test_doctor_reports_each_damage_and_does_the_other_checks(
    what: str, tmp_path: Path, freshframe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    check, words = DAMAGES[what]
    damage(what, tmp_path, monkeypatch)
    code, out, err = freshframe("doctor", "--json")
    found = list(records(out))
    named = [record for record in found if record["check"] == check and words in record["found"]]
    assert named, found
    assert all(record["state"] in ("warn", "fail") and record["advice"] for record in named)
    assert code == any(record["state"] == "fail" for record in found)
    assert {"freshframe", "Python", "NumPy", "FFmpeg", "processor", "cameras", "packages", "self-test"} <= {
        record["check"] for record in found
    }
    assert "internal error" not in err


@pytest.mark.parametrize("version", [*PYTHONS, (3, 9), (3, 16), (4, 0)])
def test_doctor_knows_the_versions_of_python_that_are_supported(
    version: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "sys", SimpleNamespace(version_info=version, prefix=""))
    state = next(iter(doctor._python())).state
    assert state == ("ok" if (3, 10) <= version <= (3, 15) else "warn")


@pytest.mark.slow
def test_doctor_fails_when_a_check_fails(freshframe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "__version__", "1.19.5")
    code, out, _ = freshframe("doctor", "--json")
    numpy = next(record for record in records(out) if record["check"] == "NumPy")
    assert (code, numpy["state"]) == (1, "fail")
    assert "pip install" in numpy["advice"]
