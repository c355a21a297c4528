"""Nodes in worker processes: classes and functions that no other process can import."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import enum
import importlib
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from support import Count, run_node, run_program

import freshframe as ff
from freshframe._process import pickling


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


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
    """Makes it look like a class of a script, which no other process can import."""
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

    definitions = pickling.Definitions()
    assert len(b"".join(map(bytes, pickling.dumps(Box(1))))) > 300  # with its class
    definitions.pickle(Box)
    assert len(b"".join(map(bytes, pickling.dumps(Box(1), definitions.knows)))) < 150
    assert len(b"".join(map(bytes, pickling.dumps(Box(1))))) > 300  # other processes do not have the class


@pytest.mark.slow
def test_objects_of_a_script_go_on_from_worker_to_worker_unopened() -> None:
    @in_main
    class Box:
        def __init__(self, number: int) -> None:
            self.number = number

    def wrapped(number: int) -> Box:
        return Box(number)

    def opened(box: Any) -> int:  # does not have the class itself
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


@pytest.mark.slow
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


def test_a_function_of_a_script_travels_with_each_value() -> None:
    """With a number, every downstream worker would have to get the function and all objects that it refers
    to.
    """

    @in_main
    def twice(number: int) -> int:
        return 2 * number

    def call(function: Any) -> tuple[int, Any]:
        return function(21), function

    definitions = pickling.Definitions()
    definitions.pickle(twice)
    assert len(pickling.dumps(twice, definitions.knows)[0]) > 300  # whole
    for answer, function in values(run_node(call, [twice, twice], process=True)):
        assert answer == 42
        assert function(4) == 8
        assert function is not twice


def test_what_only_a_node_refers_to_stays_with_its_own_workers() -> None:
    weights = bytes(1_000_000)

    @in_main
    class Detector(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int]) -> int:
            return len(weights)

    @in_main
    class Box:
        pass

    def below(number: int) -> int:
        return number

    definitions = pickling.Definitions()
    _, first = definitions.pickle(Detector())
    known, _ = definitions.pickle(below)
    assert len(first) > 1_000_000
    assert len(known) < 1_000
    definitions.pickle([Box])  # a class that is not the node's may occur in its results
    known, _ = definitions.pickle(below)
    assert len(known) > 100
    assert values(run_node(Detector(), [1, 2], process=True)) == [1_000_000] * 2


@pytest.mark.slow
def test_a_class_lives_as_long_as_its_pipeline_and_its_unopened_results() -> None:
    # In a separate program, because the tests' fixtures keep their pipelines.
    ended = run_program("""
        import gc, weakref
        import freshframe as ff
        from support import Count, until

        def run():
            class Box:
                def __init__(self, number):
                    self.number = number

            pipeline = ff.Pipeline()
            boxes = pipeline.add(lambda number: Box(number), pipeline.add(Count(1)), process=True)
            reader = pipeline.reader(boxes)
            with pipeline:
                [sample] = list(reader)
            return weakref.ref(Box), sample

        known, sample = run()
        gc.collect()
        print(sample.value.number, type(sample.value) is known())
        del sample
        until(lambda: gc.collect() >= 0 and known() is None, "the end of the class")
    """)
    assert (ended.code, ended.out) == (0, "0 True\n"), ended


def test_pipelines_that_come_and_go_keep_no_class() -> None:
    ended = run_program("""
        import gc, weakref
        import freshframe as ff
        from freshframe._process import pickling
        from support import Count

        def add():
            class Box:
                pass

            class Boxes(ff.Node):
                def __init__(self):
                    self.box = Box()

                def process(self, sample):
                    return self.box

            pipeline = ff.Pipeline()
            pipeline.add(Boxes(), pipeline.add(Count(1)), process=True)
            return weakref.ref(Box)

        sides = len(pickling._known)
        known = [add() for _ in range(5)]
        gc.collect()
        print([each() for each in known], len(pickling._known) - sides)
    """)
    assert (ended.code, ended.out) == (0, "[None, None, None, None, None] 0\n"), ended
