"""`freshframe demo --frozen-game`: its table, its timelines, and invalid options."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import freshframe as ff
from freshframe._cli.demo.frozen_game import Strip, draw_timelines, histogram


def test_the_timelines_are_red_where_the_game_froze(tmp_path: Path) -> None:
    smooth = Strip("smooth", [n / 60 for n in range(60)])
    frozen = Strip("frozen", [n / 15 for n in range(15)])
    draw_timelines([frozen, smooth], 1.0, 1 / 60, tmp_path / "lines.png")
    image = ff.Frame.read(tmp_path / "lines.png").copy("bgr").astype(int)
    red = (image[:, :, 2] > 180) & (image[:, :, 1] < 120)
    half = image.shape[0] // 2
    assert red[:half].mean() > 0.1
    assert red[half:].sum() == 0


def test_a_histogram_counts_every_interval_once() -> None:
    heading, line = histogram({"game": [0.016, 0.017, 0.060, 0.5]})
    cells = line.removeprefix("game").split()
    assert len(heading) == len(line)
    assert [cell for cell in cells if cell != "."] == ["▄▄▄", "50%", "▂▂▂", "25%", "▂▂▂", "25%"]


@pytest.mark.needs_gil
def test_the_game_freezes_beside_a_capture_that_holds_the_gil(freshframe: Any, tmp_path: Path) -> None:
    code, out, err = freshframe("demo", "--frozen-game", "--seconds", "2.5", "--out", tmp_path, "--json")
    assert code == 0, err
    found = json.loads(out)
    share = {row["beside"]: row["missed"] / row["frames"] for row in found["rows"]}
    assert share["capture holds the GIL"] > 0.2
    assert ff.Frame.read(found["picture"]).width == 1280


def test_it_has_no_pipeline_to_serve(freshframe: Any, tmp_path: Path) -> None:
    code, _, err = freshframe("demo", "--frozen-game", "--process", "--out", tmp_path)
    assert code == 2
    assert "--frozen-game cannot be used with --process" in err
