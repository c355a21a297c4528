"""`async for` over a reader ends on Ctrl-C if a server's handler only records the signal."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest
from support import Push, Ticker

import freshframe as ff
from freshframe._pipeline import interrupts


@pytest.fixture
def signals() -> Iterator[list[int]]:
    """Yields the signals that arrive, with handlers that only record them, as a server's do."""
    noted: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, frame: noted.append(number))
    yield noted
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("source", [Push, Ticker], ids=["a silent camera", "a camera"])
def test_async_for_ends_when_a_server_is_asked_to_stop(source: Any, number: int, signals: list[int]) -> None:
    async def handler(reader: ff.Reader[int]) -> int:
        count = 0
        async for _ in reader:
            count += 1
        return count

    async def main() -> None:
        pipeline = ff.Pipeline()
        camera = pipeline.add(source())
        readers = [pipeline.reader(camera) for _ in range(3)]
        async with pipeline:
            handlers = [asyncio.create_task(handler(reader)) for reader in readers]
            await asyncio.sleep(0.01)
            os.kill(os.getpid(), number)
            await asyncio.gather(*handlers)
            assert signals == [number]
            assert pipeline.stats().nodes[camera.name].state != "ended"
            again = asyncio.create_task(handler(readers[0]))  # the reader stays usable
            await asyncio.sleep(0.01)
            assert not again.done()
            again.cancel()
            await asyncio.gather(again, return_exceptions=True)

    asyncio.run(main())


def test_a_loop_that_is_busy_when_the_signal_comes_ends_at_its_next_wait(signals: list[int]) -> None:
    async def main() -> None:
        pipeline, source = ff.Pipeline(), Push()
        reader = pipeline.reader(pipeline.add(source))
        async with pipeline:
            source.push(1)
            async for _ in reader:
                os.kill(os.getpid(), signal.SIGINT)

    asyncio.run(main())
    assert signals == [signal.SIGINT]


@pytest.mark.parametrize("source", [Push, Ticker], ids=["a silent camera", "a camera"])
def test_async_for_ends_where_a_server_sets_its_handler_later(source: Any, signals: list[int]) -> None:
    noted: list[int] = []

    async def handler(reader: ff.Reader[int]) -> None:
        async for _ in reader:
            pass

    async def main() -> None:
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(source()))
        async with pipeline:
            task = asyncio.create_task(handler(reader))
            await asyncio.sleep(0.01)
            mine = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
            assert mine is not signal.default_int_handler
            while not isinstance(signal.getsignal(signal.SIGINT), interrupts._Handler):
                await asyncio.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)
            await task

    asyncio.run(main())
    assert (noted, signals) == ([signal.SIGINT], [])


def test_a_look_at_handlers_that_are_as_before_calls_nothing_in_python(signals: list[int]) -> None:
    calls: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            calls.append(frame.f_code.co_name)

    for number in (signal.SIGINT, signal.SIGTERM):
        interrupts.look()
        sys.setprofile(note)
        interrupts.look()
        sys.setprofile(None)
        assert calls == ["look"]
        calls.clear()
        signal.signal(number, lambda number, frame: signals.append(number))
        interrupts.look()
        assert isinstance(signal.getsignal(number), interrupts._Handler)


def test_handlers_of_python_and_of_asyncio_stay_as_they_are() -> None:
    async def main() -> list[Any]:
        pipeline, source = ff.Pipeline(), Push()
        reader = pipeline.reader(pipeline.add(source))
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with pipeline:
            source.push(1)
            await anext(aiter(reader))
        return [before, [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]]

    before, after = asyncio.run(main())
    assert before == after
