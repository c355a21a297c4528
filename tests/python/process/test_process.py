"""Nodes in worker processes: the options, the samples that are sent there, and the results."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import numpy as np
import pytest
from rigs.process import nodes as process_nodes
from support import Count, Pictures, Push, run_node

import freshframe as ff


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


# ---- options


def test_one_word_puts_a_function_into_another_process() -> None:
    pids = values(run_node(process_nodes.get_pid, range(3), process=True))
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


def test_process_false_stays_here() -> None:
    assert values(run_node(process_nodes.get_pid, [0], process=False)) == [os.getpid()]


def test_options_are_checked_when_they_are_made() -> None:
    wrong: Any
    for wrong in [
        {"workers": 0},
        {"workers": 257},
        {"timeout": 0},
        {"max_restarts": -1},
        {"restart_window": 0},
    ]:
        with pytest.raises(ff.OptionError):
            ff.Process(**wrong)
    for size in [1 << 20, -1]:
        with pytest.raises(ff.OptionError, match="max_bytes must be at least 128 MiB"):
            ff.Process(max_bytes=size)
    with pytest.raises(ff.OptionError, match=r"max_bytes must be less than 4 EiB .*, got 1e\+30"):
        ff.Process(max_bytes=1e30)
    with pytest.raises(ff.OptionError, match="environment variables"):
        ff.Process(env={"A=B": "c"})
    for wrong in [{"workers": "2"}, {"ordered": 1}, {"max_bytes": "2GiB"}, {"env": [1]}, {"env": {"a": 1}}]:
        with pytest.raises(ff.OptionTypeError):
            ff.Process(**wrong)
    with pytest.raises(ff.OptionTypeError, match=r"^env must be a mapping of strings, .*, got a list$"):
        ff.Process(env=["TOKEN=secret"])  # type: ignore[arg-type]
    assert ff.Process(max_bytes=2 << 30).max_bytes == 2 << 30
    assert ff.Process(max_bytes=1.5e9).max_bytes == 1_500_000_000


@pytest.mark.parametrize(
    ("env", "message"),
    [
        (["API_KEY=hush"], r"such as \{'OMP_NUM_THREADS': '1'\}, got a list$"),
        ("API_KEY=hush", "got a str$"),
        ({"API_KEY=hush": ""}, "got one with = after 'API_KEY'$"),
        ({"API_KEY": b"hush"}, "got a bytes for 'API_KEY'$"),
        ({"API_KEY": "hu\0sh"}, "the values of env must not contain NUL, but that of 'API_KEY' does$"),
        ({3: "hush"}, "the keys of env must be strings, got 3$"),
        ({"": "hush"}, "names of environment variables, got ''$"),
    ],
)
def test_an_invalid_env_is_refused_without_its_values(env: Any, message: str) -> None:
    with pytest.raises((ff.OptionError, ff.OptionTypeError), match=message) as refused:
        ff.Process(env=env)
    assert "hush" not in str(refused.value)


def test_options_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ff.Process().workers = 2  # type: ignore[misc]


def test_an_unknown_option_is_refused() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    wrong: Any
    for wrong in [1, "yes", None, ff.Process]:
        with pytest.raises(ff.OptionTypeError, match="process must be True, False or a freshframe"):
            pipeline.add(process_nodes.double, source, process=wrong)


def test_a_source_is_refused_with_the_reason() -> None:
    with pytest.raises(ff.GraphError, match="is a source and cannot have process="):
        ff.Pipeline().add(Count(1), process=True)  # type: ignore[call-overload]


def test_a_native_node_is_refused_with_the_reason() -> None:
    pipeline = ff.Pipeline()
    with pytest.raises(ff.GraphError, match="is native and cannot have process="):
        pipeline.add(ff.CircleDetector(), pipeline.add(Pictures(1)), process=True)


@pytest.mark.parametrize("executable", ["", None])
def test_a_program_without_a_python_is_refused(
    monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(ff.GraphError, match="this program has none"):
        pipeline.add(process_nodes.double, source, process=True)


def test_a_frozen_application_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(ff.GraphError, match="because it is frozen: leave process= out"):
        pipeline.add(process_nodes.double, source, process=True)


def test_what_cannot_be_pickled_is_named() -> None:
    class Holds(ff.Node[int, int]):
        def __init__(self) -> None:
            self.fine = 1
            self.lock = threading.Lock()

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    with pytest.raises(
        ff.OptionTypeError, match=r"its attribute 'lock', a lock, cannot be pickled.*open\(\)"
    ):
        pipeline.add(Holds(), source, process=True)
    lock = threading.Lock()

    def uses_it(value: int) -> int:
        with lock:
            return value

    with pytest.raises(ff.OptionTypeError, match="its variable 'lock'"):
        pipeline.add(uses_it, source, process=True)


def test_the_node_is_a_copy_of_the_added_one() -> None:
    node = process_nodes.FailsIn("never", 1)
    pipeline = ff.Pipeline()
    port = pipeline.add(node, pipeline.add(Count(2)), process=True)
    node.hook = "process"
    reader = pipeline.reader(port)
    with pipeline:
        assert values(list(reader)) == [0, 1]
    assert port.node is node


# ---- samples and results


def test_functions_of_this_module_and_closures_travel() -> None:
    addend = 10
    assert values(run_node(lambda value: value + addend, range(3), process=True)) == [10, 11, 12]


def test_a_sample_looks_the_same_in_a_worker() -> None:
    inside = run_node(process_nodes.Stamps(), ["a", "b"], process=True)
    for sample in inside:
        seq, pts, source, node, value, captured = sample.value
        assert (seq, pts, source, node) == (sample.seq, sample.pts, "values", "values")
        assert value == "ab"[seq]
        assert captured == pytest.approx(sample.captured, abs=1e-6)


def test_pictures_arrive_bit_by_bit() -> None:
    random = np.random.default_rng(1)
    arrays = [
        random.integers(0, 256, (h, w), dtype=np.uint8) for h, w in [(1, 1), (3, 7), (48, 64), (721, 1281)]
    ]
    frames = [ff.Frame.from_array(array, "gray") for array in arrays]
    for sample, array in zip(run_node(process_nodes.inverted, frames, process=True), arrays, strict=True):
        assert np.array_equal(255 - sample.value.luma, array)


def test_foreign_memory_is_copied() -> None:
    array = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
    frame = ff.Frame.from_array(array, "gray", copy=False)
    [result] = run_node(process_nodes.mean, [frame], process=True)
    assert result.value == array.mean()


def test_pictures_with_gaps_between_their_rows_and_upside_down_arrive() -> None:
    whole = np.random.default_rng(3).integers(0, 256, (60, 200), dtype=np.uint8)
    parts = [whole[5:50, 7:100], whole[::-1], whole[10:11], whole[::2]]
    frames = [ff.Frame.from_array(part, "gray", copy=False) for part in parts if part.strides[0] > 0]
    frames.append(ff.Frame.from_array(whole[::-1], "gray"))
    expected = [part for part in parts if part.strides[0] > 0] + [whole[::-1]]
    for sample, part in zip(run_node(process_nodes.read_planes, frames, process=True), expected, strict=True):
        assert np.array_equal(sample.value[0], part)


def test_every_format_arrives() -> None:
    color = np.random.default_rng(2).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    names: tuple[ff.types.Format, ...] = ("gray", "nv12", "i420", "i422", "i444", "bgr", "rgb")
    frames = [ff.Frame.from_array(color, "bgr").to(name) for name in names]
    for name, frame, sample in zip(
        names, frames, run_node(process_nodes.same, frames, process=True), strict=True
    ):
        assert sample.value.format == name
        assert np.array_equal(sample.value.array, frame.array)


def test_the_input_comes_back_as_itself() -> None:
    frame = ff.Frame.from_array(np.zeros((48, 64), np.uint8), "gray")
    [result] = run_node(process_nodes.same, [frame], process=True)
    assert result.value == frame


def test_a_conversion_of_the_input_comes_back() -> None:
    color = np.random.default_rng(2).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    frame = ff.Frame.from_array(color, "bgr")
    [result] = run_node(process_nodes.own_gray, [frame], process=True)
    assert np.array_equal(result.value.array, frame.to("gray").array)


def test_the_frame_of_a_result_is_the_inputs() -> None:
    frame = ff.Frame.from_array(np.full((48, 64), 9, np.uint8), "gray")
    [result] = run_node(process_nodes.mean, [frame], process=True)
    assert result.value == 9.0
    assert result.frame == frame


def test_none_emits_nothing() -> None:
    assert run_node(process_nodes.drop_value, range(3), process=True) == []


@pytest.mark.slow
def test_large_results_and_inputs_travel() -> None:
    results = values(run_node(process_nodes.large_array, range(3), process=True))
    assert [result[0, 0] for result in results] == [0, 1, 2]
    results[0][0, 0] = 7  # its own copy
    again = values(run_node(process_nodes.same, results, process=True))
    assert np.array_equal(again[0], results[0])


def test_native_results_are_native() -> None:
    [result] = run_node(process_nodes.make_circles, [0], process=True)
    assert isinstance(result.value, ff.Circles)
    assert result.value.xyr.tolist() == [[1, 2, 3]]
    assert result.value.tracker_id is None


@pytest.mark.slow
def test_values_go_on_from_worker_to_worker() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(Count(20))
    for _ in range(2):
        port = pipeline.add(process_nodes.double, port, process=True)
    reader = pipeline.reader(port)
    with pipeline:
        assert values(list(reader)) == [4 * number for number in range(20)]


def test_a_wrong_result_names_the_child() -> None:
    pipeline = ff.Pipeline()
    port: Any = pipeline.add(process_nodes.same, pipeline.add(Count(1)), process=True, name="wrong")
    pipeline.add(ff.CircleDetector(), port, name="circles")
    with pytest.raises(
        ff.NodeError, match=r"'wrong' failed .* returned .*, but its child 'circles' takes Frame"
    ):
        pipeline.run()


# ---- what Python unpickles, and when


@pytest.mark.slow
def test_a_result_is_opened_when_python_first_looks_and_only_then() -> None:
    pipeline = ff.Pipeline()
    boxes = pipeline.add(process_nodes.counted, pipeline.add(Count(3)), process=True)
    numbers = pipeline.add(process_nodes.read_number, boxes, process=True)
    direct, last = pipeline.reader(boxes), pipeline.reader(numbers)
    before = process_nodes.Counted.opened
    with pipeline:
        assert values(list(last)) == [0, 1, 2]
        assert process_nodes.Counted.opened == before
        for number, sample in enumerate(direct):
            assert sample.value is sample.value
            assert process_nodes.Counted.opened == before + number + 1


def test_two_readers_see_the_same_object() -> None:
    pipeline = ff.Pipeline()
    boxes = pipeline.add(process_nodes.counted, pipeline.add(Count(1)), process=True)
    readers = pipeline.reader(boxes), pipeline.reader(boxes)
    with pipeline:
        first, second = (reader.get().value for reader in readers)
    assert first is second


def test_what_cannot_be_opened_raises_where_it_is_looked_at_and_names_its_node() -> None:
    [sample] = run_node(process_nodes.only_there, [1], process=True, name="maker")
    with pytest.raises(ff.FreshframeError, match=r"result of 'maker' cannot be unpickled here: .*not here"):
        sample.value  # noqa: B018


def test_pickling_the_inputs_of_workers_counts_as_holding_the_gil() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Push(live=False))
    port = pipeline.add(process_nodes.same, source, process=True, name="n")
    reader = pipeline.reader(port)
    push = source.node
    assert isinstance(push, Push)
    push.push(*[{"number": number, "rest": list(range(1000))} for number in range(20)])
    push.end()
    with pipeline:
        assert len(list(reader)) == 20
    assert pipeline.stats().nodes["n"].gil_hold > 0


def test_frames_are_handed_to_workers_without_the_gil() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(process_nodes.mean, pipeline.add(Pictures(20)), process=True, name="n")
    reader = pipeline.reader(port)
    with pipeline:
        assert len(list(reader)) == 20
    assert pipeline.stats().nodes["n"].gil_hold == 0
