"""C++ plugin classes as nodes and sources: values of every type, options, errors, lifetime."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.native_code import compiled
from support import Pictures, Push, picture, run_node, run_program, until

import freshframe as ff

CODE = Path(__file__).with_name("native_plugin.cpp").read_text(encoding="utf-8")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("c++", "-O3"), id="O3"),
        pytest.param(("clang++", "-O0"), id="clang", marks=pytest.mark.slow),
        pytest.param(("clang++", "-stdlib=libc++"), id="libc++", marks=pytest.mark.slow),
    ],
)
def plugin(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Compiles the plugin, with several compilers and standard libraries."""
    compiler, flag = request.param
    if shutil.which(compiler) is None or (
        "libc++" in flag and not list(Path("/usr").glob("lib/*/libc++.so"))
    ):
        pytest.skip(f"no {compiler} {flag}; Debian: clang, libc++-dev and libc++abi-dev")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", compiler)
        yield compiled(tmp_path_factory.mktemp("plugin"), CODE, flag, language="c++", name=flag.strip("-"))


def frames(count: int) -> list[ff.Frame]:
    return [ff.Frame.from_array(picture(number), "gray") for number in range(count)]


def values(node: Any, given: list[Any], **options: Any) -> list[Any]:
    return [sample.value for sample in run_node(node, given, **options)]


@pytest.mark.slow
def test_a_class_gets_its_options_and_gives_numbers(plugin: Path) -> None:
    assert values(ff.native.node(plugin, "mean"), frames(2)) == [0, 1]
    assert values(ff.native.node(plugin, "mean", scale=2, negative=True), frames(2)) == [0, -2]
    assert values(ff.native.node(plugin, "mean", scale=np.float32(0.5)), frames(3)) == [0, 0.5, 1]


@pytest.mark.parametrize(
    "options",
    [
        {"negative": np.True_, "scale": np.int64(2)},
        {"negative": np.array(True), "scale": np.array(2, np.uint8)},
        {"negative": np.arange(2)[1:] == 1, "scale": np.float16(2)},
    ],
    ids=["scalars", "arrays", "a list of one"],
)
def test_values_of_numpy_are_taken_as_those_of_python(plugin: Path, options: dict[str, Any]) -> None:
    if np.ndim(options["negative"]) == 1:
        with pytest.raises(ff.OptionTypeError, match="each entry of option 'negative' must be a number"):
            ff.native.node(plugin, "mean", **options)
        options["negative"] = options["negative"][0]
    assert values(ff.native.node(plugin, "mean", **options), frames(2)) == [0, -2]


def test_options_of_every_type_arrive(plugin: Path) -> None:
    node = ff.native.node(plugin, "given", numbers=(1, 2.5), text="häß", bytes=b"\x00\xff", count=7)
    (table,) = values(node, frames(1))
    assert list(table) == ["numbers", "text", "bytes", "count", "grid"]
    assert table["numbers"].tolist() == [1, 2.5]
    assert table["text"].tobytes().decode() == "häß"
    assert table["bytes"].tolist() == [0, 255]
    assert (table["count"].tolist(), table["count"].dtype) == ([7], np.int32)
    assert table["grid"].tolist() == [[1, 2], [3, 4]]
    assert not table["grid"].flags.writeable


def test_a_table_outlives_its_pipeline(plugin: Path) -> None:
    (table,) = values(ff.native.node(plugin, "given"), frames(1))
    grid = table["grid"]
    del table
    assert grid.sum() == 10
    assert values(ff.native.node(plugin, "given"), frames(1))[0]["numbers"].shape == (0,)


def test_frames_pass_without_a_copy(plugin: Path) -> None:
    (frame,) = frames(1)
    (made,) = values(ff.native.node(plugin, "same_frame"), [frame])
    assert made.luma.ctypes.data == frame.luma.ctypes.data


@pytest.mark.parametrize("own", [False, True])
def test_a_node_makes_frames(plugin: Path, own: bool) -> None:
    first, second = values(ff.native.node(plugin, "negative", own=own), frames(2))
    assert (first.format, first.width, first.height) == ("gray", 64, 48)
    assert (first.luma == 255).all()
    assert (second.luma == 254).all()
    assert second.bgr.shape == (48, 64, 3)


