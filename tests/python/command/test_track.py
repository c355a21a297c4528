"""`freshframe track`: its outputs, and how it ends after a failure."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.command_line import FRAMES, LIVE, SCENE, records

import freshframe as ff
from freshframe._cli.summary import Tally
from freshframe._cli.track import track_run


def test_track_writes_one_line_per_frame_of_a_file_in_order(
    freshframe: Any, clip: Path, tmp_path: Path
) -> None:
    code, out, err = freshframe("track", clip, "-o", tmp_path / "out.jsonl")
    assert (code, out) == (0, "")
    found = records((tmp_path / "out.jsonl").read_text())
    assert [record["seq"] for record in found] == list(range(FRAMES))
    assert [round(60 * record["pts"]) for record in found] == list(range(FRAMES))
    assert all(list(record) == ["format", "seq", "pts", "captured", "circles"] for record in found)
    circles = [circle for record in found for circle in record["circles"]]
    assert circles
    assert all(isinstance(circle["tracker_id"], int) for circle in circles)
    assert f"{FRAMES} frames" in err
    assert f"{len(circles)} circles" in err
    assert "complete" in err
    assert "ms per frame" in err


def test_track_json_writes_the_same_lines_to_stdout(freshframe: Any, clip: Path, tmp_path: Path) -> None:
    code, out, _ = freshframe("track", clip, "--json", "-o", tmp_path / "out.jsonl")
    assert code == 0
    stdout, file = records(out), records((tmp_path / "out.jsonl").read_text())
    assert len(stdout) == FRAMES
    assert stdout == file


def test_track_without_an_output_prints_a_summary_only(freshframe: Any, clip: Path) -> None:
    code, out, err = freshframe("track", clip)
    assert (code, out) == (0, "")
    assert f"{FRAMES} frames" in err


def test_track_writes_every_kind_of_file_in_one_run(freshframe: Any, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.jsonl", "b.csv", "c.mp4", "d.mp4")]
    code, _, err = freshframe("track", SCENE, *(word for path in outputs for word in ("-o", path)))
    assert code == 0, err
    lines = records(outputs[0].read_text())
    with outputs[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(line["circles"]) for line in lines)
    for path in outputs[2:]:
        with ff.stream(ff.open(path)) as frames:
            assert [sample.seq for sample in frames] == list(range(FRAMES))
    for path in outputs:
        assert str(path) in err


def test_an_mp4_of_track_shows_the_circles(freshframe: Any, clip: Path, tmp_path: Path) -> None:
    assert freshframe("track", clip, "-o", tmp_path / "drawn.mp4")[0] == 0
    with ff.stream(ff.open(clip)) as before, ff.stream(ff.open(tmp_path / "drawn.mp4")) as after:
        pairs = [(a.value.copy("bgr"), b.value.copy("bgr")) for a, b in zip(before, after, strict=True)]
    plain, drawn = pairs[-1]
    changed = np.abs(plain.astype(int) - drawn.astype(int)).max(axis=2) > 60
    assert 0.002 < changed.mean() < 0.5


def test_detect_gives_circles_without_identities(freshframe: Any) -> None:
    code, out, _ = freshframe("track", SCENE, "--detect", "--json")
    circles = [circle for record in records(out) for circle in record["circles"]]
    assert code == 0
    assert circles
    assert all(circle["tracker_id"] is None for circle in circles)


def test_radius_limits_the_circles_that_are_found(freshframe: Any) -> None:
    scene = "demo:circles?size=640x360&balls=4&seed=1&pace=0&frames=20"  # radii 13, 19, 22 and 28 pixels

    def radii(*options: str) -> list[float]:
        code, out, err = freshframe("track", scene, "--detect", "--json", *options)
        assert code == 0, err
        return [circle["r"] for record in records(out) for circle in record["circles"]]

    everything = radii()
    assert min(everything) < 15
    assert max(everything) > 25
    assert all(16 < r < 25 for r in radii("--radius", "17:24"))
    assert len(radii("--radius", "17:24")) > 20


def test_keep_drops_the_same_frames_in_every_run_and_others_with_another_seed(freshframe: Any) -> None:
    def kept(seed: int) -> list[int]:
        code, out, err = freshframe("track", SCENE, "--json", "--keep", "0.5", "--seed", seed)
        assert code == 0, err
        return [record["seq"] for record in records(out)]

    first = kept(1)
    assert first == kept(1)
    assert first == sorted(set(first))
    assert 10 < len(first) < 40
    assert first != kept(2)


@pytest.mark.parametrize("outputs", [[], ["out.mp4", "out.csv"]], ids=["lines only", "and files"])
def test_max_frames_ends_a_file_after_exactly_so_many_frames(
    freshframe: Any, clip: Path, tmp_path: Path, outputs: list[str]
) -> None:
    files = [word for name in outputs for word in ("-o", tmp_path / name)]
    code, out, err = freshframe("track", clip, "--json", "--max-frames", 20, *files)
    assert [record["seq"] for record in records(out)] == list(range(20))
    assert code == 0, err
    assert "the 20 selected frames were processed and written" in err
    assert "complete" not in err


def test_max_frames_ends_an_endless_lossless_source(freshframe: Any) -> None:
    endless = "demo:circles?size=64x64&pace=0"
    code, out, err = freshframe("track", endless, "--json", "--max-frames", 7)
    assert [record["seq"] for record in records(out)] == list(range(7))
    assert code == 0, err
    assert "the 7 selected frames" in err


def test_an_output_in_a_folder_that_is_not_there_is_a_mistake_in_use(
    freshframe: Any, clip: Path, tmp_path: Path
) -> None:
    code, _, err = freshframe("track", clip, "-o", tmp_path / "nodir" / "a.csv")
    assert code == 2
    assert "there is no folder" in err


def test_track_writes_every_container_that_video_files_can_have(
    freshframe: Any, clip: Path, tmp_path: Path
) -> None:
    for suffix in ("mkv", "webm"):
        code, _, err = freshframe("track", clip, "-o", tmp_path / f"a.{suffix}", "--max-frames", 5)
        assert code == 0, err
        assert len(list(ff.stream(ff.open(tmp_path / f"a.{suffix}")))) == 5


def test_max_frames_waits_for_the_slowest_node(freshframe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Tally):
        def process(self, sample: ff.Sample[ff.Circles]) -> None:
            time.sleep(0.05)
            super().process(sample)

    monkeypatch.setattr(track_run, "Tally", Slow)
    code, _, err = freshframe("track", SCENE, "--max-frames", 12)
    assert code == 0, err
    assert ": 12 frames in" in err


def test_max_frames_counts_what_keep_has_kept(freshframe: Any, clip: Path) -> None:
    _, everything, _ = freshframe("track", clip, "--json", "--keep", "0.5")
    code, out, _ = freshframe("track", clip, "--json", "--keep", "0.5", "--max-frames", 10)
    assert code == 0
    assert [r["seq"] for r in records(out)] == [r["seq"] for r in records(everything)][:10]


def test_for_ends_a_file_at_that_time_of_the_video(freshframe: Any, clip: Path) -> None:
    code, out, _ = freshframe("track", clip, "--json", "--for", "500ms")
    assert code == 0
    assert [record["seq"] for record in records(out)] == list(range(30))


@pytest.mark.repeats
def test_for_ends_a_live_source_by_the_clock(freshframe: Any) -> None:
    code, out, err = freshframe("track", LIVE, "--json", "--for", "0.5s")
    assert code == 0
    assert records(out)
    assert "live" in err


def test_max_frames_ends_a_live_source(freshframe: Any) -> None:
    code, out, _ = freshframe("track", LIVE, "--json", "--max-frames", 5)
    assert code == 0
    assert len(records(out)) <= 5


@pytest.mark.slow
@pytest.mark.repeats
def test_realtime_plays_a_file_at_its_own_speed(freshframe: Any, clip: Path) -> None:
    code, out, err = freshframe("track", clip, "--realtime", "--json")
    assert code == 0
    assert "live" in err
    captured = [record["captured"] for record in records(out)]
    assert captured[-1] - captured[0] > 0.5 * (FRAMES - 1) / 60


def test_quiet_prints_nothing_but_results(freshframe: Any, clip: Path) -> None:
    code, out, err = freshframe("track", clip, "--json", "-q")
    assert (code, err) == (0, "")
    assert len(records(out)) == FRAMES


@pytest.mark.parametrize("command", ["track", "probe"])
def test_a_source_that_cannot_be_opened_ends_with_3(freshframe: Any, tmp_path: Path, command: str) -> None:
    path = tmp_path / "missing.mp4"
    code, out, err = freshframe(command, path)
    assert (code, out) == (3, "")
    assert str(path) in err
    assert "Traceback" not in err


def test_a_file_that_is_no_video_ends_with_3(freshframe: Any, tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("certainly no video\n" * 100)
    assert freshframe("track", path)[0] == 3


def test_an_output_that_cannot_be_created_ends_with_1(freshframe: Any, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.mkdir()
    code, _, err = freshframe("track", SCENE, "-o", path)
    assert code == 1
    assert str(path) in err
    assert "Traceback" not in err


def test_a_full_disk_while_writing_ends_with_1(freshframe: Any, tmp_path: Path) -> None:
    full = tmp_path / "full.jsonl"
    full.symlink_to("/dev/full")
    code, _, err = freshframe("track", f"{SCENE}0", "-o", full)
    assert code == 1
    assert "No space left" in err


def test_an_output_that_cannot_be_finished_ends_with_4(freshframe: Any, tmp_path: Path) -> None:
    full = tmp_path / "full.csv"
    full.symlink_to("/dev/full")
    code, _, err = freshframe("track", SCENE, "-o", full, "--max-frames", 3)
    assert code == 4
    assert "No space left" in err


def test_frames_that_cannot_be_decoded_end_with_4(freshframe: Any, clip: Path, tmp_path: Path) -> None:
    damaged = bytearray(clip.read_bytes())
    media = damaged.index(b"mdat") + 4
    end = damaged.index(b"moov") - 4 if damaged.index(b"moov") > media else len(damaged)
    middle = (media + end) // 2
    damaged[middle : middle + (end - middle) // 2] = bytes((end - middle) // 2)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(damaged)
    code, _, err = freshframe("track", path)
    assert code == 4, err
    assert "decode" in err
