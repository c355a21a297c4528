"""`freshframe fleet`: run, status, drain, and the socket behind them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import fleet_builds
import pytest
from support import run_program, until

import freshframe as ff
from freshframe import _cli
from freshframe.fleet import _desk


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "freshframe" / "fleets"


def test_a_fleet_is_shown_and_drained_from_outside(
    capsys: pytest.CaptureFixture[str], state_folder: Path
) -> None:
    assert _cli.main(["fleet", "status"]) == 2
    assert "this user runs no fleet" in capsys.readouterr().err
    with ff.Fleet("local", agents=2, name="yard") as fleet:
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
        until(lambda: fleet.stats().agents["agent0"].cameras == 0, "the drain")
        assert _cli.main(["fleet", "resume", "agent0"]) == 0
        assert not fleet.stats().agents["agent0"].draining
        assert _cli.main(["fleet", "drain", "agent7"]) == 1
        assert "there is no agent 'agent7'" in capsys.readouterr().err
        path = state_folder / "yard.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as stranger:  # garbage is answered with an error, and harms nobody
            stranger.connect(str(path))
            stranger.sendall(b"[1]\n")
            assert b"no such request" in stranger.recv(1000)
        assert _desk.running() == ["yard"]
    assert _desk.running() == []


@pytest.mark.full
def test_run_prints_results_as_json_lines(tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text("from fleet_builds import ticks as build\ncameras = {'a': 'ticks:0.01'}\n")
    ended = run_program(
        f"""
        import sys
        from freshframe._cli import main
        sys.exit(main(["fleet", "--timeout", "3", "run", {str(app)!r}, "--read", "ticks"]))
        """
    )
    first = json.loads(ended.out.splitlines()[0])
    assert (first["camera"], first["value"]) == ("a", 0), ended
