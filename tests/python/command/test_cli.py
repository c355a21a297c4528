"""The commands track, probe and doctor: their outputs, and the exit code of each end."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import re
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rigs.command_line import COMMAND, ENVIRONMENT, LIVE, SCENE, catches, process, records
from rigs.watchdog import run_to_end
from support import WATCHDOG, until

import freshframe as ff
from freshframe._cli.messages import Messages

COMMANDS = ["track", "demo", "probe", "devices", "doctor", "model"]


@pytest.mark.slow
def test_the_module_and_the_console_script_are_the_same_command() -> None:
    module = process("--version")
    assert (module.returncode, module.stdout, module.stderr) == (0, f"freshframe {ff.__version__}\n", "")
    script = shutil.which("freshframe", path=str(Path(sys.executable).parent))
    if script is not None:
        found = run_to_end([script, "--version"], check=True)
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
    assert "find and track the circles in a video" in err


def test_the_error_of_a_misspelt_command_names_the_nearest_one(freshframe: Any) -> None:
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


@pytest.mark.slow
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
    ended = run_to_end(["bash", "-o", "pipefail", "-c", command], env=ENVIRONMENT)
    assert len(records(ended.stdout)) == 2
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.slow
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
        assert sum(1 for _ in frames) > 0  # the video file was closed properly


@pytest.mark.slow
def test_a_second_sigint_ends_at_once() -> None:
    program = """
        import sys, time
        import freshframe as ff
        from freshframe import _cli
        from freshframe._cli.track import track_run

        class Stubborn(track_run.Tally):
            def process(self, sample):
                print("ready", flush=True)
                time.sleep(3600)

        track_run.Tally = Stubborn
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
        # Send the second one after the handler of the first has restored the default action.
        until(lambda: not catches(running.pid, signal.SIGINT), "the first SIGINT to be taken")
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=WATCHDOG)
    assert (running.returncode, out) == (-signal.SIGINT, "")


@pytest.mark.parametrize(("command", "is_removed"), [("probe", True), ("run", False)])
def test_advice_about_open_is_shown_only_for_the_users_own_file(
    command: str, is_removed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    messages = Messages(command)
    advice = "pass reconnect=True to open() to wait for the source"
    messages.complain(f"connection refused; check the port, or {advice}")
    assert (advice not in capsys.readouterr().err) == is_removed
    other = "pass reconnect=False to open() to fail instead"
    with messages.log_to_stderr():
        logging.getLogger("freshframe").warning("trying again (%s)", other)
    shown = capsys.readouterr().err
    assert "trying again" in shown
    assert (other not in shown) == is_removed


def test_advice_about_the_camera_of_a_browser_names_the_link_that_the_command_prints(freshframe: Any) -> None:
    code, _, err = freshframe("track", "browser:")
    assert code != 0
    assert "pass --serve PORT, then open the link that it prints for the camera" in err
    _, _, err = freshframe("track", "browser:", "--serve", "0", "--timeout", "0.5s")
    assert re.search(r"^camera: http://localhost:\d+/camera#camera=", err, re.MULTILINE)
    assert "open the link of the camera in the browser" in err


@pytest.mark.slow
def test_advice_about_open_survives_in_a_pipeline_file(app: Callable[[str], str], freshframe: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"rtsp://127.0.0.1:{unused.getsockname()[1]}/door"
        path = app(
            f"""
            import freshframe as ff
            pipeline = ff.Pipeline()
            pipeline.add(lambda frame: None, pipeline.add(ff.open({url!r})))
            """
        )
        ran = process("run", path, "--timeout", "2s")
        code, _, probed = freshframe("probe", url)
    assert "(pass reconnect=False to open() to fail instead)" in ran.stderr
    assert code != 0
    assert "connection refused; check the port\n" in probed


def test_importing_the_package_imports_neither_the_command_nor_rich() -> None:
    code = "import sys, freshframe; print([m for m in sys.modules if 'rich' in m or '_cli' in m.split('.')])"
    ended = run_to_end([sys.executable, "-c", code], env=ENVIRONMENT, check=True)
    assert ended.stdout == "[]\n"
