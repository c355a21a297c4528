"""JsonLines, and what it shares with Csv: the keys for each kind of value, and rejected values."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import datetime
import math
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.written import COLUMNS, TRACKED, UNTRACKED, Point, Reading, boxes, circles, lines, table, write
from support import Push

import freshframe as ff


def test_json_lines_has_the_documented_keys_for_circles(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    report = write(ff.JsonLines(path), circles((1.23456, 2, 3), (4, 5, 6), ids=[7, 8], confidence=0.75))
    assert report.complete
    (record,) = lines(path)
    assert list(record) == ["format", "seq", "pts", "captured", "circles"]
    assert record["format"] == 1
    assert record["circles"] == [
        {"tracker_id": 7, "x": 1.235, "y": 2.0, "r": 3.0, "confidence": 0.75} | TRACKED,
        {"tracker_id": 8, "x": 4.0, "y": 5.0, "r": 6.0, "confidence": 0.75} | TRACKED,
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
    assert circle == {"tracker_id": None, "x": 1.0, "y": 2.0, "r": 3.0, "confidence": 0.5} | UNTRACKED


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
    nothing = {"tracker_id": None, "x": None, "y": None, "r": 3.0, "confidence": None}
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


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ({"found": {1, 2}}, r"type set at \['found'\]: .* where sorted\(\) makes it a list"),
        (
            {"all": [0, {"at": datetime.date(2026, 1, 1)}]},
            r"datetime.date at \['all'\]\[1\]\['at'\]: .* isoformat",
        ),
        (Reading("a", 1.0, [Point(1, {2})]), r"type set at \['inner'\]\[0\]\['y'\]: "),
    ],
    ids=["a dict", "a list", "dataclasses"],
)
@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv, lambda path: ff.Spool(path, print)])
def test_the_error_says_where_in_the_value_the_type_is(
    tmp_path: Path, sink: Any, value: object, named: str
) -> None:
    with pytest.raises(ff.NodeError, match=named):
        write(sink(tmp_path / "out"), value)


def test_the_traceback_of_a_value_that_is_no_json_is_short(tmp_path: Path) -> None:
    with pytest.raises(ff.NodeError) as error:
        write(ff.JsonLines(tmp_path / "out"), {"deep": [[[{1, 2}]]]})
    cause = error.value.__cause__
    assert cause is not None
    assert len(traceback.extract_tb(cause.__traceback__)) == 1


def of_itself() -> list[object]:
    made: list[object] = []
    made.append({"inner": made})
    return made


def very_deep() -> list[object]:
    made: list[object] = []
    for _ in range(20_000):
        made = [made]
    return made


@pytest.mark.parametrize("make", [of_itself, very_deep])
@pytest.mark.parametrize("sink", [ff.JsonLines, ff.Csv, lambda path: ff.Spool(path, print)])
def test_a_value_that_contains_itself_or_is_too_deep_is_refused_in_words(
    tmp_path: Path, sink: Any, make: Callable[[], object]
) -> None:
    with pytest.raises(ff.NodeError, match=r"a value that contains itself, or .* cannot be written") as error:
        write(sink(tmp_path / "out"), {"inner": make()})
    assert isinstance(error.value.__cause__, ff.OptionError)
    assert error.value.__cause__.__suppress_context__


def test_a_path_with_nul_is_refused_at_once() -> None:
    with pytest.raises(ff.OptionError, match=r"must be a path without NUL characters, got 'a\\x00b'"):
        ff.Spool("a\0b", print)


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


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"track_age": np.ones(2)}, "'track_age'"),
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
def test_keys_that_are_equal_once_they_are_mended_lose_no_value(tmp_path: Path, sink: type[Any]) -> None:
    path = tmp_path / "out"
    value = dict(zip(["\udc80", "\udc81", "\ufffd", "\ufffd (2)", "n"], range(1, 6), strict=True))
    assert write(sink(path), value).complete
    wanted = {"\ufffd": 1, "\ufffd (2)": 2, "\ufffd (3)": 3, "\ufffd (2) (2)": 4, "n": 5}
    if sink is ff.JsonLines:
        assert lines(path)[0]["value"] == wanted
    else:
        assert {key: int(table(path)[0][key]) for key in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("process", [False, True], ids=["", "process"])
def test_both_sinks_write_the_wall_time_below_a_live_source(tmp_path: Path, process: bool) -> None:
    pipeline, source = ff.Pipeline(), Push()
    samples = pipeline.add(source)
    for sink in (ff.JsonLines(tmp_path / "out.jsonl"), ff.Csv(tmp_path / "out.csv")):
        pipeline.add(sink, samples, process=process, queue=ff.Queue(4))
    reader = pipeline.reader(samples, queue=ff.Queue(4))
    with pipeline:
        source.push(1)
        sample = reader.get()
        source.end()
        pipeline.wait()
    (record,), (row,) = lines(tmp_path / "out.jsonl"), table(tmp_path / "out.csv")
    assert list(record)[1:-1] == ["seq", "pts", "captured", "utc", "utc_error", "utc_from"]
    assert list(row)[:-1] == list(record)[1:-1]
    assert record["utc"] == pytest.approx(sample.utc, abs=1e-6)
    assert (record["utc_error"], record["utc_from"]) == (None, "arrival")
    assert (float(row["utc"]), row["utc_error"], row["utc_from"]) == (record["utc"], "", "arrival")
