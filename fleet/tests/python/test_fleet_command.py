"""`freshframe fleet`: run, status, drain, and their socket."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import stat
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fleet_rigs import builds as fleet_builds
from support import run_program, until

import freshframe as ff
from freshframe import _cli
from freshframe._sinks.records import full_box_records, records
from freshframe.fleet import FleetSample
from freshframe_fleet import _desk


@pytest.mark.slow
def test_a_fleet_is_shown_and_drained_from_outside(
    capsys: pytest.CaptureFixture[str], state_folder: Path
) -> None:
    assert _cli.main(["fleet", "status"]) == 2
    assert "no fleet of this user is running" in capsys.readouterr().err
    with ff.fleet.Fleet(agents=2, name="yard") as fleet:
        fleet.add_many({"a": "ticks:0.05", "b": "ticks:0.05"}, fleet_builds.ticks)
        until(lambda: fleet.stats().states() == {"running": 2}, "the cameras")
        assert _cli.main(["fleet", "status", "--json"]) == 0
        state = json.loads(capsys.readouterr().out)
        assert set(state["cameras"]) == {"a", "b"}
        assert _cli.main(["fleet", "status"]) == 0
        shown = capsys.readouterr().out
        assert "fleet yard: 2 running" in shown
        assert "agent1" in shown
        assert _cli.main(["fleet", "drain", "agent0", "--name", "yard"]) == 0
        assert "agent0 is draining" in capsys.readouterr().err
        until(lambda: fleet.stats().agents["agent0"].camera_count == 0, "the drain")
        assert _cli.main(["fleet", "resume", "agent0"]) == 0
        assert not fleet.stats().agents["agent0"].draining
        for agent in ("agent0", "agent1"):
            assert _cli.main(["fleet", "drain", agent]) == 0
        told = capsys.readouterr().err
        assert "agent0 is draining and has no cameras" in told
        assert "agent1 is draining, but its 2 cameras stay there" in told
        assert _cli.main(["fleet", "status", "--name", "yarn"]) == 2
        assert "no fleet is named 'yarn'; the fleets are yard" in capsys.readouterr().err
        assert _cli.main(["fleet", "drain", "agent7"]) == 1
        assert "no agent is named 'agent7'" in capsys.readouterr().err
        path = state_folder / "yard.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        # Garbage results in an error, and does not affect other requests.
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(path))
            stranger.sendall(b"[1]\n")
            assert b"unknown request" in stranger.recv(1000)
        assert _desk.running() == ["yard"]
    assert _desk.running() == []


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("program", "cameras", "text"),
    [
        (None, None, "cannot read 'app.py': there is no such file; expected a program that defines build"),
        ("import nothing_of_this_name", None, "No module named 'nothing_of_this_name'"),
        ("x = (", None, "SyntaxError"),
        ("build = 3", None, "must define build(url), which returns (pipeline, outputs), but build is 3"),
        ("build = print", None, "no cameras given: pass --cameras FILE, or define cameras = {...} in app.py"),
        ("build = print; cameras = 3", None, "cameras must be a mapping of names to URLs"),
        ("build = print; cameras = {}", None, "cameras in 'app.py' must name at least one camera"),
        ("build = print", "none.csv", "cannot read --cameras none.csv: No such file or directory"),
        (
            "build = print; cameras = 'none.csv'",
            None,
            "cannot read none.csv, the cameras in 'app.py': No such",
        ),
        ("build = print", b"name,url\n", "--cameras file.csv must name at least one camera"),
        (
            "build = print",
            b"name,url\na,\xff\n",
            "file.csv is not valid UTF-8 (byte 0xff): save the file as UTF-8",
        ),
        ("build = print", b"name,url\na," + b"x" * 200_000, "file.csv must be a CSV file"),
    ],
    ids=itertools.count(),
)
def test_run_names_what_is_wrong(
    program: str | None,
    cameras: str | bytes | None,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(sys, "path", sys.path[:])
    if program is not None:
        Path("app.py").write_text(program)
    if isinstance(cameras, bytes):
        Path("file.csv").write_bytes(cameras)
        cameras = "file.csv"
    listed = [] if cameras is None else ["--cameras", cameras]
    assert _cli.main(["fleet", "run", "app.py", "--timeout", "50", *listed]) in (1, 2)
    told = capsys.readouterr().err
    assert text in told
    assert "internal error" not in told
    assert "_cli" not in told  # a traceback shows only lines of the user's code


class Odd:
    def __repr__(self) -> str:
        return "odd \udcff"


CIRCLES = ff.Circles(xyr=np.array([[1, 2, 3]], np.float32), confidence=np.array([0.5], np.float32))
DETECTIONS = ff.Detections(
    xyxy=np.array([[1, 2, 3, 4]], np.float32),
    confidence=np.array([0.5], np.float32),
    class_id=np.array([1], np.int32),
    data={"weight": np.array([np.nan])},
)
VALUES: list[tuple[Any, dict[str, Any]]] = [
    (7, {"value": 7}),
    (np.float32(0.5), {"value": 0.5}),
    (float("nan"), {"value": None}),
    ({"speed": np.inf, "at": (1, 2)}, {"value": {"speed": None, "at": [1, 2]}}),
    (np.array([[1.5, np.nan]]), {"value": [[1.5, None]]}),
    ("a\udcff", {"value": "a\N{REPLACEMENT CHARACTER}"}),
    (Odd(), {"value": "odd \N{REPLACEMENT CHARACTER}"}),
    (CIRCLES, {"circles": records(CIRCLES)}),
    (DETECTIONS, {"detections": full_box_records(DETECTIONS)}),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=lambda each: type(each).__name__)
def test_run_prints_a_result_as_the_sinks_write_it(
    value: Any,
    expected: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sample = FleetSample("cam", 5 << 32 | 1, 3, float("nan"), 1.25, value, 2, 4, part=1)
    made = contextlib.nullcontext(
        SimpleNamespace(name="yard", reader=lambda output: [sample], add_many=lambda *_, **__: 1)
    )
    monkeypatch.setattr("freshframe_fleet._command.Fleet", lambda *_, **__: made)
    monkeypatch.setattr(sys, "argv", [])
    app = tmp_path / "app.py"
    app.write_text("build = print; cameras = {'cam': 'x'}")
    assert _cli.main(["fleet", "run", str(app), "--read", "ticks"]) == 0

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    assert json.loads(capsys.readouterr().out, parse_constant=refuse) == {
        "camera": "cam",
        "epoch": 5 << 32 | 1,
        "seq": 3,
        "part": 1,
        "ordinal": 4,
        "pts": None,
        "utc": 1.25,
        "dropped": 2,
        **expected,
    }


@pytest.mark.full
def test_run_prints_results_as_json_lines(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    (tmp_path / "beside.py").write_text("url = 'ticks:0.01'\n")
    app.write_text(
        "import beside\nfrom fleet_rigs import builds as fleet_builds\n"
        "class Value(int):\n    pass\n"
        "def build(url):\n    return fleet_builds.ticks(str(Value and beside.url))\n"
        "cameras = {'a': 'x'}\n"
    )
    ended = run_program(
        f"""
        import sys
        from freshframe._cli import main
        sys.exit(main(["fleet", "--timeout", "3", "run", {str(app)!r}, "--read", "ticks"]))
        """
    )
    first = json.loads(ended.out.splitlines()[0])
    assert (first["camera"], first["value"]) == ("a", 0), ended
