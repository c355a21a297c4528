"""Reader.latest(): max_age, several threads, and invalid arguments."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rigs.pushed import arrived, pushed
from support import Push, Ticker, at_once, check_books, edge, until

import freshframe as ff


def test_a_sample_that_is_too_old_is_none_and_stays_the_newest() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push_stamped("a", 0.0, time.monotonic() - 60)
        arrived(pipeline, 1)
        assert reader.latest(max_age=59.0) is None
        sample = reader.latest(max_age=6000)
        assert sample is not None
        assert reader.latest() is sample
        assert reader.latest(max_age=None) is sample
        assert edge(pipeline, "reader").drops == {}, "max_age drops nothing"
        assert edge(pipeline, "reader").delivered == 1
        source.push("b")
        arrived(pipeline, 2)
        newest = reader.latest(max_age=6000)
        assert newest is not None
        assert newest.value == "b"


def test_the_age_is_that_of_the_newest_of_all_ports() -> None:
    dead, alive = Push(), Push()
    pipeline = ff.Pipeline()
    reader = pipeline.reader([pipeline.add(dead, name="dead"), pipeline.add(alive, name="alive")])
    with pipeline:
        alive.push_stamped("new", 0.0, time.monotonic() + 600)
        dead.push_stamped("old", 9.0, time.monotonic() - 600)
        until(lambda: sum(each.waiting for each in pipeline.stats().edges) == 2, "both samples")
        sample = reader.latest(max_age=60)
        assert sample is not None
        assert sample.source == "alive"


def test_after_the_end_it_is_the_last_sample_until_that_is_too_old() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push_stamped("last", 0.0, time.monotonic() - 60)
        source.end()
        pipeline.wait()
        assert reader.latest(max_age=30) is None
        sample = reader.latest(max_age=6000)
        assert sample is not None
        assert reader.latest() is sample


def test_a_failure_is_raised_whatever_the_age() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        source.push("a")
        reader.get()
        source.fail(ZeroDivisionError("at will"))
        with pytest.raises(ff.FreshframeError, match="at will"):
            pipeline.wait()
        for _ in range(2):
            with pytest.raises(ff.FreshframeError, match="at will"):
                reader.latest(max_age=0.001)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (-1.0, "max_age must be at least 0 seconds or None, got -1"),
        (-1, "max_age must be at least 0 seconds or None, got -1"),
        (float("nan"), "max_age must be at least 0 seconds or None, got nan"),
        (True, "max_age must be a number of seconds or None, got True"),
        ("0.1", "max_age must be a number of seconds or None, got '0.1'"),
        ([0.1], r"max_age must be a number of seconds or None, got \[0.1\]"),
        (1j, "max_age must be a number of seconds or None"),
        (10**400, "max_age must be a number of seconds or None"),
    ],
)
def test_an_age_that_is_no_duration_is_refused(given: Any, message: str) -> None:
    pipeline, _, reader = pushed()
    with pipeline, pytest.raises((ff.OptionError, ff.OptionTypeError), match=message):
        reader.latest(max_age=given)


@pytest.mark.parametrize("given", [0, 1, 0.5, float("inf"), np.float32(1), np.int64(1), None])
def test_an_age_that_is_a_duration_is_taken(given: Any) -> None:
    pipeline, _, reader = pushed()
    with pipeline:
        assert reader.latest(max_age=given) is None


def test_a_timeout_of_true_is_refused_as_an_age_is() -> None:
    pipeline, _, reader = pushed()
    wanted = "timeout must be a number of seconds or None, got True"
    with pipeline, pytest.raises(ff.OptionTypeError, match=wanted):
        reader.get(timeout=True)


WRONG: list[Callable[[Any], object]] = [
    lambda reader: reader.latest(0.1),
    lambda reader: reader.latest(timeout=2),
    lambda reader: reader.latest(max_age=1, timeout=2),
    lambda reader: reader.latest(0.1, max_age=1),
]


@pytest.mark.parametrize("call", WRONG)
def test_other_arguments_are_refused_with_the_right_form(call: Callable[[Any], object]) -> None:
    pipeline, _, reader = pushed()
    with pipeline, pytest.raises(TypeError, match=r"latest\(max_age=0.1\).*get\(timeout=2\)"):
        call(reader)


def test_any_number_of_threads_may_ask() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Ticker(0.001)))
    wrong: list[object] = []

    def ask() -> None:
        last = -1
        for _ in range(300):
            sample = reader.latest(max_age=3600)
            if sample is not None and sample.seq < last:
                wrong.append((last, sample.seq))
            last = last if sample is None else sample.seq
            time.sleep(0.0002)

    with pipeline:
        assert at_once(*[ask] * 8) == [None] * 8
        assert not wrong
        until(lambda: reader.latest() is not None, "a sample")
    check_books(pipeline)


def test_beside_a_thread_that_waits_it_is_the_last_sample_that_was_given() -> None:
    pipeline, source, reader = pushed()
    got: list[ff.Sample[Any]] = []
    with pipeline:
        source.push("a")
        first = reader.get()
        thread = threading.Thread(target=lambda: got.append(reader.get()))
        thread.start()
        for _ in range(200):
            assert reader.latest() is first
            assert reader.latest(max_age=3600) is first
            time.sleep(0.0005)
        source.push("b")
        thread.join()
        assert got[0].value == "b", "it is the one that waits who gets the sample"
        assert reader.latest() is got[0]


def test_beside_a_thread_that_waits_a_failure_is_raised() -> None:
    pipeline, source, reader = pushed()
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            reader.get()
        except ff.FreshframeError as error:
            raised.append(error)

    with pipeline:
        thread = threading.Thread(target=wait)
        thread.start()
        source.fail(ZeroDivisionError("at will"))

        def fails() -> bool:
            try:
                reader.latest()
            except ff.FreshframeError:
                return True
            return False

        until(fails, "the failure")
        thread.join()
        assert raised
        with pytest.raises(ff.FreshframeError, match="at will"):
            pipeline.wait()


def test_a_second_thread_in_another_verb_is_still_refused() -> None:
    pipeline, source, reader = pushed()
    with pipeline:
        thread = threading.Thread(target=reader.get)
        thread.start()

        def answer() -> str:
            try:
                reader.poll()
            except ff.StateError as error:
                return str(error)
            return ""

        until(
            lambda: "two threads at the same time: give each thread its own reader" in answer(), "the refusal"
        )
        source.push("a")
        thread.join()
