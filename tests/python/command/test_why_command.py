"""`freshframe why`: asks a dashboard, or runs a file's pipeline."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import signal
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import freshframe as ff
from freshframe._cli import attached, main

LIVE = "demo:circles?fps=30&size=64x48"
# Possible starts of an answer: on a busy machine a lost frame is a finding.
CALM = ("No finding yet: the pipeline has been watched for ", "camera: lost ")

APP = """
import time
import freshframe as ff
pipeline = ff.Pipeline("asked")
camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x48"), name="camera")
pipeline.add(lambda frame: time.sleep(0.01), camera, name="slow")
"""


@pytest.mark.repeats
def test_why_asks_a_dashboard(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = ff.Pipeline("asked")
    camera = pipeline.add(ff.open(LIVE), name="camera")
    reader = pipeline.reader(camera, name="reader")
    with pipeline, pipeline.serve() as dashboard:
        for _ in range(5):
            reader.get(timeout=100)
        assert main(["why", dashboard.url]) == 0
        text = capsys.readouterr().out
        assert "reader: samples are " in text
        assert main(["why", dashboard.url, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
    assert answer["is_running"]
    assert {finding["kind"] for finding in answer["findings"]} <= {"loss"}  # a scene on a busy machine
    assert answer["ages"][0]["consumer"] == "reader"
    assert sum(part["mean"] for part in answer["ages"][0]["parts"]) == pytest.approx(
        answer["ages"][0]["mean"], rel=0.01, abs=3e-4
    )


@pytest.mark.slow
@pytest.mark.repeats
def test_why_runs_a_file_for_a_while(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = tmp_path / "app.py"
    app.write_text(APP)
    assert main(["why", str(app), "--for", "2s"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(CALM)
    assert "slow: samples are " in text
    assert " in the call of slow" in text


def test_why_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "127.0.0.1:9"]) == 3
    assert "no dashboard at http://127.0.0.1:9" in capsys.readouterr().err
    assert main(["why", "no-such-file.py"]) == 2
    assert "there is no such file" in capsys.readouterr().err


# ---- programs that start their pipeline themselves

HEAD = """
import time
import freshframe as ff
def build(name="asked", scene="demo:circles?fps=30&size=64x48"):
    pipeline = ff.Pipeline(name)
    camera = pipeline.add(ff.open(scene), name="camera")
    pipeline.add(lambda frame: time.sleep(0.01), camera, name="slow")
    return pipeline
"""

PROGRAMS = {
    "run at module level": "p = build()\np.run()\n",
    "with and a loop": "p = build()\nwith p:\n    while True:\n        time.sleep(0.02)\n",
    "start, and the module ends": "p = build()\np.start()\n",
    "wait in turns": "p = build()\np.start()\nwhile not p.wait(0.1):\n    pass\n",
    "below the main part": 'def main():\n    build().run()\nif __name__ == "__main__":\n    main()\n',
    "it takes Ctrl-C": "p = build()\ntry:\n    p.run()\nexcept KeyboardInterrupt:\n    pass\n",
    "it has a handler of Ctrl-C": """
import signal, threading
over = threading.Event()
signal.signal(signal.SIGINT, lambda number, frame: over.set())
p = build()
p.start()
while not over.wait(0.05):
    pass
p.stop()
""",
    "sys.exit at its end": "import sys\np = build()\np.start()\nsys.exit(0)\n",
    "a reader": """
p = ff.Pipeline("asked")
camera = p.add(ff.open("demo:circles?fps=30&size=64x48"), name="camera")
reader = p.reader(p.add(lambda frame: 1, camera, name="slow"))
with p:
    for sample in reader:
        pass