def test_circles_and_detections_are_the_packages_own(plugin: Path) -> None:
    circles = ff.Circles(np.array([[1, 2, 3], [4, 5, 6]], np.float32), np.array([0.5, 1], np.float32))
    (made,) = values(ff.native.node(plugin, "same_circles"), [circles])
    assert isinstance(made, ff.Circles)
    np.testing.assert_array_equal(made.xyr, circles.xyr)
    boxes = ff.Detections(np.array([[1, 2, 3, 4]], np.float32), np.array([0.5]), np.array([7]))
    (found,) = values(ff.native.node(plugin, "same_detections"), [boxes])
    assert isinstance(found, ff.Detections)
    assert (found.xyxy.tolist(), found.class_id.tolist(), found.tracker_id) == ([[1, 2, 3, 4]], [7], None)
    column = np.array([0.25], np.float32)
    tracked = ff.Detections(
        [[1, 2, 3, 4]],
        [0.5],
        [7],
        tracker_id=[9],
        data={},
        velocity=[[5, 6]],
        track_age=column,
        track_confidence=column,
    )
    (found,) = values(ff.native.node(plugin, "same_detections"), [tracked])
    assert (found.velocity.tolist(), found.track_confidence.tolist()) == ([[5, 6]], [0.25])


def test_further_columns_of_detections_cross_the_border(plugin: Path) -> None:
    data = {
        "mask": np.array(["48x64:0ä", ""]),
        "keypoints": np.arange(12, dtype=np.float32).reshape(2, 2, 3),
        "corners": np.ones((2, 4, 2), np.float32),
        "share": np.array([0.5, np.nan]),
        "number": np.array([1, -2], np.int64),
        "small": np.array([3, -4], np.int32),
        "sure": np.array([True, False]),
        "words": np.array([["a", "b"], ["", "d"]]),
    }
    boxes = ff.Detections([[1, 2, 3, 4]] * 2, [0.5, 0.7], [7, 8], data=data)
    (found,) = values(ff.native.node(plugin, "reads"), [boxes])
    assert found.data["read"].tolist() == ["48x64:0ä|5.000000", "|11.000000"]
    for name, column in data.items():
        assert found.data[name].dtype.kind == column.dtype.kind, name
        np.testing.assert_array_equal(found.data[name], column, name)
    (none,) = values(ff.native.node(plugin, "reads"), [boxes[:0]])
    assert none.data["keypoints"].shape == (0, 2, 3)
    assert none.data["words"].shape == (0, 2)


def test_columns_without_a_form_in_c_stay_out(plugin: Path) -> None:
    data = {"deep": np.zeros((1, 2, 2, 2, 2), np.float32), "things": np.array([object()]), "n": np.array([1])}
    (found,) = values(ff.native.node(plugin, "reads"), [ff.Detections([[1, 2, 3, 4]], [0.5], [7], data=data)])
    assert set(found.data) == {"n", "read"}


def test_numbers_arrays_and_mappings_of_python_reach_a_plugin(plugin: Path) -> None:
    assert values(ff.native.node(plugin, "same_float64"), [1.5, 2]) == [1.5, 2]
    (array,) = values(ff.native.node(plugin, "same_array"), [np.array([[1.0, 2], [3, 4]]).T])
    assert array.tolist() == [[1, 3], [2, 4]]
    (table,) = values(ff.native.node(plugin, "same_table"), [{"n": np.array([3, 1], np.int16)}])
    assert table["n"].tolist() == [3, 1]


def test_what_python_gives_a_plugin_stays_itself_for_others(plugin: Path) -> None:
    given = {"n": np.array([3, 1], np.int16)}
    source = Push(live=False)
    source.push(given)
    source.end()
    pipeline = ff.Pipeline()
    port = pipeline.add(source)
    pipeline.add(ff.native.node(plugin, "same_table"), port)
    reader = pipeline.reader(port)
    with pipeline:
        assert next(iter(reader)).value is given


def test_a_value_that_does_not_fit_names_the_giver(plugin: Path) -> None:
    for name, given in [("same_float64", "text"), ("same_array", [1]), ("same_table", 5)]:
        with pytest.raises(ff.NodeError, match=rf"'values' failed.*its child '{name}' takes"):
            values(ff.native.node(plugin, name), [given])
    with pytest.raises(ff.NodeError, match=r"column 'n' holds float64, not int16"):
        values(ff.native.node(plugin, "same_table"), [{"n": np.zeros(3)}])


