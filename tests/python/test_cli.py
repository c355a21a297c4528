"""The commands track, probe and doctor: what they write where, and how each end becomes its exit code."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import WATCHDOG, until

import freshframe as ff
from freshframe._cli import main, track
from freshframe._cli.summary import Tally

FRAMES = 50
SCENE = f"demo:circles?size=320x240&balls=2&seed=1&pace=0&frames={FRAMES}"
LIVE = "demo:circles?size=320x240&balls=2&seed=1&fps=60"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])}
COMMAND = [sys.executable, "-m", "freshframe"]
COMMANDS = ["track", "demo", "probe", "devices", "doctor", "lab"]


class One(ff.Source[ff.Frame]):
    """Gives one picture."""

    live = False

    def __init__(self, picture: ff.Frame) -> None:
        self.picture = picture

    def read(self, stop: ff.StopToken) -> Iterator[tuple[ff.Frame, float]]:
        yield self.picture, 0.0


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.264 of the scene, 60 fps."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    pipeline = ff.Pipeline()
    pipeline.add(ff.VideoFile(path), pipeline.add(ff.open(SCENE)))
    assert pipeline.run().complete
    return path


@pytest.fixture
def freshframe(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command in this process: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def process(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *(str(argument) for argument in arguments)]
    return subprocess.run(
        command, env=ENVIRONMENT, capture_output=True, text=True, timeout=WATCHDOG, check=False, **options
    )


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether that process has a handler of its own for the signal."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) >> (number - 1) & 1)


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


# --- the grammar ----------------------------------------------------------------------------------


def test_the_module_and_the_console_script_are_the_same_command() -> None:
    module = process("--version")
    assert (module.returncode, module.stdout, module.stderr) == (0, f"freshframe {ff.__version__}\n", "")
    script = shutil.which("freshframe", path=str(Path(sys.executable).parent))
    if script is not None:
        found = subprocess.run(
            [script, "--version"], capture_output=True, text=True, timeout=WATCHDOG, check=True
        )
        assert found.stdout == module.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_ends_with_two_examples(freshframe: Any, command: str) -> None:
    code, out, err = freshframe(command, "--help")
    assert (code, err) == (0, "")
    *_, heading, first, second = out.rstrip().splitlines()
    assert heading == "examples:"
    assert first.startswith(f"  freshframe {command}")
    assert second.startswith(f"  freshframe {command}")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["conquer"],
        ["track"],
        ["track", SCENE, "--keep", "0"],
        ["track", SCENE, "--keep", "1.5"],
        ["track", SCENE, "--keep", "nan"],
        ["track", SCENE, "--for", "0s"],
        ["track", SCENE, "--for", "10 parsecs"],
        ["track", SCENE, "--max-frames", "0"],
        ["track", SCENE, "--max-frames", "-3"],
        ["track", SCENE, "--radius", "9"],
        ["track", SCENE, "--radius", "9:2"],
        ["track", SCENE, "--timeout", "soon"],
        ["track", SCENE, "-o", "out.wav"],
        ["track", SCENE, "-o", "out"],
        ["track", SCENE, "-o", "out.csv", "-o", "./out.csv"],
        ["track", "demo:squares"],
        ["probe", "demo:circles?fps=never"],
        ["demo", "--out", "/dev/null/folder"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2_and_says_why(
    freshframe: Any, arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = freshframe(*arguments)
    assert (code, out) == (2, "")
    assert "freshframe" in err
    assert "Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_without_a_command_the_help_is_shown(freshframe: Any) -> None:
    _, _, err = freshframe()
    assert "usage: freshframe" in err
    assert "find and follow the circles of a video" in err


def test_a_misspelt_command_is_told_what_was_meant(freshframe: Any) -> None:
    code, _, err = freshframe("trakc", SCENE)
    assert code == 2
    assert "there is no command 'trakc'; did you mean 'track'?" in err


def test_an_unknown_option_shows_the_usage_of_its_command(freshframe: Any) -> None:
    code, _, err = freshframe("probe", SCENE, "--bogus")
    assert code == 2
    assert "usage: freshframe probe" in err
    assert "unrecognized arguments: --bogus" in err


def test_an_output_never_overwrites_the_source(freshframe: Any, clip: Path, tmp_path: Path) -> None:
    same = tmp_path / "same.mp4"
    same.symlink_to(clip)
    before = clip.read_bytes()
    code, _, err = freshframe("track", clip, "-o", same)
    assert code == 2
    assert "overwrite" in err
    assert clip.read_bytes() == before


# --- track: what it writes ------------------------------------------------------------------------


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
    assert all(isinstance(circle["id"], int) for circle in circles)
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
    assert all(circle["id"] is None for circle in circles)


def test_radius_decides_what_is_found(freshframe: Any) -> None:
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
    assert "the 20 frames that were asked for were looked at and written" in err
    assert "complete" not in err


def test_max_frames_ends_an_endless_lossless_source(freshframe: Any) -> None:
    endless = "demo:circles?size=64x64&pace=0"
    code, out, err = freshframe("track", endless, "--json", "--max-frames", 7)
    assert [record["seq"] for record in records(out)] == list(range(7))
    assert code == 0, err
    assert "the 7 frames that were asked for" in err


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

    monkeypatch.setattr(track, "Tally", Slow)
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


def test_for_ends_a_live_source_by_the_clock(freshframe: Any) -> None:
    code, out, err = freshframe("track", LIVE, "--json", "--for", "0.5s")
    assert code == 0
    assert records(out)
    assert "live" in err


def test_max_frames_ends_a_live_source(freshframe: Any) -> None:
    code, out, _ = freshframe("track", LIVE, "--json", "--max-frames", 5)
    assert code == 0
    assert len(records(out)) <= 5


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


# --- track: how it fails --------------------------------------------------------------------------


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


def test_stdout_that_is_full_is_an_error() -> None:
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*COMMAND, "track", SCENE, "--json"],
            check=False,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=WATCHDOG,
        )
    assert ended.returncode == 1
    assert "No space left" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_reader_of_stdout_that_goes_away_ends_it_quietly() -> None:
    command = f'"{sys.executable}" -m freshframe track "{LIVE}" --json -q | head -n 2'
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        check=False,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=WATCHDOG,
    )
    assert len(records(ended.stdout)) == 2
    assert (ended.returncode, ended.stderr) == (0, "")


def test_timeout_ends_with_5_and_names_the_nodes() -> None:
    ended = process("track", LIVE, "--timeout", "1s")
    assert ended.returncode == 5, ended.stderr
    assert "--timeout 1 s" in ended.stderr
    assert "source" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_every_line_is_whole(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    path = tmp_path / "out.mp4"
    with subprocess.Popen(
        [*COMMAND, "track", LIVE, "--json", "-o", path],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(5)]
        running.send_signal(number)
        out, err = running.communicate(timeout=WATCHDOG)
    assert running.returncode == code, err
    seqs = [record["seq"] for record in records("".join(lines) + out)]
    assert seqs == sorted(set(seqs))
    assert number.name in err
    assert "Traceback" not in err
    with ff.stream(ff.open(path)) as frames:
        assert sum(1 for _ in frames) > 0  # the video was finished properly


def test_a_second_sigint_ends_at_once() -> None:
    program = """
        import sys, time
        import freshframe as ff
        from freshframe import _cli
        from freshframe._cli import track

        class Stubborn(track.Tally):
            def process(self, sample):
                print("ready", flush=True)
                time.sleep(3600)

        track.Tally = Stubborn
        _cli.main(["track", "demo:circles?fps=60&size=64x64"])
        print("it waited for the node")
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        # The second is sent when the first was taken: its handler gives SIGINT back to the system.
        until(lambda: not catches(running.pid, signal.SIGINT), "the first SIGINT to be taken")
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=WATCHDOG)
    assert (running.returncode, out) == (-signal.SIGINT, "")


