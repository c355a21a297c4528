"""`freshframe run`: the pipeline of a Python file, its summary and its exit code."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable

import pytest
from rigs.command_line import COMMAND, ENVIRONMENT, Command
from support import WATCHDOG


def test_run_runs_the_pipeline_of_a_file(freshframe: Command, app: Callable[[str], str]) -> None:
    path = app(
        """
        from __future__ import annotations
        import sys
        import freshframe as ff

        class Count(ff.Node[ff.Frame, None]):
            seen = 0
            def process(self, sample: ff.Sample[ff.Frame]) -> None:
                self.seen += 1
            def close(self) -> None:
                print(f"{sys.argv[1:]} {self.seen}")

        def build() -> ff.Pipeline:
            pipeline = ff.Pipeline()
            pipeline.add(Count(), pipeline.add(ff.open("demo:circles?pace=0&frames=20&size=320x240")))
            return pipeline

        pipeline = build()
        if __name__ == "__main__":
            raise SystemExit("not wanted here")
        """
    )
    assert freshframe("run", path, "-q") == (0, "[] 20\n", "")
    assert freshframe("run", f"{path}:build", "-q", "--", "--serve", "x")[:2] == (0, "['--serve', 'x'] 20\n")


def test_run_ends_with_a_summary(freshframe: Command, app: Callable[[str], str]) -> None:
    path = app(
        """
        import freshframe as ff
        pipeline = ff.Pipeline("yard")
        pipeline.add(lambda frame: None, pipeline.add(ff.open("demo:circles?pace=0&frames=7")))
        """
    )
    code, out, err = freshframe("run", path, "--json")
    assert code == 0
    assert re.search(r"yard: 7 frames in \d+\.\d s", err)
    assert "nothing was dropped" in err
    summary = json.loads(out)
    assert summary.pop("elapsed") > 0
    assert summary == {"pipeline": "yard", "samples": 7, "complete": True, "missing": []}


def test_run_says_why_a_file_cannot_be_run(freshframe: Command, app: Callable[[str], str]) -> None:
    code, _, err = freshframe("run", "absent.py")
    assert code == 2
    assert "there is no such file" in err
    code, _, err = freshframe("run", app("import freshframe as ff\ncameras = ff.Pipeline()"))
    assert code == 2
    assert "'pipeline'" in err
    assert "app.py:cameras" in err
    program = """
        import freshframe as ff
        from os.path import join
        yard = ff.Pipeline()
        def one(fps=30): return ff.Pipeline()
        def two(): return ff.Pipeline()
        def needs(camera): return ff.Pipeline()
        """
    code, _, err = freshframe("run", f"{app(program)}:nope")
    assert code == 2
    assert "the file does not define it; it has yard, one(), two(): run " in err
    assert err.rstrip().endswith("app.py:yard")
    code, _, err = freshframe("run", app("def pipeline():\n    return 1 / 0"))
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "app.py" in err
    assert "_cli" not in err, "only the file's own part of the traceback"
    code, _, err = freshframe("run", app("import freshframe as ff\nff.Pipeline().add(print, [])"))
    assert code == 2
    code, _, err = freshframe("run", app("pipeline = 3"))
    assert code == 2
    assert "is 3" in err


def test_run_says_why_a_function_of_the_file_gives_no_pipeline(
    freshframe: Command, app: Callable[[str], str]
) -> None:
    path = app(
        """
        import freshframe as ff
        def forgets(): ff.Pipeline()
        def needs(camera, fps): return ff.Pipeline()
        async def later(): return ff.Pipeline()
        """
    )
    for name, reason in (
        ("forgets", "forgets() in 'app.py' must return a Pipeline, but it returned None"),
        ("needs", "needs() in 'app.py' needs the arguments camera, fps: expected a plain function"),
        ("later", "later() in 'app.py' is not a plain function: expected"),
        ("nope", "the file does not define it; it has forgets(): run "),
    ):
        code, _, err = freshframe("run", f"{path}:{name}()")
        assert code == 2
        assert reason in err.replace(path, "app.py")
    code, _, err = freshframe("run", app("def pipeline(url): pass\nasync def later(): pass"))
    assert code == 2
    assert "needs the arguments url" in err
    code, _, err = freshframe("run", app("async def later(): pass"))
    assert code == 2
    assert "no Pipeline and no function without arguments; later() is not a plain function" in err


def test_run_refuses_a_pipeline_that_has_run(freshframe: Command, app: Callable[[str], str]) -> None:
    path = app(
        """
        import freshframe as ff
        pipeline = ff.Pipeline()
        pipeline.add(ff.open("demo:circles?pace=0&frames=2&size=320x240"))
        pipeline.run()
        """
    )
    code, _, err = freshframe("run", path)
    assert code == 2
    assert '__name__ == "__main__"' in err


def test_a_failed_node_of_a_run_is_exit_code_1(freshframe: Command, app: Callable[[str], str]) -> None:
    path = app(
        """
        import freshframe as ff
        pipeline = ff.Pipeline()
        source = pipeline.add(ff.open("demo:circles?pace=0&size=320x240"))
        pipeline.add(lambda frame: 1 / 0, source, name="breaks")
        """
    )
    code, _, err = freshframe("run", path)
    assert code == 1
    assert "'breaks' failed" in err


@pytest.mark.slow
def test_a_run_that_is_interrupted_ends_with_its_summary(app: Callable[[str], str]) -> None:
    file = app(
        """
        import freshframe as ff

        pipeline = ff.Pipeline("endless")
        pipeline.add(lambda _: print("ready", flush=True), pipeline.add(ff.open("demo:circles?size=64x48")))
        """
    )
    with subprocess.Popen(
        [*COMMAND, "run", file, "--json"],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=WATCHDOG)
    assert running.returncode == 130
    summary = json.loads(out.splitlines()[-1])
    assert summary["pipeline"] == "endless"
    assert summary["samples"] > 0
    assert not summary["complete"]
    assert f"endless: {summary['samples']} frames in " in err
    assert err.endswith("stopped by SIGINT\n")


def test_a_run_that_fails_ends_with_its_summary_too(freshframe: Command, app: Callable[[str], str]) -> None:
    file = app(
        """
        import freshframe as ff

        pipeline = ff.Pipeline()
        pipeline.add(lambda _: 1 / 0, pipeline.add(ff.open("demo:circles?size=64x48")), name="bad")
        """
    )
    code, out, err = freshframe("run", file, "--json")
    assert code == 1
    assert json.loads(out)["complete"] is False
    assert "pipeline: " in err
    assert "ZeroDivisionError" in err


def test_a_run_whose_source_cannot_be_opened_has_no_summary(
    freshframe: Command, app: Callable[[str], str]
) -> None:
    file = app(
        """
        import freshframe as ff

        pipeline = ff.Pipeline()
        pipeline.add(lambda _: None, pipeline.add(ff.open("missing.mp4")))
        """
    )
    code, out, err = freshframe("run", file)
    assert (code, out) == (3, "")
    assert "frames in" not in err
