"""asyncio: async for is woken without the GIL, loses nothing when cancelled, and ends with the stream."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from typing import Any

import pytest
from support import WATCHDOG, Count, Push, Ticker, edge, run_program

import freshframe as ff


async def collect(reader: ff.Reader[Any]) -> list[Any]:
    return [sample.value async for sample in reader]


def test_async_for_reads_a_file_to_its_end() -> None:
    async def main() -> list[int]:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(Count(200)))
        async with pipeline as started:
            assert started is pipeline
            return await collect(reader)

    assert asyncio.run(main()) == list(range(200))


def test_the_loop_goes_on_while_async_for_waits() -> None:
    async def main() -> None:
        pipeline, source = ff.Pipeline(), Push()
        reader = pipeline.reader(pipeline.add(source))
        async with pipeline:
            task = asyncio.ensure_future(anext(aiter(reader)))
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not task.done()
            source.push("now")
            assert (await task).value == "now"

    asyncio.run(main())


def test_leaving_async_with_stops_the_pipeline() -> None:
    async def main() -> ff.Pipeline:
        pipeline = ff.Pipeline()
        pipeline.reader(pipeline.add(Ticker()))
        async with pipeline:
            await asyncio.sleep(0)
        return pipeline

    assert asyncio.run(main()).wait(timeout=0) is True


def test_leaving_async_with_keeps_the_exception_of_the_body() -> None:
    async def main() -> None:
        pipeline = ff.Pipeline()
        pipeline.reader(pipeline.add(Ticker()))
        async with pipeline:
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        asyncio.run(main())


def test_a_slow_start_and_stop_leave_the_loop_running() -> None:
    opened = threading.Event()

    class Slow(ff.Node[int, int]):
        def open(self) -> None:
            assert opened.wait(WATCHDOG)

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    async def main() -> None:
        pipeline = ff.Pipeline()
        pipeline.add(Slow(), pipeline.add(Ticker()))
        asyncio.get_running_loop().call_later(0.02, opened.set)  # only a running loop opens the node
        async with pipeline:
            pass

    asyncio.run(main())


def test_cancelling_a_start_stops_the_threads_that_it_started() -> None:
    opening = threading.Event()
    opened = threading.Event()

    class Slow(ff.Node[int, int]):
        def open(self) -> None:
            opening.set()
            assert opened.wait(WATCHDOG)

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    pipeline = ff.Pipeline()
    pipeline.add(Slow(), pipeline.add(Ticker()))

    async def enter() -> None:
        async with pipeline:
            raise AssertionError("it was cancelled before it had started")

    async def main() -> None:
        task = asyncio.create_task(enter())
        await asyncio.to_thread(opening.wait, WATCHDOG)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        opened.set()

    asyncio.run(main())
    assert pipeline.wait(WATCHDOG)


def test_a_cancelled_wait_loses_no_sample() -> None:
    async def main() -> list[int]:
        pipeline, source = ff.Pipeline(), Push(live=False)
        reader = pipeline.reader(pipeline.add(source))
        values: list[int] = []
        async with pipeline:
            iterator = aiter(reader)
            for number in range(60):
                task = asyncio.ensure_future(anext(iterator))
                await asyncio.sleep(0)
                source.push(number)
                if number % 2:
                    await asyncio.sleep(0.001)
                task.cancel()
                try:
                    values.append((await task).value)
                except asyncio.CancelledError:
                    iterator = aiter(reader)  # a cancelled generator is finished, but the reader is not
            source.end()
            values.extend(await collect(reader))
        return values

    assert asyncio.run(main()) == list(range(60))


def test_wait_for_with_a_timeout_can_be_repeated() -> None:
    async def main() -> None:
        pipeline, source = ff.Pipeline(), Push()
        reader = pipeline.reader(pipeline.add(source))
        async with pipeline:
            for _ in range(5):
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(aiter(reader)), 0.005)
            source.push("late")
            assert (await asyncio.wait_for(anext(aiter(reader)), WATCHDOG)).value == "late"

    asyncio.run(main())


def test_many_readers_in_one_loop_each_get_their_samples() -> None:
    async def main() -> list[list[int]]:
        pipeline = ff.Pipeline()
        readers = [pipeline.reader(pipeline.add(Count(50))) for _ in range(8)]
        async with pipeline:
            return list(await asyncio.gather(*(collect(reader) for reader in readers)))

    assert asyncio.run(main()) == [list(range(50))] * 8


def test_two_tasks_in_one_reader_are_refused() -> None:
    async def main() -> None:
        pipeline, source = ff.Pipeline(), Push()
        reader = pipeline.reader(pipeline.add(source))
        async with pipeline:
            first = asyncio.ensure_future(anext(aiter(reader)))
            await asyncio.sleep(0.01)
            with pytest.raises(ff.StateError, match=r"reader"):
                await anext(aiter(reader))
            source.push("for the first")
            assert (await first).value == "for the first"

    asyncio.run(main())


def test_a_failing_node_ends_async_for_with_its_error() -> None:
    def boom(value: int) -> int:
        return 1 // (2 - value)

    async def main() -> None:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(boom, pipeline.add(Count(5))))
        async with pipeline:
            await collect(reader)

    with pytest.raises(ff.NodeError, match="'boom' failed on sample 2"):
        asyncio.run(main())


def test_stop_from_another_thread_ends_async_for() -> None:
    async def main() -> list[int]:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(Push()))
        async with pipeline:
            timer = threading.Timer(0.03, pipeline.stop)
            timer.start()
            values = await collect(reader)
            timer.join()
            return values

    assert asyncio.run(main()) == []


def test_async_for_on_a_reader_that_is_not_started_is_refused() -> None:
    async def main() -> None:
        pipeline = ff.Pipeline()
        await collect(pipeline.reader(pipeline.add(Ticker())))

    with pytest.raises(ff.StateError, match="start"):
        asyncio.run(main())


def test_a_next_reader_takes_samples_that_come_while_it_waits() -> None:
    async def main() -> None:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(Ticker(0.005)), queue=ff.NEXT)
        async with pipeline:
            iterator = aiter(reader)
            numbers = [(await anext(iterator)).seq for _ in range(5)]
        assert numbers == sorted(set(numbers))

    asyncio.run(main())


def test_a_stream_is_an_async_iterator() -> None:
    async def main() -> list[int]:
        return [sample.value async for sample in ff.stream(Count(5), lambda value: value + 1)]

    assert asyncio.run(main()) == [1, 2, 3, 4, 5]


def test_reading_in_one_loop_after_another_works() -> None:
    pipeline, source = ff.Pipeline(), Push()
    reader = pipeline.reader(pipeline.add(source))

    async def one() -> Any:
        return (await anext(aiter(reader))).value

    with pipeline:
        for number in range(3):
            source.push(number)
            assert asyncio.run(one()) == number


@pytest.mark.slow
def test_async_readers_give_their_descriptors_back(pipelines: list[ff.Pipeline]) -> None:
    async def main() -> None:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(Count(3)))
        async with pipeline:
            assert len(await collect(reader)) == 3
        pipelines.clear()

    def descriptors() -> int:
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    asyncio.run(main())
    before = descriptors()
    for _ in range(30):
        asyncio.run(main())
    assert descriptors() <= before


def test_samples_wake_the_loop_without_any_native_thread_taking_the_gil() -> None:
    interval = sys.getswitchinterval()

    async def main() -> None:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(ff.open("demo:circles?size=64x48&fps=500")))
        async with pipeline:
            iterator = aiter(reader)
            await anext(iterator)
            task = asyncio.ensure_future(anext(iterator))
            await asyncio.sleep(0)  # from here on, the next frame has to wake the loop
            sys.setswitchinterval(1000)  # from here on, no other thread gets the GIL
            try:
                target = edge(pipeline, "reader").passed_in + 20
                deadline = time.monotonic() + WATCHDOG
                while edge(pipeline, "reader").passed_in < target:
                    assert time.monotonic() < deadline, "frames stopped while Python held the GIL"
            finally:
                sys.setswitchinterval(interval)
            assert (await task).seq > 0

    asyncio.run(main())


def test_get_in_a_worker_thread_of_the_loop_works_too() -> None:
    async def main() -> None:
        pipeline, source = ff.Pipeline(), Push()
        reader = pipeline.reader(pipeline.add(source))
        async with pipeline:
            task = asyncio.ensure_future(asyncio.to_thread(reader.get))
            await asyncio.sleep(0.005)
            source.push("x")
            assert (await task).value == "x"

    asyncio.run(main())


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("kind", ["epoll", "eventfd", "pipe", "file"])
def test_a_reader_leaves_a_descriptor_alone_that_got_the_number_of_its_own(kind: str) -> None:
    """Programs that daemonize do this: they close all descriptors, and open others."""
    ended = run_program(f"""
        import asyncio, gc, os, select
        import freshframe as ff
        from support import Count

        kept = []

        def opened():
            if {kind!r} == "epoll":
                kept.append(select.epoll())
                return [kept[-1].fileno()]
            if {kind!r} == "eventfd":
                return [os.eventfd(0)]
            return list(os.pipe()) if {kind!r} == "pipe" else [os.open("/dev/null", os.O_RDWR)]

        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(Count(5)))

        async def read():
            return [sample.value async for sample in reader]

        pipeline.start()
        print(asyncio.run(read()))
        last = reader._wake_fd()
        os.closerange(3, 64)
        mine = []
        while not mine or max(mine) <= last + 1:
            mine += opened()
        before = [os.readlink(f"/proc/self/fd/{{number}}") for number in mine]
        pipeline.stop()
        del reader, pipeline, read
        gc.collect()
        print(last in mine, before == [os.readlink(f"/proc/self/fd/{{number}}") for number in mine])
    """)
    assert (ended.code, ended.out) == (0, "[0, 1, 2, 3, 4]\nTrue True\n"), ended
