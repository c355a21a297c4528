"""`freshframe why`: asks a dashboard, or runs a file's pipeline."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

import freshframe as ff
from freshframe._cli import main

LIVE = "demo:circles?fps=30&size=64x48"
APP = """
import time
import freshframe as ff
pipeline = ff.Pipeline("asked")
camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x48"), name="camera")
pipeline.add(lambda frame: time.sleep(0.01), camera, name="slow")
"""


def test_why_asks_a_dashboard(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = ff.Pipeline("asked")
    camera = pipeline.add(ff.open(LIVE), name="camera")
    reader = pipeline.reader(camera, name="reader")
    with pipeline.start(), pipeline.serve() as dashboard:
        for _ in range(5):
            reader.get(timeout=30)
        assert main(["why", dashboard.url]) == 0
        text = capsys.readouterr().out
        assert "reader: samples are " in text
        assert main(["why", dashboard.url, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
    assert answer["runs"]
    assert answer["findings"] == []
    assert answer["ages"][0]["consumer"] == "reader"
    assert sum(part["mean"] for part in answer["ages"][0]["parts"]) == pytest.approx(
        answer["ages"][0]["mean"], rel=0.01, abs=3e-4
    )


def test_why_runs_a_file_for_a_while(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "app.py"
    app.write_text(APP)
    assert main(["why", str(app), "--for", "2s"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("No finding yet: ")
    assert "slow: samples are " in text
    assert " in the call of slow" in text


def test_what_if_asks_a_dashboard(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = ff.Pipeline("asked")
    camera = pipeline.add(ff.open(LIVE), name="camera")
    node = pipeline.add(lambda frame: 1, camera, name="a, b: c")
    reader = pipeline.reader(node, name="reader")
    question = "a, b: c: queue=Queue(8, drop_newest), workers=2"
    with pipeline.start(), pipeline.serve() as dashboard:
        reader.get(timeout=30)
        assert main(["why", dashboard.url, "--what-if", question, "--what-if", "camera: rate=9"]) == 0
        text = capsys.readouterr().out
        assert "a, b: c with queue=Queue(8, drop_newest), workers=2: not known: not yet: " in text
        assert "camera with rate=9: not known: not yet: " in text
        assert main(["why", dashboard.url, "--json", "--what-if", question]) == 0
        [predicted] = json.loads(capsys.readouterr().out)["what_if"]
        assert (predicted["node"], predicted["outcomes"]) == ("a, b: c", [])
        assert main(["why", dashboard.url, "--what-if", "nobody: queue=NEXT"]) == 2
        assert "there is no node 'nobody' in this pipeline" in capsys.readouterr().err
        assert main(["why", dashboard.url, "--what-if", "camera: queue=SOON"]) == 2
        assert "queue must be LATEST, NEXT, LOSSLESS" in capsys.readouterr().err


def test_what_if_of_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "app.py"
    app.write_text(APP)
    assert main(["why", str(app), "--for", "1s", "--what-if", "slow: queue=NEXT"]) == 0
    assert "slow with queue=NEXT: not known: not yet: " in capsys.readouterr().out
    assert main(["why", str(app), "--for", "1s", "--json", "--what-if", "slow: queue=NEXT"]) == 0
    assert json.loads(capsys.readouterr().out)["what_if"][0]["change"] == "queue=NEXT"


def test_why_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "127.0.0.1:9"]) == 3
    assert "no dashboard at http://127.0.0.1:9" in capsys.readouterr().err
    assert main(["why", "no-such-file.py"]) == 2
    assert "there is no such file" in capsys.readouterr().err
