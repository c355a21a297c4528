"""Nodes in worker processes: what goes there and comes back."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import dataclasses
import enum
import importlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import process_nodes
import pytest
from support import Collect, Count, Pictures, Push, run_node, until
from web_client import request

import freshframe as ff
from freshframe import _pickling


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


def balanced(pipeline: ff.Pipeline, name: str) -> ff.NodeStats:
    """Checks that every sample that the node took is accounted for."""
    stats = pipeline.stats()
    node = stats.nodes[name]
    taken = sum(edge.delivered for edge in stats.edges if edge.child == name)
    assert taken == node.processed + node.dropped + node.in_flight
    return node


# ---- options


def test_one_word_puts_a_function_into_another_process() -> None:
    pids = values(run_node(process_nodes.pid_of, range(3), process=True))
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


def test_process_false_stays_here() -> None:
    assert values(run_node(process_nodes.pid_of, [0], process=False)) == [os.getpid()]


def test_options_are_checked_when_they_are_made() -> None:
    wrong: Any
    for wrong in [{"workers": 0}, {"workers": 257}, {"timeout": 0}, {"restarts": -1}, {"restart_window": 0}]:
        with pytest.raises(ff.OptionError):
            ff.Process(**wrong)
    for text in ["much", "2 GIB", "1MiB"]:
        with pytest.raises(ff.OptionError, match="memory"):
            ff.Process(memory=text)
    with pytest.raises(ff.OptionError, match="environment variables"):
        ff.Process(env={"A=B": "c"})
    for wrong in [{"workers": "2"}, {"ordered": 1}, {"memory": 1.5}, {"env": [1]}, {"env": {"a": 1}}]:
        with pytest.raises(ff.OptionTypeError):
            ff.Process(**wrong)
    assert ff.Process(memory="2GiB").memory == 2 << 30
    assert ff.Process(memory="1.5 GB").memory == 1_500_000_000


def test_options_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ff.Process().workers = 2  # type: ignore[misc]


def test_what_is_no_option_is_refused() -> None:
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


def test_the_node_is_a_copy_of_what_was_added() -> None:
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


def test_every_format_arrives() -> None:
    color = np.random.default_rng(2).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for name in ("gray", "nv12", "i420", "i422", "i444", "bgr", "rgb"):
        frame = ff.Frame.from_array(color, "bgr").to(name)
        [result] = run_node(process_nodes.same, [frame], process=True)
        assert result.value.format == name
        assert np.array_equal(result.value.array, frame.array)


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
    assert run_node(process_nodes.none_of, range(3), process=True) == []


def test_large_results_and_inputs_travel() -> None:
    results = values(run_node(process_nodes.large_array, range(3), process=True))
    assert [result[0, 0] for result in results] == [0, 1, 2]
    results[0][0, 0] = 7  # a copy of its own
    again = values(run_node(process_nodes.same, results, process=True))
    assert np.array_equal(again[0], results[0])


def test_native_results_are_native() -> None:
    [result] = run_node(process_nodes.circles_of, [0], process=True)
    assert isinstance(result.value, ff.Circles)
    assert result.value.xyr.tolist() == [[1, 2, 3]]
    assert result.value.tracker_id is None


def test_values_go_on_from_worker_to_worker() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(Count(20))
    for _ in range(2):
        port = pipeline.add(process_nodes.double, port, process=True)
    reader = pipeline.reader(port)
    with pipeline:
        assert values(list(reader)) == [4 * number for number in range(20)]


def test_classes_of_a_script_travel_both_ways() -> None:
    class Box:
        def __init__(self, number: int) -> None:
            self.number = number

    Box.__module__ = "__main__"

    def more(box: Box) -> Box:
        return type(box)(box.number + 1)

    [result] = run_node(more, [Box(1)], process=True)
    assert type(result.value) is Box
    assert result.value.number == 2


def in_main(definition: Any) -> Any:
    """As if it were one of a script: nobody can import it."""
    definition.__module__ = "__main__"
    return definition


def test_a_class_of_a_script_stays_itself_and_keeps_its_state() -> None:
    @in_main
    class Box:
        made = 0

        def __init__(self, number: int) -> None:
            self.number = number

    def more(box: Box) -> tuple[Box, int, bool]:
        Box.made += 1  # the worker's own
        return Box(box.number + 1), Box.made, type(box) is Box

    results = values(run_node(more, [Box(1), Box(2), Box(3)], process=True))
    assert [type(box) is Box for box, _, _ in results] == [True] * 3
    assert [(box.number, made, same) for box, made, same in results] == [
        (2, 1, True),
        (3, 2, True),
        (4, 3, True),
    ]
    assert Box.made == 0


def test_a_class_of_a_script_travels_once() -> None:
    @in_main
    class Box:
        def __init__(self, number: int) -> None:
            self.number = number

    definitions = _pickling.Definitions()
    assert len(b"".join(map(bytes, _pickling.dumps(Box(1))))) > 300  # with its class
    definitions.pickle(Box)
    assert len(b"".join(map(bytes, _pickling.dumps(Box(1), definitions.knows)))) < 150
    assert len(b"".join(map(bytes, _pickling.dumps(Box(1))))) > 300  # others do not know it


def test_objects_of_a_script_go_on_from_worker_to_worker_unopened() -> None:
    @in_main
    class Box:
        def __init__(self, number: int) -> None:
            self.number = number

    def wrapped(number: int) -> Box:
        return Box(number)

    def opened(box: Any) -> int:  # does not know the class by itself
        return int(box.number)

    pipeline = ff.Pipeline()
    boxes = pipeline.add(wrapped, pipeline.add(Count(3)), process=True)
    both = pipeline.reader(boxes), pipeline.reader(pipeline.add(opened, boxes, process=True))
    with pipeline:
        assert values(list(both[1])) == [0, 1, 2]
        assert all(type(box) is Box for box in values(list(both[0])))


def test_a_class_that_was_redefined_is_another_one() -> None:
    def definition(name: str) -> Any:
        @in_main
        class Box:
            who = name

        return Box

    first, second = definition("first"), definition("second")

    def who(value: Any) -> tuple[str, bool]:
        return value.who, isinstance(value, first)

    assert values(run_node(who, [first(), second(), first()], process=True)) == [
        ("first", True),
        ("second", False),
        ("first", True),
    ]


def test_an_exception_of_a_script_is_caught_as_itself() -> None:
    @in_main
    class Wrong(Exception):  # noqa: N818
        pass

    def fails(value: Any) -> Any:
        raise Wrong("so")

    with pytest.raises(ff.NodeError) as info:
        run_node(fails, [1], process=True)
    assert type(info.value.__cause__) is Wrong


def test_enumerations_and_dataclasses_of_a_script_keep_their_identity() -> None:
    @in_main
    class Colour(enum.Enum):
        RED = 1
        BLUE = 2

    @in_main
    @dataclasses.dataclass
    class Found:
        colour: Colour
        inner: Any = None

    def other(found: Found) -> Found:
        assert found.colour is Colour.RED
        return Found(Colour.BLUE, found)

    [result] = values(run_node(other, [Found(Colour.RED)], process=True))
    assert type(result) is Found
    assert result.colour is Colour.BLUE
    assert result.inner == Found(Colour.RED)


def test_modules_registered_by_value_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text(
        "class Box:\n    def __init__(self, number):\n        self.number = number\n"
        "def more(box):\n    return Box(box.number + 1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    only_here: Any = importlib.import_module("only_here")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(tmp_path)])
    cloudpickle.register_pickle_by_value(only_here)
    try:
        results = values(run_node(only_here.more, [only_here.Box(1), only_here.Box(5)], process=True))
    finally:
        cloudpickle.unregister_pickle_by_value(only_here)
        del sys.modules["only_here"]
    assert [type(result) is only_here.Box for result in results] == [True, True]
    assert [result.number for result in results] == [2, 6]


def test_a_wrong_result_names_the_child() -> None:
    pipeline = ff.Pipeline()
    port: Any = pipeline.add(process_nodes.same, pipeline.add(Count(1)), process=True, name="wrong")
    pipeline.add(ff.CircleDetector(), port, name="circles")
    with pytest.raises(ff.NodeError, match=r"'wrong' failed .* gave .*, but its child 'circles' takes Frame"):
        pipeline.run()


# ---- life


def test_hooks_run_in_each_worker(tmp_path: Path) -> None:
    path = tmp_path / "hooks"
    run_node(process_nodes.Hooks(str(path)), range(10), process=ff.Process(workers=2))
    lines = sorted(path.read_text().split("\n")[:-1])
    assert [line.split()[0] for line in lines] == ["close", "close", "open", "open"]
    pids = {line.split()[1] for line in lines}
    assert len(pids) == 2
    assert str(os.getpid()) not in pids


def test_results_keep_their_order() -> None:
    options = ff.Process(workers=3)
    assert values(run_node(process_nodes.slow_if_odd, range(40), process=options)) == list(range(40))


def test_results_come_as_they_are_ready_when_told() -> None:
    options = ff.Process(workers=2, ordered=False)
    got = values(run_node(process_nodes.slow_if_odd, range(40), process=options))
    assert sorted(got) == list(range(40))
    assert got != list(range(40))


def test_a_full_edge_below_makes_the_workers_wait() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(
        process_nodes.double, pipeline.add(Count(200)), process=ff.Process(workers=2), name="w"
    )
    reader = pipeline.reader(port, queue=ff.Queue(1, when_full="block"))
    with pipeline:
        until(lambda: pipeline.stats().nodes["w"].processed >= 2, "the first results")
        assert balanced(pipeline, "w").processed < 20
        assert values(list(reader)) == [2 * number for number in range(200)]
        assert balanced(pipeline, "w").in_flight == 0


def test_a_live_source_drops_what_the_worker_has_no_time_for() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(process_nodes.burn, pipeline.add(Count(live=True)), process=True, name="burn")
    reader = pipeline.reader(port)
    with pipeline:
        for _ in range(5):
            reader.get()
        stats = balanced(pipeline, "burn")
        assert stats.processed >= 5
        [edge] = [edge for edge in pipeline.stats().edges if edge.child == "burn"]
        assert edge.drops.keys() == {"queue_full"}


def test_next_waits_for_an_idle_worker() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=True, queue=ff.NEXT, name="next")
    reader = pipeline.reader(port)
    with pipeline:
        for number in range(5):
            sample = None
            while sample is None:  # a value that comes before the worker is idle again is dropped
                push.push(number)
                with contextlib.suppress(ff.ReadTimeout):
                    sample = reader.get(0.1)
            assert sample.value == 2 * number
        [edge] = [edge for edge in pipeline.stats().edges if edge.child == "next"]
        assert edge.drops.keys() <= {"no_waiter"}


def test_workers_are_shown() -> None:
    pipeline = ff.Pipeline()
    push = Push(live=False)
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=ff.Process(workers=2), name="w")
    reader = pipeline.reader(port)
    with pipeline:
        push.push(1, 2, 3)
        for _ in range(3):
            reader.get()
        workers = pipeline.stats().nodes["w"].workers
        assert len({worker.pid for worker in workers} - {0, os.getpid()}) == 2
        assert sum(worker.samples for worker in workers) == 3
        assert all(worker.rss_bytes > 1 << 20 and worker.cpu > 0 for worker in workers)
        assert {worker.state for worker in workers} <= {"idle", "working"}
        assert [worker.restarts for worker in workers] == [0, 0]
    assert {worker.state for worker in pipeline.stats().nodes["w"].workers} == {"ended"}
    assert {worker.pid for worker in pipeline.stats().nodes["w"].workers} == {0}


def test_nodes_without_processes_have_no_workers() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(Count(1)))
    pipeline.run()
    assert pipeline.stats().nodes["Collect"].workers == ()


def test_the_environment_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHFRAME_TEST_ONE", "one")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    options = ff.Process(env={"FRESHFRAME_TEST_TWO": "two"})
    names = ["FRESHFRAME_TEST_ONE", "FRESHFRAME_TEST_TWO", "OMP_NUM_THREADS"]
    got = values(run_node(process_nodes.variable, names, process=options))
    assert got[:2] == ["one", "two"]
    assert int(got[2]) >= 1


def test_a_stream_below_workers_ends_complete() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Collect(), pipeline.add(process_nodes.double, pipeline.add(Count(50)), process=True))
    assert pipeline.run().complete


def test_a_picture_cannot_be_changed_by_its_worker() -> None:
    frame = ff.Frame.from_array(np.zeros((480, 640), np.uint8), "gray")
    [result] = run_node(process_nodes.WritesToItsInput(), [frame], process=True)
    assert result.value == "refused"
    assert not frame.luma.any()


def test_the_death_of_a_worker_is_an_event_of_the_dashboard() -> None:
    pipeline = ff.Pipeline()
    push = Push(live=False)
    pipeline.add(process_nodes.double, pipeline.add(push), process=True, name="w")
    with pipeline, pipeline.serve() as dashboard:
        os.kill(pipeline.stats().nodes["w"].workers[0].pid, signal.SIGKILL)

        def deaths() -> list[str]:
            events = request(dashboard.url, "/api/state").json()["events"]
            return [event["text"] for event in events if (event["kind"], event["subject"]) == ("error", "w")]

        until(deaths, "the event")
        assert deaths() == ["worker of 'w' died: killed by signal 9 (Killed)"]
        assert pipeline.stats().nodes["w"].errors == 0


def test_the_dashboard_and_metrics_show_workers() -> None:
    pipeline = ff.Pipeline()
    push = Push(live=False)
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=True, name="w")
    reader = pipeline.reader(port)
    with pipeline, pipeline.serve() as dashboard:
        push.push(1)
        reader.get()
        nodes = {node["name"]: node for node in request(dashboard.url, "/api/state").json()["nodes"]}
        [worker] = nodes["w"]["workers"]
        assert worker["pid"] == pipeline.stats().nodes["w"].workers[0].pid
        assert (worker["samples"], worker["restarts"]) == (1, 0)
        assert nodes["w"]["in_flight"] == 0
        assert "workers" not in nodes["Push"]
        metrics = request(dashboard.url, "/metrics").body.decode()
        [line] = [line for line in metrics.splitlines() if line.startswith("freshframe_worker_samples_total")]
        assert line.endswith(" 1")
        assert 'worker="0"' in line