def test_wiring_is_checked_by_the_types_names(plugin: Path) -> None:
    pipeline = ff.Pipeline()
    number = pipeline.add(ff.native.node(plugin, "counter"))
    with pytest.raises(ff.GraphError, match=r"'mean' takes Frame, but its parent 'counter' returns float"):
        pipeline.add(ff.native.node(plugin, "mean"), number)
    sink = pipeline.add(ff.native.node(plugin, "log"), pipeline.add(Pictures(1)))
    with pytest.raises(ff.GraphError, match=r"'log' is a sink|gives"):
        pipeline.reader(sink)


def test_nothing_is_emitted_for_nullopt_and_the_stamp_is_right(plugin: Path) -> None:
    samples = run_node(ff.native.node(plugin, "every_second"), frames(4))
    assert [(sample.seq, sample.value) for sample in samples] == [(0, 0), (2, 2.08)]


@pytest.mark.parametrize("where", ["open", "process", "close"])
def test_an_exception_crosses_as_text(plugin: Path, where: str) -> None:
    with pytest.raises(ff.NodeError, match=rf"'throws' failed.*thrown in {where}"):
        values(ff.native.node(plugin, "throws", where=where), frames(3))


def test_an_exception_of_no_class_crosses_too_and_a_sample_may_be_skipped(plugin: Path) -> None:
    with pytest.raises(ff.NodeError, match=r"an exception not derived from std::exception"):
        values(ff.native.node(plugin, "throws", where="int"), frames(1))
    assert values(ff.native.node(plugin, "throws"), frames(3), on_error="skip") == [1, 1]


def test_a_bad_option_is_refused_by_the_constructor_or_by_name(plugin: Path) -> None:
    with pytest.raises(ff.OptionError, match=r"node 'mean' of '.*' cannot be created: scale must not be 0"):
        ff.native.node(plugin, "mean", scale=0)
    with pytest.raises(ff.OptionError, match=r"option 'scale' must be a number, got a string"):
        ff.native.node(plugin, "mean", scale="big")
    with pytest.raises(ff.OptionError, match=r"option 'count' must be from 0 to 255, got 256"):
        ff.native.node(plugin, "given", count=256)
    with pytest.raises(ff.OptionError, match=r"has no option 'thresh'; its options are negative, scale"):
        ff.native.node(plugin, "mean", thresh=1)
    with pytest.raises(ff.OptionTypeError, match=r"option 'scale' must be a bool, an int"):
        ff.native.node(plugin, "mean", scale=object())


def test_a_missing_node_names_its_symbol(plugin: Path) -> None:
    with pytest.raises(
        ff.OptionError, match=r"has no node 'nothing'.*1_nothing.*; its nodes are '.*'log', 'mean'"
    ):
        ff.native.node(plugin, "nothing")


def test_a_class_that_is_loaded_as_a_function_names_the_way(plugin: Path) -> None:
    with pytest.raises(
        ff.OptionError, match=r"has no function 'mean'; it has a node of that name: use .*node\(\)"
    ):
        ff.native.load(plugin, "mean", out=())


def test_a_node_shows_its_name_and_types(plugin: Path) -> None:
    assert repr(ff.native.node(plugin, "mean")) == "<native node 'mean': Frame -> float>"
    assert repr(ff.native.node(plugin, "counter", count=1)) == "<native source 'counter': float>"


