"""JsonLines and Csv: the rows for each kind of value, refused values, and errors of writing."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import collections
import csv
import dataclasses
import datetime
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import Push

import freshframe as ff


@dataclasses.dataclass
class Reading:
    name: str
    level: float
    inner: Any = None


Point = collections.namedtuple("Point", ["x", "y"])


def circles(
    *rows: tuple[float, float, float], ids: list[int] | None = None, confidence: float = 0.5
) -> ff.Circles:
    xyr = np.array(rows, np.float32).reshape(-1, 3)
    confidences = np.full(len(rows), confidence, np.float32)
    if ids is None:
        return ff.Circles(xyr, confidences)
    velocity = np.tile(np.array([60, -7.5], np.float32), (len(rows), 1))
    age, steady = np.full(len(rows), 1.5, np.float32), np.full(len(rows), 0.25, np.float32)
    return ff.Circles(xyr, confidences, np.array(ids, np.int64), velocity, age, steady)


TRACKED = {"vx": 60.0, "vy": -7.5, "age": 1.5, "track_confidence": 0.25}
UNTRACKED = dict.fromkeys(TRACKED)
COLUMNS = ["id", "x", "y", "r", "confidence", "vx", "vy", "age", "track_confidence"]


def write(sink: ff.Node[Any, None], *values: Any) -> ff.Report:
    """Runs one sink over `values`, losslessly; frame n has pts n / 25."""
    source = Push(live=False)
    source.push(*values)
    source.end()
    pipeline = ff.Pipeline()
    pipeline.add(sink, pipeline.add(source), name="sink")
    return pipeline.run()


def lines(path: Path) -> list[dict[str, Any]]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_json_lines_has_the_documented_keys_for_circles(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    report = write(ff.JsonLines(path), circles((1.23456, 2, 3), (4, 5, 6), ids=[7, 8], confidence=0.75))
    assert report.complete
    (record,) = lines(path)
    assert list(record) == ["format", "seq", "pts", "captured", "circles"]
    assert record["format"] == 2
    assert record["circles"] == [
        {"id": 7, "x": 1.235, "y": 2.0, "r": 3.0, "confidence": 0.75} | TRACKED,
        {"id": 8, "x": 4.0, "y": 5.0, "r": 6.0, "confidence": 0.75} | TRACKED,
    ]
    assert [list(circle) for circle in record["circles"]] == [COLUMNS] * 2
    assert record["captured"] > 0


def test_json_lines_writes_one_line_per_sample_in_order_also_without_circles(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write(ff.JsonLines(path), *(circles(*[(n, n, n)] * (n % 2)) for n in range(200)))
    records = lines(path)
    assert [record["seq"] for record in records] == list(range(200))
    assert [record["pts"] for record in records] == [n / 25 for n in range(200)]
    assert [len(record["circles"]) for record in records] == [n % 2 for n in range(200)]


def test_json_lines_has_a_null_id_and_no_motion_before_a_tracker(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write(ff.JsonLines(path), circles((1, 2, 3)))
    (circle,) = lines(path)[0]["circles"]
    assert circle == {"id": None, "x": 1.0, "y": 2.0, "r": 3.0, "confidence": 0.5} | UNTRACKED


def test_json_lines_is_valid_json_whatever_is_not_finite(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write(
        ff.JsonLines(path),
        circles((math.nan, math.inf, 3), confidence=-math.inf),
        math.nan,
        {"a": [math.inf, 1.0]},
        np.array([[1.5, np.nan]], np.float32),
        np.float64("nan"),
        np.longdouble(2.5),
    )
    records = lines(path)
    nothing = {"id": None, "x": None, "y": None, "r": 3.0, "confidence": None}
    assert records[0]["circles"] == [nothing | UNTRACKED]
    values = [record["value"] for record in records[1:]]
    assert values == [None, {"a": [None, 1.0]}, [[1.5, None]], None, 2.5]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (7, 7),
        (True, True),
        (2.5, 2.5),
        ("grün\n", "grün\n"),
        ((1, [2, None]), [1, [2, None]]),
        (np.int64(3), 3),
        (np.array(4), 4),
        (np.array([True, False]), [True, False]),
        (np.zeros((0, 3)), []),
        (Reading("a", 1.5, {"b": np.array([1])}), {"name": "a", "level": 1.5, "inner": {"b": [1]}}),
        (Point(1, 2), {"x": 1, "y": 2}),
    ],
    ids=str,
)
def test_json_lines_writes_values(tmp_path: Path, value: object, written: object) -> None:
    path = tmp_path / "out.jsonl"
    write(ff.JsonLines(str(path)), value)
    assert [record["value"] for record in lines(path)] == [written]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (object(), "object"),
        (datetime.datetime(2026, 1, 1), "datetime.datetime"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        ({1: "a"}, "key must be a str, got int 1"),
        (1j, "complex"),
        (np.array([1j]), "complex128"),
        (ff.Frame.from_array(np.zeros((4, 4), np.uint8), "gray"), "Frame"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_value_without_a_form_is_refused_by_its_type(
    tmp_path: Path, sink: type[Any], value: object, named: str
) -> None:
    with pytest.raises(ff.NodeError, match="sink") as error:
        write(sink(tmp_path / "out"), value)
    assert isinstance(error.value.__cause__, TypeError)
    assert named in str(error.value.__cause__)


def test_csv_has_one_row_per_circle(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    write(
        ff.Csv(path), circles((1, 2, 3), (4, 5, 6), ids=[7, 8]), circles(ids=[]), circles((9, 9, 9), ids=[7])
    )
    assert path.read_text().splitlines()[0] == ",".join(["seq", "pts", "captured", *COLUMNS])
    rows = table(path)
    assert [(row["seq"], row["id"], row["x"], row["r"], row["vy"], row["age"]) for row in rows] == [
        ("0", "7", "1.0", "3.0", "-7.5", "1.5"),
        ("0", "8", "4.0", "6.0", "-7.5", "1.5"),
        ("2", "7", "9.0", "9.0", "-7.5", "1.5"),
    ]


def boxes(count: int, **data: Any) -> ff.Detections:
    return ff.Detections(
        np.arange(4 * count, dtype=np.float32).reshape(count, 4), np.ones(count), np.arange(count), None, data
    )


BOX_COLUMNS = "id,class_id,x1,y1,x2,y2,confidence,vx,vy,age,track_confidence,class"


def test_json_lines_has_the_columns_of_data_with_each_box(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    data = {
        "speed": np.array([3.2, math.nan], np.float32),
        "exact": np.array([1e-9, 2.0]),
        "zone": np.array([7, 8], np.uint8),
        "moving": np.array([True, False]),
        "plate": np.array(["AB 12", "\udcff"], object),
        "corner": np.array([[1, 2], [3, 4]], np.float32),
        "\udcfe": np.array([1, 2]),
    }
    write(ff.JsonLines(path), boxes(2, **data), boxes(0))
    full, empty = lines(path)
    added = [
        {key: box[key] for key in ("speed", "exact", "zone", "moving", "plate", "corner", "\ufffd")}
        for box in full["detections"]
    ]
    assert [list(entry.values()) for entry in added] == [
        [3.2, 1e-9, 7, True, "AB 12", [1.0, 2.0], 1],
        [None, 2.0, 8, False, "\ufffd", [3.0, 4.0], 2],
    ]
    assert empty["detections"] == []


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
    with pytest.raises(ff.NodeError, match="track_confidence, class, speed; this one has") as error:
        write(ff.Csv(tmp_path / "out.csv"), boxes(1, speed=np.ones(1)), boxes(1))
    assert error.value.seq == 1


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"age": np.ones(2)}, "'age'"),
        ({"seen": np.array([b"a", b"b"])}, "'seen' .*S1"),
        ({"thing": np.array([object(), None])}, "'thing' .*object"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_column_of_data_that_cannot_be_written_is_named(
    tmp_path: Path, sink: type[Any], data: dict[str, Any], named: str
) -> None:
    with pytest.raises(ff.NodeError, match=named):
        write(sink(tmp_path / "out"), boxes(2, **data))


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_text_that_is_not_utf_8_is_mended(tmp_path: Path, sink: type[Any]) -> None:
    path = tmp_path / "out"
    names = np.array(["d\udcff"])
    value = {"a\udcff": "b\udcff.jpg", "c": ["\ud800"], "d": names}
    report = write(sink(path), value)
    assert report.complete
    if sink is ff.JsonLines:
        (record,) = lines(path)
        assert record["value"] == {"a\ufffd": "b\ufffd.jpg", "c": ["\ufffd"], "d": ["d\ufffd"]}
    else:
        (row,) = table(path)
        assert [row["a\ufffd"], row["c"], row["d"]] == ["b\ufffd.jpg", '["\ufffd"]', '["d\ufffd"]']


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_first_value_that_cannot_be_written_leaves_the_old_file(tmp_path: Path, sink: type[Any]) -> None:
    path = tmp_path / "out"
    path.write_text("old\n")
    with pytest.raises(ff.NodeError):
        write(sink(path), object())
    assert path.read_text() == "old\n"


def test_csv_has_a_header_when_no_frame_had_a_circle_and_an_empty_id_before_a_tracker(tmp_path: Path) -> None:
    empty, untracked = tmp_path / "empty.csv", tmp_path / "untracked.csv"
    write(ff.Csv(empty), circles(), circles())
    write(ff.Csv(untracked), circles((1, 2, 3)))
    assert empty.read_text() == ",".join(["seq", "pts", "captured", *COLUMNS]) + "\n"
    (row,) = table(untracked)
    assert [row[name] for name in ("id", "vx", "vy", "age", "track_confidence")] == [""] * 5


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
    with pytest.raises(ff.NodeError, match="a column 'seq' already"):
        write(ff.Csv(path), {"seq": 1, "a": 2})
    assert path.read_text() == "old"


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_path_that_cannot_be_written_fails_before_anything_runs(tmp_path: Path, sink: type[Any]) -> None:
    path = tmp_path / "missing" / "out"
    pipeline = ff.Pipeline()
    pipeline.add(sink(path), pipeline.add(Push(live=False)), name="sink")
    with pytest.raises(ff.NodeError, match="sink") as error:
        pipeline.start()
    assert isinstance(error.value.__cause__, FileNotFoundError)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
@pytest.mark.parametrize("count", [1, 5000], ids=["found at close", "found while writing"])
def test_a_full_disk_is_reported_with_the_path(sink: type[Any], count: int) -> None:
    with pytest.raises(ff.NodeError, match="sink") as error:
        write(sink("/dev/full"), *range(count))
    assert isinstance(error.value.__cause__, OSError)
    assert "/dev/full" in str(error.value.__cause__)


def test_a_sink_outside_a_pipeline_says_that_it_is_not_open(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not open"):
        ff.JsonLines(tmp_path / "out").process(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_complete_file_appears_with_the_end_of_its_run(tmp_path: Path, sink: Any) -> None:
    out = tmp_path / "out"
    out.write_text("of an earlier run")
    seen: list[str] = []

    def look(value: int) -> int:
        seen.append(out.read_text())
        return value

    source = Push(live=False)
    source.push(1, 2)
    source.end()
    pipeline = ff.Pipeline()
    pipeline.add(sink(out, complete=True), pipeline.add(look, pipeline.add(source)))
    assert pipeline.run().complete
    assert set(seen) == {"of an earlier run"}
    assert len(out.read_text().splitlines()) == 2 + (sink is ff.Csv)
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv])
def test_a_run_that_fails_leaves_no_complete_file(tmp_path: Path, sink: Any) -> None:
    with pytest.raises(ff.NodeError):
        write(sink(tmp_path / "out", complete=True), 1, object())
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_drops_leaves_no_complete_file(tmp_path: Path) -> None:
    source = Push(live=False)
    source.push(1, "two", 3)
    source.end()
    pipeline = ff.Pipeline()
    numbers = pipeline.add(lambda value: value + 0, pipeline.add(source), on_error="skip")
    pipeline.add(ff.JsonLines(tmp_path / "out", complete=True), numbers)
    assert not pipeline.run().complete
    assert list(tmp_path.iterdir()) == []


def test_a_complete_file_in_another_process_is_refused(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Push(live=False))
    with pytest.raises(ff.OptionError, match=r"must run in the program's own process, got process=True"):
        pipeline.add(ff.JsonLines(tmp_path / "out", complete=True), source, process=True)
    with pytest.raises(ff.OptionTypeError, match="complete"):
        ff.JsonLines(tmp_path / "out", complete=1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sink", "name", "advice"),
    [
        (ff.Csv, "out.jsonl", "JsonLines does"),
        (ff.Csv, "out.JSON", "JsonLines does"),
        (ff.Csv, "out.tsv", "separated by commas"),
        (ff.JsonLines, "out.csv", "Csv does"),
        (ff.JsonLines, "out.mp4", "VideoFile does"),
        (ff.Csv, "out.xlsx", "convert the file afterwards"),
    ],
)
def test_the_ending_of_another_kind_of_file_is_refused(
    tmp_path: Path, sink: type[ff.Csv | ff.JsonLines], name: str, advice: str
) -> None:
    with pytest.raises(ff.OptionError, match=advice):
        sink(tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["out.csv", "out.txt", "out", "day.2026", "out.csv.part"])
def test_other_names_are_the_users_choice(tmp_path: Path, name: str) -> None:
    ff.Csv(tmp_path / name)
