"""The how-to's program for many files: each output is complete, and a second run keeps it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import freshframe as ff

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "process-a-file.md"


def test_the_program_for_many_files_writes_each_once(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    block = re.search(r"```python\n(from concurrent.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert block is not None
    program = tmp_path / "program.py"
    program.write_text(block[1], encoding="utf-8")
    videos = [tmp_path / f"{name}.mp4" for name in ("a", "b")]
    for video in videos:
        pipeline = ff.Pipeline()
        scene = pipeline.add(ff.open("demo:circles?size=320x240&balls=2&pace=0&frames=10"))
        pipeline.add(ff.VideoFile(video), scene)
        pipeline.run()

    def run() -> None:
        subprocess.run(
            [sys.executable, program],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(Path(ff.__file__).parents[1])},
            check=True,
        )

    run()
    outs = [video.with_suffix(".jsonl") for video in videos]
    for out in outs:
        assert [json.loads(line)["seq"] for line in out.read_text().splitlines()] == list(range(10))
    outs[0].write_text("kept")
    outs[1].unlink()
    run()
    assert outs[0].read_text() == "kept"
    assert len(outs[1].read_text().splitlines()) == 10
    assert not list(tmp_path.glob(".*.part"))
