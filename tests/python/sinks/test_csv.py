"""Csv: the columns and rows for each kind of value."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from rigs.written import BOX_COLUMNS, COLUMNS, Point, Reading, boxes, circles, table, write

import freshframe as ff


def test_csv_has_one_row_per_circle(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write(
        ff.Csv(path), circles((1, 2, 3), (4, 5, 6), ids=[7, 8]), circles(ids=[]), circles((9, 9, 9), ids=[7])
    )
    assert path.read_text().splitlines()[0] == ",".join(["seq", "pts", "captured", *COLUMNS])
    rows = table(path)
    assert [
        (row["seq"], row["tracker_id"], row["x"], row["r"], row["vy"], row["track_age"]) for row in rows
    ] == [
        ("0", "7", "1.0", "3.0", "-7.5", "1.5"),
        ("0", "8", "4.0", "6.0", "-7.5", "1.5"),
        ("2", "7", "9.0", "9.0", "-7.5", "1.5"),
    ]


def test_csv_has_the_columns_of_data_from_the_first_sample_with_boxes_on(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    speed = np.array([3.2, math.inf], np.float32)
    corner = np.array([[1, 2], [3, 4]])
    write(ff.Csv(path), boxes(0), boxes(2, speed=speed, corner=corner), boxes(0))
    assert path.read_text().splitlines()[0] == f"seq,pts,captured,{BOX_COLUMNS},speed,corner"
    assert [(row["seq"], row["class_id"], row["speed"], row["corner"]) for row in table(path)] == [
        ("1", "0", "3.2", "[1,2]"),
        ("1", "1", "inf", "[3,4]"),
    ]


def test_csv_has_a_header_when_no_frame_had_a_box(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write(ff.Csv(path), boxes(0), boxes(0, speed=np.zeros(0)))
    assert path.read_text() == f"seq,pts,captured,{BOX_COLUMNS},speed\n"


def test_csv_refuses_boxes_with_other_columns_than_the_first(tmp_path: Path) -> None:
    with pytest.raises(ff.NodeError, match="track_confidence, speed; this one has") as error:
        write(ff.Csv(tmp_path / "out.csv"), boxes(1, speed=np.ones(1)), boxes(1))
    assert error.value.seq == 1


def test_csv_has_a_header_when_no_frame_had_a_circle_and_an_empty_id_before_a_tracker(tmp_path: Path) -> None:
    empty, untracked = tmp_path / "empty.csv", tmp_path / "untracked.csv"
    write(ff.Csv(empty), circles(), circles())
    write(ff.Csv(untracked), circles((1, 2, 3)))
    assert empty.read_text() == ",".join(["seq", "pts", "captured", *COLUMNS]) + "\n"
    (row,) = table(untracked)
    assert [row[name] for name in ("tracker_id", "vx", "vy", "track_age", "track_confidence")] == [""] * 5


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        (2.5, {"value": "2.5"}),
        ('say "hi", now', {"value": 'say "hi", now'}),
        ([1, 2], {"value": "[1,2]"}),
        (np.array([1, 2]), {"value_0": "1", "value_1": "2"}),
        (np.eye(2), {"value": "[[1.0,0.0],[0.0,1.0]]"}),
        ({"a": 1, "b": None, "c": {"d": 2}}, {"a": "1", "b": "", "c": '{"d":2}'}),
        (Reading("x", math.nan), {"name": "x", "level": "nan", "inner": ""}),
        (Point(3, 4), {"x": "3", "y": "4"}),
    ],
    ids=str,
)
def test_csv_writes_values(tmp_path: Path, value: object, columns: dict[str, str]) -> None:
    path = tmp_path / "out.csv"
    write(ff.Csv(path), value, value)
    rows = table(path)
    assert [row["seq"] for row in rows] == ["0", "1"]
    assert [{name: row[name] for name in row if name not in ("seq", "pts", "captured")} for row in rows] == [
        columns,
        columns,
    ]


def test_csv_refuses_a_value_with_other_columns_than_the_first(tmp_path: Path) -> None:
    with pytest.raises(ff.NodeError) as error:
        write(ff.Csv(tmp_path / "out.csv"), {"a": 1}, {"b": 1})
    assert isinstance(error.value.__cause__, ValueError)
    assert "a" in str(error.value.__cause__)
    assert error.value.seq == 1


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\nb", "\r", 'a "b", c'])
def test_csv_keeps_a_text_with_line_breaks_in_one_cell(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out.csv"
    write(ff.Csv(path), {"text": text, "more": 1}, {"text": text, "more": 2})
    assert [(row["text"], row["more"]) for row in table(path)] == [(text, "1"), (text, "2")]
    header = path.read_bytes().partition(b"\n")[0]
    assert header == b"seq,pts,captured,text,more", "a line feed ends each row"


def test_csv_refuses_a_field_with_the_name_of_a_column_of_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    with pytest.raises(ff.NodeError, match="already has a column 'seq'"):
        write(ff.Csv(path), {"seq": 1, "a": 2})
    assert path.read_text() == "old"