def test_the_log_and_the_counters_are_the_pipelines(plugin: Path, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = ff.Pipeline()
    name = plugin.stem.replace("0", "none")  # lines that differ only in digits are logged once in 10 s
    pipeline.add(ff.native.node(plugin, "log"), pipeline.add(Pictures(3)), name=name)
    with caplog.at_level(logging.WARNING, "freshframe"):
        pipeline.run()
        until(lambda: f"node '{name}': opened" in caplog.text, "the line")
    assert pipeline.stats().nodes[name].drops == {"decode": 6}


def test_a_worker_process_logs_under_the_nodes_name(plugin: Path, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = ff.Pipeline()
    pictures = pipeline.add(Pictures(1))
    names = [plugin.stem.replace("0", "none") + end for end in ("-first", "-second")]
    for name in names:
        pipeline.add(ff.native.node(plugin, "log"), pictures, name=name, process=True)
    with caplog.at_level(logging.WARNING, "freshframe"):
        pipeline.run()
        until(lambda: all(f"node '{name}': opened" in caplog.text for name in names), "the lines")
    assert "node 'log'" not in caplog.text


def test_a_source_ends_and_numbers_its_samples(plugin: Path) -> None:
    pipeline = ff.Pipeline()
    node = ff.native.node(plugin, "counter", count=3)
    assert isinstance(node, ff.native.PluginSource)
    assert node.live is False
    reader = pipeline.reader(pipeline.add(node))
    with pipeline:
        assert [(s.seq, s.pts, s.value) for s in reader] == [(0, 0, 0), (1, 0.25, 10), (2, 0.5, 20)]


@pytest.mark.parametrize(("name", "options"), [("counter", {"period": 1e6}), ("poller", {})])
def test_a_source_that_waits_heeds_the_stop(plugin: Path, name: str, options: dict[str, Any]) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.native.node(plugin, name, **options))
    pipeline.start()
    pipeline.stop(timeout=100)


def test_a_plugins_camera_is_live_and_its_frames_are_frames(plugin: Path) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.native.node(plugin, "camera"))
    reader = pipeline.reader(camera)
    with pipeline:
        frame = reader.get(timeout=100).value
    assert (frame.format, frame.width, frame.height) == ("bgr", 6, 2)
    assert frame.bgr[0, 1].tolist() == [3, 4, 5]
    assert frame.rgb[0, 1].tolist() == [5, 4, 3]


def test_calls_after_close_are_refused_and_harm_nothing(plugin: Path) -> None:
    for _ in range(5):
        assert values(ff.native.node(plugin, "stray"), frames(3)) == [0, 0, 0]


def test_a_node_belongs_to_one_pipeline(plugin: Path) -> None:
    node = ff.native.node(plugin, "mean")
    values(node, frames(1))
    with pytest.raises(ff.GraphError, match=r"this mean belongs or belonged to a pipeline"):
        values(node, frames(1))


@pytest.mark.slow
def test_a_node_runs_in_a_worker_process(plugin: Path) -> None:
    assert values(ff.native.node(plugin, "mean", scale=3), frames(3), process=True) == [0, 3, 6]
    (table,) = values(ff.native.node(plugin, "given", text="far"), frames(1), process=True)
    assert table["text"].tobytes() == b"far"
    with pytest.raises(ff.NodeError, match="thrown in process"):
        values(ff.native.node(plugin, "throws"), frames(3), process=True)


def test_a_table_goes_to_a_worker_process(plugin: Path) -> None:
    pipeline = ff.Pipeline()
    tables = pipeline.add(ff.native.node(plugin, "given"), pipeline.add(Pictures(1)))

    def total(table: Any) -> float:
        return float(table["grid"].sum())

    reader = pipeline.reader(pipeline.add(total, tables, process=True))
    with pipeline:
        assert [sample.value for sample in reader] == [10]


def test_a_source_cannot_run_in_a_worker_process(plugin: Path) -> None:
    with pytest.raises(ff.GraphError, match=r"'counter' is a source and cannot have process="):
        ff.Pipeline().add(ff.native.node(plugin, "counter"), process=True)  # type: ignore[call-overload]


@pytest.mark.slow
@pytest.mark.table(cases=1)
def test_a_node_that_is_deaf_to_the_stop_is_named_and_the_exit_goes_on(plugin: Path) -> None:
    ended = run_program(
        """
        import sys
        import freshframe as ff

        pipeline = ff.Pipeline()
        pipeline.add(ff.native.node(sys.argv[1], "deaf", seconds=1000), pipeline.add(ff.testing.MockCamera()))
        pipeline.start()
        while pipeline.stats().nodes["deaf"].state != "working":
            pass
        try:
            pipeline.stop(timeout=0.1)
        except ff.StopTimeoutError as error:
            print(error.nodes)
        del pipeline
        """,
        arguments=[str(plugin)],
    )
    assert (ended.code, ended.out) == (0, "['deaf']\n"), ended.err
    assert "exiting although these nodes are still busy: 'deaf' of 'pipeline'" in ended.err
