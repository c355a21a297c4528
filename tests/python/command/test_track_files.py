"""`freshframe track` with several files: one after the other, with an output for each."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import freshframe as ff

Command = Callable[..., tuple[int, str, str]]
FRAMES = {"first.mp4": 3, "second.mp4": 5}


@pytest.fixture
def clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Changes to a folder with clips, and yields their names."""
    monkeypatch.chdir(tmp_path)
    for name, frames in FRAMES.items():
        pipeline = ff.Pipeline()
        scene = pipeline.add(ff.open(f"demo:circles?size=160x120&balls=1&pace=0&frames={frames}"))
        pipeline.add(ff.VideoFile(name), scene)
        assert pipeline.run().complete
    return list(FRAMES)


def test_each_file_has_outputs_of_its_own(freshframe: Command, clips: list[str]) -> None:
    code, _, err = freshframe("track", *clips, "-o", "{stem}.jsonl", "-o", "{stem}_drawn.mp4")
    assert code == 0
    for name, frames in FRAMES.items():
        assert len(Path(name).with_suffix(".jsonl").read_text().splitlines()) == frames
        assert Path(f"{Path(name).stem}_drawn.mp4").stat().st_size > 0
        assert f"{name}: {frames} frames" in err
    assert "2 of 2 files were tracked, 0 of them not completely" in err


def test_json_lines_of_several_files_name_their_source(freshframe: Command, clips: list[str]) -> None:
    code, out, _ = freshframe("track", *clips, "--json")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["source"] for line in lines] == [name for name, n in FRAMES.items() for _ in range(n)]
    _, out, _ = freshframe("track", clips[0], "--json")
    assert all("source" not in json.loads(line) for line in out.splitlines())


def test_a_file_that_cannot_be_read_keeps_no_other_from_being_tracked(
    freshframe: Command, clips: list[str]
) -> None:
    Path("broken.mp4").write_bytes(b"no video")
    code, _, err = freshframe("track", "broken.mp4", *clips, "missing.mp4", "-o", "{stem}.csv")
    assert code == 3
    assert "freshframe track: cannot open 'broken.mp4'" in err
    assert "freshframe track: cannot open 'missing.mp4'" in err
    assert "4 of 4 files were tracked, 2 of them not completely" in err
    assert all(Path(name).with_suffix(".csv").is_file() for name in clips)


def test_max_frames_is_for_each_file(freshframe: Command, clips: list[str]) -> None:
    code, out, _ = freshframe("track", *clips, "--max-frames", "2", "--json")
    assert (code, len(out.splitlines())) == (0, 4)


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["-o", "tracks.jsonl"], "-o '{stem}.jsonl'"),
        (["first.mp4", "-o", "{stem}.jsonl"], "-o would write 'first.jsonl' twice"),
        (["demo:circles", "--json"], "'demo:circles' is a live source"),
        (["--serve", "0"], "--serve shows one source"),
        (["-o", "{stem}.mp4"], "would overwrite the source"),
    ],
    ids=["one output", "twice", "live", "serve", "onto itself"],
)
def test_what_cannot_be_meant_is_refused(
    freshframe: Command, clips: list[str], arguments: list[str], reason: str
) -> None:
    code, out, err = freshframe("track", *clips, *arguments)
    assert (code, out) == (2, "")
    assert reason in err


def test_pictures_that_the_shell_has_listed_are_taken_for_one_source(
    freshframe: Command, clips: list[str]
) -> None:
    code, _, err = freshframe("track", "1.png", "2.png")
    assert code == 2
    assert "several images must be passed as one source; put a pattern in quotes" in err


def test_a_source_behind_an_option_is_named(freshframe: Command, clips: list[str]) -> None:
    code, _, err = freshframe("track", clips[0], "--detect", clips[1])
    assert code == 2
    assert "name all sources before the options" in err


def test_fps_of_a_video_is_wrong_usage(freshframe: Command, clips: list[str]) -> None:
    for command in ("track", "probe"):
        code, _, err = freshframe(command, clips[0], "--fps", "5")
        assert code == 2
        assert "which is for image sequences: a video has its own frame rate" in err
    code, _, err = freshframe("track", clips[0], "--start", "1h")
    assert code == 2
    assert "it is shorter" in err


def test_the_images_are_rotated_before_circles_are_found_in_them(freshframe: Command) -> None:
    scene = "demo:circles?size=320x180&balls=1&frames=1&pace=0"
    (truth,) = ff.demo.circles(scene, 0)
    code, out, _ = freshframe("track", scene, "--detect", "--rotate", "90", "--json")
    (circle,) = json.loads(out)["circles"]
    assert code == 0
    assert (circle["x"], circle["y"]) == pytest.approx((180 - truth.y, truth.x), abs=1.5)
    for command in ("track", "view"):
        code, _, err = freshframe(command, scene, "--rotate", "45")
        assert code == 2
        assert "expected 0, 90, 180 or 270 degrees clockwise, got '45'" in err


def test_the_stem_stands_for_the_name_of_a_single_source_too(freshframe: Command, clips: list[str]) -> None:
    code, _, _ = freshframe("track", clips[1], "-o", "{stem}_circles.csv")
    assert code == 0
    assert Path("second_circles.csv").is_file()
