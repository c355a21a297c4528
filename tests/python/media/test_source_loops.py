"""Loops over the result of open(): for, async for, with, close(), and invalid combinations."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import Count, Ticker, until

import freshframe as ff
from freshframe._pipeline import life

SMALL = "size=64x48"
CAMERA = f"demo:circles?{SMALL}&fps=200"
FILE = f"demo:circles?{SMALL}&pace=0&frames=12"
NO_CAMERA = 255


def camera() -> ff.types.VideoSource:
    return ff.open(CAMERA)


def file() -> ff.types.VideoSource:
    return ff.open(FILE)


def mock() -> ff.testing.MockCamera:
    return ff.testing.MockCamera(fps=200)


def plain(source: ff.types.VideoSource) -> list[int]:
    return [sample.seq for sample in source]


def inside_with(source: ff.types.VideoSource) -> list[int]:
    with source as same:
        assert same is source
        return [sample.seq for sample in source]


async def _plain(source: ff.types.VideoSource) -> list[int]:
    return [sample.seq async for sample in source]


async def _inside_with(source: ff.types.VideoSource) -> list[int]:
    async with source as same:
        assert same is source
        return [sample.seq async for sample in source]


def plain_async(source: ff.types.VideoSource) -> list[int]:
    return asyncio.run(_plain(source))


def inside_async_with(source: ff.types.VideoSource) -> list[int]:
    return asyncio.run(_inside_with(source))


FORMS = [plain, inside_with, plain_async, inside_async_with]


def running() -> list[str]:
    """Returns the names of the running pipelines."""
    return [each.name for each in life._all_running() if not each.engine.ended]


def nothing_runs() -> None:
    until(lambda: not running(), "the end of the loop's pipeline")


@pytest.mark.parametrize("form", FORMS)
def test_a_file_gives_every_frame_and_its_end_ends_the_loop(
    form: Callable[[ff.types.VideoSource], list[int]],
) -> None:
    assert form(file()) == list(range(12))
    nothing_runs()


def test_samples_are_those_of_a_stream() -> None:
    for sample in file():
        assert isinstance(sample, ff.Sample)
        assert sample.frame is sample.value
        assert sample.value.width == 64


def test_a_slow_body_gets_the_newest_frame_of_a_camera_and_the_count_of_the_others() -> None:
    seen = []
    source = ff.open(f"demo:circles?{SMALL}&fps=200&frames=60")
    for sample in source:
        seen.append(sample)
        time.sleep(0.03)
    pipeline = source._looped().pipeline
    [edge] = pipeline.stats().edges
    assert len(seen) < 60
    assert len(seen) + sum(sample.dropped for sample in seen) == edge.passed_in
    assert edge.passed_in + pipeline.stats().nodes["VideoSource"].dropped == 60


def test_a_file_waits_for_a_slow_body() -> None:
    seen = []
    for sample in file():
        seen.append((sample.seq, sample.dropped))
        time.sleep(0.005)
    assert seen == [(seq, 0) for seq in range(12)]


@pytest.mark.parametrize("make", [camera, mock])
def test_leaving_the_loop_closes_the_source(make: Callable[[], ff.types.VideoSource]) -> None:
    for _ in make():
        break
    nothing_runs()


def test_an_exception_of_the_body_passes_unchanged_and_with_has_closed_the_source() -> None:
    error = ZeroDivisionError("of the body")

    def fails() -> None:
        with camera() as source:
            for _ in source:
                raise error

    with pytest.raises(ZeroDivisionError) as raised:
        fails()
    assert raised.value is error
    assert error.__cause__ is None
    assert running() == []


@pytest.mark.slow
def test_without_with_the_source_ends_when_no_traceback_holds_it() -> None:
    kept: list[BaseException] = []
    try:
        for _ in camera():
            raise ZeroDivisionError
    except ZeroDivisionError as error:
        kept.append(error)
    kept.clear()
    gc.collect()
    nothing_runs()


def test_within_one_with_a_second_loop_continues() -> None:
    with file() as source:
        first = [sample.seq for sample in itertools.islice(source, 5)]
        second = [sample.seq for sample in source]
        assert list(source) == [], "at its end it stays there"
    assert first + second == list(range(12))


def test_within_one_with_loops_may_be_nested() -> None:
    with file() as source:
        seen = [(outer.seq, next(iter(source)).seq) for outer in itertools.islice(source, 6)]
    assert seen == [(seq, seq + 1) for seq in range(0, 12, 2)]


def loop(source: Any) -> None:
    next(iter(source))


def enter(source: Any) -> None:
    with source:
        pass


def close(source: Any) -> None:
    source.close()


def add(source: Any) -> None:
    ff.Pipeline().add(source)


def stream(source: Any) -> None:
    loop(ff.stream(source))


def async_loop(source: Any) -> None:
    async def first() -> None:
        await anext(aiter(source))

    asyncio.run(first())


def async_enter(source: Any) -> None:
    async def hold() -> None:
        async with source:
            pass

    asyncio.run(hold())


def looped(source: Any) -> Iterator[ff.Sample[Any]]:
    samples: Iterator[ff.Sample[Any]] = iter(source)
    next(samples)
    return samples


READ = [loop, enter, async_loop, async_enter]


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("make", [camera, mock])
@pytest.mark.parametrize("first", READ)
@pytest.mark.parametrize("second", READ)
def test_a_source_is_looped_over_once(
    make: Callable[[], Any], first: Callable[[Any], None], second: Callable[[Any], None]
) -> None:
    source = make()
    first(source)
    gc.collect()
    with pytest.raises(ff.StateError, match=r"closed.*create another one"):
        second(source)


@pytest.mark.parametrize("second", READ)
def test_beside_a_loop_without_with_there_is_no_other(second: Callable[[Any], None]) -> None:
    source = camera()
    samples = looped(source)
    with pytest.raises(ff.StateError, match=r"closed.*create another one"):
        second(source)
    assert next(samples).seq > 0, "the loop goes on"


@pytest.mark.parametrize("make", [camera, file, mock])
@pytest.mark.parametrize("second", [*READ, close])
def test_a_source_that_was_added_is_not_looped_over(
    make: Callable[[], Any], second: Callable[[Any], None]
) -> None:
    source = make()
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(source))
    with pytest.raises(ff.StateError, match=r"was added to a pipeline.*pipeline.reader\(port\)"):
        second(source)
    with pipeline:
        assert reader.get().seq >= 0


@pytest.mark.parametrize("first", [*READ, close])
@pytest.mark.parametrize("then", [add, stream])
def test_a_source_that_was_looped_over_is_not_added(
    first: Callable[[Any], None], then: Callable[[Any], None]
) -> None:
    source = camera()
    first(source)
    with pytest.raises(ff.StateError, match=r"is read by a loop.*create another one, add\(\) it"):
        then(source)


def test_a_source_that_is_looped_over_takes_no_other_ones_place() -> None:
    source = camera()
    pipeline = ff.Pipeline()
    port = pipeline.add(camera())
    with pipeline, source, pytest.raises(ff.StateError, match="is read by a loop"):
        pipeline.replace(port, source)


def test_a_loop_on_another_thread_is_refused_as_long_as_the_first_one_goes_on() -> None:
    raised: list[BaseException] = []

    def read() -> None:
        try:
            loop(source)
        except ff.StateError as error:
            raised.append(error)

    def on_a_thread() -> None:
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()

    with camera() as source:
        samples = looped(source)
        on_a_thread()
        assert "another thread is looping over this VideoSource" in str(raised.pop())
        next(samples)
        del samples
        on_a_thread()
        assert raised == []


def test_close_from_another_thread_ends_the_loop() -> None:
    for held in (False, True):
        source = camera()
        if held:
            source.__enter__()
        for sample in source:
            if sample.seq >= 3:
                threading.Thread(target=source.close).start()
        source.close()
        nothing_runs()


@pytest.mark.parametrize("read", [loop, enter, async_loop, async_enter])
def test_a_camera_that_is_not_there_is_an_error_at_once(read: Callable[[Any], None]) -> None:
    with pytest.raises(ff.SourceError, match=f"/dev/video{NO_CAMERA}"):
        read(ff.open(NO_CAMERA))
    nothing_runs()


def test_a_stream_of_a_camera_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(ff.SourceError, match=f"/dev/video{NO_CAMERA}"):
        loop(ff.stream(ff.open(NO_CAMERA), lambda frame: frame))


@pytest.mark.parametrize("looped_over", [lambda source: source, ff.stream])
def test_reconnect_waits_for_a_camera_that_is_not_there(looped_over: Callable[[Any], Any]) -> None:
    with looped_over(ff.open(NO_CAMERA, reconnect=True)) as source:
        thread = threading.Thread(target=lambda: list(source))
        thread.start()
        until(lambda: running() != [], "the pipeline")
        source.close()
        thread.join()


def test_in_a_pipeline_a_camera_that_is_not_there_is_waited_for() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(NO_CAMERA)))
    with pipeline:
        assert reader.poll() is None


@pytest.mark.parametrize("read", [loop, enter, async_loop, async_enter])
def test_a_file_that_is_not_there_is_an_error_at_once(read: Callable[[Any], None], tmp_path: Path) -> None:
    with pytest.raises(ff.SourceError, match=r"none\.mp4"):
        read(ff.open(tmp_path / "none.mp4"))


def test_two_sources_of_one_file_are_no_alarm(caplog: pytest.LogCaptureFixture) -> None:
    pairs = [(one.seq, other.seq) for one, other in zip(file(), file(), strict=True)]
    assert pairs == [(seq, seq) for seq in range(12)]
    assert [line for line in caplog.messages if "another pipeline" in line] == []


def test_the_pipeline_has_the_sources_name() -> None:
    with camera(), camera(), mock():
        assert running() == [CAMERA, f"{CAMERA} (2)", "MockCamera"]
    with ff.open("demo:circles?seed=5") as source:
        assert source.info.width > 0


@pytest.mark.slow
def test_nothing_of_a_loop_that_was_left_stays_alive(pipelines: list[ff.Pipeline]) -> None:
    def left() -> weakref.ref[Any]:
        source = camera()
        for _ in source:
            break
        return weakref.ref(source)

    gone = left()
    pipelines.clear()
    until(lambda: gc.collect() >= 0 and gone() is None, "the end of the source")


@pytest.mark.parametrize("make", [lambda: ff.stream(Count(12)), lambda: ff.stream(file())])
def test_a_stream_has_the_same_rules(make: Callable[[], Any]) -> None:
    with make() as samples:
        first = [sample.seq for sample in itertools.islice(samples, 5)]
        assert first + [sample.seq for sample in samples] == list(range(12))
    for again in READ:
        with pytest.raises(ff.StateError, match=r"closed.*create another one"):
            again(samples)
    plain_loop = make()
    loop(plain_loop)
    for again in READ:
        with pytest.raises(ff.StateError, match=r"closed.*create another one"):
            again(plain_loop)


def test_sources_in_python_are_looped_over_by_stream() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        iter(Ticker())  # type: ignore[call-overload]
    assert [sample.value for sample in ff.stream(Count(3))] == [0, 1, 2]