# --- probe and doctor -----------------------------------------------------------------------------


def test_probe_says_what_a_file_is(freshframe: Any, clip: Path) -> None:
    code, out, _ = freshframe("probe", clip, "--json")
    (record,) = records(out)
    assert code == 0
    assert (record["codec"], record["width"], record["height"]) == ("h264", 320, 240)
    assert (record["live"], record["frame_count"], record["fps"]) == (False, FRAMES, 60)
    assert record["duration"] == pytest.approx(FRAMES / 60, abs=0.02)
    assert record["measured"]["frames"] == FRAMES
    assert record["measured"]["interval"] == pytest.approx(1 / 60, abs=1e-4)
    assert record["measured"]["jitter"] < 1e-3
    assert record["measured"]["dropped"] == 0
    assert str(clip) in record["url"]


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
    assert "expected frames per second above 0 such as 25, got 'fast'" in err
    code, _, err = freshframe("probe", tmp_path / "1.avi", "--fps", "5")
    assert code == 3
    assert "that is for pictures, a video has its own" in err
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
    assert "h264, 320x240" in out
    assert f"{FRAMES} frames in" in out


def test_probe_of_a_live_source_measures_it(freshframe: Any) -> None:
    code, out, _ = freshframe("probe", "demo:circles?size=64x64&fps=20", "--json")
    (record,) = records(out)
    assert code == 0
    assert record["live"] is True
    assert record["measured"]["interval"] == pytest.approx(1 / 20, abs=1e-4)
    assert record["measured"]["frames"] > 1


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


def test_doctor_fails_when_a_check_fails(freshframe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "__version__", "1.19.5")
    code, out, _ = freshframe("doctor", "--json")
    numpy = next(record for record in records(out) if record["check"] == "NumPy")
    assert (code, numpy["state"]) == (1, "fail")
    assert "pip install" in numpy["advice"]


def test_importing_the_package_imports_neither_the_command_nor_rich() -> None:
    code = "import sys, freshframe; print([m for m in sys.modules if 'rich' in m or '_cli' in m])"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=WATCHDOG,
        check=True,
    )
    assert ended.stdout == "[]\n"