""",
    "not started, under another name": "p = build()\n",
    "not started, with a main part": 'p = build()\nif __name__ == "__main__":\n    raise SystemExit(7)\n',
}


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restores the SIGINT handler, which a program may have replaced."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.table(cases=4)
@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_why_takes_a_program_as_it_is(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app.py"
    app.write_text(HEAD + program)
    assert main(["why", str(app), "--for", "1s"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(CALM), out
    assert "running 'asked' for 1 s" in err
    assert [thread.name for thread in threading.enumerate() if thread.name == "ff why"] == []


WITH_READER = """
pipeline = ff.Pipeline("asked")
camera = pipeline.add(ff.open("demo:circles?fps=30&size=64x48"), name="camera")
reader = pipeline.reader(camera, name="mine")
"""
LOOP = "with pipeline:\n    for sample in reader:\n        pass\n"


@pytest.mark.slow
@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(
    ("program", "runs"),
    {
        "a loop below the main part": (
            WITH_READER + 'if __name__ == "__main__":\n' + textwrap.indent(LOOP, "    "),
            False,
        ),
        "a loop in a function": (WITH_READER + "def main():\n" + textwrap.indent(LOOP, "    "), False),
        "a loop of the module": (WITH_READER + LOOP, True),
    }.values(),
)
def test_why_says_whether_the_programs_own_loop_runs(
    program: str, runs: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app.py"
    app.write_text("import freshframe as ff\n" + program)
    assert main(["why", str(app), "--for", "0.5s"]) == 0
    said = "nothing reads 'mine': the program's own loop does not run" in capsys.readouterr().err
    assert said is not runs


@pytest.mark.slow
@pytest.mark.usefixtures("handlers")
def test_why_asks_each_pipeline_that_a_program_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app.py"
    app.write_text(HEAD + "left, right = build('left'), build('right')\nleft.start()\nright.run()\n")
    assert main(["why", str(app), "--for", "1s"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(tuple(f"left:\n{words}" for words in CALM)), out
    assert any(f"\nright:\n{words}" in out for words in CALM), out
    assert main(["why", str(app), "--for", "1s", "--json"]) == 0
    assert [json.loads(line)["is_running"] for line in capsys.readouterr().out.splitlines()] == [True, True]


def test_why_of_a_program_that_ends_early_says_what_it_can(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app.py"
    app.write_text(HEAD + "build(scene='demo:circles?frames=9&pace=0&size=64x48').run()\n")
    assert main(["why", str(app)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("The pipeline has ended: ")
    assert "slow: samples are " in out
    assert "its pipeline ran for less than 25 s" in err


@pytest.mark.slow
def test_why_of_a_program_that_starts_nothing_says_what_was_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = tmp_path / "app.py"
    app.write_text('if __name__ == "__main__":\n    print("hello")\n')
    assert main(["why", str(app)]) == 2
    assert "ended without starting a pipeline: start one in it, " in capsys.readouterr().err
    monkeypatch.setattr(attached, "_PATIENCE", 0.2)
    app.write_text("import time\ntime.sleep(1.5)\n" + HEAD + "build().run()\n")
    assert main(["why", str(app), "--for", "0.5s"]) == 0
    assert "has not started a pipeline for 0.2 s; the answer comes 0.5 s after it has started one" in (
        capsys.readouterr().err
    )


@pytest.mark.slow
def test_why_of_a_program_that_fails_has_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app.py"
    app.write_text(HEAD + "p = build()\np.start()\nraise RuntimeError('mine')\n")
    assert main(["why", str(app)]) == 1
    assert "RuntimeError: mine" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.repeats
def test_a_reader_that_is_never_read_is_no_error_of_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = tmp_path / "app.py"
    app.write_text(
        """
import freshframe as ff
pipeline = ff.Pipeline("asked", stall_timeout=0.2)
camera = pipeline.add(ff.open("demo:circles?fps=60&size=64x48"), name="camera")
reader = pipeline.reader(pipeline.add(lambda frame: 1, camera, name="one"), queue=ff.LOSSLESS)
"""
    )
    assert main(["why", str(app), "--for", "2s"]) == 0
    shown = capsys.readouterr().out
    assert "No finding yet: " in shown or "camera: lost " in shown  # on a busy machine
