"""The programs in README.md, run as they stand there."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import freshframe as ff

README = Path(__file__).parents[3] / "README.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


class Game:
    """The names that the README presumes. The program runs until the first circles have arrived."""

    def __init__(self) -> None:
        self.moves: list[Any] = []

    @property
    def running(self) -> bool:
        return not any(len(xyr) for xyr in self.moves)

    def move(self, xyr: Any) -> None:
        self.moves.append(xyr)

    def draw(self) -> None:
        pass


def test_readme_has_the_three_programs_that_are_run_here() -> None:
    assert len(PROGRAMS) == 3


def test_the_first_program_of_the_readme_prints_circles(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PROGRAMS[0].replace("frames=90", "frames=20&pace=0"), {})
    assert re.match(r"0 \[\[ ?\d+\. ", capsys.readouterr().out)


def test_the_game_loop_of_the_readme_gets_circles() -> None:
    game = Game()
    exec(PROGRAMS[1], {"game": game})
    assert game.moves[-1].shape[1] == 3


def test_the_lossless_program_of_the_readme_writes_every_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=320x240&balls=2&pace=0&frames=40"))
    pipeline.add(ff.VideoFile("match.mp4"), scene)
    assert pipeline.run().complete

    exec(PROGRAMS[2], {"ff": ff})
    seqs = [json.loads(line)["seq"] for line in Path("tracks.jsonl").read_text().splitlines()]
    assert seqs == list(range(40))
