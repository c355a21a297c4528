"""The picture of `freshframe lab frozen-game`: its timelines, its texts, its edges."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import freshframe as ff
from freshframe import _native
from freshframe._cli.lab.frozen_game import Strip, draw_timelines, histogram


def test_the_picture_shows_where_the_game_stood_still(tmp_path: Path) -> None:
    smooth = Strip("smooth", [n / 60 for n in range(60)])
    frozen = Strip("frozen", [n / 15 for n in range(15)])
    draw_timelines([frozen, smooth], 1.0, 1 / 60, tmp_path / "lines.png")
    picture = ff.Frame.read(tmp_path / "lines.png").copy("bgr").astype(int)
    red = (picture[:, :, 2] > 180) & (picture[:, :, 1] < 120)
    half = picture.shape[0] // 2
    assert red[:half].mean() > 0.1
    assert red[half:].sum() == 0


@pytest.mark.thorough
def test_the_lab_draws_its_picture(freshframe: Any, tmp_path: Path) -> None:
    path = tmp_path / "frozen.png"
    code, _, err = freshframe("lab", "frozen-game", "--quick", "--picture", path)
    assert code == 0, err
    assert ff.Frame.read(path).copy("bgr").shape[1] == 1280


def test_a_histogram_counts_every_interval_once() -> None:
    heading, line = histogram({"game": [0.016, 0.017, 0.060, 0.5]})
    cells = line.removeprefix("game").split()
    assert len(heading) == len(line)
    assert [cell for cell in cells if cell != "."] == ["▄▄▄", "50%", "▂▂▂", "25%", "▂▂▂", "25%"]


def test_a_text_is_smooth_and_as_wide_as_it_is_long() -> None:
    one, three = (_native.text_mask(text, 20.0) for text in ("m", "mmm"))
    assert one.shape[0] == three.shape[0]
    assert abs(three.shape[1] - 3 * one.shape[1]) <= 3
    assert three.max() == 255
    assert ((three > 0) & (three < 255)).sum() > 20
    assert not _native.text_mask(" ", 20.0).any()


def test_what_does_not_fit_into_the_picture_is_cut_off(tmp_path: Path) -> None:
    name = "a long name " * 40
    draw_timelines([Strip(name, [0.0, 0.9, 2.0])], 0.95, 1 / 60, tmp_path / "long.png")
    assert ff.Frame.read(tmp_path / "long.png").width == 1280
