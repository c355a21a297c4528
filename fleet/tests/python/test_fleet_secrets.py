"""The pages, logs and stores of a fleet contain no passwords."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest
from fleet_rigs import builds as fleet_builds
from support import until

import freshframe as ff
from freshframe_fleet._agent.run import Run
from freshframe_fleet._control.name_lock import NameLock


@pytest.mark.slow
def test_nothing_that_a_fleet_shows_or_logs_has_a_password(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, state_folder: Path
) -> None:
    monkeypatch.setenv("GATE", "rtsp://joe:hun/ter2@10.0.0.7/a?pwd=hun2ter")
    monkeypatch.setenv("PLAIN", "hunter22")
    urls = {
        "direct": "rtsp://joe:hun/ter2@10.0.0.7/a?loginpas=hun2ter",
        "path": "rtsp://10.0.0.7/user=joe_password=hunter2_channel=1",
        "env": "env:GATE",
        "plain": "env:PLAIN",
    }
    with ff.fleet.Fleet(name="yard") as fleet:
        fleet.add_many(urls, fleet_builds.logs_and_raises)
        until(lambda: all(c.starts > 1 for c in fleet.stats().cameras.values()), "second starts")
        until(lambda: len([r for r in caplog.records if "a log line" in r.getMessage()]) >= 4, "log lines")
        shown = repr(fleet.stats()) + json.dumps(fleet.stats().to_dict())
        assert "no camera at rtsp://joe:***@10.0.0.7" in shown
        assert "no camera at env:PLAIN" in shown
    logged = "\n".join(logging.Formatter().format(record) for record in caplog.records)
    assert "a log line" in logged
    for text in (shown, logged):
        assert not re.search("hun|ter2", text), text


@pytest.mark.slow
def test_a_wrong_csv_file_is_told_without_its_passwords(tmp_path: Path) -> None:
    file = tmp_path / "cameras.csv"
    with ff.fleet.Fleet() as fleet:
        for row in (",rtsp://joe:hunter2@h/a", "rtsp://joe:hunter2@h/a,x,rtsp://joe:hunter2@h"):
            file.write_text(f"name,url,needs\n{row}\n")
            with pytest.raises(ff.OptionError) as caught:
                fleet.add_many(file, fleet_builds.ticks)
            assert "hunter2" not in str(caught.value)
            assert caught.value.__cause__ is None
        with pytest.raises(ff.OptionError, match=r"must not contain a password, got 'rtsp://joe:\*\*\*@h'"):
            fleet.add("rtsp://joe:hunter2@h", "ticks:1", fleet_builds.ticks)


def test_what_a_killed_fleet_without_a_name_has_left_is_swept(state_folder: Path) -> None:
    NameLock("first", made_up=False).close()
    for name in ("local-99x9z", "local-0a3f0", "mine"):
        for suffix in ("lock", "sock"):
            (state_folder / f"{name}.{suffix}").touch()
    running = NameLock("local-zz777", made_up=True)
    NameLock("second", made_up=False).close()
    assert {path.name for path in state_folder.iterdir()} == {"mine.lock", "mine.sock", running.path.name}
    running.close()


def test_a_password_is_hidden_before_a_text_is_cut() -> None:
    url = "rtsp://joe:hun ter2 " + "x" * 50 + "@10.0.0.7/a"
    run = Run(1, 1, "gate", url, exclusive=False)
    for before in range(6_100, 6_160, 7):
        said = run.hide_passwords(
            "word " * (before // 5) + "y" * (before % 5) + f" {url} was lost" + " word" * 5_000
        )
        assert "ter2" not in said
        assert "hun" not in said
        assert len(said) < 9_000
